"""Energy of policies that are run for real, and the paper's score of both."""

from types import SimpleNamespace

import numpy as np
import pytest

from dart_stream.data import Pictures
from dart_stream.evaluation.evaluate import measure_methods
from dart_stream.metrics import daes
from pipeline.bench import policy_energy, run_methods
from pipeline.bench.policy_energy import measure_energy_j
from pipeline.bench.subject import Subject
from pipeline.snapshot import PowerSnap


class Meter:
    """Joules are what passes spent; the first reading only sets the origin, as a counter's does."""

    def __init__(self, *, source="RAPL"):
        self.source = source
        self.spent_j = 0.0
        self.readings = 0
        self.is_lost = False

    def sample(self, _now_s):
        self.readings += 1
        known = self.source is not None and self.readings > 1 and not self.is_lost
        return PowerSnap(energy_j=self.spent_j) if known else PowerSnap()

    def spend(self, joules):
        self.spent_j += joules

    def close(self):
        pass


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(policy_energy, "_AT_LEAST_S", 0.01)


def test_each_pass_is_charged_what_it_spends():
    meter = Meter()
    joules = measure_energy_j([lambda: meter.spend(3.0), lambda: meter.spend(1.0)], meter)
    assert joules == pytest.approx([3.0, 1.0])


def test_without_a_sensor_or_with_one_that_is_lost_nothing_is_measured():
    assert measure_energy_j([lambda: None], Meter(source=None)) is None
    meter = Meter()
    assert measure_energy_j([lambda: setattr(meter, "is_lost", True)], meter) is None


@pytest.fixture(scope="module")
def noise():
    subject = Subject.load("default", "cpu", "fp32", threads=1)
    images = np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(24, dtype=np.int64) % 10
    table = subject.record(images, labels, "noise")
    measured = measure_methods(table, table, table.macs, ["static", "dart", "oracle"], (0.5,))
    pictures = Pictures(images, labels, list(subject.info.classes), ["noise"] * 24, [])
    return SimpleNamespace(subject=subject, pictures=pictures, measured=measured)


def runs(noise, monkeypatch, meter, proxy):
    monkeypatch.setattr(run_methods, "PowerMeter", lambda: meter)
    return run_methods.run_methods(
        noise.subject, noise.measured, noise.pictures, batch=12, energy_proxy=proxy
    )


def test_time_stands_for_joules_only_where_it_is_asked_to_and_none_are_measured(noise, monkeypatch):
    none = runs(noise, monkeypatch, Meter(source=None), None)
    assert [row.daes for row in none.rows] == [None] * len(none.rows)
    assert (none.full_j, none.energy_source, none.energy_proxy) == (None, None, None)
    proxied = runs(noise, monkeypatch, Meter(source=None), "time")
    assert proxied.energy_proxy == "time"
    for row in proxied.rows:
        assert row.energy_j is None
        if row.speedup is None:
            assert (row.name, row.daes) == ("oracle", None)
        else:
            squared = daes(row.accuracy, row.speedup, row.speedup, proxied.mean_alpha)
            assert row.daes == pytest.approx(squared)


def test_joules_that_were_measured_count_whatever_was_to_stand_for_them(noise, monkeypatch):
    meter = Meter()
    engine = noise.subject.engine
    run = engine.run
    monkeypatch.setattr(engine, "run", lambda *args: (meter.spend(6.0), run(*args)))
    found = runs(noise, monkeypatch, meter, "time")
    assert (found.energy_source, found.energy_proxy) == ("RAPL", None)
    assert found.full_j == pytest.approx(0.5)  # two batches of six joules, 24 pictures
    for row in found.rows:
        if row.speedup is not None:
            assert row.energy_j == pytest.approx(0.5)
            assert row.daes == pytest.approx(daes(row.accuracy, row.speedup, 1, found.mean_alpha))
