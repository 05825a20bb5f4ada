"""What every model that ships with the package keeps."""

import pytest
import torch

from dart_stream.adaptation import CONTROLLERS
from dart_stream.costs import costs_of
from dart_stream.model_calibration import read_calibration
from dart_stream.model_card import model_card
from dart_stream.model_dir import (
    list_zoo,
    load_network,
    read_card,
    read_info,
    read_policy,
    resolve,
)
from dart_stream.models import count_macs, full_config
from dart_stream.policies import policy_from_dict


def test_zoo_holds_these_models_and_which_is_the_default():
    assert list_zoo() == ["alexnet-fashion-mnist", "dartnet-cifar10", "dartnet-tiny-cifar10"]
    assert resolve("default") == resolve("dartnet-cifar10")


@pytest.mark.parametrize("name", list_zoo())
class TestEveryZooModel:
    def test_description_fits_the_network(self, name):
        info = read_info(resolve(name))
        network = load_network(resolve(name), info)
        assert info.name == name
        assert count_macs(network) == info.macs
        with torch.inference_mode():
            logits = network(torch.zeros(2, 3, *info.input_size))
        assert [tuple(each.shape) for each in logits] == [(2, len(info.classes))] * info.num_exits
        assert all(each.isfinite().all() for each in logits)

    def test_description_leaves_nothing_to_a_family_s_defaults(self, name):
        architecture = read_info(resolve(name)).architecture
        assert architecture.config == full_config(architecture.family, architecture.config)
        assert architecture.config.keys() == full_config(architecture.family, {}).keys()

    def test_size_and_costs_stay_within_the_budget(self, name):
        info = read_info(resolve(name))
        files = [path for path in resolve(name).iterdir() if path.is_file()]
        assert sum(path.stat().st_size for path in files) <= 5_000_000
        assert info.num_exits >= 3
        assert info.macs.cumulative()[0] <= 0.15 * info.macs.plain()

    def test_policy_fits_the_model(self, name):
        info, body = read_info(resolve(name)), read_policy(resolve(name))
        assert body is not None
        policy = policy_from_dict(
            body["chosen"], num_exits=info.num_exits, num_classes=len(info.classes)
        )
        assert policy.to_dict() == body["chosen"]

    def test_it_comes_with_what_adaptation_needs(self, name):
        """After another training: `tools/write_calibration.py`."""
        info = read_info(resolve(name))
        table = read_calibration(resolve(name), info)
        assert len(table) == 5000
        shown = info.figures["validation"]["accuracy"]
        assert table.correct.mean(0).tolist() == pytest.approx(shown, abs=0.005)
        costs = costs_of(info.macs, info.input_size)
        assert CONTROLLERS["dart"](table, costs, epsilon=0.02).policy.version == 1

    def test_card_is_the_one_that_its_files_give(self, name):
        directory = resolve(name)
        size = (directory / "model.safetensors").stat().st_size
        expected = model_card(read_info(directory), read_policy(directory), size)
        assert (directory / "README.md").read_text(encoding="utf-8") == expected

    def test_card_quotes_what_was_measured_and_the_command_behind_it(self, name):
        info = read_info(resolve(name))
        card = read_card(resolve(name))
        test = info.figures["test"]
        for share in test["accuracy"]:
            assert f"{share:.2%}" in card
        assert f"{test['n']:,}" in card
        assert info.data.split(":")[0] in card
        arch = {f"--arch {info.architecture.family} ", "--arch default "}
        assert any(f"dart-stream train {words}" in card for words in arch)

    def test_a_person_has_said_where_it_comes_from_and_what_it_cannot_do(self, name):
        about = read_info(resolve(name)).about
        assert about.data
        assert about.limits
        assert about.license
