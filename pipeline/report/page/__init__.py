"""The page of a run: charts over time, tables, no script."""
