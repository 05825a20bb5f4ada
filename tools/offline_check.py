"""Offline check: recompute a finished run without the pipeline, and compare answer by answer.

The recording says which regions were answered together and by which policy. This reads the pictures
again with the reader's own code, forms the same batches, and asks the engine with the same model,
policy, device, precision and threads. Then every answer in `results.jsonl` must come out the same:
a difference means that a picture, a batch, a policy or an answer was mixed up on its way.

Where a source is `images://` and its folders are named like the model's classes, it also reports
accuracy, of the run and of the full network, and whether every exit is taken.

    dart-stream run --source images://test --out run
    python tools/offline_check.py run

Exit status: 0 if all answers are the same, 1 if not, 2 if the run cannot be read.
"""

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from dart_stream.difficulty import DifficultyTables, paper_difficulty
from dart_stream.engine import Engine, staged_model
from dart_stream.errors import DartStreamError
from dart_stream.model_dir import ModelInfo, load_network, read_info, resolve
from dart_stream.policies import Policy, policy_from_dict
from pipeline.config import JsonlSinkConfig, PipelineConfig, SourceConfig
from pipeline.config_file import load_config
from pipeline.errors import ConfigError, UserError
from pipeline.footage import play_again
from pipeline.readers import open_reader
from pipeline.readers.images import ImagesReader
from pipeline.recording import RecordedRun
from pipeline.recording.source_names import source_names
from pipeline.run_figures import read_figures
from pipeline.sinks.result_parts import read_all_records
from pipeline.supervisor import plan_run
from pipeline.supervisor.recording import RESOLVED, SUMMARY
from pipeline.supervisor.run_sessions import RunSessions, read_sessions

MIN_EXIT_SHARE = 0.02
"""An exit that fewer regions take is there for nothing."""

Key = tuple[str, int, int]
"""Source, frame, region."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Regions that were answered together."""

    policy_version: int
    keys: list[Key]


@dataclass(frozen=True, slots=True)
class Run:
    """What a run left behind."""

    config: PipelineConfig
    sessions: RunSessions
    summary: dict[str, Any]
    policies: dict[int, dict[str, Any]]
    batches: list[Batch]
    results: dict[Key, dict[str, Any]]
    complaints: list[str]


@dataclass(slots=True)
class Answer:
    """What comes out offline for one region."""

    label_id: int
    confidence: float
    exit: int
    difficulty: float
    full_label_id: int


@dataclass(slots=True)
class Differences:
    """Results beside offline answers."""

    regions: int = 0
    label: int = 0
    exit: int = 0
    late: int = 0
    max_confidence: float = 0.0
    max_difficulty: float = 0.0
    first: list[str] = field(default_factory=list)

    def count(self, key: Key, record: dict[str, Any], answer: Answer) -> None:
        """Compare one region; whether a deadline cuts it short no other run can tell."""
        if record.get("late"):
            self.late += 1
            return
        self.regions += 1
        self.label += record["label_id"] != answer.label_id
        self.exit += record["exit"] != answer.exit
        if record["label_id"] != answer.label_id or record["exit"] != answer.exit:
            self.first = [*self.first, f"{key}: {record['label_id'], record['exit']} {answer}"][:5]
        self.max_confidence = max(
            self.max_confidence, abs(record["confidence"] - answer.confidence)
        )
        self.max_difficulty = max(
            self.max_difficulty, abs(record["difficulty"] - answer.difficulty)
        )


def load_run(folder: Path) -> Run:
    """Read a run's files.

    Raises:
        ConfigError: One is missing or damaged, or the run has not ended.
    """
    _require(folder, RESOLVED)
    config = load_config(folder / RESOLVED, with_overrides=False).config
    written = next((sink for sink in config.sinks if isinstance(sink, JsonlSinkConfig)), None)
    if written is None:
        raise ConfigError(f"{folder / RESOLVED}: expected a sink of type jsonl, it has none")
    _require(folder, SUMMARY)
    _require(folder, written.file)
    try:
        summary = read_figures(folder / SUMMARY) or {}
    except ValueError as error:
        raise ConfigError(str(error)) from error
    sessions = read_sessions(folder, config.sources)
    results, ends = _read_results(folder / written.file)
    recorded = RecordedRun(folder)
    policies, batches = _read_recording(recorded, list(config.sources))
    return Run(
        config,
        sessions.closed_by(ends),
        summary,
        policies,
        batches,
        results,
        recorded.complaints,
    )


