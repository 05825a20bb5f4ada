"""What a run is planned to be, from its configuration and its model."""

import dataclasses

import msgspec
import pytest

from dart_stream.model_dir import read_info, resolve
from dart_stream.policies import policy_from_dict
from pipeline.config import PolicyConfig
from pipeline.config_file import check_config
from pipeline.errors import ConfigError
from pipeline.messages import MAX_BLOB_BYTES
from pipeline.supervisor.plan import build_policy, plan_run


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


BOUNDED = {"kind": "dart", "thresholds": [0.9, 0.8, 0.7], "beta": 2.0, "coefficients": []}


@pytest.fixture(scope="module")
def model():
    return read_info(resolve("default"))


def policy_of(model, stored, **config):
    return build_policy(PolicyConfig(**config), model, {"chosen": stored})


def test_a_run_has_the_policy_that_the_models_certificate_is_about(model):
    policy = policy_of(model, BOUNDED)
    assert policy.to_dict() == policy_from_dict(BOUNDED, num_exits=4, num_classes=10).to_dict()
    assert policy.beta == 2.0


def test_what_is_configured_comes_before_what_is_stored(model):
    assert policy_of(model, BOUNDED, sensitivity=0.5).beta == 0.5
    own = policy_of(model, BOUNDED, thresholds=[0.5, None, 0.5])
    assert (own.thresholds, own.beta) == ((0.5, None, 0.5), 0.0)


def test_a_stored_policy_of_fixed_thresholds_leaves_difficulty_out(model):
    policy = policy_of(model, {"kind": "fixed", "thresholds": [0.9, 0.8, 0.7]})
    assert (policy.kind, policy.thresholds, policy.beta) == ("dart", (0.9, 0.8, 0.7), 0.0)


def test_thresholds_of_another_kind_are_not_taken_for_confidences(model):
    entropy = {"kind": "entropy", "thresholds": [0.1, 0.1, 0.1]}
    with pytest.raises(ConfigError, match="expected a policy of kind dart or fixed, got 'entropy'"):
        policy_of(model, entropy)
