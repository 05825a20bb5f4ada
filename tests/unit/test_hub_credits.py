"""How many frames a source may have in the pipeline."""

import pytest
from hub_rig import source_plan

from pipeline.config import PipelineConfig, RuntimeConfig, SourceConfig
from pipeline.errors import PeerError
from pipeline.messages import Counters, Credit, FrameHeader, Frames, Hello
from pipeline.readers import open_reader
from pipeline.snapshot import Ledger
from pipeline.stages.hub import Hub, HubPlan
from pipeline.stages.hub.hub import START_TOGETHER_NS
from pipeline.supervisor.plan import _credits_of


@pytest.fixture
def make_hub():
    """A hub and a source that has said hello; frames without regions need no worker."""

    def _make(count, sources=("a",)):
        hub = Hub(
            HubPlan(
                sources=[source_plan(name, credits=count) for name in sources],
                workers=["0"],
                sinks=[],
                labels=["x", "y"],
                num_exits=1,
                full_macs=1,
                crop_bytes=1,
                policy_version=1,
                policy_body={},
            )
        )
        for role, name in (("worker", "0"), ("reader", "a")):
            hub.child_started(f"{role}/{name}#0", role, name)
            hub.receive(f"{role}/{name}#0", Hello(role, name, 1), b"", 0)
        return hub

    return _make


def granted(hub, now_ns=0):
    actions = hub.step(now_ns)
    return sum(a.message.frames for a in actions if isinstance(getattr(a, "message", 0), Credit))


def send(hub, first, count):
    for frame in range(first, first + count):
        header = FrameHeader(frame, float(frame), 0, 0, 0.0, [])
        message = Frames("a", [header], Counters(frame + 1))
        hub.receive("reader/a#0", message, b"", 0)


@pytest.mark.parametrize("credits_", [1, 2, 3, 5, 8, 32])
def test_a_source_that_has_used_all_its_credits_always_hears_of_more(make_hub, credits_):
    hub = make_hub(credits_)
    held, sent = 0, 0
    for _ in range(50):
        held += granted(hub)
        assert 0 < held <= credits_
        send(hub, sent, held)
        sent, held = sent + held, 0


@pytest.mark.parametrize(
    ("source", "can_wait"),
    [
        ({"uri": "a.mp4"}, True),
        ({"uri": "a.mp4", "loop": True}, True),
        ({"uri": "a.mp4", "realtime": True}, False),
        ({"uri": "a.mp4", "on_full": "latest"}, False),
        ({"uri": "rtsp://camera/stream"}, False),
        ({"uri": "rtsp://camera/stream", "on_full": "block"}, False),
        ({"uri": "webcam://0"}, False),
    ],
)
def test_only_a_file_at_its_own_speed_can_wait(source, can_wait):
    assert open_reader(SourceConfig(**source)).can_wait is can_wait


@pytest.mark.parametrize(("files", "each"), [(1, 128), (2, 128), (4, 32), (10, 12), (40, 8)])
def test_files_share_what_may_wait_and_cameras_keep_their_few(files, each):
    sources = {f"file{number}": SourceConfig(uri="a.mp4") for number in range(files)}
    camera = SourceConfig(uri="rtsp://camera/stream")
    config = PipelineConfig(sources={**sources, "camera": camera})
    assert _credits_of(config) == {**dict.fromkeys(sources, each), "camera": 8}


def test_a_configured_number_counts_for_all():
    sources = {"a": SourceConfig(uri="a.mp4"), "b": SourceConfig(uri="rtsp://camera/stream")}
    config = PipelineConfig(sources=sources, runtime=RuntimeConfig(credits=3))
    assert _credits_of(config) == {"a": 3, "b": 3}


def test_frames_that_travel_together_are_taken_all_or_none(make_hub):
    hub = make_hub(8)
    headers = [FrameHeader(frame, float(frame), 0, 0, 0.0, []) for frame in (0, 1, 1)]
    with pytest.raises(PeerError, match="expected a frame after 1, got 1"):
        hub.receive("reader/a#0", Frames("a", headers, Counters(3)), b"", 0)
    assert hub.sources["a"].ledger == Ledger()
    hub.receive("reader/a#0", Frames("a", headers[:2], Counters(2)), b"", 0)
    assert hub.sources["a"].ledger == Ledger(captured=2, in_flight=2)


def test_a_reader_that_never_says_hello_holds_up_the_others_for_seconds_only(make_hub):
    hub = make_hub(8, sources=("a", "b"))
    assert granted(hub, now_ns=1) == 0
    assert granted(hub, now_ns=START_TOGETHER_NS) == 0
    assert granted(hub, now_ns=START_TOGETHER_NS + 1) == 8
