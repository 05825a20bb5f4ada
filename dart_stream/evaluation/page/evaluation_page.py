"""The page as a whole."""

from importlib.resources import files

from dart_stream.evaluation.document import Evaluation
from dart_stream.evaluation.page.class_section import class_section
from dart_stream.evaluation.page.cost_axes import macs_section, time_section
from dart_stream.evaluation.page.difficulty_section import difficulty_section
from dart_stream.evaluation.page.footer import footer
from dart_stream.evaluation.page.headline import headline
from dart_stream.evaluation.page.method_tables import budget_section, other_methods_section
from dart_stream.evaluation.page.reliability_section import reliability_section
from dart_stream.evaluation.page.rival_table import rival_section
from dart_stream.evaluation.page.wording import text


def evaluation_page(evaluation: Evaluation) -> str:
    """Write an evaluation as one HTML page: no script, and nothing fetched from anywhere.

    Args:
        evaluation: what was compared; parts that are missing are said to be missing.
    """
    style = files(__package__).joinpath("style.css").read_text("utf-8")
    title = f"{evaluation.model} on {evaluation.dataset}: early exits compared"
    parts = [
        headline(evaluation),
        macs_section(evaluation),
        time_section(evaluation),
        budget_section(evaluation),
        other_methods_section(evaluation),
        rival_section(evaluation),
        difficulty_section(evaluation),
        reliability_section(evaluation),
        class_section(evaluation),
        footer(),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n{_joined(parts)}\n</main>\n</body>\n</html>\n"
    )


def _joined(parts: list[str]) -> str:
    return "\n".join(part for part in parts if part)
