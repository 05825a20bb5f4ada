"""The command line is frozen: a new flag is a decision, not an accident."""

import argparse

import pytest

from pipeline.cli.main import build_parser, main

FLAGS = {
    "run": ["config", "--source", "--out", "--resume", "--headless", "--set"],
    "demo": ["--seconds", "--out", "--set"],
    "top": ["address", "--once"],
    "control": ["words"],
    "replay": ["run", "--speed"],
    "report": ["run", "--out"],
    "verify": ["run", "--window", "--device", "--precision", "--threads", "--quiet"],
    "chaos": ["config", "--faults", "--seed", "--out", "--only", "--json"],
    "validate": ["config"],
    "doctor": ["--model"],
    "schema": ["kind"],
    "models": [
        "name",
        "--recipe",
        "--times",
        "--batch",
        "--precision",
        "--threads",
        "--device",
        "--repeats",
        "--out",
    ],
    "train": [
        *["--arch", "--data", "--out", "--recipe", "--epochs", "--input-size", "--pretrained"],
        *["--start", "--teacher", "--seed", "--data-root", "--quiet"],
    ],
    "calibrate": [
        *["--model", "--data", "--source", "--out", "--max-disagreement", "--macs-fraction"],
        *["--max-exit-gap", "--seed", "--device", "--precision", "--data-root", "--quiet"],
    ],
    "evaluate": [
        *["--model", "--data", "--split", "--methods", "--out", "--batch", "--energy-proxy"],
        *["--device", "--precision", "--threads", "--data-root", "--quiet"],
    ],
    "keys": ["host", "--out"],
    "reader": ["source", "--hub", "--keys"],
}


BENCH_FLAGS = {
    "pipeline": ["--source", "--seconds", "--sources", "--out", "--set"],
    "shift": [
        *["--model", "--data", "--split", "--schedule", "--out", "--epsilon", "--window"],
        *["--seeds", "--methods", "--live", "--page", "--keep-tables", "--device"],
        *["--precision", "--threads", "--data-root", "--quiet"],
    ],
    "transport": ["--out", "--rounds"],
}


def subcommands(parser):
    return next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction)).choices


def commands():
    return subcommands(build_parser())


def flags_of(parser):
    return [
        (action.option_strings or [action.dest])[-1]
        for action in parser._actions
        if not isinstance(action, argparse._HelpAction)
    ]


def test_the_commands_are_those_documented():
    assert set(commands()) == {*FLAGS, "bench"}


@pytest.mark.parametrize("command", FLAGS)
def test_no_flag_comes_or_goes_unnoticed(command):
    assert flags_of(commands()[command]) == FLAGS[command]


def test_no_flag_of_a_benchmark_comes_or_goes_unnoticed():
    found = subcommands(commands()["bench"])
    assert {name: flags_of(parser) for name, parser in found.items()} == BENCH_FLAGS


def test_version_is_printed(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("dart-stream ")


def test_an_unknown_command_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        main(["rum"])
    assert end.value.code == 2
    assert "rum" in capsys.readouterr().err
