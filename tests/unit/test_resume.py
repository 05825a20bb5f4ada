"""What an unfinished run's folder says about where to go on."""

import dataclasses
import json

import msgspec
import pytest

from pipeline.config import JsonlSinkConfig
from pipeline.config_file import load_config
from pipeline.errors import ConfigError
from pipeline.readers import ResumePoint
from pipeline.sinks import build_sink
from pipeline.sinks.base import UNKNOWN_OFFSET
from pipeline.stages.hub import Hub, HubPlan, Session, SourcePlan
from pipeline.stages.hub.records import link_figures
from pipeline.supervisor.recording import prepare_out, write_resolved
from pipeline.supervisor.resume import apply_progress, load_unfinished, nothing_left
from pipeline.supervisor.run_folder import RunFolder
from pipeline.supervisor.source_book import KeptSources
from pipeline.supervisor.source_traits import traits_of


class Plan:
    """A plan without a model."""

    def __init__(self, settings=None, sessions=None, **sources):
        self.config = load_config(
            base={
                "sources": {name: {"uri": uri} for name, uri in sources.items()},
                "sinks": [{"type": "jsonl"}, {"type": "jsonl", "file": "second.jsonl"}],
                **(settings or {}),
            },
            environment={},
        ).config
        self.hub = Hub(
            HubPlan(
                sources=[
                    SourcePlan(name=name, config=config, is_live=traits_of(config).live)
                    for name, config in self.config.sources.items()
                ],
                sessions=sessions or {},
                workers=["0"],
                sinks=["a", "b"],
                labels=["x"],
                num_exits=1,
                full_macs=1,
                crop_bytes=1,
                policy_version=1,
                policy_body={},
                smooth=(2, 3),
            )
        )


def lines(*frames, end=None, source="a", **more):
    """Lines of one region a frame, and an end with what more it says."""
    records = [{"source": source, "frame": n, "region": 0, "pts_s": n / 10} for n in frames]
    if end is not None:
        counts = {"captured": 9, "processed": 9, "dropped": {}, "skipped": 0, "corrupt": 0}
        event = {"event": "end_of_stream", "source": source, "reason": end, "frames": counts}
        records.append(event | more)
    return "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records)


def resumed(tmp_path, first, second, **sources):
    (tmp_path / "results.jsonl").write_text(first)
    (tmp_path / "second.jsonl").write_text(second)
    plan = Plan(**(sources or {"a": "a.mp4"}))
    apply_progress(plan.hub, plan, tmp_path)
    return plan.hub.sources


def test_the_file_that_is_behind_decides(tmp_path):
    source = resumed(tmp_path, lines(0, 1, 2, 3), lines(0, 1))["a"]
    assert source.last_accepted.frame == 0
    assert source.resumed_frames == 1


def test_a_file_without_a_line_begins_again(tmp_path):
    assert resumed(tmp_path, lines(0, 1, 2, end="complete"), "")["a"].last_accepted is None


def test_a_source_that_ended_in_every_file_is_not_read_again(tmp_path):
    whole = lines(0, 1, end="complete")
    source = resumed(tmp_path, whole, whole)["a"]
    assert source.ended is not None
    assert source.processed == 9


def test_an_interrupts_end_is_taken_back(tmp_path):
    stopped = lines(0, 1, end="stopped")
    source = resumed(tmp_path, stopped, stopped)["a"]
    assert source.ended is None
    assert source.last_accepted.frame == 0
    assert "end_of_stream" not in (tmp_path / "results.jsonl").read_text()


COUNTS = {"captured": 9, "processed": 6, "dropped": {"latest": 2, "poison": 1}}
COUNTS |= {"in_flight": 0, "skipped": 4, "corrupt": 5}
LINK = {"reconnects": 2, "gaps": 3, "gap_s": 3.5, "longest_gap_s": 2.0, "clock_jumps": 1}


@pytest.mark.parametrize(("uri", "link"), [("webcam://0", LINK), ("a.mp4", None)])
def test_what_an_interrupt_left_of_the_account_is_not_forgotten(tmp_path, uri, link):
    """Of six processed frames two have no regions; the last one is number 7."""
    stopped = lines(0, 1, 3, 5, end="stopped", end_frame=8, frames=COUNTS, link=link)
    track = resumed(tmp_path, stopped, stopped, a=uri)["a"]
    assert msgspec.to_builtins(track.ledger) == COUNTS
    assert track.counters == track.accepted_counters
    assert (track.last_accepted.frame, track.regions_accepted, track.answered) == (7, 4, 0)
    assert link_figures(track.link) == (link or dict.fromkeys(LINK, 0))
    # Its reader begins with this account, and says it again.
    track.reported(track.counters)


