"""The parts measured alone, with a tiny model."""

from pipeline.bench.alone import Parts
from pipeline.bench.alone_messages import AloneSpec
from pipeline.config import ModelConfig, SourceConfig, ZoneRegions
from pipeline.specs import ReaderSpec, WorkerSpec

BASE = {"name": "alone", "identity": "", "endpoint": "", "run_folder": "", "supervisor_pid": 1}


def test_both_parts_cost_something_and_regions_are_counted(tiny_model, clip):
    zones = ZoneRegions(zones={"left": [0.0, 0.0, 0.5, 1.0], "right": [0.5, 0.0, 1.0, 1.0]})
    source = SourceConfig(uri=str(clip), regions=zones)
    size = (16, 16)
    spec = AloneSpec(
        reader=ReaderSpec(**BASE, source=source, input_size=size, resize="stretch"),
        worker=WorkerSpec(
            **BASE,
            model=ModelConfig(name=str(tiny_model), precision="fp32"),
            threads=1,
        ),
        policy={"kind": "full"},
    )
    parts = Parts(spec)
    assert (parts.hello().device, parts.hello().precision) in {("cpu", "fp32"), ("cuda", "fp32")}
    times = parts.measure(7)
    assert times.batch == 7
    assert times.regions_per_frame == 2
    assert times.decode_crop > 0
    assert times.engine > 0
