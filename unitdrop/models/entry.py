"""`Entry`: one network of the catalogue, and how a `Model` is made of it and a file of weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isclose
from pathlib import Path

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from unitdrop.checkpoints.normalisers import Normaliser
from unitdrop.checkpoints.read import Weights, read_weights
from unitdrop.checkpoints.wanted import Misfit
from unitdrop.download import Progress, Remote, fetch
from unitdrop.errors import ModelError
from unitdrop.models.model import Model, check_labels
from unitdrop.models.preprocessing import followed
from unitdrop.notices import say


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
    architecture : what a file of weights calls it, the name if nothing else is said
    twin : returns the entry with the same names and shapes that computes something else, None without one
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
    architecture: str | None = field(default=None, repr=False, compare=False)
    twin: Callable[[], Entry | None] = field(default=lambda: None, repr=False, compare=False)

    @property
    def cached(self) -> bool:
        """Whether its weights are on this machine."""
        return bool(self.size) if self.remote is None else self.remote.cached

    @property
    def incomplete(self) -> bool:
        """Whether there is something in the place of its weights that is not the whole of them."""
        return self.remote is not None and self.remote.incomplete

    def load(
        self,
        checkpoint: str | Path | None = None,
        labels: Sequence[str] | None = None,
        trust_unpinned: bool = False,
        progress: Progress | None = None,
        weights: str | None = None,
        size: int | None = None,
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
        if checkpoint is not None:
            return self._own(checkpoint, labels, weights, size)
        if self.remote is not None:
            if labels is not None:
                check_labels(self.name, labels, self.classes)  # before, not after, a long download
            file = fetch(self.remote, trust_unpinned=trust_unpinned, progress=progress)
            network, classes = self.filled(file)
        else:
            assert self.embedded is not None, "an entry has its weights in a remote file or embedded"
            network, classes = self.embedded(), self.classes
        return self._model(network, classes, labels, self._sides(size))

    def filled(self, checkpoint: str | Path, weights: str | None = None) -> tuple[nn.Module, int]:
        """Return the architecture with the weights of a checkpoint, and as many classes as that has.

        Raises
        ------
        CheckpointError
            The file of weights is damaged, unsafe to read, or made for another network.
        """
        return self._with(self._read(checkpoint, weights).state)

    def _read(self, checkpoint: str | Path, weights: str | None) -> Weights:
        """Return what a checkpoint has of this architecture's weights."""
        like, head = self.build_on_meta(self.classes), self.head

        def read() -> Weights:
            return read_weights(checkpoint, like.state_dict(), head=head, rename=self.rename, weights=weights)

        try:
            return read()
        except Misfit as error:
            first = f"{_first_convolution(like)[0]}.weight"
            grey = [key for key, shape in error.shapes.items() if len(shape) == 4 and shape[1] == 1]
            if not any(key.endswith(first) for key in grey):
                raise
            _make_grey(like)
            return read()

    def _with(self, state: Mapping[str, torch.Tensor]) -> tuple[nn.Module, int]:
        """Return the architecture with these weights, and as many classes as they have."""
        classes = len(state[f"{self.head}.weight"])
        network = self.build_on_meta(classes)
        if state[f"{_first_convolution(network)[0]}.weight"].shape[1] == 1:
            _make_grey(network)
        network.load_state_dict(state, assign=True)
        return network.eval(), classes

    def _sides(self, size: int | None) -> dict[str, object]:
        """Return size and resize for another size of the input; an empty dict for its own."""
        if size is None:
            return {}
        own = self.settings()
        return {"size": size, "resize": followed(size, own["size"], own.get("resize"))}

    def _own(
        self, checkpoint: str | Path, labels: Sequence[str] | None, weights: str | None, size: int | None
    ) -> Model:
        """Return the `Model` with the weights of a user's file; what the file says of itself is believed."""
        found = self._read(checkpoint, weights)
        entry = self._said(f"checkpoint {str(checkpoint)!r}", found)
        network, classes = entry._with(found.state)
        if getattr(network, "transform_input", False) and classes != entry.classes:
            say(
                f"checkpoint {str(checkpoint)!r}: it is read with transform_input=True, which networks have "
                f"that began with torchvision's weights; if this {entry.name} did not, give the network as "
                "FILE.py:NAME"
            )
        changed = {**entry._preprocessing(checkpoint, found), **entry._sides(size)}
        return entry._model(network, classes, labels, changed)

    def _model(
        self, network: nn.Module, classes: int, labels: Sequence[str] | None, changed: Mapping[str, object]
    ) -> Model:
        settings = self.settings()
        if labels is not None or classes != self.classes:
            settings["labels"] = labels
        return Model(network, name=self.name, **{**settings, **changed})

    def is_called(self, text: str) -> bool:
        """Return whether this is the architecture that a file calls so.

        Punctuation, capitals and what stands after a full stop do not matter.
        """
        said, own = (_plain(name) for name in (text, self.architecture or self.name))
        return bool(said) and own.startswith(said)

    def _said(self, file: str, found: Weights) -> Entry:
        """Return the entry that a file says it is of, of those with these names and shapes."""
        twin = self.twin()
        if found.arch is None:
            if twin is not None and len(found.state[f"{self.head}.weight"]) == twin.classes:
                say(
                    f"{file}: it may be of {self.name} or of {twin.name}, of the same names and shapes "
                    f"but not the same answers; it is read as {self.name}: for the other, give --model "
                    f"{twin.name}"
                )
        elif twin is not None and not self.is_called(found.arch) and twin.is_called(found.arch):
            say(f"{file}: it says that it is of {found.arch!r}: read as {twin.name}, not as {self.name}")
            return twin
        elif not self.is_called(found.arch):
            say(
                f"{file}: it says that it is of {found.arch!r}; it is read as {self.name}, whose names and "
                "shapes it has; if they differ in what they compute, give the network as FILE.py:NAME"
            )
        return self

    def _preprocessing(self, checkpoint: str | Path, found: Weights) -> dict[str, object]:
        """Return mean and std of the preprocessing in a file, where they are not this network's own."""
        if found.normaliser is None:
            return {}
        file, own = f"checkpoint {str(checkpoint)!r}", self.settings()
        given = found.normaliser.of_unit_range()
        if all(isclose(*pair, rel_tol=1e-3, abs_tol=1e-3) for pair in _pairs(given, own)):
            return {}
        if given.in_bgr:
            say(
                f"{file}: its own preprocessing, {found.normaliser}, looks like one for blue, green, red and "
                "is not applied; to apply it, give the network as FILE.py:NAME"
            )
            return {}
        say(f"{file}: its own preprocessing is applied, {given}, instead of {self.name}'s")
        return {"mean": given.mean, "std": given.std}

    def build_on_meta(self, classes: int) -> nn.Module:
        """Return the architecture with its parameters on the meta device: with shapes, without numbers."""
        with MetaParameters():
            return self.build(classes)

    @property
    def head(self) -> str:
        """The name of the one layer that changes with the number of classes."""
        return self.head_layer(self.build_on_meta(self.classes))

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


