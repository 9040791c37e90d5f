"""What one network says about one image: the maps it pools, and the linear head that reads them.

A `Readout` is everything a sweep needs. It holds plain arrays, so that nothing after it touches the network.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from unitdrop.checks import whole_number
from unitdrop.errors import ReadoutError, TargetError
from unitdrop.names import brief, distinct, was_called


def read_only(array: np.ndarray) -> np.ndarray:
    """Return the same array, which can no longer be written to: it is handed out more than once."""
    array.flags.writeable = False
    return array


def _frozen_copy(name: str, value: object, ndim: int, shape: str) -> np.ndarray:
    """Return a private, read-only, C-contiguous float32 copy of `value`, or raise `ReadoutError`."""
    try:
        given = np.asarray(value)
    except Exception as error:  # tensors that need a gradient or live on a GPU refuse in their own ways
        raise ReadoutError(f"{name}: no array can be read ({error}); try tensor.detach().cpu()") from error
    if given.dtype.kind not in "biuf":
        raise ReadoutError(f"{name}: expected real numbers, got dtype {given.dtype}; pass a float32 array")
    if given.ndim != ndim or 0 in given.shape:
        raise ReadoutError(f"{name}: expected shape {shape}, none of them 0, got {given.shape}")
    with np.errstate(over="ignore"):
        copy = np.array(given, dtype=np.float32, order="C")
    if not np.isfinite(copy).all():
        raise ReadoutError(f"{name}: holds NaN, infinity or values beyond float32; check the network")
    return read_only(copy)


def _frozen_image(value: object) -> np.ndarray:
    """Return a private, read-only copy of an image (H, W, 3) uint8, or raise `ReadoutError`."""
    image = np.array(value, order="C")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ReadoutError(
            f"image: expected (H, W, 3) uint8, got {image.shape} {image.dtype}; use load_image to read one"
        )
    return read_only(image)


def _checked_labels(labels: object) -> tuple[str, ...]:
    """Return the labels as a tuple of str, no two the same, or raise `ReadoutError`."""
    names = tuple(labels) if isinstance(labels, Iterable) and not isinstance(labels, str) else None
    if not names or not all(isinstance(name, str) for name in names):
        raise ReadoutError(f"labels: expected one str a class, got {labels!r:.60}; pass map(str, labels)")
    return distinct(names)


@dataclass(frozen=True, eq=False, repr=False)
class Readout:
    """The last feature maps of one image on one network, and the network's linear classifier.

    Parameters
    ----------
    maps
        `A`, the maps that global average pooling takes: (U, h, w), U units on an h by w grid.
    weight, bias
        The linear classifier: (C, U) and (C,).
    labels
        The C class names, in the order of the classifier's rows. Those that repeat get their index behind
        them, as in ``"crane (134)"`` and ``"crane (517)"``, so that no two classes have the same name.
    image
        (H, W, 3) uint8, the pixels the network saw (after any crop) at display resolution. Its edges are the
        maps' edges.
    model
        The name of the network, such as `"scenes"`.

    Numbers are kept as read-only float32 copies: later changes to the arrays given change nothing here.

    Raises
    ------
    ReadoutError
        A shape, dtype or length does not fit, or a number is not finite.

    Examples
    --------
    >>> readout = Readout(maps=[[[1, 3]], [[0, 2]]], weight=[[1, 0], [0, 1], [1, 1]], bias=[0, 0, 0],
    ...                   labels=("sea", "sand", "beach"), image=np.zeros((2, 4, 3), np.uint8))
    >>> readout
    Readout(model='', units=2, grid=(1, 2), classes=3)
    >>> readout.pooled.tolist()
    [2.0, 1.0]
    >>> readout.index_of("beach"), readout.index_of(2), readout.index_of("2")
    (2, 2, 2)
    """

    maps: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    labels: tuple[str, ...]
    image: np.ndarray
    model: str = ""

    def __post_init__(self) -> None:
        """Replace every array by a checked, read-only copy."""
        checked = {
            "maps": _frozen_copy("maps", self.maps, 3, "(U, h, w)"),
            "weight": _frozen_copy("weight", self.weight, 2, "(C, U)"),
            "bias": _frozen_copy("bias", self.bias, 1, "(C,)"),
            "labels": _checked_labels(self.labels),
            "image": _frozen_image(self.image),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        self._check_agreement()

    def _check_agreement(self) -> None:
        """Raise `ReadoutError` unless U and C are the same wherever they occur."""
        classes, units = self.weight.shape
        if units != len(self.maps):
            raise ReadoutError(
                f"weight: {units} units for {len(self.maps)} maps; pass the maps the head reads"
            )
        if len(self.bias) != classes:
            raise ReadoutError(f"bias: {len(self.bias)} values for {classes} rows of weight; pass one a row")
        if len(self.labels) != classes:
            raise ReadoutError(f"labels: {len(self.labels)} names for {classes} classes; pass one a class")

    def __repr__(self) -> str:
        """Return one short line: the arrays themselves would fill the screen."""
        grid = self.maps.shape[1:]
        return f"Readout(model={self.model!r}, units={self.units}, grid={grid}, classes={self.classes})"

    @property
    def units(self) -> int:
        """U, the number of units."""
        return self.weight.shape[1]

    @property
    def classes(self) -> int:
        """C, the number of classes."""
        return self.weight.shape[0]

    @cached_property
    def pooled64(self) -> np.ndarray:
        """`f` before it is rounded: the maps averaged over the grid, (U,) float64, read-only."""
        return read_only(self.maps.mean(axis=(1, 2), dtype=np.float64))

    @cached_property
    def pooled(self) -> np.ndarray:
        """`f`: the maps averaged over the grid, (U,) float32, read-only."""
        return read_only(self.pooled64.astype(np.float32))

    def index_of(self, target: int | str) -> int:
        """Return the index, 0 to C - 1, of the class with this label or index (`"3"` is an index too).

        A label comes before an index: with a class called `"3"`, that class is meant.

        Raises
        ------
        TargetError
            No such class (the nearest names are offered), or several with this label.
        """
        if isinstance(target, str):
            if target in self.labels:
                return self.labels.index(target)
            rows = [row for row, label in enumerate(self.labels) if was_called(label, row, target)]
            if len(rows) > 1:
                which = " or ".join(repr(brief(self.labels[row])) for row in rows[:8])
                raise TargetError(f"target: classes {rows} are all called {brief(target)!r}; pass {which}")
        return self._checked_index(target)

    def _checked_index(self, target: int | str) -> int:
        """Return `target` as an index in range, or raise `TargetError`."""
        try:
            index = int(target) if isinstance(target, str) else whole_number(target)
        except ValueError:
            index = None
        if index is None:
            raise TargetError(f"target: no class {brief(repr(target))}; {self._suggest(brief(target))}")
        if not 0 <= index < self.classes:
            raise TargetError(f"target: no class {index}; pass 0 to {self.classes - 1}, or a label")
        return index

    def _suggest(self, label: str) -> str:
        """Return a remedy that names the labels nearest to a mistyped one."""
        near = difflib.get_close_matches(label, map(brief, self.labels), n=3, cutoff=0.5)
        if near:
            return "did you mean " + " or ".join(map(repr, near)) + "?"
        return f"pass 0 to {self.classes - 1} or a label such as {brief(self.labels[0])!r}"
