"""Reading checkpoints: files of weights from anywhere, none of which is trusted.

A file is opened once and looked at in this order, and refused at the first thing that is wrong: its size;
its layout, so that every byte is accounted for; what its pickle would build (see `pickles`), of which
nothing is built. Then the numbers of the wanted tensors are read from the same descriptor, checked and
copied. Neither torch.load nor safetensors ever sees the file.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from unitdrop.checkpoints.files import opened, shown_path
from unitdrop.checkpoints.formats import contents_of
from unitdrop.checkpoints.normalisers import Normaliser
from unitdrop.checkpoints.tensors import collected
from unitdrop.checkpoints.wanted import Misfit, Wanted
from unitdrop.errors import CheckpointError, ModelError
from unitdrop.notices import say


def read_checkpoint(
    path: str | os.PathLike,
    like: Mapping[str, torch.Tensor],
    *,
    head: str | None = None,
    rename: Callable[[str], str | None] | None = None,
    weights: str | None = None,
) -> dict[str, torch.Tensor]:
    """Read a network's weights from a file that may be damaged, hostile, or made for another network.

    Files of `torch.save` (of any age, its legacy format and those of Python 2 included) and of safetensors
    are told apart by their content. The state dict may be the whole file or lie in it under any key, with
    whatever training left beside it. Whatever one prefix makes all wanted names fit is taken off, and what
    lies outside it is left out. Whole and half precision are read as the wanted dtype. What was guessed, left
    out or rounded is told as a `Notice`.

    Parameters
    ----------
    path
        The file. Only regular files are read, and links to them.
    like
        The names, shapes and dtypes wanted: a module's ``state_dict()``, on any device, "meta" included.
    head
        The name of the classifier layer, such as ``"fc"``: the first dimension of its weight and bias, which
        is the number of classes, may differ from `like`'s and is read from the file.
        It may go by another name there, as in a ``Sequential`` with a dropout, and have no bias.
    rename
        Applied to each name in the file, after prefixes are taken off; None leaves out what goes by it.
    weights
        The key in the file under which to look, such as ``"model_ema"``, with dots where it is nested; needed
        where a file holds several sets of weights.

    Returns
    -------
    dict[str, torch.Tensor]
        Fresh, contiguous CPU tensors, with the names and dtypes of `like` in its order. A missing
        ``num_batches_tracked`` (networks had none before torch 0.4.1) is 0.

    Raises
    ------
    CheckpointError
        If the file is not as described, holds several sets of weights of which none is customary, NaN,
        infinity or a negative variance, or is over 64 MiB + 16 times the size of `like`.
    TypeError, ValueError
        If `like` is not a state dict, or has no such `head`.

    Examples
    --------
    >>> import tempfile
    >>> net = nn.Linear(2, 3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     torch.save({"epoch": 9, "state_dict": net.state_dict()}, f"{folder}/net.pth")
    ...     state = read_checkpoint(f"{folder}/net.pth", net.state_dict())
    >>> {name: tuple(tensor.shape) for name, tensor in state.items()}
    {'weight': (3, 2), 'bias': (3,)}
    """
    found = read_weights(path, like, head=head, rename=rename, weights=weights)
    if found.normaliser is not None:
        say(
            f"checkpoint {shown_path(path)}: its own preprocessing, {found.normaliser}, is left out; "
            "give the network those numbers"
        )
    return found.state


@dataclass(frozen=True)
class Weights:
    """What a file has of the wanted weights.

    Attributes
    ----------
    state : the tensors by name
    normaliser : the preprocessing beside them, if there is one
    arch : the architecture that the file says it is of, if it says so
    """

    state: dict[str, torch.Tensor]
    normaliser: Normaliser | None
    arch: str | None


def read_weights(
    path: str | os.PathLike,
    like: Mapping[str, torch.Tensor],
    *,
    head: str | None = None,
    rename: Callable[[str], str | None] | None = None,
    weights: str | None = None,
) -> Weights:
    """Return what `read_checkpoint` does, and what else the file says of the network.

    Raises
    ------
    Misfit
        No tensors of the file fit.
    CheckpointError, TypeError, ValueError
        As `read_checkpoint` says.
    """
    versions, wanted = getattr(like, "_metadata", None), Wanted(like, head, rename, weights)
    try:
        with opened(path, wanted.most_bytes) as (file, size):
            contents = contents_of(file, size, len(wanted.like))
            plan = wanted.plan(contents.root, contents.take)
            tensors, rounding = collected(wanted.like, plan, contents.take)
            contents.check_rest()
    except CheckpointError as error:
        raise _of_file(error, path) from error.__cause__
    except Exception as error:  # whatever torch, safetensors or the disk can come up with
        raise CheckpointError(
            f"checkpoint {shown_path(path)}: cannot be read ({type(error).__name__}); "
            "it may be damaged, download it again"
        ) from error
    state = OrderedDict(tensors)
    if versions is not None:  # modules that changed once ask for it; what fits `like` is of its version
        vars(state).update(_metadata=versions)
    if notes := [*plan.notes, *rounding, *contents.notes]:
        say(f"checkpoint {shown_path(path)}: {'; '.join(notes)}")
    return Weights(state, plan.normaliser, plan.arch)


def _of_file(error: CheckpointError, path: str | os.PathLike) -> CheckpointError:
    """Return the same error with the file's name before its message."""
    text = f"checkpoint {shown_path(path)}: {error}"
    if isinstance(error, Misfit):
        return Misfit(text, error.shapes, error.arch)
    return CheckpointError(text)


def load_checkpoint(
    module: nn.Module,
    path: str | os.PathLike,
    *,
    head: str | None = None,
    rename: Callable[[str], str | None] | None = None,
    weights: str | None = None,
) -> nn.Module:
    """Load a network's weights from a file, as `read_checkpoint` reads it: all of them, or none.

    Parameters
    ----------
    module
        The network. Its mode, device and dtypes stay as they are.
    path, rename, weights
        As `read_checkpoint` takes them.
    head
        The name of the classifier layer, if it may go by another name in the file.

    Returns
    -------
    nn.Module
        The same `module`.

    Raises
    ------
    CheckpointError
        As `read_checkpoint` does, or if the module does not take the weights; the module is then unchanged.
    ModelError
        If `module` is not one, or has no weights.

    Examples
    --------
    >>> load_checkpoint(nn.Linear(2, 3), "nowhere.pth")
    Traceback (most recent call last):
    unitdrop.errors.CheckpointError: checkpoint 'nowhere.pth': there is no such file; check the path
    """
    if not isinstance(module, nn.Module):
        kind = type(module).__name__
        raise ModelError(f"module: expected a torch.nn.Module, got {kind}; pass the network itself")
    current = module.state_dict()
    if not current:
        raise ModelError(f"module: {type(module).__name__} has no weights; pass the whole network")
    if any(tensor.is_meta for tensor in current.values()):
        raise CheckpointError("the module lies on the meta device; call module.to_empty(device='cpu') first")
    state = read_checkpoint(path, current, head=head, rename=rename, weights=weights)
    if head is not None and len(state[f"{head}.weight"]) != len(current[f"{head}.weight"]):
        classes = (len(each[f"{head}.weight"]) for each in (state, current))
        raise CheckpointError(
            f"checkpoint {shown_path(path)}: it has {next(classes)} classes, this network {next(classes)}; "
            "make the network with as many as the file has"
        )
    before = {name: tensor.clone() for name, tensor in current.items()}
    try:
        module.load_state_dict(state, strict=True)
    except BaseException as error:  # an interrupt too must not leave half of it
        with torch.no_grad():
            for name, tensor in current.items():
                tensor.copy_(before[name])
        if not isinstance(error, Exception):
            raise
        words = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise CheckpointError(
            f"checkpoint {shown_path(path)}: the module does not take it ({words})"
        ) from error
    return module
