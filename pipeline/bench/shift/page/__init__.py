"""`bench shift` as one HTML page that needs nothing beside itself, not even a script."""

from pipeline.bench.shift.page.chart_sections import drawn_methods
from pipeline.bench.shift.page.shift_page import shift_page

__all__ = ["drawn_methods", "shift_page"]
