"""Fairness: plays one clip as several sources at once and compares how far each is at half time.

python tools/source_fairness.py --clip CLIP.mp4 --model default --sources 10 --out fairness.json
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

_COMMAND = "import sys; from pipeline.cli import main; sys.exit(main())"


def main() -> int:
    """Run once; status 1 if a source is not whole or the spread exceeds 20 %."""
    args = _parse()
    names = [f"cam{number}" for number in range(args.sources)]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        arguments = ["run", "--headless", "--out", str(out), "--set", f"model.name={args.model}"]
        for name in names:
            arguments += ["--source", f"{name}={args.clip.resolve()}"]
        subprocess.run([sys.executable, "-c", _COMMAND, *arguments], check=True)  # noqa: S603  # our own command
        records = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
        summary = json.loads((out / "summary.json").read_text())
    report = {
        "command": " ".join(["source_fairness.py", *sys.argv[1:]]),
        "host": {"machine": platform.machine(), "cores": os.cpu_count()},
        "clip": args.clip.name,
        "model": Path(args.model).name,
        "n": len(names),
        "fps": summary["fps"],
        **_at_half_time(names, [record for record in records if "event" not in record]),
        "frames": {name: summary["sources"][name]["frames"] for name in names},
    }
    args.out.write_text(json.dumps(report, indent=2) + "\n")
    print(f"at half time {report['done']}: spread {report['spread']:.1%}; {args.out}")
    whole = len({str(frames) for frames in report["frames"].values()}) == 1
    return 0 if whole and report["spread"] <= 0.2 else 1


def _at_half_time(names: list[str], records: list[dict[str, Any]]) -> dict[str, Any]:
    """Results of each source by the middle of the time between the first and the last of all."""
    ready_s = [_ready_s(record) for record in records]
    half_s = (min(ready_s) + max(ready_s)) / 2
    counts = Counter(
        record["source"] for record, at_s in zip(records, ready_s, strict=True) if at_s <= half_s
    )
    done = {name: counts[name] for name in names}
    spread = (max(done.values()) - min(done.values())) / max(done.values())
    return {"duration_s": round(max(ready_s) - min(ready_s), 3), "done": done, "spread": spread}


def _ready_s(record: dict[str, Any]) -> float:
    captured = datetime.fromisoformat(record["captured_at"]).timestamp()
    return float(captured + record["latency_ms"]["total"] / 1e3)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--sources", type=int, default=10)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