def test_an_interrupt_of_a_camera_that_had_no_frame_accepted_leaves_its_account_too(tmp_path):
    counts = COUNTS | {"captured": 2, "processed": 0, "dropped": {"latest": 2}}
    stopped = lines(end="stopped", end_frame=0, frames=counts, link=LINK)
    track = resumed(tmp_path, stopped, stopped, a="webcam://0")["a"]
    assert track.last_accepted is None
    assert track.ledger.dropped == {"latest": 2}


@pytest.mark.parametrize(
    "second",
    [
        lines(0, 1),  # its sink was killed before it had the end
        lines(0, 1, 3, end="stopped", end_frame=9, frames=COUNTS),
    ],
)
def test_an_account_that_not_every_file_has_is_that_of_no_frame_to_go_on_from(tmp_path, second):
    first = lines(0, 1, 3, end="stopped", end_frame=8, frames=COUNTS)
    track = resumed(tmp_path, first, second)["a"]
    assert track.last_accepted.frame < 3
    assert track.ledger.captured == track.processed == track.resumed_frames


def test_the_account_of_another_session_is_none_of_this_one(tmp_path):
    stopped = lines(0, 1, end="stopped", end_frame=8, frames=COUNTS, session=2)
    assert resumed(tmp_path, stopped, stopped)["a"].processed == 1


def test_the_connection_of_a_camera_that_had_ended_is_not_forgotten(tmp_path):
    ended = lines(0, 1, end="removed", end_frame=2, link=LINK)
    track = resumed(tmp_path, ended, ended, a="webcam://0")["a"]
    assert link_figures(track.link) == LINK


def test_a_camera_never_uses_a_number_twice(tmp_path):
    sources = resumed(tmp_path, lines(0, 1, 2), lines(0, 1, 2), a="webcam://0")
    assert sources["a"].last_accepted.frame == 2


@pytest.mark.parametrize("second", [lines(0, 1, 2), lines(0), ""])
def test_time_never_falls_behind_what_is_written_of_a_camera(tmp_path, second):
    sources = resumed(tmp_path, lines(0, 1, 2), second, a="webcam://0")
    assert sources["a"].last_accepted == ResumePoint(2, 0.2)
    assert sources["a"].processed == 3
    assert sources["a"].regions_accepted == 3
    assert sources["a"].session_after.first_pts_s > 0.2


@pytest.mark.parametrize(("uri", "segment"), [("webcam://0", 5), ("a.mp4", 3)])
def test_segments_are_numbered_on(tmp_path, uri, segment):
    def text(*segments):
        rows = enumerate(segments)
        records = [
            {"source": "a", "frame": n, "region": 0, "pts_s": n, "segment": s} for n, s in rows
        ]
        return "".join(json.dumps(record) + "\n" for record in records)

    sources = resumed(tmp_path, text(0, 3, 3, 5), text(0, 3, 3), a=uri)
    assert sources["a"].segment == segment


def test_smoothing_goes_on_where_the_last_whole_frame_left_it(tmp_path):
    given = ["car", "car", "bus", "bus"]
    records = [
        {"source": "a", "zone": None, "region": 0, "track": None, "frame": n, "pts_s": n / 10}
        | {"label": label}
        for n, label in enumerate(given)
    ]
    text = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records)
    for file in ("results.jsonl", "second.jsonl"):
        (tmp_path / file).write_text(text)
    plan = Plan({"labels": {"smooth": {"needed": 2, "of": 3}}}, a="a.mp4")
    apply_progress(plan.hub, plan, tmp_path)
    # Frame 3 is done again: had it been remembered too, "bus" would be shown.
    assert plan.hub._outlet._smoother.label(records[3] | {"label": "car"}) == "car"


@pytest.mark.parametrize(("waits", "offset"), [(True, 2), (False, -1)])
def test_a_video_hears_how_many_frames_it_should_hold(tmp_path, waits, offset):
    for file in ("results.jsonl", "second.jsonl"):
        (tmp_path / file).write_text(lines(0, 1, 2))
    plan = Plan(a="a.mp4")
    plan.hub.sinks["b"].draws = "a"
    track = plan.hub.sources["a"]
    track.plan = dataclasses.replace(track.plan, waits_for_sinks=waits)
    apply_progress(plan.hub, plan, tmp_path)
    assert plan.hub.sinks["b"].offset == offset


