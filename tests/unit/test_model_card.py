"""The card says what the files say, and nothing in them can spoil it."""

import msgspec
import pytest
import yaml

from dart_stream.macs import Macs
from dart_stream.model_card import model_card
from dart_stream.model_info import About, Architecture, ModelInfo, PixelStatistics

POLICY = {"chosen": {"kind": "fixed", "thresholds": [0.8, None]}, "certificate": None}
SPLIT = {
    "n": 5000,
    "accuracy": [0.7526, 0.8626, 0.8866],
    "accuracy_ci95": [[0.74045, 0.76436], [0.85278, 0.87186], [0.87751, 0.89509]],
    "ece_before": [0.125, 0.108, 0.063],
    "ece_after": [0.021, 0.009, 0.038],
    "ece_survivors_before": [0.125, 0.2, None],
    "ece_survivors_after": [0.021, 0.1, None],
    "policy": {
        "n": 5000,
        "accuracy": 0.8812,
        "disagreement": 0.0166,
        "macs_fraction": 0.36974,
        "exits": [0.5, 0.3, 0.2],
    },
}
FIT = {"nll": 0.4, "ece": 0.05}
FIGURES = {
    "conditions": {"command": "dart-stream train --arch a --out b", "device": "cpu", "threads": 2},
    "calibration": {
        "split": "validation",
        "exits": [{"n": 900, "none": FIT, "temperature": FIT, "platt": {"nll": 0.3, "ece": 0.04}}]
        * 3,
    },
    "test": SPLIT,
}


def info(**changes):
    known = {
        "name": "pets",
        "architecture": Architecture("dartnet", {"widths": [4, 8, 8]}),
        "classes": ["cat", "dog"],
        "input_size": (24, 32),
        "resize": "letterbox",
        "normalisation": PixelStatistics((0.5, 0.5, 0.5), (0.25, 0.25, 0.25)),
        "temperatures": [1.1, 0.9, 0.8],
        "difficulty": None,
        "macs": Macs(stages=[1_000_000, 2_000_000, 3_000_000], heads=[10_000, 10_000, 10_000]),
        "data": "pictures.zip: 60 pictures of 2 classes",
        "recipe": {"epochs": 3, "model": {"widths": [4, 8, 8]}, "mirror": True},
        "figures": FIGURES,
    }
    return ModelInfo(**{**known, **changes})


def rows(card):
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in card.split("\n")
        if line.startswith("|")
    ]


def test_every_exit_has_its_cost_and_accuracy_with_interval():
    found = rows(model_card(info(), POLICY))
    assert ["0", "1.0 M", "16.8%", "75.26% (74.05% to 76.44%)"] in found
    assert ["2", "6.0 M", "100.3%", "88.66% (87.75% to 89.51%)"] in found
    assert "n = 5,000" in model_card(info(), POLICY)


def test_calibration_is_shown_before_and_after_and_compared():
    found = rows(model_card(info(), POLICY))
    assert ["1", "0.900", "0.108 -> 0.009", "0.200 -> 0.100"] in found
    assert ["2", "0.800", "0.063 -> 0.038", "- -> -"] in found
    assert ["0", "900", "0.400, 0.050", "0.400, 0.050", "0.300, 0.040"] in found


def test_policy_stands_with_what_it_measured():
    card = model_card(info(), POLICY)
    assert "(0.8000, off on calibrated confidence)" in card
    assert ["`test`", "5,000", "88.12%", "37.0%", "1.66%", "50.0% / 30.0% / 20.0%"] in rows(card)
    assert "carry no certificate" in card


def test_command_and_conditions_are_stated():
    card = model_card(info(), POLICY)
    assert "\n```\ndart-stream train --arch a --out b\n```\n" in card
    assert "Measured on: device cpu, threads 2." in card


def test_recipe_is_a_file_that_can_be_read():
    card = model_card(info(), POLICY)
    block = card.split("```yaml\n")[1].split("```")[0]
    assert yaml.safe_load(block) == info().recipe


def test_input_is_width_by_height():
    assert "32x24 pictures" in model_card(info(), POLICY)
    assert "32 wide and 24 high, fitted by `letterbox`" in model_card(info(), POLICY)


def test_size_of_the_weights_is_shown_if_known():
    assert "4.4 MB" in model_card(info(), POLICY, 4_414_312)
    assert " MB" not in model_card(info(), POLICY)


def test_words_of_a_person_replace_or_join_the_standing_ones():
    about = About(
        summary="Two pets.",
        intended_use="Doors.",
        data="All in daylight.",
        training="It took a night.",
        limits="No birds.",
        license="CC0.",
    )
    card = model_card(info(about=about), POLICY)
    for text in msgspec.structs.astuple(about):
        assert f"\n\n{text}\n" in card
    assert "pictures.zip: 60 pictures" in card
    assert "one of its classes" not in card


def test_what_is_not_known_is_said_to_be():
    card = model_card(info(figures={}, recipe={}), None)
    assert "How the figures were measured is not stated." in card
    assert "The recipe is not stated." in card
    assert "Of the weights: not stated." in card
    assert "every region goes to full depth" in card
    assert "NaN" not in card
    assert "None" not in card


def test_many_classes_are_counted_and_the_first_named():
    card = model_card(info(classes=[f"c{i}" for i in range(100)]), POLICY)
    assert "100: c0, c1, " in card
    assert "c29 and 70 more" in card


@pytest.mark.parametrize("name", ["a|b", "a\nb", "<script>", "`x`", "\x1b[2J", "[a](b)", "**b**"])
def test_names_from_elsewhere_stay_text_in_their_cell(name):
    card = model_card(info(name=name, classes=[name, "dog"], data=name), POLICY)
    assert all(line.isprintable() for line in card.split("\n"))
    row = next(line for line in card.split("\n") if line.startswith("| classes"))
    assert row.replace("\\|", "").count("|") == 3
    for active in ("<script>", " `x`", "[a](b)", "**b**"):
        assert active not in card