def _read_results(path: Path) -> tuple[dict[Key, dict[str, Any]], dict[tuple[str, int], int]]:
    """Answers, and the number that each session's end has taken."""
    results: dict[Key, dict[str, Any]] = {}
    ends: dict[tuple[str, int], int] = {}
    for record in read_all_records(path):
        if "event" not in record:
            results[record["source"], record["frame"], record["region"]] = record
        elif record.get("end_frame") is not None:
            ends[record["source"], record.get("session", 1)] = record["end_frame"]
    return results, ends


def _require(folder: Path, name: str) -> None:
    if not (folder / name).is_file():
        raise ConfigError(f"{folder}: expected a finished run, it has no {name}")


def _read_recording(
    recorded: RecordedRun, sources: list[str]
) -> tuple[dict[int, dict[str, Any]], list[Batch]]:
    """Policies by version, and batches in the order in which they were answered.

    Args:
        recorded: the recording, which says itself what its numbers of sources mean.
        sources: names by number where it does not.
    """
    policies: dict[int, dict[str, Any]] = {}
    batches: list[Batch] = []
    for note in recorded.records():
        sources = source_names(note) or sources
        if note["kind"] == "policy":
            policies[note["version"]] = note["body"]
        elif note["kind"] == "batch":
            if any(source >= len(sources) for source, *_ in note["regions"]):
                raise ConfigError(
                    f"recording: expected batches of the {len(sources)} sources that it names, got "
                    f"source {max(source for source, *_ in note['regions'])}"
                )
            keys = [(sources[source], frame, region) for source, frame, region in note["regions"]]
            batches.append(Batch(note["policy_version"], keys))
    return policies, batches


class Pictures:
    """Crops of one source, read again from its beginning and handed out as often as is wanted.

    A region is in two batches where a run was killed before its answer was on disk, and resumed.
    """

    def __init__(
        self, name: str, run: Run, info: ModelInfo, wanted: Counter[tuple[int, int]]
    ) -> None:
        self._name = name
        self._wanted = wanted
        self._frames = frozenset(frame for frame, _ in wanted)
        self._crops: dict[tuple[int, int], NDArray[np.uint8]] = {}
        self._stream = self._read(run, info)

    def take(self, frame: int, region: int) -> NDArray[np.uint8]:
        """The crop of a region; reads on until it comes.

        Raises:
            ConfigError: The source does not hold it any more.
        """
        while (frame, region) not in self._crops:
            if next(self._stream, None) is None:
                raise ConfigError(
                    f"source {self._name}: frame {frame} is not in it any more, or no session that "
                    "is still known has it"
                )
        crop = self._crops[frame, region]
        self._wanted[frame, region] -= 1
        if not self._wanted[frame, region]:
            del self._crops[frame, region]
        return crop

    def _read(self, run: Run, info: ModelInfo) -> Iterator[int]:
        for session in run.sessions.of(self._name):
            frames = frozenset(frame for frame in self._frames if frame in session.frames)
            if not frames:
                continue
            for again in play_again(session, info, run.config.seed, frames):
                for number, crop in enumerate(again.crops):
                    if self._wanted[again.frame, number]:
                        self._crops[again.frame, number] = crop
                yield again.frame


