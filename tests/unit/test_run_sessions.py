"""A run's sessions: which of them a frame belongs to, and what is not known of it."""

import pytest

from pipeline.config_file import read_source
from pipeline.errors import ConfigError
from pipeline.footage import PlayedSession
from pipeline.stages.hub import Session
from pipeline.supervisor.run_sessions import read_sessions
from pipeline.supervisor.source_book import KeptSession, KeptSources, write_sources

BODY = {"uri": "synthetic://?frames=9"}


def kept(name, number, first, end, **body):
    return KeptSession(
        name=name,
        number=number,
        first_frame=first,
        first_pts_s=float(first),
        segment=number - 1,
        source=BODY | body,
        end_frame=end,
    )


@pytest.fixture
def sessions_of(tmp_path):
    def _sessions_of(*sessions):
        write_sources(tmp_path, KeptSources(wanted={}, sessions=list(sessions)))
        return read_sessions(tmp_path, {})

    return _sessions_of


def test_a_frame_belongs_to_the_session_whose_numbers_have_it(sessions_of):
    found = sessions_of(kept("a", 2, 10, 19), kept("b", 1, 0, None), kept("a", 3, 20, None))
    assert found.names == ["a", "b"]
    numbers = [None if one is None else one.session.number for one in map_frames(found)]
    # Below the first that is listed, and where an end has its number, there is none.
    assert numbers == [None, 2, 2, None, 3, 3]
    assert found.find("b", 1_000).session.number == 1
    assert found.find("c", 0) is None


def map_frames(found):
    return [found.find("a", frame) for frame in (9, 10, 18, 19, 20, 1_000)]


def test_a_session_that_the_file_calls_open_ends_where_its_end_was_written(sessions_of):
    found = sessions_of(kept("a", 1, 0, None)).closed_by({("a", 1): 9, ("a", 2): 20})
    assert found.find("a", 8) is not None
    assert found.find("a", 9) is None


def test_frames_that_always_ran_to_full_depth_are_those_of_their_sessions(sessions_of):
    found = sessions_of(kept("a", 1, 0, 9, always_full=True), kept("a", 2, 10, 19))
    assert found.always_full == {"a": [range(9)]}


def test_a_run_that_kept_its_sources_has_one_session_of_each(tmp_path):
    source = read_source("a", BODY)
    found = read_sessions(tmp_path, {"a": source})
    assert found.all == [PlayedSession("a", source, Session())]
    assert not found.is_changed


def test_sessions_of_a_name_that_have_the_same_frames_are_refused(sessions_of):
    with pytest.raises(ConfigError, match="sessions of 'a' whose frames lie one behind the other"):
        sessions_of(kept("a", 1, 0, 9), kept("a", 2, 5, None))
    with pytest.raises(ConfigError, match="got 1 and 2 with the same"):
        sessions_of(kept("a", 1, 0, None), kept("a", 2, 5, None))


def test_a_source_that_cannot_be_read_in_any_way_is_refused(sessions_of):
    with pytest.raises(ConfigError, match=r"sources\.a\.strid: unknown key"):
        sessions_of(kept("a", 1, 0, 9, strid=2))