DRAWN_AND_CHANGED = lines(0, 1, end="changed", end_frame=5) + lines(6, 7, 8)


def with_video(tmp_path, text, *, before=None, leaving=None, **settings):
    """What the video of a source hears whose second session a kill broke off.

    Args:
        tmp_path: Folder of the run.
        text: Of both files.
        before: The source in its first session; None if it was as it is.
        leaving: Why the second one was to end.
        settings: Of the source now.
    """
    for file in ("results.jsonl", "second.jsonl"):
        (tmp_path / file).write_text(text)
    second = Session(number=2, first_frame=6, segment=1)
    source = {"uri": "a.mp4"} | settings
    plan = Plan({"sources": {"a": source}}, sessions={"a": second})
    kept = KeptSources(wanted={"a": before or source}, sessions=[])
    kept = kept.begun("a", Session()).ended("a", 5).wanting({"a": source}, {})
    kept = kept.begun("a", second).wanting({"a": source}, {"a": leaving} if leaving else {})
    plan.hub.sinks["b"].draws = "a"
    track = plan.hub.sources["a"]
    track.plan = dataclasses.replace(track.plan, waits_for_sinks=True)
    apply_progress(plan.hub, plan, tmp_path, kept)
    return plan.hub.sinks["b"].offset


def test_a_video_hears_of_the_frames_of_earlier_sessions_too(tmp_path):
    """Else it takes as many new frames for some that it holds, and passes them over."""
    assert with_video(tmp_path, DRAWN_AND_CHANGED) == 9 + 2


FINDER = {"regions": {"type": "custom", "class": "m:Finder"}}


@pytest.mark.parametrize(
    "settings",
    [
        {"before": {"uri": "webcam://0"}},  # may have drawn fewer than it answered
        {"before": {"uri": "a.mp4"} | FINDER},  # may have drawn more than it answered
        {"before": {"uri": "a.mp4", "max_age": 2.0}},
        {"before": {"uri": "a.mp4", "reader": "m:Reader"}},  # may be another one by now
        {"before": {"uri": "${GONE}/a.mp4"}},
        FINDER,
        {"max_age": 2.0},
        {"uri": "webcam://0", "on_full": "block"},  # shows no picture again
        {"leaving": "removed"},
    ],
)
def test_a_video_passes_nothing_over_where_nobody_knows_what_it_was_given(tmp_path, settings):
    assert with_video(tmp_path, DRAWN_AND_CHANGED, **settings) == UNKNOWN_OFFSET


def test_a_video_passes_nothing_over_if_a_file_lacks_an_earlier_session(tmp_path):
    assert with_video(tmp_path, lines(6, 7, 8)) == UNKNOWN_OFFSET


def test_a_video_passes_nothing_over_of_a_source_that_is_gone_and_comes_back(tmp_path):
    gone = lines(0, 1, end="removed", end_frame=5)
    for file in ("results.jsonl", "second.jsonl"):
        (tmp_path / file).write_text(gone + lines(0, 1, source="b"))
    plan = Plan(b="b.mp4")
    plan.hub.sinks["b"].draws = "a"
    source = {"uri": "a.mp4"}
    kept = KeptSources(wanted={"a": source, "b": source}, sessions=[])
    kept = kept.begun("a", Session()).ended("a", 5).begun("b", Session())
    apply_progress(plan.hub, plan, tmp_path, kept)
    assert plan.hub.sinks["b"].offset == UNKNOWN_OFFSET


def test_sinks_hear_what_their_files_hold_and_need_not_read_them_again(tmp_path):
    """Of a file of months that takes longer than a child may take to say hello."""
    (tmp_path / "results.jsonl").write_text(lines(0, 1, 2) + lines(0, source="b"))
    (tmp_path / "second.jsonl").write_text(lines(0, 1, end="stopped"))
    plan = Plan(a="a.mp4", b="b.mp4")
    apply_progress(plan.hub, plan, tmp_path)
    first, second = plan.hub.sinks["a"], plan.hub.sinks["b"]
    assert first.held == {"a": (2, 0), "b": (0, 0)}
    assert second.held == {"a": (1, 0)}
    for track, file in ((first, "results.jsonl"), (second, "second.jsonl")):
        assert track.offset == (tmp_path / file).stat().st_size
    reopened = build_sink(JsonlSinkConfig(), tmp_path)
    assert reopened.open(first.offset) == {}
    reopened.close()