class Offline:
    """The model of a run, asked without the pipeline."""

    def __init__(self, run: Run, device: str, precision: str, threads: int) -> None:
        directory = resolve(run.config.model.name)
        self.info = read_info(directory)
        self.engine = Engine(
            staged_model(self.info, load_network(directory, self.info)),
            device=device,
            precision=precision,  # type: ignore[arg-type]  # as the engine itself named it
            threads=threads,
        )
        tables = self.info.difficulty
        self._tables = None if tables is None else DifficultyTables.from_dict(tables)
        self._sessions = run.sessions
        self._policies = {version: self._policy(body) for version, body in run.policies.items()}

    def answers(self, batch: Batch, crops: NDArray[np.uint8]) -> list[Answer]:
        """Answer a batch as it was formed."""
        policy = self._policies.get(batch.policy_version)
        if policy is None:
            raise ConfigError(
                f"recording: expected policy {batch.policy_version}, which a batch names, it holds "
                f"{', '.join(map(str, self._policies)) or 'none'}; is its beginning gone?"
            )
        if policy.difficulty_mode == "paper" or self._tables is None:
            difficulty = paper_difficulty(crops)
        else:
            difficulty = self._tables.score(crops)
        decisions = self.engine.run(crops, difficulty, policy)
        full = self.engine.plain(crops)
        label = full.argmax(axis=1)
        columns = (decisions.label_id, decisions.confidence, decisions.exit, difficulty, label)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        answers = [Answer(*row) for row in rows]
        for (source, frame, _), answer, sure in zip(
            batch.keys, answers, full.max(axis=1), strict=True
        ):
            if self._is_full(source, frame):
                answer.label_id, answer.confidence = answer.full_label_id, float(sure)
                answer.exit = self.info.num_exits - 1
        return answers

    def _is_full(self, source: str, frame: int) -> bool:
        """It always runs to full depth, whatever the policy says."""
        session = self._sessions.find(source, frame)
        return session is not None and session.config.always_full

    def _policy(self, body: dict[str, Any]) -> Policy:
        return policy_from_dict(
            body, num_exits=self.info.num_exits, num_classes=len(self.info.classes)
        )


def recompute(run: Run, offline: Offline) -> dict[Key, Answer]:
    """Answer every batch of a run again."""
    wanted: defaultdict[str, Counter[tuple[int, int]]] = defaultdict(Counter)
    for batch in run.batches:
        for source, frame, region in batch.keys:
            wanted[source][frame, region] += 1
    pictures = {name: Pictures(name, run, offline.info, keys) for name, keys in wanted.items()}
    answers: dict[Key, Answer] = {}
    for batch in run.batches:
        crops = np.stack([pictures[source].take(*rest) for source, *rest in batch.keys])
        for key, answer in zip(batch.keys, offline.answers(batch, crops), strict=True):
            given = run.results.get(key, {})
            if key not in answers or given.get("policy_version") == batch.policy_version:
                answers[key] = answer
    return answers


def labels_of(config: SourceConfig, classes: list[str]) -> list[int] | None:
    """Class of each picture, where the folders of an `images://` source are named like classes."""
    reader = open_reader(config)
    if not isinstance(reader, ImagesReader):
        return None
    names = [path.parent.name for path in reader.pictures()]
    numbers = {name: number for number, name in enumerate(classes)}
    return [numbers[name] for name in names] if set(names) <= set(classes) else None


def accuracy(run: Run, info: ModelInfo, answers: dict[Key, Answer]) -> dict[str, Any]:
    """Accuracy of each labelled source: of the run, and of the full network on the same batches."""
    report: dict[str, Any] = {}
    for name in run.sessions.names:
        truth: dict[int, int] = {}
        """Class by number of the frame."""
        keys = [key for key in run.results if key[0] == name and key in answers]
        for session in run.sessions.of(name):
            labels = labels_of(session.config, info.classes)
            if labels is None:
                break
            first = session.session.first_frame
            mine = [frame for _, frame, _ in keys if frame in session.frames]
            truth |= {frame: labels[(frame - first) % len(labels)] for frame in mine}
        else:
            report[name] = _accuracy(run, truth, [key for key in keys if key[1] in truth], answers)
    return report


def _accuracy(
    run: Run, truth: dict[int, int], keys: list[Key], answers: dict[Key, Answer]
) -> dict[str, Any]:
    right = full = disagreeing = 0
    for key in keys:
        label = truth[key[1]]
        right += run.results[key]["label_id"] == label
        full += answers[key].full_label_id == label
        disagreeing += answers[key].full_label_id != run.results[key]["label_id"]
    n = max(1, len(keys))
    return {
        "n": len(keys),
        "accuracy": right / n,
        "full_accuracy": full / n,
        "disagreement": disagreeing / n,
    }


