"""The networks unitdrop knows, and how others become a `Model`: `catalogue`, `load_model`, `wrap`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

from torchvision import models as torchvision_models
from torchvision.models import list_models

from unitdrop.checkpoints import load_checkpoint
from unitdrop.checkpoints.wanted import Misfit
from unitdrop.download import Progress
from unitdrop.errors import CheckpointError, DownloadError, ModelError
from unitdrop.models import embedded, imagenet, places365
from unitdrop.models.advice import fitting
from unitdrop.models.custom import is_python_file, load_custom
from unitdrop.models.entry import Entry
from unitdrop.models.labels import read_labels
from unitdrop.models.model import Model, wrap

__all__ = [
    "CheckpointError",
    "DownloadError",
    "Entry",
    "Model",
    "ModelError",
    "catalogue",
    "load_checkpoint",
    "load_model",
    "wrap",
]


def catalogue() -> tuple[Entry, ...]:
    """Return every network that `load_model` knows by name.

    >>> [entry.name for entry in catalogue()][:3]
    ['scenes', 'resnet18-places365', 'resnet50-places365']
    """
    return (embedded.entry(), *places365.entries(), *imagenet.entries())


def load_model(
    name: str = "scenes",
    *,
    checkpoint: str | Path | None = None,
    labels: str | Path | Sequence[str] | None = None,
    trust_unpinned: bool = False,
    progress: Progress | None = None,
    weights: str | None = None,
    size: int | None = None,
) -> Model:
    """Load a network, by its name in the `catalogue` or as ``FILE.py:NAME``.

    Parameters
    ----------
    name
        A name of the catalogue, whose weights are downloaded at the first use, or a function in a Python file
        that returns an `nn.Module` or a `Model`. The file is run: it must be one that you trust.
    checkpoint
        A file of weights for this architecture (.pth, .pt, .tar, .th, .safetensors), instead of the published
        ones. It is read safely, whoever made it. A network of the catalogue has as many classes as the file.
    labels
        Class names in the network's order, or a file with them: one a line, a list or map in JSON or YAML, or
        a table (see `unitdrop.models.labels.read_labels`).
    trust_unpinned
        Download also what nobody has published a sha256 for; the one that is seen is remembered from then on.
    progress
        Called with the bytes that are here and those of the whole (None if unknown) while a file is
        downloaded; what it raises ends the download. Default: a progress bar.
    weights
        The key in the checkpoint under which to look, such as ``"model_ema"``, where it holds several sets of
        weights; with dots where it is nested.
    size
        Side of the square input, in pixels, instead of the network's own; to what its pictures are resized
        before they are cut follows in proportion.

    Raises
    ------
    ModelError
        The name is unknown, or its head or the labels do not fit.
    CheckpointError
        The file of weights is damaged, unsafe to read, or made for another network.
    DownloadError
        The weights could not be fetched whole and unaltered.
    """
    if not isinstance(name, (str, Path)):
        kind = type(name).__name__
        raise ModelError(f"model: expected a name, got {kind}; unitdrop.wrap makes a model of a network")
    if isinstance(labels, (str, Path)):
        labels = read_labels(labels)
    if is_python_file(str(name)):
        return _custom(str(name), checkpoint, labels, weights, size)
    name, known = str(name), {entry.name: entry for entry in catalogue()}
    if name not in known:
        raise ModelError(_unknown(name, list(known)))
    try:
        return known[name].load(checkpoint, labels, trust_unpinned, progress, weights, size)
    except Misfit as error:
        raise CheckpointError(f"{error}{_other(error, known[name], known.values())}") from error.__cause__


def _other(error: Misfit, asked: Entry, entries: Iterable[Entry]) -> str:
    """Return in words which network of the catalogue a file fits, or says it is of."""
    entry = fitting(error.shapes, error.arch, asked, entries)
    if entry is not None:
        return f"; it fits {entry.name}: give --model {entry.name}"
    said = "" if error.arch is None else f"; it says that it is of {error.arch!r}"
    own = "" if "FILE.py" in str(error) else "; if it is of a network of yours, give that as FILE.py:NAME"
    return said + own


def _custom(
    name: str,
    checkpoint: str | Path | None,
    labels: Sequence[str] | None,
    weights: str | None,
    size: int | None,
) -> Model:
    """Return a network from the user's Python file, with a checkpoint and labels if there are any."""
    model = load_custom(name, labels, size)
    if checkpoint is not None:
        load_checkpoint(model.module, checkpoint, head=model.layer or None, weights=weights)
    return model


def _unknown(name: str, known: Sequence[str]) -> str:
    """Return in words why there is no network of this name, and which there are."""
    if name in list_models(module=torchvision_models):
        return (
            f"model {name!r} of torchvision is not offered: its head is not average pooling and one "
            "nn.Linear, so its CAM would not be exact; python -m unitdrop models lists those that are"
        )
    close = difflib.get_close_matches(name, known, 3)
    hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
    return f"model {name!r} is unknown; {hint}python -m unitdrop models lists those that are known"
