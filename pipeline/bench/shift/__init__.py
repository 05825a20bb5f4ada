"""`dart-stream bench shift`: controllers side by side on a stream whose world changes.

One exit table is recorded per distinct effect of the schedule, on all pictures of a split; streams
are then drawn from the tables, so that hundreds of them take minutes and numpy alone. Each region
is drawn with replacement: within a segment they are exchangeable, unless the schedule says that
they are not. `docs/shift.md` defines every figure.
"""
