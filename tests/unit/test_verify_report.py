"""What the tables of `verify` say where there is no figure."""

import io

import msgspec
import pytest
from rich.console import Console

from pipeline.cli.verify_report import print_verification
from pipeline.verify.document import FullDepth, Reproduced, Verification, Windows

NO_WINDOWS = Windows(n=0, above_epsilon=0, worst=None)
FOUND = Verification(
    kept=True,
    broken=[],
    promised=True,
    run="out",
    model="m",
    epsilon=0.02,
    limits=[0.02],
    regions=10,
    unchecked=0,
    left_out=[],
    judged=10,
    late=0,
    by_hand=0,
    disagreement=0.0,
    differ=0,
    macs_fraction=1.0,
    window=100,
    grace=0,
    all_windows=NO_WINDOWS,
    settled=NO_WINDOWS,
    phases=[],
    full_depth=FullDepth(n=0, other=0, wrong=0, max_difference=None),
    reproduced=Reproduced(n=10, wrong=0, max_difference=0.0),
    rounding=1e-3,
    estimate=None,
    snapshots=None,
    complaints=[],
    command="verify out",
    host={},
    device="cpu",
    threads=1,
    precision="fp32",
    torch="2",
    n=10,
)


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (None, "not measured: everything ran to full depth, or nothing adapted"),
        ("frozen by hand", "not measured: frozen by hand, and no audit since"),
    ],
)
def test_a_held_policy_without_an_audit_is_not_called_full_depth(held, words):
    console = Console(width=200, file=io.StringIO())
    print_verification(msgspec.structs.replace(FOUND, held=held), console)
    (line,) = [
        line for line in console.file.getvalue().splitlines() if line.startswith("audits said at")
    ]
    assert line.split(maxsplit=4)[-1] == words
