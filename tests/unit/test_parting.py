"""What an early exit takes beside its head, and that costs by time count it."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from dart_stream.engine import StagedModel
from dart_stream.engine.parting import time_parting
from pipeline.bench.evaluation import _stage_costs

CPU = torch.device("cpu")


class Recorder:
    """Stands in for a prepared network and writes down which rows of what are gathered."""

    def __init__(self, num_exits):
        self.num_exits, self.device, self.gathered = num_exits, CPU, []

    def input(self, images):
        return ("pixels", len(images))

    def run_stages(self, x, start, stop):
        assert stop == start + 1
        return (*x, start)

    def select(self, x, rows):
        self.gathered.append((x, rows.tolist()))


def model(num_exits):
    parts = nn.ModuleList(nn.Identity() for _ in range(num_exits))
    return StagedModel(
        network=SimpleNamespace(stages=parts, heads=parts),
        num_classes=2,
        input_size=(4, 4),
        mean=(0, 0, 0),
        std=(1, 1, 1),
        temperatures=(1.0,) * num_exits,
        stage_macs=(1,) * num_exits,
        head_macs=(1,) * num_exits,
    )


def test_every_other_region_leaves_each_early_exit_and_the_rest_is_gathered_behind_its_stage():
    network = Recorder(3)
    times = time_parting(network, model(3), batch_size=5, repeats=2)
    assert times.shape == (2,)
    assert (times > 0).all()
    one_round = [(("pixels", 5, 0), [1, 3]), (("pixels", 5, 0, 1), [1, 3])]
    assert network.gathered == one_round * 3  # the first round does not count


def test_a_model_without_early_exits_parts_with_nobody():
    assert time_parting(Recorder(1), model(1), batch_size=4, repeats=1).shape == (0,)


def test_costs_by_time_count_parting_with_the_head_of_an_early_exit():
    engine = SimpleNamespace(
        measure_stage_times=lambda _sizes, _repeats: SimpleNamespace(
            stage_ms=np.array([[4.0, 8.0, 8.0]]), head_ms=np.array([[1.0, 1.0, 2.0]])
        ),
        measure_parting=lambda _size, _repeats: np.array([2.0, 1.0]),
    )
    pictures = SimpleNamespace(images=np.zeros((4, 2, 2, 3), np.uint8))
    costs = _stage_costs(SimpleNamespace(engine=engine, tables=None), pictures, batch=4)
    assert costs.heads == pytest.approx([0.75, 0.5, 0.5])
    assert costs.plain() == 5 + 0.5  # the plain network lets nobody go
