"""`Entry`: one network of the catalogue, and how a `Model` is made of it and a file of weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from unitdrop.checkpoints import read_checkpoint
from unitdrop.download import Progress, Remote, fetch
from unitdrop.errors import ModelError
from unitdrop.models.model import Model, check_labels


@dataclass(frozen=True)
class Entry:
    """One network of the catalogue.

    Attributes
    ----------
    name : what `load_model` takes
    about : one line
    units, classes : how many its head has
    size : bytes of its weights, to about a thousandth
    licence : that of its weights
    remote : where its weights come from; None if they come with unitdrop
    build : returns the architecture with so many classes; its weights do not matter
    settings : returns what `Model` needs beside: ``labels``, ``size``, ``mean``, ``std``, ``resize`` ...
    rename : turns old names of parameters into those of the architecture, None to leave one out
    embedded : returns the trained network, if it comes with unitdrop
    """

    name: str
    about: str
    units: int
    classes: int
    size: int
    licence: str
    remote: Remote | None = field(repr=False)
    build: Callable[[int], nn.Module] = field(repr=False, compare=False)
    settings: Callable[[], dict] = field(repr=False, compare=False)
    rename: Callable[[str], str | None] | None = field(default=None, repr=False, compare=False)
    embedded: Callable[[], nn.Module] | None = field(default=None, repr=False, compare=False)

    @property
    def cached(self) -> bool:
        """Whether its weights are on this machine."""
        return bool(self.size) if self.remote is None else self.remote.cached

    def load(
        self,
        checkpoint: str | Path | None = None,
        labels: Sequence[str] | None = None,
        trust_unpinned: bool = False,
        progress: Progress | None = None,
    ) -> Model:
        """Return the `Model`, with the weights of a checkpoint or its published ones, fetched if need be.

        Raises
        ------
        CheckpointError
            The file of weights is damaged, unsafe to read, or made for another network.
        DownloadError
            The weights could not be fetched whole and unaltered.
        ModelError
            The labels do not fit.
        """
        if checkpoint is None and self.remote is not None:
            if labels is not None:
                check_labels(self.name, labels, self.classes)  # before, not after, a long download
            checkpoint = fetch(self.remote, trust_unpinned=trust_unpinned, progress=progress)
        if checkpoint is not None:
            network, classes = self.filled(checkpoint)
        else:
            assert self.embedded is not None, "an entry has its weights in a remote file or embedded"
            network, classes = self.embedded(), self.classes
        settings = self.settings()
        if labels is not None or classes != self.classes:
            settings["labels"] = labels
        return Model(network, name=self.name, **settings)

    def filled(self, checkpoint: str | Path) -> tuple[nn.Module, int]:
        """Return the architecture with the weights of a checkpoint, and as many classes as that has.

        Raises
        ------
        CheckpointError
            The file of weights is damaged, unsafe to read, or made for another network.
        """
        network = self.build_on_meta(self.classes)
        head = self.head_layer(network)
        state = read_checkpoint(checkpoint, network.state_dict(), head=head, rename=self.rename)
        classes = len(state[f"{head}.weight"])
        if classes != self.classes:
            network = self.build_on_meta(classes)
        network.load_state_dict(state, assign=True)
        return network.eval(), classes

    def build_on_meta(self, classes: int) -> nn.Module:
        """Return the architecture with its parameters on the meta device: with shapes, without numbers."""
        with MetaParameters():
            return self.build(classes)

    def head_layer(self, network: nn.Module) -> str:
        """Return the name of the one layer that changes with the number of classes.

        Raises
        ------
        ModelError
            Several layers do, or none.
        """
        shapes, others = (net.state_dict() for net in (network, self.build_on_meta(self.classes + 1)))
        names = {key.rpartition(".")[0] for key in shapes if shapes[key].shape != others[key].shape}
        if len(names) != 1:
            raise ModelError(
                f"network {self.name!r}: {sorted(names)} change with the classes; expected one layer"
            )
        return names.pop()


class MetaParameters(TorchFunctionMode):
    """Inside it, layers are made with their parameters on the meta device, which initialising does not touch.

    Unlike under ``torch.device("meta")``, everything but `torch.empty` is computed as ever, so that buffers
    hold their numbers.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        return func(*args, **{**kwargs, "device": "meta"}) if func is torch.empty else func(*args, **kwargs)
