"""Which settings a training takes: a file's, those packaged for its data, or scaled defaults."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

import dart_stream
from dart_stream.data import Dataset
from dart_stream.errors import DataError
from dart_stream.training import Recipe, load_recipe
from dart_stream.training.recipe import read_settings, to_recipe
from pipeline.errors import ConfigError
from pipeline.schema_check import refuse_unknown_keys

_PACKAGE: Final = Path(dart_stream.__file__).parent
_FOLDERS: Final = (_PACKAGE / "recipes", _PACKAGE.parent / "configs" / "train")
"""In an installed package, and in a checkout."""

_PICTURES_SEEN: Final = 500_000
"""Passes over small data are many and over large data few: about eight minutes on two cores."""
_EPOCHS: Final = (20, 200)
_STEPS_PER_EPOCH: Final = 20
_BATCH: Final = (16, 256)
_SMALL_DATA: Final = 2_000
_EMA_SHARE: Final = 0.05
_MUON: Final = {"optimizer": "muon", "muon_learning_rate": 0.07, "muon_iterations": 3}
_LEARN_BY_MUON: Final = ("dartnet", "dartnet-tiny", "dartnet-64")
"""`dartnet` was measured with it, in batches of 256: 79.9 % instead of 70.9 % after three epochs.

Its siblings are the same network in other sizes.
"""


@dataclass(frozen=True)
class ChosenRecipe:
    """Settings, and where they come from.

    Attributes:
        recipe: the settings.
        origin: in words.
        scales: whether they are defaults that `scaled` fits to the number of pictures.
    """

    recipe: Recipe
    origin: str
    scales: bool = False

    def replace(self, **changes: Any) -> "ChosenRecipe":
        """The same with some settings changed; None leaves one as it is.

        Raises:
            DataError: the changed settings do not go with the others.
        """
        given = {name: value for name, value in changes.items() if value is not None}
        try:
            recipe = msgspec.structs.replace(self.recipe, **given)
        except ValueError as error:
            raise DataError(f"recipe: {self.origin}: {error}") from error
        return ChosenRecipe(recipe, self.origin, self.scales)


def choose_recipe(path: Path | None, family: str, dataset: Dataset) -> ChosenRecipe:
    """Settings from `path`; else those packaged for the family and data; else defaults.

    Raises:
        ConfigError: an unknown key; names the nearest.
        DataError: not a recipe.
    """
    if path is not None:
        return ChosenRecipe(_load(path, dataset), path.name)
    name = f"{family}-{Path(dataset.name).stem}.yaml"
    packaged = next((folder / name for folder in _FOLDERS if (folder / name).is_file()), None)
    if packaged is not None:
        return ChosenRecipe(load_recipe(packaged), f"packaged {name}")
    optimizer: dict[str, Any] = _MUON if family in _LEARN_BY_MUON else {}
    return ChosenRecipe(Recipe(mirror=dataset.mirror, **optimizer), "defaults", scales=True)


def scaled(chosen: ChosenRecipe, pictures: int, epochs: int | None) -> ChosenRecipe:
    """Defaults fitted to the number of training pictures; a recipe of a file stays as it is.

    Args:
        chosen: settings.
        pictures: of the training split.
        epochs: instead of those of the recipe.
    """
    if not chosen.scales:
        return chosen.replace(epochs=epochs)
    default = chosen.recipe
    batch_size = _within(_BATCH, _power_of_two(pictures // _STEPS_PER_EPOCH))
    epochs = epochs or _within(_EPOCHS, round(_PICTURES_SEEN / pictures))
    steps = epochs * max(1, pictures // batch_size)
    changes = {
        "epochs": epochs,
        "batch_size": batch_size,
        # Muon's step does not shrink with the batch by itself; small batches were not measured.
        "optimizer": default.optimizer if batch_size == default.batch_size else "sgd",
        # The same sum of steps over an epoch, whatever the size of the batches.
        "learning_rate": default.learning_rate * batch_size / default.batch_size,
        # The average remembers a twentieth of the training, or the first weights would weigh in.
        "ema_decay": min(default.ema_decay, round(max(0.0, 1 - 1 / (_EMA_SHARE * steps)), 6)),
        "validation": 0.2 if pictures < _SMALL_DATA else default.validation,
    }
    return chosen.replace(**changes)


def _load(path: Path, dataset: Dataset) -> Recipe:
    settings = read_settings(path)
    try:
        refuse_unknown_keys(settings, Recipe)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    if isinstance(settings, dict):  # digits are not mirrored unless the file says so
        settings = {"mirror": dataset.mirror} | settings
    return to_recipe(settings, path)


def _within(bounds: tuple[int, int], value: int) -> int:
    return min(max(value, bounds[0]), bounds[1])


def _power_of_two(value: int) -> int:
    """The largest one that is not above `value`."""
    return 1 << (max(value, 1).bit_length() - 1)