def test_an_interrupt_costs_no_line_of_another_source(tmp_path):
    """A camera that was away is stopped at once; what another one had shown comes after that."""
    stopped, shown = lines(0, 1, end="stopped"), lines(0, 1, 2, source="b")
    for file in ("results.jsonl", "second.jsonl"):
        (tmp_path / file).write_text(stopped + shown + lines(end="stopped", source="b"))
    plan = Plan(a="webcam://0", b="webcam://1")
    apply_progress(plan.hub, plan, tmp_path)
    assert plan.hub.sources["b"].last_accepted.frame == 2
    assert (tmp_path / "results.jsonl").read_text() == lines(0, 1) + shown


def test_a_later_session_that_showed_no_region_leaves_time_and_segments_as_they_were(tmp_path):
    ends = [
        json.loads(lines(end="complete")) | {"session": 1, "first_frame": 0, "end_frame": 3},
        json.loads(lines(end="complete")) | {"session": 2, "first_frame": 4, "end_frame": 9},
    ]
    text = lines(0, 1, 2) + "".join(json.dumps(end) + "\n" for end in ends)
    for file in ("results.jsonl", "second.jsonl"):
        (tmp_path / file).write_text(text)
    begun = Session(number=2, first_frame=4, first_pts_s=0.24, segment=3)
    plan = Plan(sessions={"a": begun}, a="a.mp4")
    kept = KeptSources(wanted={"a": {}}, sessions=[]).begun("a", begun)
    apply_progress(plan.hub, plan, tmp_path, kept)
    after = plan.hub.sources["a"].session_after
    assert (after.first_frame, after.segment) == (10, 4)
    assert after.first_pts_s > 0.24


def test_a_source_that_showed_no_region_goes_on_behind_its_end(tmp_path):
    end = json.loads(lines(end="complete")) | {"session": 1, "first_frame": 0, "end_frame": 7}
    for file in ("results.jsonl", "second.jsonl"):
        (tmp_path / file).write_text(json.dumps(end) + "\n")
    plan = Plan(a="a.mp4")
    apply_progress(plan.hub, plan, tmp_path)
    assert plan.hub.sources["a"].last_accepted.frame == 6


def test_what_was_leaving_when_the_run_was_killed_ends_with_what_is_written_of_it(tmp_path):
    text = lines(0, 1, 2, source="gone") + lines(0, source="a")
    for file in ("results.jsonl", "second.jsonl"):
        (tmp_path / file).write_text(text)
    plan = Plan(a="a.mp4", gone="b.mp4")
    kept = KeptSources(wanted={"a": {}, "gone": {}}, sessions=[])
    kept = (
        kept.begun("a", Session()).begun("gone", Session()).wanting({"a": {}}, {"gone": "removed"})
    )
    apply_progress(plan.hub, plan, tmp_path, kept)
    plan.hub.step(0)
    gone = plan.hub.sources["gone"]
    assert (gone.ended.reason, gone.end_frame, gone.end_recorded) == ("removed", 3, True)
    assert (gone.ledger.captured, gone.ledger.processed) == (3, 3)
    assert plan.hub.sources["a"].ended is None
    assert plan.hub.sources.expected == set()


def test_a_source_goes_on_in_its_last_session_and_those_before_are_counted(tmp_path):
    first = json.loads(lines(end="changed")) | {"session": 1, "first_frame": 0, "end_frame": 5}
    counts = {"reconnects": 2, "gaps": 2, "gap_s": 3.5, "longest_gap_s": 2.0, "clock_jumps": 0}
    first["link"] = counts
    text = lines(0, 1) + json.dumps(first) + "\n" + lines(6, 7, 8)
    for file in ("results.jsonl", "second.jsonl"):
        (tmp_path / file).write_text(text)
    plan = Plan(sessions={"a": Session(number=2, first_frame=6, segment=1)}, a="a.mp4")
    kept = KeptSources(wanted={"a": {}}, sessions=[]).begun("a", plan.hub.sources["a"].session)
    apply_progress(plan.hub, plan, tmp_path, kept)
    track, past = plan.hub.sources["a"], plan.hub.sources.past["a"]
    assert (track.last_accepted.frame, track.processed, track.segment) == (7, 2, 1)
    assert (past.ledger.processed, past.reason, past.next.first_frame) == (9, "changed", 6)
    assert (past.link.reconnects, past.link.gap_s) == (2, 3.5)


