"""From RGB frames to the bytes of an animated GIF: one palette, no dithering, only what changed.

Left to itself, Pillow chooses a palette for every frame, which is slow and makes still parts of the picture
flicker. Here the palette is chosen once, a table of 65,536 entries finds the palette entry of any colour, and
a pixel that keeps its entry is transparent in the next frame. Pillow writes the file.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

COLOURS = 255  # a GIF's palette holds 256 colours; the last one stands for "as in the frame before"
_CELLS = 1 << 16  # colours are told apart to 5 bits of red, 6 of green and 5 of blue, as OpenCV packs them
_ANCHOR_SHARE = 1e-4  # a colour on so much of the sample (45 pixels of 900 x 500) is drawn, not photographed
_MOST_ANCHORS = 64
_LONGEST_DELAY = 0xFFFF


def cells_of(pixels: np.ndarray) -> np.ndarray:
    """Return the number of each pixel's cell: (H, W, 3) uint8 to (H, W) uint16, red in the high bits."""
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR565).view(np.uint16)[..., 0]


def cell_centres() -> np.ndarray:
    """Return the colour in the middle of every cell: (65536, 3) float32, 0 to 255."""
    number = np.arange(_CELLS)
    parts = np.stack([number >> 11, number >> 5 & 63, number & 31], axis=1)
    return ((parts + 0.5) * (8, 4, 8) - 0.5).astype(np.float32)


