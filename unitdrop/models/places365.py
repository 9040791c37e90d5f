"""The networks of Zhou et al. 2018 for 365 kinds of places, and their class names.

B. Zhou, A. Lapedriza, A. Khosla, A. Oliva, A. Torralba. Places: A 10 Million Image Database for Scene
Recognition. TPAMI 40(6), 2018. The weights are under CC BY.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from torch import nn
from torchvision.models import get_model

from unitdrop.download import Remote, cache_folder
from unitdrop.models.entry import Entry
from unitdrop.models.preprocessing import IMAGENET

ADDRESS = "http://places2.csail.mit.edu/models_places365/"
NAMES = tuple(Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").split())
"""The 365 classes, in the order of the networks' rows."""

# The bytes are those of the parameters: no length has been published. Nor a sha256 for those of 18 layers.
LEAST = 98  # per cent of the bytes of the parameters that any whole file has
FILES = {
    "resnet18": (512, 45_500_000, None),
    "resnet50": (2048, 97_200_000, "46529c86902bd0cfb0ea562a30b2850c28d2620d96282b3db9c318e1d774f6c5"),
    # What its authors' demonstration of class activation maps uses; its grid is 14 x 14, not 7 x 7.
    "wideresnet18": (512, 45_500_000, None),
}
TWINS = {"resnet18": "wideresnet18", "wideresnet18": "resnet18"}
"""Architectures with the same names and shapes that compute something else."""


def entries() -> Iterator[Entry]:
    """Yield all three networks."""
    for network, (units, size, sha256) in FILES.items():
        file = f"{network}_places365.pth.tar"
        yield Entry(
            name=f"{network}-places365",
            about="365 kinds of places" + ("" if sha256 else "; needs --trust-unpinned"),
            units=units,
            classes=len(NAMES),
            size=size,
            licence="CC BY",
            remote=Remote(ADDRESS + file, cache_folder(), file, sha256, None, least=LEAST * size // 100),
            build=partial(_build, network),
            settings=lambda: {"labels": NAMES, "size": 224, "resize": 256, **IMAGENET},
            architecture=network,
            twin=partial(twin, network),
        )


def twin(architecture: str) -> Entry | None:
    """Return the network here that has an architecture's names and shapes and computes something else."""
    other = f"{TWINS.get(architecture)}-places365"
    return next((entry for entry in entries() if entry.name == other), None)


def _build(network: str, classes: int) -> nn.Module:
    """Return torchvision's architecture with so many classes, for wideresnet18 without its max pooling."""
    made = get_model(network.removeprefix("wide"), weights=None, num_classes=classes)
    if network.startswith("wide"):
        made.maxpool = nn.Identity()
    return made
