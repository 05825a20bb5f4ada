"""A run is played again at full depth: what it kept is said so, and what was changed is found."""

import json
import os

import cv2
import numpy as np
import pytest
from outside import ENDLESS, Outside

from pipeline.cli.main import main
from pipeline.demo_pictures import sheet
from pipeline.recording import RecordedRun

ZONES = "sources.a.regions={type: zones, zones: {l: [0, 0, 0.6, 1], r: [0.3, 0, 1, 1]}}"
SHIFT = "sources.a.perturb=clean:30,dark@3+gaussian_noise@2:40,clean"


@pytest.fixture
def verify(tmp_path, capsys):
    """Verify a run; gives status, `verify.json` or None, and what was said."""

    def _verify(folder=tmp_path / "out", *flags):
        status = main(["verify", str(folder), "--quiet", *flags])
        said = capsys.readouterr()
        path = folder / "verify.json"
        found = json.loads(path.read_text()) if path.is_file() else None
        return status, found, said.out if status < 2 else said.err

    return _verify


def edit(out, change):
    """Change the lines of `results.jsonl`."""
    results = out / "results.jsonl"
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    change(lines)
    results.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_full_depth_agrees_with_itself_in_zones_and_shifts_with_frames_left_out(
    in_threads, clip, verify
):
    done = in_threads(
        {"a": clip, "b": clip}, "policy.mode=full", ZONES, SHIFT, "sources.b.stride=3"
    )
    status, found, said = verify()
    assert status == 0
    assert found["kept"]
    assert (found["differ"], found["broken"]) == (0, [])
    assert found["regions"] == found["n"] == len(done.lines) - 2
    assert found["full_depth"]["n"] == found["regions"]
    assert found["reproduced"]["wrong"] == 0
    assert found["reproduced"]["max_difference"] < 1e-5
    phases = [(row["source"], row["name"], row["begin"], row["n"]) for row in found["phases"]]
    assert phases == [
        ("a", "clean", 0, 30),
        ("a", "dark@3+gaussian_noise@2", 30, 40),
        ("a", "clean", 70, 50),
        ("b", "", 0, 20),
    ]
    assert not found["promised"]
    assert "KEPT (the run did not adapt" in said


def test_answers_unlike_the_full_networks_break_the_promise_by_their_exact_number(
    in_threads, clip, verify, tmp_path
):
    in_threads({"a": clip}, "policy.mode=full")
    in_threads(
        {"a": clip}, "policy.mode=fixed", "policy.thresholds=[0.01, null]", out=tmp_path / "e"
    )
    full = [json.loads(line) for line in (tmp_path / "out/results.jsonl").read_text().splitlines()]
    early = [json.loads(line) for line in (tmp_path / "e/results.jsonl").read_text().splitlines()]
    differ = sum(a["label_id"] != b["label_id"] for a, b in zip(full[:-1], early[:-1], strict=True))
    status, found, said = verify(tmp_path / "e", "--window", "20")
    assert found["differ"] == differ
    assert found["all_windows"]["n"] == 3
    assert found["full_depth"] == {"n": 0, "other": 0, "wrong": 0, "max_difference": None}
    assert differ > 1  # or the promise would be kept
    assert status == 1
    assert "NOT KEPT" in said


def test_a_label_that_was_recorded_wrongly_is_found(in_threads, clip, verify, tmp_path):
    in_threads({"a": clip}, "policy.mode=full")

    def swap(lines):
        lines[3]["label_id"] = (lines[3]["label_id"] + 1) % 4

    edit(tmp_path / "out", swap)
    status, found, said = verify()
    assert status == 1
    assert found["full_depth"]["wrong"] == 1
    assert "1 of 60 answers recorded as the full network's are not" in said


def test_an_adapting_run_is_checked_with_its_audits_through_a_shift(
    in_threads, adaptive_model, verify
):
    run = in_threads(
        {"cam": "synthetic://?frames=1200&width=32&height=32"},
        f"model.name={adaptive_model}",
        "sources.cam.perturb=clean:300,gaussian_noise@5:500,clean:400",
    )
    status, found, _ = verify(run.out, "--window", "100")
    lines = run.lines[:-1]
    deep = [r for r in lines if r["audited"] or r["exit"] == 2]
    assert found["promised"]
    assert found["full_depth"] == {"n": len(deep), "other": 0, "wrong": 0} | {
        "max_difference": pytest.approx(0, abs=1e-5)
    }
    audited = sum(
        bool(r["audited"]) and r["full_depth"]["label_id"] != r["label_id"] for r in lines
    )
    assert found["differ"] >= audited
    assert [row["n"] for row in found["phases"]] == [300, 500, 400]
    assert found["settled"]["n"] == 3
    assert status == (0 if found["kept"] else 1)
    assert (found["judged"], found["late"], found["by_hand"]) == (1200, 0, 0)


