"""Errors of the algorithms package.

DartStreamError
├── ModelError        a model directory that is missing, damaged, too new or not a model
├── DataError         a data set that cannot be used as it is
└── PolicyError       a policy whose values do not fit its model
"""


class DartStreamError(Exception):
    """Base of every error a caller may want to catch; the text is one line for a person."""


class ModelError(DartStreamError):
    """A model directory is missing, damaged, too new, or not a model."""


class DataError(DartStreamError):
    """A data set cannot be used as it is."""


class PolicyError(DartStreamError):
    """A policy's values do not fit its model."""
