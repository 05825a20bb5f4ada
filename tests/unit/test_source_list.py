"""Which sources a run is to have, and how it gets there, with a hub and no process."""

import json

import msgspec
import pytest
from hub_rig import Rig

from pipeline.commands import Reload, SourceAdd, SourceChange, SourceRemove
from pipeline.config_file import load_config
from pipeline.errors import CommandError, ConfigError
from pipeline.messages import SourceEnded
from pipeline.stages.hub import Retired
from pipeline.supervisor.plan import plan_run
from pipeline.supervisor.source_book import SOURCES, read_sources
from pipeline.supervisor.source_list import Origin, SourceList
from pipeline.supervisor.source_rules import MAX_AT_ONCE, MAX_NAMES

CLIP = {"uri": "synthetic://"}


class Readers:
    """In the place of the crew."""

    def __init__(self, rig):
        self.rig = rig
        self.started, self.forgotten = [], []

    def start_reader(self, source):
        self.started.append(source)
        self.rig.start("reader", source, len(self.started))

    def stop_reader(self, source):
        """It lives; the hub tells it."""

    def forget_reader(self, source):
        self.forgotten.append(source)


class Site:
    """A run of `front` and `gate`."""

    def __init__(self, out, sources=None, read_again=None):
        self.out = out
        loaded = load_config(
            base={"sources": sources or {"front": CLIP, "gate": CLIP}}, environment={}
        )
        self.rig = Rig(sources=tuple(loaded.config.sources))
        self.crew = Readers(self.rig)
        self.peers = {name: f"reader/{name}#0" for name in loaded.config.sources}
        plan = plan_run(loaded.config)
        origin = Origin(loaded, read_again=read_again)
        self.list = SourceList(plan, origin, self.rig.hub, self.crew, out)

    def drained(self, name):
        """Its reader ends, and the run goes on until it is gone."""
        (peer,) = (p for p, role in self.rig.hub._roles.items() if role == ("reader", name))
        counters = self.rig.hub.sources[name].counters
        self.rig.say(peer, SourceEnded(name, "stopped", counters))
        self.rig.hub.child_lost(peer)
        self.rig.work(rounds=100)
        gone = [a for a in self.rig.others if isinstance(a, Retired)]
        self.rig.others.clear()
        for action in gone:
            self.list.retired(action.name)

    @property
    def kept(self):
        return read_sources(self.out)


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def test_what_is_wanted_is_on_disk_before_its_reader_starts(site):
    started = site.crew.start_reader
    seen = []
    site.crew.start_reader = lambda name: (seen.append(site.kept), started(name))
    assert site.list.obey(SourceAdd("side", ["uri=synthetic://", "stride=2"])) == "added side"
    (kept,) = seen
    assert list(kept.wanted) == list(kept.open) == ["front", "gate", "side"]
    assert kept.wanted["side"]["stride"] == 2


def test_nothing_is_written_while_nothing_has_changed(site):
    with pytest.raises(CommandError):
        site.list.obey(SourceRemove("nobody"))
    site.list.begin_awaited()
    assert list(site.out.iterdir()) == []


def test_a_changed_source_begins_again_once_it_is_drained(site):
    assert site.list.obey(SourceChange("gate", ["stride=3"])) == "changed gate"
    assert site.crew.started == []
    assert site.kept.open["gate"].leaving == "changed"
    site.drained("gate")
    assert site.crew.started == ["gate"]
    track = site.rig.hub.sources["gate"]
    assert (track.session.number, track.plan.config.stride) == (2, 3)
    assert [(s.number, s.end_frame) for s in site.kept.sessions if s.name == "gate"] == [
        (1, 0),
        (2, None),
    ]


def test_the_last_wish_counts_while_a_source_is_drained(site):
    site.list.obey(SourceChange("gate", ["stride=3"]))
    site.list.obey(SourceChange("gate", ["stride=4"]))
    site.list.obey(SourceRemove("gate"))
    site.list.obey(SourceAdd("gate", ["uri=synthetic://", "stride=5"]))
    site.drained("gate")
    assert site.rig.hub.sources["gate"].plan.config.stride == 5
    site.list.obey(SourceChange("gate", []))
    site.list.obey(SourceRemove("gate"))
    site.drained("gate")
    assert "gate" not in site.rig.hub.sources
    assert site.rig.hub.sources.expected == set()


