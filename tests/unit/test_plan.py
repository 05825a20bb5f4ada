"""What a run is planned to be, from its configuration and its model."""

import dataclasses

import msgspec
import pytest

from pipeline.config_file import check_config
from pipeline.messages import MAX_BLOB_BYTES
from pipeline.supervisor.plan import plan_run


@pytest.mark.parametrize(
    ("pixels", "wanted", "planned"), [(32, 64, 64), (224, 512, 445), (1024, 64, 21), (4096, 1, 1)]
)
def test_a_batch_fits_a_message_whatever_the_model_takes(pixels, wanted, planned):
    config = check_config(
        {"sources": {"a": {"uri": "synthetic://"}}, "runtime": {"max_batch": wanted}}
    )
    plan = plan_run(config)
    model = msgspec.structs.replace(plan.model, input_size=(pixels, pixels))
    hub_plan = dataclasses.replace(plan, model=model).hub_plan()
    assert hub_plan.max_batch == planned
    assert hub_plan.max_batch * hub_plan.crop_bytes <= MAX_BLOB_BYTES
