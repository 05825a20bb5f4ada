"""Accuracy, MACs and milliseconds at every exit as a Markdown table, from `models --times --out`.

dart-stream models --times --batch 1 64 --out times.json
python tools/models_table.py times.json
"""

import json
import sys
from pathlib import Path


def table(model: dict) -> str:
    """One model: an exit a row, a column for each way it was run."""
    runs = model["rows"]
    titles = ["exit", "accuracy", "MACs", "share of MACs"]
    titles += [f"{run['precision']}, batch {run['batch']}: ms, share" for run in runs]
    lines = [titles, ["---"] * len(titles)]
    for k, macs in enumerate(model["macs"]["exits"]):
        share = f"{model['macs']['share'][k]:.1%}"
        cells = [str(k), accuracy(model["accuracy"], k), f"{macs / 1e6:.1f} M", share]
        lines.append([*cells, *(time(run, k) for run in runs)])
    plain = [with_interval(run["plain_ms"], run["plain_ms_ci95"]) for run in runs]
    lines.append(["without exits", "", "", "", *plain])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def accuracy(measured: dict | None, k: int) -> str:
    """With its 95 % interval."""
    if measured is None:
        return "untrained"
    low, high = measured["ci95"][k]
    return f"{measured['exits'][k]:.2%} ({low:.2%} to {high:.2%})"


def time(run: dict, k: int) -> str:
    """Up to an exit, and as a share of the network without exits."""
    return f"{with_interval(run['exit_ms'][k], run['exit_ms_ci95'][k])}, {run['exit_share'][k]:.0%}"


def with_interval(value: float, interval: list[float]) -> str:
    """Milliseconds with their 95 % interval."""
    low, high = interval
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def main() -> None:
    """Print the tables of a file."""
    result = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for model in result["models"]:
        measured = model["accuracy"]
        where = (
            ""
            if measured is None
            else f"; accuracy on `{measured['split']}`, n = {measured['n']:,}"
        )
        print(f"\n`{model['model']}`{where}:\n\n{table(model)}")
    print(
        f"\n`{result['command']}`: {result['device']}, {result['host']['cores']} cores, "
        f"torch threads {', '.join(map(str, result['threads']))}, torch {result['torch']}, "
        f"medians of {result['n']} interleaved readings with 95 % intervals."
    )


if __name__ == "__main__":
    main()