@pytest.fixture
def at_home(in_threads, tmp_path):
    """A run of pictures that the shipped model was calibrated for: early exits, with evidence."""

    def _run(*settings):
        folder = tmp_path / "pictures"
        folder.mkdir()
        drawn, pictures = np.random.default_rng(0), sheet()
        for number, chosen in enumerate(drawn.integers(len(pictures), size=600).tolist()):
            cv2.imwrite(str(folder / f"{number:03}.png"), pictures[chosen][..., ::-1])
        return in_threads({"cam": f"images://{folder}"}, "model.name=default", *settings)

    return _run


def test_what_audits_claimed_of_early_exits_is_checked_across_segments(
    at_home, verify, monkeypatch
):
    monkeypatch.setattr("pipeline.recording.writer.SEGMENTS", 2_000)
    monkeypatch.setattr("pipeline.recording.writer._HEADS", 0)
    # A new segment may begin with each snapshot.
    monkeypatch.setattr("pipeline.supervisor.supervisor._PUBLISH_INTERVAL_S", 0.02)
    run = at_home("recording.max_mb=16", "runtime.max_batch=16")
    assert len(RecordedRun(run.out).paths) >= 3
    _, found, said = verify(run.out, "--window", "100")
    claimed = run.summary["disagreement"]
    early = found["estimate"]
    assert (early["estimate"], early["upper"]) == (claimed["estimate"], claimed["upper"])
    assert early["placed"]
    assert early["regions"] == claimed["window"] == 600
    assert early["truth"] == found["disagreement"] == found["differ"] / 600
    assert early["covered"] == (early["at_least"] <= early["upper"])
    assert found["snapshots"]["n"] >= 1
    assert found["snapshots"]["unplaced"] == 0
    assert f"of {found['snapshots']['n']:,} snapshots" in said
    assert found["complaints"] == []


def test_claims_of_a_recording_with_a_hole_are_counted_and_the_hole_is_named(
    at_home, verify, monkeypatch, capsys
):
    run = at_home()
    path = run.out / "telemetry.mpk"
    data = bytearray(path.read_bytes())
    data[-40_000:-39_000] = b"\xc1" * 1_000  # the one byte that MessagePack never uses
    path.write_bytes(data)
    assert main(["verify", str(run.out), "--quiet"]) in {0, 1}
    said = capsys.readouterr()
    found = json.loads((run.out / "verify.json").read_text())
    assert not found["estimate"]["placed"]
    (words,) = found["complaints"]
    assert "telemetry.mpk: damaged behind byte" in words
    assert words in said.err
    assert "the recording does not hold all regions since, nothing to compare" in said.out


@pytest.mark.parametrize("change", [lambda path: path.write_bytes(b""), lambda path: path.unlink()])
def test_without_its_recording_a_run_that_adapted_has_promised_all_the_same(
    in_threads, adaptive_model, verify, change
):
    run = in_threads(
        {"cam": "synthetic://?frames=100&width=32&height=32"}, f"model.name={adaptive_model}"
    )
    change(run.out / "telemetry.mpk")
    _, found, said = verify(run.out, "--window", "10")
    assert found["promised"]
    assert "nothing was promised" not in said
    (words,) = found["complaints"]
    assert words.endswith("telemetry.mpk: holds nothing of what audits claimed and who decided")


def test_a_run_that_was_steered_is_judged_by_its_largest_limit_without_what_was_frozen(
    in_threads, adaptive_model, verify, tmp_path
):
    def regions(outside):
        path = outside.out / "results.jsonl"
        return path.read_bytes().count(b"\n") if path.is_file() else 0

    def script(outside):
        outside.wait_until(lambda: regions(outside) > 10)
        assert outside.control("freeze") == 0
        before = regions(outside)
        outside.wait_until(lambda: regions(outside) > before + 20)
        assert outside.control("unfreeze") == 0
        assert outside.control("set", "policy.max_disagreement", "0.3") == 0
        assert outside.control("set", "policy.max_disagreement", "0.05") == 0

    with Outside(tmp_path / "out", script):
        run = in_threads(
            {"cam": ENDLESS}, f"model.name={adaptive_model}", "sources.cam.realtime=true"
        )
    _, found, said = verify(run.out, "--window", "10")
    assert found["limits"] == [0.02, 0.05, 0.3]
    assert found["epsilon"] == 0.3
    assert found["by_hand"] >= 10
    assert found["judged"] == found["regions"] - found["by_hand"]
    assert found["phases"][0]["by_hand"] == found["by_hand"]
    assert "limit 30.00% (steered by hand, the largest of 2.00%, 5.00%, 30.00%)" in said
    assert "KEPT (steered by hand)" in said
    assert f"{found['by_hand']} answers of a policy that was frozen or rolled back by hand" in said


def test_answers_that_a_deadline_cut_short_are_left_out_and_counted(in_threads, clip, verify):
    run = in_threads(
        {"a": clip},
        "policy.mode=full",
        "sources.a.on_full=drop_newest",
        "sources.a.realtime=true",
        "runtime.region_deadline_ms=0.001",
    )
    late = sum(record["late"] for record in run.lines[:-1])
    assert late
    _, found, said = verify(run.out, "--window", "10")
    assert found["late"] == late
    assert found["judged"] == found["regions"] - late
    assert f"{late} answers that a deadline cut short" in said
    assert found["judged"] == 0
    assert "NOT MEASURED (the run did not adapt" in said
    assert "KEPT" not in said