def check(folder: Path) -> dict[str, Any]:
    """Everything that is reported.

    Raises:
        UserError: The run or its sources cannot be read.
        DartStreamError: Its model cannot.
    """
    run = load_run(folder)
    device, precision = _described(run, folder / SUMMARY)
    threads = plan_run(run.config).worker_threads
    offline = Offline(run, device, precision, threads)
    answers = recompute(run, offline)
    differences = Differences()
    for key in run.results.keys() & answers.keys():
        differences.count(key, run.results[key], answers[key])
    exits = Counter(record["exit"] for record in run.results.values())
    shares = [exits[k] / max(1, len(run.results)) for k in range(offline.info.num_exits)]
    return {
        "run": folder.name,
        "model": offline.info.name,
        "description": offline.engine.description,
        "batches": len(run.batches),
        "mean_batch": len(answers) / max(1, len(run.batches)),
        "results": len(run.results),
        "without_batch": len(run.results.keys() - answers.keys()),
        "without_result": len(answers.keys() - run.results.keys()),
        "complaints": run.complaints,
        "differences": msgspec.to_builtins(differences),
        "exits": shares,
        "every_exit_taken": min(shares) >= MIN_EXIT_SHARE,
        "accuracy": accuracy(run, offline.info, answers),
    }


def _described(run: Run, path: Path) -> tuple[str, str]:
    """Device and precision that the first worker named."""
    try:
        words = next(iter(run.summary["workers"].values()))["description"].split()
        return words[0], words[1]
    except (KeyError, StopIteration, IndexError, AttributeError, TypeError) as error:
        raise ConfigError(
            f"{path}: expected workers that say on what they computed, found none; was the run "
            "ended before it began?"
        ) from error


def is_same(report: dict[str, Any]) -> bool:
    """Every result was compared, and label and exit are the same everywhere."""
    differences = report["differences"]
    compared = report["results"] > 0 and not (report["without_batch"] or report["without_result"])
    return compared and not (differences["label"] or differences["exit"])


def table(report: dict[str, Any]) -> str:
    """The report for people."""
    differences = report["differences"]
    rows = [
        ("model", f"{report['model']}; {report['description']}"),
        ("regions compared", f"{differences['regions']} of {report['results']}"),
        ("batches", f"{report['batches']}, {report['mean_batch']:.1f} regions on average"),
        ("not compared", f"{report['without_batch']} results, {report['without_result']} answers"),
        ("cut short by a deadline", f"{differences['late']}, not compared"),
        ("other label", str(differences["label"])),
        ("other exit", str(differences["exit"])),
        ("max |confidence difference|", f"{differences['max_confidence']:.2e} (6 digits recorded)"),
        ("max |difficulty difference|", f"{differences['max_difficulty']:.2e} (6 digits recorded)"),
        ("exits", ", ".join(f"{share:.2%}" for share in report["exits"])),
    ]
    if not report["every_exit_taken"]:
        rows.append(("", f"an exit is taken by less than {MIN_EXIT_SHARE:.0%}"))
    for name, figures in report["accuracy"].items():
        rows.append(
            (
                f"accuracy of {name}",
                (
                    f"{figures['accuracy']:.2%}, full network {figures['full_accuracy']:.2%},"
                    f" disagreement {figures['disagreement']:.2%}, n = {figures['n']}"
                ),
            )
        )
    rows += [("first difference", text) for text in differences["first"]]
    rows += [("left out", words) for words in report["complaints"]]
    return "\n".join(f"{name:<28} {text}" for name, text in rows)


def main() -> int:
    """Check one run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("run", metavar="RUN_DIR", type=Path)
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help="default: RUN_DIR/offline_check.json"
    )
    args = parser.parse_args()
    try:
        report = check(args.run)
    except (UserError, DartStreamError) as error:
        print(f"offline_check: {error}", file=sys.stderr)
        return 2
    print(table(report))
    out = args.out or args.run / "offline_check.json"
    out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0 if is_same(report) else 1


if __name__ == "__main__":
    sys.exit(main())
