"""What can go wrong, by the thing that is at fault; every message names it and says what to do.

All are `ValueError`: a mistake in what was given, not in the program.
"""

from __future__ import annotations


class ImageError(ValueError):
    """The source is no picture that can be used; the message names it and the remedy."""


class ReadoutError(ValueError):
    """The arrays given do not make a readout; the message names the argument and the remedy."""


class TargetError(ValueError):
    """No class, or more than one, goes by the label or index asked for."""


class ModelError(ValueError):
    """A network that cannot be used, or is not known."""


class CheckpointError(ModelError):
    """A file of weights that is damaged, unsafe to read, or made for another network."""


class DownloadError(ModelError):
    """A file of weights that could not be fetched whole and unaltered."""


class ExportError(ValueError):
    """The file cannot be written; the message names it, the reason and the remedy."""


class UsageError(ValueError):
    """The command line cannot be understood; the message says what to do."""