def replaced_pictures(folder):
    cv2.imwrite(str(folder / "03.png"), np.full((20, 20, 3), 90, np.uint8))


def removed_picture(folder):
    (folder / "05.png").unlink()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (replaced_pictures, "sources.a: expected the footage that the run saw, but frame 3 looks"),
        (removed_picture, "the footage that the run saw, but frame 6 is not in it any more"),
    ],
)
def test_footage_that_has_changed_is_refused(in_threads, verify, tmp_path, change, words):
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        picture = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{number:02}.png"), picture)
    (folder / "06.png").write_bytes((folder / "00.png").read_bytes())
    in_threads({"a": f"images://{folder}"})
    change(folder)
    status, found, said = verify()
    assert (status, found) == (2, None)
    assert words in said.splitlines()[-1]
    assert "Traceback" not in said


def test_a_run_whose_folder_has_a_name_that_is_no_text_is_verified(
    in_threads, clip, verify, tmp_path
):
    run = in_threads({"a": clip}, "policy.mode=full")
    folder = tmp_path / os.fsdecode(b"n\xff")
    run.out.rename(folder)
    (folder / "telemetry.mpk").unlink()  # so that there is a complaint
    status, found, _ = verify(folder)
    assert status == 0
    assert found["run"].endswith("/n ")


def test_footage_that_is_shorter_now_or_gone_is_refused(in_threads, verify, tmp_path, clip):
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(clip.read_bytes())
    in_threads({"a": copy}, "sources.a.loop=2")
    edit_config(tmp_path / "out", "loop: 2", "loop: 1")
    status, _, said = verify()
    assert status == 2
    assert "but frame 60 is not in it any more; verify with the same file" in said
    copy.unlink()
    status, _, said = verify()
    assert status == 2
    assert "copy.mp4" in said


def edit_config(out, old, new):
    path = out / "config.resolved.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_another_model_is_refused(in_threads, clip, verify, tmp_path, tiny_model):
    import torch

    from dart_stream.model_dir import load_network, read_info, write_model_dir

    done = in_threads({"a": clip})
    info = read_info(tiny_model)
    network = load_network(tiny_model, info)
    torch.manual_seed(1)
    for weights in network.parameters():
        torch.nn.init.normal_(weights)
    policy = json.loads((tiny_model / "policy.json").read_text())
    write_model_dir(tmp_path / "other", info, network.state_dict(), policy)
    edit_config(done.out, str(tiny_model), str(tmp_path / "other"))
    status, _, said = verify()
    assert status == 2
    assert "model.name: expected the model that the run had" in said


def test_a_live_source_is_refused(in_threads, clip, verify, tmp_path):
    in_threads({"a": clip})
    edit_config(tmp_path / "out", str(clip), "rtsp://camera/stream")
    status, _, said = verify()
    assert status == 2
    assert "sources.a: expected what can be played again, such as a file; rtsp://" in said


def test_what_is_no_run_is_refused(verify, tmp_path):
    assert verify(tmp_path / "nothing")[0] == 2
    status, _, said = verify(tmp_path)
    assert status == 2
    assert "expected the folder of a run, it holds no config.resolved.yaml" in said


def test_a_damaged_line_is_named(in_threads, clip, verify, tmp_path):
    in_threads({"a": clip})
    edit(tmp_path / "out", lambda lines: lines[4].pop("exit"))
    status, _, said = verify()
    assert status == 2
    assert "results.jsonl, line 5: expected an answer of this version" in said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((b'"difficulty"', b'"diff\xff\xfeculty"'), "line 1: expected an answer of this version"),
        ((b'"exit":', b'"exit":-'), "`$.exit`"),
        ((b'"label_id":', b'"label_id":-1'), "`$.label_id`"),
        ((b'"frame":', b'"frame":99999999999'), "frame 99999999999"),
        ((b'"confidence":0', b'"confidence":7'), "`$.confidence`"),
        ((b'"macs":', b'"macs":-1'), "`$.macs`"),
        ((b'"schema"', b"[" * 100_000), "line 1: expected an answer of this version"),
        ((b'"schema"', b" " * 2_000_000 + b'"schema"'), "expected lines of at most 1048576 bytes"),
    ],
    ids=["utf-8", "exit", "label", "frame", "confidence", "macs", "deep", "long"],
)
def test_a_line_that_no_run_writes_is_refused(in_threads, clip, verify, change, words):
    old, new = change
    run = in_threads({"a": clip}, "policy.mode=fixed", "policy.thresholds=[0.99, 0.99]")
    path = run.out / "results.jsonl"
    body = path.read_bytes()
    assert old in body
    path.write_bytes(body.replace(old, new, 1))
    status, found, said = verify()
    assert (status, found) == (2, None)
    assert words in said.splitlines()[-1]
    assert "Traceback" not in said


def test_a_region_that_stands_there_twice_is_refused(in_threads, clip, verify, tmp_path):
    in_threads({"a": clip})
    edit(tmp_path / "out", lambda lines: lines.insert(1, lines[0]))
    status, _, said = verify()
    assert status == 2
    assert "expected each region once" in said
