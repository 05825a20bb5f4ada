"""Small fuzz checks of files; `tools/fuzz.py files` has the large ones."""

import json

import msgspec
import pytest
from fuzzing.file_targets import (
    configuration_target,
    exit_table_target,
    model_targets,
    recording_targets,
    results_targets,
    run_targets,
)
from fuzzing.files import fuzz_file
from shifting_table import shifting_table

from dart_stream.errors import DataError, ModelError
from dart_stream.exit_table_file import read_exit_table, write_exit_table
from dart_stream.model_dir import load_network
from pipeline.config_file import load_config
from pipeline.errors import ConfigError
from pipeline.recording import TELEMETRY, Recording
from pipeline.recording.reader import DamagedError, read_segment
from pipeline.stages.hub import Adapter, AdapterSettings, Hub
from pipeline.supervisor import plan_run

CASES = range(60)


def check(targets, seed=21):
    for target in targets:
        report = fuzz_file(target, CASES, seed)
        assert report.failures == [], target.name
        assert report.cases == len(CASES)


def test_a_damaged_model_is_refused(tiny_model, tmp_path):
    check(model_targets(tiny_model, tmp_path / "model", weights=True))


def test_a_damaged_configuration_is_refused(tmp_path):
    check([configuration_target(tmp_path)])


def test_a_damaged_exit_table_is_refused(tmp_path):
    write_exit_table(shifting_table(40), tmp_path / "sound")
    check([exit_table_target((tmp_path / "sound").read_bytes(), tmp_path)])


@pytest.fixture(scope="module")
def calibration():
    return shifting_table(800)


def test_a_damaged_recording_and_state_are_refused(calibration, tmp_path):
    settings = AdapterSettings(epsilon=0.02)

    def make():
        return Adapter(
            lambda chosen: chosen.controller(calibration),
            settings,
            sources=["a"],
            num_exits=4,
            full_macs=100,
        )

    adapter = make()
    recording = Recording(tmp_path, head=list)
    recording.note({"kind": "adapter", "state": adapter.to_state()})
    recording.policy(1, adapter.policy.to_dict(), {})
    recording.close()
    telemetry = (tmp_path / TELEMETRY).read_bytes()
    state = msgspec.msgpack.encode(adapter.to_state())
    check(recording_targets(telemetry, state, tmp_path, make))


def test_damaged_results_are_refused(in_threads, clip, tmp_path):
    run = in_threads({"a": clip})
    plan = plan_run(load_config(run.out / "config.resolved.yaml").config)
    folder = tmp_path / "damaged"
    folder.mkdir()
    (folder / "summary.json").write_text("{}")
    results = (run.out / "results.jsonl").read_bytes()
    check(results_targets(results, folder, plan, lambda: Hub(plan.hub_plan())))


def test_a_damaged_run_is_refused_or_reported_and_verified_as_far_as_it_goes(
    in_threads, adaptive_model, tmp_path
):
    run = in_threads(
        {"cam": "synthetic://?frames=200&width=32&height=32"}, f"model.name={adaptive_model}"
    )
    targets = run_targets(run.out, tmp_path / "damaged")
    assert len(targets) == 9
    check(targets)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a: &a [*a]", "through aliases"),
        (
            "a: &a [x, x]\nb: &b [*a, *a]\n"
            + "".join(
                f"{chr(99 + n)}: &{chr(99 + n)} [*{chr(98 + n)}, *{chr(98 + n)}]\n"
                for n in range(20)
            ),
            "through aliases",
        ),
        ("[" * 2_000, "brackets at most 200 deep"),
        ("- " * 2_000, "RecursionError"),
        ("when: 2026-99-99", "month must be in 1..12"),
        ("x: " + "9" * 5_000, "not YAML"),
        ("#" + "x" * (1 << 20), "at most 1048576 characters"),
    ],
    ids=["itself", "laughs", "deep", "deep lists", "date", "digits", "long"],
)
def test_yaml_without_end_is_refused(tmp_path, text, match):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=match):
        load_config(path)


def test_a_model_larger_than_its_weights_is_not_built(tiny_model, tmp_path):
    folder = tmp_path / "model"
    model_targets(tiny_model, folder, weights=False)  # copies it
    body = json.loads((folder / "model.json").read_text())
    body["architecture"]["config"]["stages"] = [[8], [10**6], [10**6]]
    (folder / "model.json").write_text(json.dumps(body))
    with pytest.raises(ModelError, match="a network as large as its weights, got a larger one"):
        load_network(folder)


def test_a_table_that_claims_more_than_there_is_is_refused(tmp_path):
    header = json.dumps(
        {"logits": {"dtype": "F32", "shape": [10**6, 10**3, 10**3], "data_offsets": [0, 4]}}
    ).encode()
    path = tmp_path / "table"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"1234")
    with pytest.raises(DataError, match="expected an exit table in safetensors format"):
        read_exit_table(path)


def test_a_recording_that_claims_more_than_there_is_is_refused(tmp_path):
    path = tmp_path / TELEMETRY
    path.write_bytes(b"\xdd\xff\xff\xff\xff" * 8)
    with pytest.raises(DamagedError, match="damaged behind byte 0: 4294967295 exceeds"):
        list(read_segment(path))