def _nearest(colours: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Return the index of the palette's entry nearest in RGB, the lowest of equals: (N, 3) to (N,) uint8."""
    entries = palette.astype(np.float32)
    offset = (entries**2).sum(axis=1)  # |c - p|^2 without |c|^2, which is the same for every p
    chunks = np.array_split(colours.astype(np.float32), max(1, len(colours) // 4096))
    found = [(offset - 2 * chunk @ entries.T).argmin(axis=1) for chunk in chunks]
    return np.concatenate(found).astype(np.uint8)


def _anchors(sample: np.ndarray, most: int) -> np.ndarray:
    """Return the colours to keep exactly, at most one a cell: (N, 3) uint8; black, white, the commonest."""
    packed = sample.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colours, counts = np.unique(packed, return_counts=True)
    often = np.argsort(-counts, kind="stable")
    often = often[counts[often] >= max(2, _ANCHOR_SHARE * len(packed))]
    codes = np.concatenate([np.array([0, 0xFFFFFF], np.uint32), colours[often]])
    found = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1).astype(np.uint8)
    _, first = np.unique(cells_of(found[None])[0], return_index=True)
    return found[np.sort(first)][:most]


def _median_cut(colours: np.ndarray, count: int) -> np.ndarray:
    """Return at most `count` colours spread over the given ones by median cut: (N, 3) to (M, 3) float32."""
    strip = Image.fromarray(np.ascontiguousarray(colours[None].round().astype(np.uint8)))
    cut = strip.quantize(count, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    return np.array(cut.getpalette(), np.float32).reshape(-1, 3)[:count]


def shared_palette(frames: Sequence[np.ndarray], colours: int = COLOURS) -> np.ndarray:
    """Choose one palette for all frames from a sample of their pixels: (P, 3) uint8 with P <= `colours`.

    Black, white and the colours that are drawn again and again (lines, bars, text) are kept exactly. The
    others are the means that k-means finds, from a median cut onwards, among the cells of 5, 6 and 5 bits. A
    cell weighs the square root of its pixels, lest a large sky take every entry from a small boat.

    Parameters
    ----------
    frames
        Each (H, W, 3) uint8 RGB.
    colours
        2 to 255.

    Examples
    --------
    >>> shared_palette([np.full((4, 4, 3), (200, 30, 40), np.uint8)]).tolist()
    [[0, 0, 0], [255, 255, 255], [200, 30, 40]]
    """
    step = max(1, sum(frame.shape[0] * frame.shape[1] for frame in frames) // 400_000)
    sample = np.concatenate([frame.reshape(-1, 3)[i % step :: step] for i, frame in enumerate(frames)])
    anchors = _anchors(sample, min(_MOST_ANCHORS, max(2, colours // 2)))
    cells = cells_of(sample[None])[0]
    counts = np.bincount(cells, minlength=_CELLS)
    counts[cells_of(anchors[None])[0]] = 0
    used = np.flatnonzero(counts)
    if not len(used) or colours <= len(anchors):
        return anchors
    sums = [np.bincount(cells, weights=sample[:, channel], minlength=_CELLS)[used] for channel in range(3)]
    means = (np.stack(sums, axis=1) / counts[used, None]).astype(np.float32)
    chosen = _k_means(means, np.sqrt(counts[used]), anchors, colours - len(anchors))
    return np.concatenate([anchors, chosen.round().astype(np.uint8)])


def _k_means(points: np.ndarray, weights: np.ndarray, fixed: np.ndarray, count: int) -> np.ndarray:
    """Place at most `count` colours among weighted points, beside fixed ones: (M, 3) float32."""
    centres = _median_cut(points, count)
    for _ in range(6):  # more rounds change next to nothing
        owner = _nearest(points, np.concatenate([fixed, centres])).astype(np.intp) - len(fixed)
        mine = owner >= 0
        total = np.bincount(owner[mine], weights[mine], minlength=len(centres))
        for channel in range(3):
            pull = np.bincount(owner[mine], weights[mine] * points[mine, channel], minlength=len(centres))
            np.divide(pull, total, out=centres[:, channel], where=total > 0, casting="same_kind")
    return centres


def lookup(palette: np.ndarray) -> np.ndarray:
    """Return the palette entry for each of the 65,536 cells of colour: (65536,) uint8.

    A cell that holds an entry gets that entry (the first of several), so a colour in the palette comes out
    exact unless an earlier one, at most 7 levels away, shares its cell.
    """
    table = _nearest(cell_centres(), palette)
    homes = cells_of(palette[None])[0][::-1]
    table[homes] = np.arange(len(palette), dtype=np.uint8)[::-1]
    return table


class Encoder:
    """Turns frames into a GIF that plays for ever.

    Parameters
    ----------
    palette
        (P, 3) uint8, P from 1 to 255, as `shared_palette` returns it.

    Examples
    --------
    >>> black, red = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), (200, 30, 40), np.uint8)
    >>> encoder = Encoder(shared_palette([black, red]))
    >>> encoder.add(black, delay=50)
    >>> encoder.add(red, delay=100)
    >>> with Image.open(io.BytesIO(encoder.to_bytes())) as picture:
    ...     picture.n_frames, picture.convert("RGB").getpixel((0, 0)), picture.info["duration"]
    (2, (0, 0, 0), 500)
    """

    def __init__(self, palette: np.ndarray):
        self._palette = palette.tobytes().ljust(768, b"\0")
        self._table = lookup(palette)
        self._shown: np.ndarray | None = None  # (H, W) uint8: the entries on the screen after the last frame
        self._delays: list[int] = []
        self._images: list[Image.Image] = []

    def add(self, frame: np.ndarray, delay: int) -> None:
        """Append a frame, (H, W, 3) uint8 RGB, to be seen for `delay` hundredths of a second (1 to 65,535).

        A frame in which nothing changes prolongs the one before instead.
        """
        indices = part = np.take(self._table, cells_of(frame))
        if self._shown is not None:
            changed = indices != self._shown
            if not changed.any() and self._delays[-1] + delay <= _LONGEST_DELAY:
                self._delays[-1] += delay
                return
            part = np.where(changed, indices, np.uint8(COLOURS))
        self._shown = indices
        image = Image.frombytes("P", part.shape[::-1], part.tobytes())
        image.putpalette(self._palette)
        image.info["transparency"] = COLOURS
        self._images.append(image)
        self._delays.append(delay)

    def to_bytes(self) -> bytes:
        """Return the whole file.

        Raises
        ------
        ValueError
            No frame has been added.
        """
        if not self._images:
            raise ValueError("frames: a GIF needs at least one; add a frame first")
        file, (first, *rest) = io.BytesIO(), self._images
        milliseconds = [10 * delay for delay in self._delays]
        first.save(
            file,
            "GIF",
            save_all=True,
            append_images=rest,
            duration=milliseconds,
            loop=0,
            optimize=False,
            disposal=1,
            transparency=COLOURS,
            palette=self._palette,
        )
        return file.getvalue()
