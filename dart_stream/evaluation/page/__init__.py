"""An evaluation as one HTML page that needs nothing beside itself, not even a script."""

from dart_stream.evaluation.page.evaluation_page import evaluation_page

__all__ = ["evaluation_page"]
