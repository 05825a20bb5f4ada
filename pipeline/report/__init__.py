"""A recorded run as one HTML page: what is recorded, gathered and drawn."""

from pipeline.report.page.run_page import run_page
from pipeline.report.story import Story, gather

__all__ = ["Story", "gather", "run_page"]
