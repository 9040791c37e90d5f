"""`Entry`: one network of the catalogue, and how a `Model` is made of it and a file of weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from unitdrop.checkpoints.read import read_checkpoint
from unitdrop.download.fetch import Progress, Remote, fetch
from unitdrop.errors import ModelError
from unitdrop.models.model import Model, check_labels


@dataclass(frozen=True)
class Entry:
    """A line of the catalogue.

    Attributes
    ----------
    name : what `load_model` takes
    about : one line
    units, classes : of its head
    size : bytes of its weights, to about a thousandth
    licence : of its weights
    remote : where they come from; None if they come with unitdrop
    build : the architecture with so many classes; its weights do not matter
    settings : what `Model` needs beside: ``labels``, ``size``, ``mean``, ``std``, ``resize`` ...
    rename : old names of parameters to those of the architecture, None to leave one out
    embedded : the trained network, if it comes with unitdrop
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
        """Make the `Model`, from a checkpoint of one's own or from its published weights, fetched if need be.

        Raises
        ------
        CheckpointError, DownloadError, ModelError
        """
        if checkpoint is None and self.embedded is not None:
            network, classes = self.embedded(), self.classes
        else:
            if checkpoint is None:
                if labels is not None:
                    check_labels(self.name, labels, self.classes)  # before, not after, a long download
                checkpoint = fetch(self.remote, trust_unpinned=trust_unpinned, progress=progress)
            network, classes = self._filled(checkpoint)
        settings = self.settings()
        if labels is not None or classes != self.classes:
            settings["labels"] = labels
        return Model(network, name=self.name, **settings)

    def _filled(self, path: str | Path) -> tuple[nn.Module, int]:
        """The architecture with the weights of a checkpoint, and as many classes as that has."""
        network = self.hollow(self.classes)
        head = self._head(network)
        state = read_checkpoint(path, network.state_dict(), head=head, rename=self.rename)
        classes = len(state[f"{head}.weight"])
        if classes != self.classes:
            network = self.hollow(classes)
        network.load_state_dict(state, assign=True)
        return network.eval(), classes

    def hollow(self, classes: int) -> nn.Module:
        """The architecture without memory for its parameters: to learn their shapes, and to be filled."""
        with Hollow():
            return self.build(classes)

    def _head(self, network: nn.Module) -> str:
        """The name of the layer that changes with the number of classes."""
        shapes, others = (net.state_dict() for net in (network, self.hollow(self.classes + 1)))
        names = {key.rpartition(".")[0] for key in shapes if shapes[key].shape != others[key].shape}
        if len(names) != 1:
            raise ModelError(
                f"network {self.name!r}: {sorted(names)} change with the classes; expected one layer"
            )
        return names.pop()


class Hollow(TorchFunctionMode):
    """Makes parameters without memory, which initialising does not touch; the rest is computed as ever."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        return func(*args, **{**kwargs, "device": "meta"}) if func is torch.empty else func(*args, **kwargs)
