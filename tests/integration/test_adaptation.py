"""Whole runs that adapt: the world changes, and so does the policy, number by number."""

import contextlib
import json
import signal

import pytest

from pipeline.cli.main import main
from pipeline.config_file import load_config
from pipeline.recording import RecordedRun
from pipeline.supervisor import plan_run
from pipeline.supervisor.adapter_keeper import NUMBER, STATE, AdapterKeeper
from pipeline.supervisor.recomputed import recompute

WORLD = "synthetic://?frames=1200&width=32&height=32"
SHIFT = "sources.cam.perturb=clean:300,gaussian_noise@5:500,clean:400"
FAST = ("model.precision=fp32", "model.device=cpu", "model.threads=1")


@pytest.fixture
def adapting(in_threads, adaptive_model):
    """Run the changing world to its end, in threads."""

    def _run(*settings, source=WORLD):
        return in_threads({"cam": source}, f"model.name={adaptive_model}", SHIFT, *settings)

    return _run


@pytest.fixture(scope="module")
def adapted(adaptive_model, tmp_path_factory, read):
    """What such a run leaves, for tests that only read it."""
    out = tmp_path_factory.mktemp("adapted") / "out"
    settings = (f"model.name={adaptive_model}", "model.precision=fp32", SHIFT)
    words = ["run", "--headless", "--out", str(out), "--source", f"cam={WORLD}"]
    words += [word for setting in settings for word in ("--set", setting)]
    return read(out, main([*words, "--set", "runtime.type=threads"]))


def versions(run):
    return [record["policy_version"] for record in run.lines if "event" not in record]


def notes(run, kind):
    return [note for note in RecordedRun(run.out).records() if note["kind"] == kind]


def recomputed(out):
    plan = load_config(out / "config.resolved.yaml", with_overrides=False).config
    return recompute(RecordedRun(out).records(), plan_run(plan).adapter)


def test_policies_change_with_the_world_and_every_result_names_one(adapted):
    run = adapted
    found = versions(run)
    assert len(found) == 1200
    assert found == sorted(found)
    assert len(set(found)) >= 3
    numbers = run.summary["policy_versions"]
    assert numbers == list(range(1, len(numbers) + 1))
    assert set(found) <= set(numbers)
    assert [note["version"] for note in notes(run, "policy")] == numbers
    assert any(words.startswith("adaptation: ") for words in run.summary["alarms"])


def test_audits_stand_in_the_results_and_in_the_recording(adapted):
    run = adapted
    audited = {r["frame"] for r in run.lines if r.get("audited")}
    assert audited == {r["frame"] for r in run.lines if r.get("full_depth")}
    assert 0 < len(audited) < 1200
    recorded = {
        note["regions"][position][1] for note in notes(run, "batch") for position in note["audits"]
    }
    assert recorded == audited


def test_the_recording_gives_the_same_policies(adapted):
    run = adapted
    found = recomputed(run.out)
    assert found.is_whole
    assert len(found.recorded) >= 3
    assert found.again == found.recorded


def test_the_recording_gives_the_same_policies_from_each_of_its_segments_on(adapting, monkeypatch):
    monkeypatch.setattr("pipeline.recording.writer.SEGMENTS", 2_000)
    monkeypatch.setattr("pipeline.recording.writer._HEADS", 0)
    # A new segment may begin with each snapshot, and this run may be over within two.
    monkeypatch.setattr("pipeline.supervisor.supervisor._PUBLISH_INTERVAL_S", 0.02)
    run = adapting("recording.max_mb=16")
    paths = RecordedRun(run.out).paths
    assert len(paths) >= 3
    for path in paths:
        found = recomputed(run.out)
        assert found.is_whole
        assert found.recorded
        assert found.again == found.recorded
        path.unlink()


def test_the_summary_says_what_the_evidence_is_worth(adapted):
    summary = adapted.summary
    disagreement = summary["disagreement"]
    assert set(disagreement) == {
        *("estimate", "upper", "audits", "confidence", "window", "valid_since", "at_home", "held")
    }
    assert disagreement["confidence"] == 0.95
    assert 0 <= disagreement["valid_since"] <= 1200
    assert disagreement["window"] == 1200 - disagreement["valid_since"]


def test_snapshots_carry_what_adaptation_knows(adapted):
    run = adapted
    last = notes(run, "snapshot")[-1]["snapshot"]
    assert last["adaptation"]["epsilon"] == 0.02
    assert last["adaptation"]["alarms"] == sum("adaptation" in w for w in run.summary["alarms"])
    assert last["num_alarms"] == len(run.summary["alarms"])
    assert "adaptation: at most 0.02 of the answers may differ" in run.log
    assert last["policy"]["version"] == run.summary["policy_versions"][-1]
    assert last["adaptation_off"] is None
    assert len(last["classes"]) == len(last["adaptation"]["acceptance"])


def test_without_adaptation_the_policy_stays(adapting):
    run = adapting("adaptation.enabled=false")
    assert set(versions(run)) == {1}
    assert run.summary["disagreement"] is None
    assert not any(r.get("audited") for r in run.lines)
    assert not (run.out / STATE).exists()
    last = notes(run, "snapshot")[-1]["snapshot"]
    assert last["adaptation"] is None
    assert last["adaptation_off"] == "adaptation.enabled is false"


def test_a_model_without_calibration_runs_and_says_so(in_threads, tiny_model):
    run = in_threads({"cam": "synthetic://?frames=20"}, "policy.mode=dart")
    assert set(versions(run)) == {1}
    why = "model 'tiny' has no calibration.safetensors; `calibrate` writes one"
    assert f"no adaptation: {why}" in run.log
    assert notes(run, "snapshot")[-1]["snapshot"]["adaptation_off"] == why


