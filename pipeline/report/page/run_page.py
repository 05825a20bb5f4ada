"""The page as a whole."""

from importlib.resources import files

from dart_stream.evaluation import page as evaluation_page
from dart_stream.evaluation.page.wording import text
from pipeline.report.page.chart_sections import (
    coefficient_section,
    compute_section,
    disagreement_section,
    exits_section,
    latency_section,
    power_section,
    speed_section,
)
from pipeline.report.page.headline import headline
from pipeline.report.page.source_sections import sessions_section, sources_section
from pipeline.report.page.table_sections import (
    alarms_section,
    config_section,
    policies_section,
    workers_section,
)
from pipeline.report.page.time_axes import Span
from pipeline.report.story import Story


def run_page(story: Story) -> str:
    """Write a run as one HTML page: no script, and nothing fetched from anywhere."""
    packages = (evaluation_page.__name__, __package__)
    style = "".join(files(name).joinpath("style.css").read_text("utf-8") for name in packages)
    points = list(story.course.points)
    span = Span(points[0].begin_s, points[-1].end_s)
    parts = [
        headline(story, span),
        exits_section(story, span),
        compute_section(story, span),
        disagreement_section(story, span),
        alarms_section(story),
        coefficient_section(story, span),
        speed_section(story, span),
        latency_section(story, span),
        power_section(story, span),
        sources_section(story),
        sessions_section(story),
        workers_section(story),
        policies_section(story),
        config_section(story),
    ]
    body = "\n".join(part for part in parts if part)
    title = f"run {story.folder.resolve().name}"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f'<body>\n<main class="run">\n{body}\n</main>\n</body>\n</html>\n'
    )
