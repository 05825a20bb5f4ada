"""Models on the terminal: all of them in a table, one with its card, a family with its parts."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from dart_stream.errors import ModelError
from dart_stream.model_dir import ALIASES, ZOO, list_zoo, read_card, read_info
from dart_stream.model_info import ModelInfo
from pipeline.ui.figures import MISSING, printable

if TYPE_CHECKING:
    from pipeline.bench.model_times import Subject

_COLUMNS: Final = ("name", "classes", "input", "exits", "MACs", "accuracy", "size")


def print_overview(console: Console) -> None:
    """The models that ship, then the families that one can train.

    Raises:
        ModelError: a model of the installation is damaged.
    """
    from dart_stream.models import list_models

    models = new_table("models", *_COLUMNS)
    for name in list_zoo():
        models.add_row(*_model_row(name, ZOO / name))
    console.print(models)
    for alias, name in ALIASES.items():
        console.print(Text(f"{alias} is {name}", "dim"))
    families = new_table("families, for train --arch, with their defaults", *_COLUMNS[:-2])
    for family in list_models():
        families.add_row(*_family_row(family))
    console.print()
    console.print(families)
    console.print(Text("models NAME shows more, models NAME --times measures", "dim"))


def print_card(console: Console, directory: Path) -> None:
    """The card of a model.

    Raises:
        ModelError: the model or its card is damaged.
    """
    read_info(directory)  # a card alone would hide that the model is damaged
    lines = read_card(directory).splitlines()
    console.print(Markdown("\n".join(map(printable, lines))))


def print_family(console: Console, family: "Subject") -> None:
    """What a family costs, part by part."""
    macs, staged = family.macs, family.staged
    height, width = staged.input_size
    title = f"{family.name}: {width}x{height}, {staged.num_classes} classes, untrained"
    table = new_table(title, "exit", "stage MACs", "head MACs", "MACs up to it", "share")
    rows = zip(macs.stages, macs.heads, macs.cumulative(), strict=True)
    for k, (stage, head, spent) in enumerate(rows):
        share = f"{spent / macs.plain():.1%}"
        table.add_row(str(k), millions(stage), millions(head), millions(spent), share)
    console.print(table)
    command = f"dart-stream train --arch {family.name} --data pictures/ --out mine"
    console.print(Text(f"train one: {command}", "dim"))


def new_table(title: str, first: str, *others: str) -> Table:
    """A table whose first column stands left and whose others stand right."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right")
    return table


def millions(macs: float) -> str:
    """Multiply-accumulates in millions, with the unit."""
    return f"{macs / 1e6:.2f} M" if macs < 1e6 else f"{macs / 1e6:.1f} M"


def _model_row(name: str, directory: Path) -> list[Text]:
    info = read_info(directory)
    size = sum(file.stat().st_size for file in directory.iterdir() if file.is_file())
    known = _row(len(info.classes), info.input_size, info.num_exits, info.macs.plain())
    return [Text(name), *known, Text(_accuracy(info)), Text(f"{size / 1e6:.1f} MB")]


def _family_row(family: str) -> list[Text]:
    """Figures of a family's default configuration; dashes if it has none."""
    from dart_stream.models import count_macs, create_model

    try:
        network = create_model(family)
    except ModelError:
        return [Text(family), *[Text(MISSING)] * 3, Text("needs settings, see its recipe", "dim")]
    macs = count_macs(network)
    row = _row(network.num_classes, network.input_size, len(macs.stages), macs.plain())
    return [Text(family), *row]


def _row(classes: int, input_size: tuple[int, int], exits: int, macs: int) -> list[Text]:
    height, width = input_size
    return [Text(str(classes)), Text(f"{width}x{height}"), Text(str(exits)), Text(millions(macs))]


def _accuracy(info: ModelInfo) -> str:
    """Full-depth accuracy, on `test` if it was measured there, or a dash."""
    for split, note in (("test", ""), ("validation", " (validation)")):
        measured = info.measured(split)
        if measured is not None:
            return f"{measured.accuracy[-1]:.2%}{note}"
    return MISSING