def test_what_was_learned_goes_on_in_the_next_run(adapting, in_threads, adaptive_model, tmp_path):
    state = f"adaptation.state={tmp_path / 'kept.mpk'}"
    first = adapting(state)
    assert (tmp_path / "kept.mpk").exists()
    again = in_threads(
        {"cam": "synthetic://?frames=60&width=32&height=32"},
        f"model.name={adaptive_model}",
        state,
        out=tmp_path / "again",
    )
    assert "adaptation goes on from" in again.log
    assert again.summary["policy_versions"][0] == 1
    assert notes(again, "policy")[0]["body"] == notes(first, "policy")[-1]["body"]
    other = in_threads(
        {"cam": "synthetic://?frames=60&width=32&height=32"},
        f"model.name={adaptive_model}",
        state,
        "policy.max_disagreement=0.05",
        out=tmp_path / "other",
    )
    assert "adaptation begins afresh: " in other.log


def test_the_state_is_saved_with_each_new_policy_and_at_the_end(adapting, monkeypatch):
    saved = []
    monkeypatch.setattr(
        AdapterKeeper, "save", lambda keeper: saved.append(keeper._hub.policies.in_force.version)
    )
    run = adapting()
    numbers = run.summary["policy_versions"]
    assert set(saved) == set(numbers[1:])
    assert len(saved) >= len(numbers)


def test_a_fault_in_adaptation_does_not_stop_the_stream(adapting, monkeypatch):
    from dart_stream.adaptation import DartController

    def fail(controller, observation):
        raise FloatingPointError("a fault")

    monkeypatch.setattr(DartController, "update", fail)
    run = adapting()
    assert run.status == 0
    assert len(versions(run)) == 1200
    assert set(versions(run)) == {1}
    assert sum("the policy stays as it is" in words for words in run.summary["alarms"]) == 1
    assert run.summary["disagreement"] is None


def test_a_source_that_is_always_full_gives_full_depth(adapting):
    run = adapting("sources.cam.always_full=true")
    assert [note["rows"] for note in notes(run, "policy")] == [{"cam": {"kind": "full"}}]
    assert {r["exit"] for r in run.lines if "event" not in r} == {2}
    assert not any(r.get("audited") for r in run.lines)


def test_each_of_several_files_begins_its_own_evidence(in_threads, adaptive_model, make_clip):
    first, _, _ = make_clip(60), make_clip(50), make_clip(40)
    run = in_threads({"cam": first.parent / "*.mp4"}, f"model.name={adaptive_model}")
    count = len(list(first.parent.glob("*.mp4")))
    assert len(notes(run, "reset")) == count - 1
    assert "source: cam: its pictures come from a new connection" in " ".join(run.summary["alarms"])
    assert recomputed(run.out).again == recomputed(run.out).recorded


def test_two_adapters_of_one_plan_share_nothing(adapted):
    run = adapted
    config = load_config(run.out / "config.resolved.yaml", with_overrides=False).config
    plan = plan_run(config)
    used, fresh = plan.adapter(), plan.adapter()
    before = fresh.to_state()
    for note in notes(run, "seen"):
        used.replay(note)
    assert used.to_state() != before
    assert fresh.to_state() == plan.adapter().to_state() == before


def test_a_class_that_is_always_full_never_leaves_early(adapting):
    run = adapting("policy.always_full=[car, van, bus, truck]")
    assert {r["exit"] for r in run.lines if "event" not in r} == {2}


def test_a_class_that_the_model_does_not_know_is_refused(adaptive_model, tmp_path, capsys):
    words = ["--source", "cam=synthetic://?frames=1", "--out", str(tmp_path / "out")]
    settings = [f"model.name={adaptive_model}", "policy.always_full=[lorry]"]
    status = main(["run", *words, *(w for each in settings for w in ("--set", each))])
    assert status == 2
    assert "policy.always_full: expected classes of model 'tiny', got 'lorry'" in (
        capsys.readouterr().err
    )


@pytest.mark.processes
@pytest.mark.torch_process
def test_in_processes_of_their_own_an_interrupted_run_goes_on_where_it_was(
    kill_drill, adaptive_model, tmp_path, read
):
    out = tmp_path / "out"
    arguments = ["--source", f"cam={WORLD}", "--out", str(out)]
    for setting in (f"model.name={adaptive_model}", SHIFT, "sources.cam.realtime=true", *FAST):
        arguments += ["--set", setting]
    arguments += ["--set", 'sources.cam.options={"fps": 200}']
    with contextlib.closing(kill_drill.Run(arguments, out, tmp_path / "t")) as run:
        run.wait_for_results(600, 60)
        run.process.send_signal(signal.SIGINT)
        kill_drill.wait_until(lambda: run.process.poll() is not None, 60, "the end", poll_s=0.01)
    last = int((out / NUMBER).read_text())
    seen = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    before = [record["policy_version"] for record in seen if "event" not in record]
    assert len(set(before)) >= 2
    with contextlib.closing(kill_drill.Run(["--resume", str(out)], out, tmp_path / "t")) as run:
        kill_drill.wait_until(lambda: run.process.poll() is not None, 60, "the end", poll_s=0.01)
    ended = read(out, run.process.returncode)
    assert ended.status == 0
    assert "adaptation goes on from" in ended.log
    assert ended.frames["cam"] == list(range(1200))
    found = versions(ended)
    assert found == sorted(found)
    assert ended.summary["policy_versions"][0] == last + 1
    again = recomputed(out)
    assert again.again == again.recorded
    numbers = [note["version"] for note in notes(ended, "policy")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert set(found) <= set(numbers)
