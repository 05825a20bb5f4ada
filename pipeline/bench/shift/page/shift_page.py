"""The page as a whole."""

from importlib.resources import files

from dart_stream.evaluation import page as evaluation_page
from dart_stream.evaluation.page.blocks import paragraph
from dart_stream.evaluation.page.wording import count, percent, text
from pipeline.bench.shift.document import MethodRow, ShiftDocument
from pipeline.bench.shift.page.chart_sections import (
    accuracy_section,
    coefficient_section,
    cost_section,
    disagreement_section,
    drawn_methods,
)
from pipeline.bench.shift.page.table_sections import (
    alarms_section,
    methods_section,
    released_section,
    segments_section,
)


def shift_page(document: ShiftDocument) -> str:
    """Write a measurement as one HTML page: no script, and nothing fetched from anywhere."""
    packages = (evaluation_page.__name__, __package__)
    style = "".join(files(name).joinpath("style.css").read_text("utf-8") for name in packages)
    title = f"{document.model} while the world changes"
    parts = [
        _headline(document),
        accuracy_section(document),
        disagreement_section(document),
        cost_section(document),
        coefficient_section(document),
        methods_section(document),
        segments_section(document),
        released_section(document),
        alarms_section(document),
    ]
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _headline(document: ShiftDocument) -> str:
    return "\n".join(
        [
            "<header>",
            f'<p class="over">Adaptation on {text(document.dataset)}</p>',
            f"<h1>{text(document.model)} while the world changes</h1>",
            paragraph(_result(document), "result"),
            _facts(document),
            f'<pre class="command"><code>{text(document.command)}</code></pre>',
            "</header>",
        ]
    )


def _result(document: ShiftDocument) -> str:
    rows = [row for row in drawn_methods(document) if row.name != "full"]
    sentences = [_sentence(row) for row in sorted(rows, key=lambda row: row.name != "dart")]
    limit = percent(document.epsilon)
    return f"With a limit of {limit} on answers unlike full depth's: {'; '.join(sentences)}."


def _sentence(row: MethodRow) -> str:
    windows = row.windows
    return (
        f"<em>{text(row.name)}</em> differs on {percent(row.disagreement, 2)} at "
        f"{percent(row.macs_fraction)} of the compute and breaks the limit in "
        f"{count(windows.above_epsilon)} of {count(windows.n)} windows"
    )


def _facts(document: ShiftDocument) -> str:
    host = ", ".join(f"{text(key)} {text(value)}" for key, value in document.host.items())
    clean = document.clean_cost
    facts = {
        "schedule": text(document.schedule),
        "streams": f"{count(document.seeds)} of {count(document.n)} regions",
        "drawn from": f"{text(document.dataset)}, split {text(document.split)}, "
        f"n = {count(document.pictures)}",
        "calibrated on": f"{text(document.calibrated_on)}, n = {count(document.calibrated_n)}",
        "limit, confidence": f"{percent(document.epsilon)}, {percent(1 - document.delta, 0)}",
        "clean cost of static and paper": "chosen by the limit"
        if clean is None
        else percent(clean),
        "device": text(document.device),
        "precision": text(document.precision),
        "threads": count(document.threads),
        "torch": text(document.torch),
        "host": host or "not stated",
    }
    items = [f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items()]
    return '<dl class="facts">\n' + "\n".join(items) + "\n</dl>"