def _first_convolution(network: nn.Module) -> tuple[str, nn.Conv2d]:
    """Return the convolution that reads the picture, and its name."""
    return next((name, part) for name, part in network.named_modules() if isinstance(part, nn.Conv2d))


def _make_grey(network: nn.Module) -> None:
    """Let a network take pictures of one channel; its parameters lie on the meta device."""
    _, layer = _first_convolution(network)
    layer.in_channels = 1
    layer.weight = nn.Parameter(torch.empty(layer.out_channels, 1, *layer.kernel_size, device="meta"))
    if hasattr(network, "transform_input"):
        network.transform_input = False  # type: ignore[assignment]  # it is for three channels


def _plain(name: str) -> str:
    """Return a network's name without what people write in different ways."""
    return re.sub(r"[^a-z0-9]", "", name.lower().partition(".")[0].rpartition("/")[2]).removesuffix(
        "places365"
    )


def _pairs(given: Normaliser, own: Mapping[str, Sequence[float]]) -> Iterator[tuple[float, float]]:
    """Yield each number of a preprocessing beside the network's own."""
    for ours, theirs in ((own["mean"], given.mean), (own["std"], given.std)):
        yield from zip(ours, theirs, strict=True)


class MetaParameters(TorchFunctionMode):
    """Inside it, layers are made with their parameters on the meta device, which initialising does not touch.

    Unlike under ``torch.device("meta")``, everything but `torch.empty` is computed as ever, so that buffers
    hold their numbers.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        return func(*args, **{**kwargs, "device": "meta"}) if func is torch.empty else func(*args, **kwargs)