def test_what_leaves_nothing_to_read_is_refused(site):
    site.rig.end("gate")
    with pytest.raises(CommandError, match="nothing would be left to read without front"):
        site.list.obey(SourceRemove("front"))
    site.list.obey(SourceChange("gate", []))  # played again
    assert site.list.obey(SourceRemove("front")) == "removed front"


def test_a_run_that_comes_to_its_end_takes_no_source(site):
    for name in ("front", "gate"):
        site.rig.end(name)
    site.rig.work()
    with pytest.raises(CommandError, match="this one is coming to its end"):
        site.list.obey(SourceAdd("side", ["uri=synthetic://"]))


def test_a_run_without_a_file_has_nothing_to_read_again(site):
    with pytest.raises(CommandError, match="expected a run of a configuration file"):
        site.list.obey(Reload())


def test_a_file_that_is_wrong_changes_nothing(tmp_path):
    def broken():
        raise ConfigError("c.yaml: not YAML")

    site = Site(tmp_path, read_again=broken)
    with pytest.raises(CommandError, match=r"c\.yaml: not YAML"):
        site.list.obey(Reload())
    assert list(tmp_path.iterdir()) == []


def test_one_wrong_source_of_a_file_keeps_the_others_from_changing(tmp_path):
    sources = {"front": CLIP, "new": CLIP, "bad": {"uri": "/none.mp4"}}
    site = Site(tmp_path, read_again=lambda: load_config(base={"sources": sources}))
    with pytest.raises(CommandError, match=r"/none\.mp4: no such file"):
        site.list.obey(Reload())
    assert site.crew.started == []


def test_there_are_limits(tmp_path):
    many = {f"s{n}": CLIP for n in range(MAX_AT_ONCE)}
    site = Site(tmp_path, many)
    with pytest.raises(CommandError, match=f"expected at most {MAX_AT_ONCE} at once, got"):
        site.list.obey(SourceAdd("one-more", ["uri=synthetic://"]))
    site.rig.hub.sources.names += [f"gone{n}" for n in range(MAX_NAMES)]
    site.list.obey(SourceRemove("s0"))
    with pytest.raises(CommandError, match=f"expected at most {MAX_NAMES} names in one run"):
        site.list.obey(SourceAdd("one-more", ["uri=synthetic://"]))


def test_a_secret_stays_a_name_on_disk(site, monkeypatch):
    monkeypatch.setenv("CAMERA_PASSWORD", "s3cret")
    site.list.obey(SourceAdd("cam", ["uri=rtsp://me:${CAMERA_PASSWORD}@192.0.2.1/stream"]))
    site.list.obey(SourceAdd("open", ["uri=rtsp://me:plain@192.0.2.1/stream"]))
    text = (site.out / SOURCES).read_text()
    assert "s3cret" not in text
    assert "plain" not in text
    wanted = json.loads(text)["wanted"]
    assert wanted["cam"]["uri"] == "rtsp://me:${CAMERA_PASSWORD}@192.0.2.1/stream"
    assert "s3cret" in site.rig.hub.sources["cam"].plan.config.uri


def test_a_disk_that_is_full_refuses_a_change(site):
    (site.out / f"{SOURCES}.partial").mkdir()
    with pytest.raises(CommandError, match="the sources stay as they are"):
        site.list.obey(SourceRemove("gate"))
    assert site.rig.hub.sources["gate"].leaving is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}'])
def test_a_damaged_list_is_named(tmp_path, text):
    (tmp_path / SOURCES).write_text(text)
    with pytest.raises(ConfigError, match=r"sources\.json: expected the sources of a run"):
        read_sources(tmp_path)


def test_a_list_of_another_format_is_refused(site):
    site.list.obey(SourceRemove("gate"))
    other = msgspec.structs.replace(site.kept, format=2)
    (site.out / SOURCES).write_bytes(msgspec.json.encode(other))
    with pytest.raises(ConfigError, match="expected format 1, got 2"):
        read_sources(site.out)