def test_a_session_without_a_line_begins_where_it_was_to_begin(tmp_path):
    first = json.loads(lines(end="changed")) | {"session": 1, "first_frame": 0, "end_frame": 2}
    for file in ("results.jsonl", "second.jsonl"):
        (tmp_path / file).write_text(lines(0, 1) + json.dumps(first) + "\n")
    plan = Plan(sessions={"a": Session(number=2, first_frame=3, segment=1)}, a="a.mp4")
    kept = KeptSources(wanted={"a": {}}, sessions=[]).begun("a", plan.hub.sources["a"].session)
    apply_progress(plan.hub, plan, tmp_path, kept)
    track = plan.hub.sources["a"]
    assert (track.last_accepted, track.ended, track.end_frame) == (None, None, 3)
    past = plan.hub.sources.past["a"]
    assert (past.ledger.processed, past.reason) == (9, "changed")


def test_a_finished_run_has_nothing_left(tmp_path):
    plan = Plan(a="a.mp4")
    assert not nothing_left(plan, tmp_path)
    for file in ("results.jsonl", "second.jsonl"):
        (tmp_path / file).write_text(lines(0, end="complete"))
    assert not nothing_left(plan, tmp_path)  # killed before its summary
    (tmp_path / "summary.json").touch()
    assert nothing_left(plan, tmp_path)
    (tmp_path / "second.jsonl").write_text(lines(0, end="stopped"))
    assert not nothing_left(plan, tmp_path)


def test_a_damaged_line_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"results\.jsonl: expected one JSON object a line"):
        resumed(tmp_path, lines(0) + "\0\0\0\n", "")


@pytest.mark.parametrize(
    "damaged",
    [
        lines(0).replace('"pts_s"', '"segment":"7","pts_s"'),
        lines(0).replace('"pts_s"', '"segment":-1,"pts_s"'),
        lines(0, end="changed", end_frame=2, link={"gaps": 1}),
        lines(0, end="complete", link={**LINK, "gaps": -1}),
        lines(0, end="stopped", end_frame=2, link={**LINK, "gap_s": "long"}),
    ],
)
def test_a_line_with_a_number_that_cannot_be_is_named(tmp_path, damaged):
    with pytest.raises(ConfigError, match=r"results\.jsonl: expected one JSON object a line"):
        resumed(tmp_path, damaged, damaged)


def test_a_line_without_what_labels_are_smoothed_by_is_one_without_a_label(tmp_path):
    for file in ("results.jsonl", "second.jsonl"):
        (tmp_path / file).write_text(lines(0, 1, 2))
    plan = Plan({"labels": {"smooth": {"needed": 2, "of": 3}}}, a="a.mp4")
    apply_progress(plan.hub, plan, tmp_path)
    assert plan.hub.sources["a"].last_accepted.frame == 1


def test_a_secret_by_name_survives_and_a_literal_one_is_hidden(tmp_path):
    uri = "rtsp://viewer:${PASSWORD}@cam/stream"
    loaded = load_config(sources=[f"cam={uri}"], environment={"PASSWORD": "geheim"})
    write_resolved(tmp_path, loaded.plain)
    assert uri in (tmp_path / "config.resolved.yaml").read_text()
    loaded = load_config(
        sources=["cam=rtsp://viewer:geheim@cam/stream"],
        overrides=["sinks=[{type: custom, class: 'm:C', options: {url: 'mqtt://u:geheim@b'}}]"],
        environment={},
    )
    write_resolved(tmp_path, loaded.plain)
    assert "geheim" not in (tmp_path / "config.resolved.yaml").read_text()
    with pytest.raises(ConfigError, match="written without credentials"):
        load_unfinished(tmp_path)


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="expected the folder of a run"):
        load_unfinished(tmp_path)


def test_an_output_folder_that_holds_something_is_refused(tmp_path):
    (tmp_path / "x").touch()
    with pytest.raises(ConfigError, match="is not empty"):
        prepare_out(tmp_path)


def test_a_temporary_folder_too_deep_for_sockets_is_named(tmp_path):
    with pytest.raises(ConfigError, match="set TMPDIR to a shorter one"):
        RunFolder(tmp_path / ("x" * 100))
