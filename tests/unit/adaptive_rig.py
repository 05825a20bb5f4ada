"""A hub that adapts, with a worker that answers from exit tables as the real one would."""

from hub_rig import Rig
from shifting_table import COSTS, decisions, rows_of, shifting_table

from dart_stream.policies import policy_from_dict
from pipeline.messages import Batch, BatchDone, PolicyBody, RegionResult
from pipeline.stages.hub import Adapter, AdapterSettings

SETTINGS = AdapterSettings(epsilon=0.02, audit_rate=0.1, seed=3)
UNIT = 1_000_000
FULL_MACS = round(COSTS.plain() * UNIT)
EXITS, CLASSES = 4, 10


def make_adapter(sources=("a",), settings=SETTINGS, calibration=None, always_full=()):
    table = shifting_table(800) if calibration is None else calibration
    return Adapter(
        lambda chosen: chosen.controller(table),
        settings,
        sources=list(sources),
        num_exits=EXITS,
        full_macs=FULL_MACS,
        always_full=always_full,
    )


class AdaptiveRig(Rig):
    """Frames of shifts in turn; every frame shows the next picture of its shift."""

    def __init__(self, sources=("a",), adapter=None, **options):
        adapter = make_adapter(sources) if adapter is None else adapter
        body = adapter.policy.to_dict()
        super().__init__(
            sources,
            adapter=adapter,
            labels=list("abcdefghij"),
            num_exits=EXITS,
            full_macs=FULL_MACS,
            policy_body=body,
            credits=64,
            **options,
        )
        self.adapter = adapter
        self.shifts = {}
        self.policies = {}
        self.sent = []

    def show(self, shift, count, source="a", regions=1, segment=0):
        """Play frames of a shift to their end."""
        for _ in range(count):
            self.shifts[source, self.sent_frames[source]] = shift
            self.frame(source, regions, segment=segment)
            self.round()
        self.now += 1_000_000_000  # sinks are fed now and then
        self.round()

    def round(self):
        self.step()
        self.learn_policies()
        self.answer()
        self.step()
        for sink in [p for p in self.inbox if p.startswith("sink")]:
            self.write(sink)
        for reader in [p for p in self.inbox if p.startswith("reader")]:
            self.inbox[reader].clear()

    def learn_policies(self, peer="worker/0#0"):
        for action in self.heard(peer, PolicyBody):
            message = action.message
            policy = policy_from_dict(message.body, num_exits=EXITS, num_classes=CLASSES)
            self.policies[message.version] = policy

    def answer(self, peer="worker/0#0", count=10, exit_index=None):
        for action in self.heard(peer, Batch)[:count]:
            batch = action.message
            self.sent.append(batch)
            tasks = next(
                d.tasks
                for worker in self.hub.workers.values()
                for d in worker.outstanding
                if d.batch == batch.batch
            )
            policy = self.policies[batch.policy_version]  # a batch never names an unknown one
            results = [
                self.result(task, policy, audited=number in batch.audit)
                for number, task in enumerate(tasks)
            ]
            self.say(peer, BatchDone(batch.batch, results, 1.0, 1.0))

    def result(self, task, policy, *, audited):
        frame = task.frame
        number = frame.header.frame
        table = shifting_table(800, 1, self.shifts[frame.source, number])
        row = (number * 7 + task.number) % 800
        answers, confidences, parts, difficulty = (column[row] for column in rows_of(table))
        exits, spent = decisions(policy, table)
        k = exits[row]
        return RegionResult(
            answers[k],
            confidences[k],
            k,
            difficulty,
            round((1.0 if audited else spent[k]) * FULL_MACS),
            answers[0],
            confidences[0],
            parts,
            list(answers) if audited else [],
            list(confidences) if audited else [],
        )

    def lines(self, source="a"):
        """Result lines of a source, in order."""
        return [r for r in self.written["sink/s"] if r["source"] == source and "event" not in r]
