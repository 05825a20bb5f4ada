"""When a run begins to count its time, and what its keys do before that."""

from pipeline.commands import Resume
from pipeline.roles.keys import command_for
from pipeline.supervisor.supervisor import Supervisor

NO_REGIONS = """
from pipeline.regions import RegionFinder

class Nothing(RegionFinder):
    def find(self, frame):
        return []
"""


def test_the_time_of_the_first_batch_counts(in_threads, make_clip):
    """One frame used to come out as hundreds of frames a second."""
    run = in_threads({"lot": make_clip(frames=1)})
    assert run.summary["duration_s"] >= run.summary["workers"]["0"]["busy_s"] > 0


def test_time_passes_where_no_frame_has_regions(in_threads, make_clip, tmp_path, monkeypatch):
    (tmp_path / "no_regions.py").write_text(NO_REGIONS)
    monkeypatch.syspath_prepend(tmp_path)
    run = in_threads(
        {"lot": make_clip(frames=30, fps=60)},
        "sources.lot.regions={type: custom, class: 'no_regions:Nothing'}",
        "sources.lot.realtime=true",
    )
    assert run.status == 0
    assert run.summary["frames"]["processed"] == 30
    assert run.summary["regions"] == 0
    assert run.summary["duration_s"] > 0.2


def test_a_pause_before_the_first_answer_can_be_taken_back(in_threads, clip, monkeypatch):
    asked = []
    open_run = Supervisor._open

    def open_paused_and_press_p(self):
        open_run(self)
        self.hub.is_paused = True
        asked.append(command_for("p", self._snapshots.make(self._run_state())))
        self._steering.obey(asked[0])

    monkeypatch.setattr(Supervisor, "_open", open_paused_and_press_p)
    run = in_threads({"lot": clip})
    assert run.status == 0
    assert isinstance(asked[0], Resume)
