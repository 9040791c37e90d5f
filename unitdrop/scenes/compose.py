"""The twenty scenes: what defines each, which are siblings, and how each is composed in `places`.

Scenes share concepts as the scenes of Places365 do: a beach and an island have sea and palms, a street and a
highway have a road. Two scenes that share a *defining* concept are siblings. Every scene also borrows
distractors from its siblings, and what tells siblings apart is sometimes small or half hidden.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from unitdrop.checks import is_one_of, whole_number
from unitdrop.scenes.canvas import LIGHTS, Canvas
from unitdrop.scenes.places import PLACES

DEFINING: dict[str, tuple[str, ...]] = {
    "beach": ("sea", "sand", "palm"),
    "island": ("sea", "palm", "rock", "sand"),
    "harbour": ("sea", "boat", "pier"),
    "coast": ("sea", "rock", "lighthouse"),
    "oasis": ("sand", "palm", "water"),
    "desert": ("sand", "rock", "cactus"),
    "lake": ("water", "pine", "boat"),
    "river": ("water", "tree", "hill", "grass"),
    "bridge": ("water", "bridge", "hill", "grass"),
    "forest": ("pine", "bush"),
    "mountain": ("snow", "mountain", "pine", "rock"),
    "camp": ("tent", "pine", "bush"),
    "meadow": ("hill", "flower", "tree", "grass"),
    "farm": ("hill", "field", "barn", "grass"),
    "village": ("hill", "house", "church"),
    "suburb": ("house", "tree", "road", "car", "grass"),
    "street": ("house", "road", "lamp", "pavement"),
    "highway": ("road", "car", "hill", "grass"),
    "skyline": ("tower", "water"),
    "downtown": ("tower", "lit window", "road", "lamp", "pavement"),
}
NAMES: tuple[str, ...] = tuple(DEFINING)
CONCEPTS: tuple[str, ...] = (
    "sky",
    "sun",
    "moon",
    "cloud",
    "grass",
    "sea",
    "sand",
    "palm",
    "rock",
    "boat",
    "pier",
    "lighthouse",
    "water",
    "cactus",
    "tree",
    "bridge",
    "pine",
    "bush",
    "snow",
    "mountain",
    "tent",
    "hill",
    "flower",
    "field",
    "barn",
    "hay",
    "fence",
    "house",
    "church",
    "road",
    "car",
    "lamp",
    "tower",
    "lit window",
    "umbrella",
    "pavement",
)


def siblings(name: str) -> frozenset[str]:
    """Return the other scenes that share a defining concept with this one.

    >>> sorted(siblings("forest"))
    ['camp', 'lake', 'mountain']
    """
    mine = set(DEFINING[name])
    return frozenset(n for n in NAMES if n != name and mine & set(DEFINING[n]))


@dataclass(frozen=True, eq=False)
class Scene:
    """A rendered scene and the truth about every pixel of it.

    Attributes
    ----------
    image : (size, size, 3) uint8 RGB
    masks : for every concept that is visible, (size, size) bool; each pixel is in exactly one
    name, seed, light : what was rendered
    """

    image: np.ndarray
    masks: dict[str, np.ndarray]
    name: str
    seed: int
    light: str

    @property
    def defining(self) -> np.ndarray:
        """(size, size) bool: the pixels that show one of the concepts that define this scene."""
        parts = [self.masks[c] for c in DEFINING[self.name] if c in self.masks]
        return np.any(parts, axis=0) if parts else np.zeros(self.image.shape[:2], bool)


def render(name: str, seed: int, size: int = 128) -> Scene:
    """Return a rendered scene; the same name, seed and size give the same bytes.

    The composition depends on name and seed only, so two sizes show the same place.

    Parameters
    ----------
    name : one of `NAMES`
    seed : int >= 0
    size : side in pixels, 32 to 2048

    Raises
    ------
    ValueError
        Another name, a negative seed or a size out of range.

    Examples
    --------
    >>> scene = render("lake", seed=1, size=64)
    >>> scene.image.shape, scene.light, scene.masks["water"].dtype
    ((64, 64, 3), 'day', dtype('bool'))
    """
    if not is_one_of(name, NAMES):
        raise ValueError(f"scene {name!r} is unknown; choose one of {', '.join(NAMES)}")
    if whole_number(size, 32, 2048) is None:
        raise ValueError(f"size {size} is out of range; choose 32 to 2048 pixels")
    if whole_number(seed, 0) is None:
        raise ValueError(f"seed {seed} is negative; choose 0 or more")
    rng = np.random.default_rng([zlib.crc32(name.encode()), seed])
    odds = [0.25, 0.35, 0.15, 0.25] if name == "downtown" else [0.45, 0.22, 0.22, 0.11]
    canvas = Canvas(size, rng, LIGHTS[str(rng.choice(list(LIGHTS), p=odds))], CONCEPTS)
    PLACES[name](canvas)
    image = canvas.finish()
    masks = {CONCEPTS[i]: canvas.label == i for i in np.unique(canvas.label)}
    return Scene(image, masks, name, seed, canvas.light.name)
