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

import torch
from torch import nn

from unitdrop.checkpoints.files import opened, shown_path
from unitdrop.checkpoints.formats import contents_of
from unitdrop.checkpoints.tensors import collected
from unitdrop.checkpoints.wanted import Wanted
from unitdrop.errors import CheckpointError, ModelError


def read_checkpoint(
    path: str | os.PathLike,
    like: Mapping[str, torch.Tensor],
    *,
    head: str | None = None,
    rename: Callable[[str], str | None] | None = None,
) -> dict[str, torch.Tensor]:
    """Read a network's weights from a file that may be damaged, hostile, or made for another network.

    Files of `torch.save` (of any age, its legacy format and those of Python 2 included) and of safetensors
    are told apart by their content. The state dict may be the whole file or lie under ``state_dict``,
    ``model_state_dict``, ``model``, ``net`` or ``weights``, with an optimizer's state, numbers and strings
    beside it. A prefix ``module.``, ``_orig_mod.`` or ``model.`` that all its names carry is taken off.

    Parameters
    ----------
    path
        The file. Only regular files are read, and links to them.
    like
        The names, shapes and dtypes wanted: a module's ``state_dict()``, on any device, "meta" included.
    head
        The name of the classifier layer, such as ``"fc"``: the first dimension of its weight and bias, which
        is the number of classes, may differ from `like`'s and is read from the file.
    rename
        Applied to each name in the file, after prefixes are taken off; None leaves out what goes by it.

    Returns
    -------
    dict[str, torch.Tensor]
        Fresh, contiguous CPU tensors, with the names of `like` in its order. A missing
        ``num_batches_tracked`` (networks had none before torch 0.4.1) is 0.

    Raises
    ------
    CheckpointError
        If the file is not as described, holds NaN, infinity or a negative variance, or is over 64 MiB + 16
        times the size of `like`.
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
    versions, wanted = getattr(like, "_metadata", None), Wanted(like, head, rename)
    try:
        with opened(path, wanted.most_bytes) as (file, size):
            contents = contents_of(file, size, len(wanted.like))
            plan = wanted.plan(contents.root)
            state = OrderedDict(collected(wanted.like, plan, contents.take))
            contents.check_rest()
        if versions is not None:  # modules that changed once ask for it; what fits `like` is of its version
            vars(state).update(_metadata=versions)
        return state
    except CheckpointError as error:
        raise CheckpointError(f"checkpoint {shown_path(path)}: {error}") from error.__cause__
    except Exception as error:  # whatever torch, safetensors or the disk can come up with
        raise CheckpointError(
            f"checkpoint {shown_path(path)}: cannot be read ({type(error).__name__}); "
            "it may be damaged, download it again"
        ) from error


def load_checkpoint(
    module: nn.Module, path: str | os.PathLike, *, rename: Callable[[str], str | None] | None = None
) -> nn.Module:
    """Load a network's weights from a file, as `read_checkpoint` reads it: all of them, or none.

    Parameters
    ----------
    module
        The network. Its mode, device and dtypes stay as they are.
    path, rename
        As `read_checkpoint` takes them.

    Returns
    -------
    nn.Module
        The same `module`.

    Raises
    ------
    CheckpointError
        As `read_checkpoint` does, or if the module does not take the weights; the module is then unchanged.
    ModelError
        If `module` is not one.

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
    if any(tensor.is_meta for tensor in current.values()):
        raise CheckpointError("the module lies on the meta device; call module.to_empty(device='cpu') first")
    state = read_checkpoint(path, current, rename=rename)
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
