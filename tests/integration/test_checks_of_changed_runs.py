"""Runs whose sources came, went and were changed are checked like any others."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from outside import ENDLESS, Outside

from pipeline.cli.main import main

FIXED = ("policy.mode=fixed", "policy.thresholds=[0.3, 0.3]", "policy.max_disagreement=0.99")
LIVELY = "sources.front.realtime=true"


@pytest.fixture
def verify(capsys):
    """Verify a run; gives status, `verify.json` and what was said."""

    def _verify(folder):
        capsys.readouterr()
        status = main(["verify", str(folder), "--quiet"])
        path = folder / "verify.json"
        return status, json.loads(path.read_text()) if path.is_file() else None, capsys.readouterr()

    return _verify


@pytest.fixture
def tool(monkeypatch, capsys):
    """Call a script of `tools/` on a run; gives its exit status and what it said."""

    def _tool(name, folder):
        path = Path(__file__).parents[2] / "tools" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        monkeypatch.setattr(sys, "argv", [path.name, str(folder)])
        status = module.main()
        return status, capsys.readouterr().out

    return _tool


class Terminal(Outside):
    """Changes the sources of a run and waits for what comes of it."""

    def source(self, action, name, *settings):
        assert self.control("source", action, name, *settings) == 0

    def wait_for(self, name, count=1):
        self.wait_until(lambda: len([r for r in self.lines(name) if "event" not in r]) >= count)

    def wait_for_end(self, name, count=1):
        self.wait_until(lambda: len([r for r in self.lines(name) if "event" in r]) >= count)

    def wait_until_gone(self, name):
        log = self.out / "run.log"
        self.wait_until(lambda: f"source {name}: gone" in log.read_text())

    def lines(self, name):
        path = self.out / "results.jsonl"
        text = path.read_text() if path.is_file() else ""
        lines = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
        return [line for line in lines if line["source"] == name]


@pytest.fixture
def changed(in_threads, tmp_path):
    """A run of an endless source that is changed by a script, and stopped at its end."""

    def _run(script, *settings, sources=()):
        with Terminal(tmp_path / "out", script):
            return in_threads({"front": ENDLESS, **dict(sources)}, LIVELY, *settings)

    return _run


@pytest.fixture
def copy(clip, tmp_path):
    """A clip that a test may remove."""
    path = tmp_path / "side.mp4"
    path.write_bytes(clip.read_bytes())
    return path


def answers(run, name):
    return [line for line in run.records[name] if "event" not in line]


def test_each_session_is_played_again_as_it_was_read(changed, verify, tool, copy):
    def script(outside):
        outside.wait_for("front", 5)
        outside.source("add", "side", f"uri={copy}", "perturb=dark@3:20,gaussian_noise@2")
        outside.wait_for_end("side")
        zones = "regions={type: zones, zones: {l: [0, 0, 0.6, 1], r: [0.3, 0, 1, 1]}}"
        outside.source("change", "side", "perturb=null", "stride=2", "always_full=true", zones)
        outside.wait_for_end("side", 2)
        outside.source("change", "side", "always_full=false", "perturb=dark@2")
        outside.wait_for_end("side", 3)
        outside.source("remove", "side")
        outside.wait_until_gone("side")
        outside.wait_for("front", len(outside.lines("front")) + 5)

    run = changed(script, *FIXED, "runtime.max_batch=5")
    assert run.status == 130
    front, side = len(answers(run, "front")), answers(run, "side")
    assert len(side) == 60 + 60 + 60

    status, found, said = verify(run.out)
    assert (status, found["kept"], found["left_out"]) == (0, True, [])
    assert found["regions"] == front + len(side)
    assert found["reproduced"]["wrong"] == 0
    assert found["reproduced"]["max_difference"] < 1e-5
    rows = [
        (row["source"], row["session"], row["name"], row["begin"], row["n"])
        for row in found["phases"]
    ]
    assert rows == [
        ("front", 1, "", 0, front),
        ("side", 1, "dark@3", 0, 20),
        ("side", 1, "gaussian_noise@2", 20, 40),
        ("side", 2, "", 0, 60),
        ("side", 3, "dark@2", 0, 60),
    ]
    assert [row["full_depth"] for row in found["phases"]] == [0, 0, 0, 1, 0]
    assert "side, session 2" in said.out

    status, words = tool("offline_check", run.out)
    report = json.loads((run.out / "offline_check.json").read_text())
    assert status == 0, words
    assert report["differences"]["regions"] == found["regions"]
    assert report["differences"]["max_confidence"] < 1e-6


def side_is_read(copy):
    """A script: a source is added and read to its end."""

    def script(outside):
        outside.wait_for("front", 25)
        outside.source("add", "side", f"uri={copy}")
        outside.wait_for_end("side")

    return script


def test_what_cannot_be_read_any_more_is_left_out_counted_and_never_called_kept(
    changed, verify, copy
):
    run = changed(side_is_read(copy), *FIXED)
    copy.unlink()
    status, found, said = verify(run.out)
    assert (status, found["kept"], found["broken"]) == (2, None, [])
    (left_out,) = found["left_out"]
    assert (left_out["source"], left_out["session"], left_out["n"]) == ("side", 1, 60)
    assert str(copy) in left_out["why"]
    assert found["unchecked"] == 60
    assert found["regions"] == found["judged"] == len(answers(run, "front"))
    assert {row["source"] for row in found["phases"]} == {"front"}
    total = found["regions"] + 60
    assert f"60 of {total} answers could not be checked: " in said.err
    assert len(said.err.splitlines()) == 1
    assert (
        f"KEPT IN PART (the run did not adapt, so nothing was promised; 60 of {total}" in said.out
    )
    assert "60 answers of side, session 1, not checked: " in said.out


def test_a_promise_that_is_broken_where_it_can_be_checked_is_broken(changed, verify, copy):
    run = changed(side_is_read(copy), *FIXED)
    copy.unlink()
    results = run.out / "results.jsonl"
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    row = next(line for line in lines if line["source"] == "front")
    row["confidence"] /= 2
    results.write_text("".join(json.dumps(line) + "\n" for line in lines))
    status, found, said = verify(run.out)
    assert (status, found["kept"]) == (1, False)
    assert "NOT KEPT (" in said.out
    assert "60 of " in said.out


def test_a_file_that_was_replaced_leaves_out_the_session_that_saw_the_other(
    changed, verify, make_clip, copy
):
    def script(outside):
        outside.wait_for("front", 5)
        outside.source("add", "side", f"uri={copy}")
        outside.wait_for_end("side")
        copy.write_bytes(make_clip(30).read_bytes())
        outside.source("change", "side")
        outside.wait_for_end("side", 2)

    run = changed(script, *FIXED)
    status, found, _ = verify(run.out)
    assert status == 2, found["broken"]
    (left_out,) = found["left_out"]
    assert (left_out["session"], left_out["n"]) == (1, 60)
    assert "expected the footage that the run saw, but frame 30 is not in it" in left_out["why"]
    side = [row for row in found["phases"] if row["source"] == "side"]
    assert [(row["session"], row["n"]) for row in side] == [(2, 30)]


def test_sessions_that_are_listed_no_more_are_left_out(changed, verify, copy):
    def script(outside):
        outside.wait_for("front", 5)
        outside.source("add", "side", f"uri={copy}")
        outside.wait_for_end("side")
        outside.source("remove", "side")
        outside.wait_until_gone("side")

    run = changed(script, *FIXED)
    path = run.out / "sources.json"
    book = json.loads(path.read_text())
    book["sessions"] = [each for each in book["sessions"] if each["name"] != "side"]
    path.write_text(json.dumps(book))
    status, found, _ = verify(run.out)
    assert status == 2, found["broken"]
    (left_out,) = found["left_out"]
    assert (left_out["source"], left_out["session"], left_out["n"]) == ("side", None, 60)
    assert "sources.json does not say what was read then" in left_out["why"]


def test_policies_of_a_run_with_an_added_source_are_recomputed_and_its_claims_checked(
    changed, adaptive_model, verify, tool
):
    def script(outside):
        outside.wait_for("front", 10)
        world = "uri=synthetic://?frames=900&width=32&height=32"
        outside.source("add", "side", world, "perturb=clean:300,gaussian_noise@5:300,clean:300")
        outside.source("add", "full", "uri=synthetic://?frames=50&width=32&height=32")
        outside.source("change", "full", "always_full=true")
        outside.wait_for_end("side")
        outside.wait_for_end("full", 2)
        outside.source("change", "side", "perturb=gaussian_noise@5")
        outside.wait_for_end("side", 2)

    run = changed(script, f"model.name={adaptive_model}")
    assert len(run.summary["policy_versions"]) >= 3
    status, words = tool("recompute_policies", run.out)
    assert status == 0, words
    assert "recomputed: the same" in words

    status, found, _ = verify(run.out)
    assert (status == 0) == (found["kept"] is True)
    assert found["promised"]
    assert found["unchecked"] == found["reproduced"]["wrong"] == found["full_depth"]["wrong"] == 0
    assert found["estimate"] is None or found["estimate"]["placed"]
    assert found["snapshots"] is None or found["snapshots"]["unplaced"] == 0
    full = [row for row in found["phases"] if (row["source"], row["session"]) == ("full", 2)]
    assert [row["full_depth"] for row in full] == [1]

    status, words = tool("offline_check", run.out)
    assert status == 0, words


def test_a_run_that_was_stopped_and_resumed_with_other_sources_is_checked_whole(
    changed, adaptive_model, verify, tool, tmp_path
):
    """Its second part numbers its sources in another order."""

    def script(outside):
        outside.wait_for("side", 10)
        outside.source("change", "front", "realtime=true", "perturb=gaussian_noise@5")
        outside.wait_for_end("front")
        outside.wait_for("front", len(outside.lines("front")) + 20)

    settings = (f"model.name={adaptive_model}", "sources.side.realtime=true")
    run = changed(script, *settings, sources={"side": ENDLESS})
    before = len(run.lines)

    def go_on(outside):
        outside.wait_for("side", before)
        outside.source("add", "new", "uri=synthetic://?frames=60&width=32&height=32")
        outside.wait_for_end("new")

    with Terminal(run.out, go_on):
        assert main(["run", "--headless", "--resume", str(run.out)]) == 130

    status, words = tool("recompute_policies", run.out)
    assert status == 0, words
    status, found, _ = verify(run.out)
    assert found["unchecked"] == found["reproduced"]["wrong"] == 0
    assert {(row["source"], row["session"]) for row in found["phases"]} == {
        ("front", 1),
        ("front", 2),
        ("side", 1),
        ("new", 1),
    }
    status, words = tool("offline_check", run.out)
    assert status == 0, words


def test_policies_are_recomputed_though_the_footage_is_gone(in_threads, adaptive_model, tool, copy):
    run = in_threads({"cam": copy}, f"model.name={adaptive_model}")
    copy.unlink()
    status, words = tool("recompute_policies", run.out)
    assert status == 0, words
