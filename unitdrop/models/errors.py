"""What can be wrong with a network, its checkpoint or its download; every message says what to do."""

from __future__ import annotations


class ModelError(ValueError):
    """A network that cannot be used, or is not known."""


class CheckpointError(ModelError):
    """A file of weights that is damaged, unsafe to read, or made for another network."""


class DownloadError(ModelError):
    """A file of weights that could not be fetched whole and unaltered."""
