"""Makes the animation at the top of the README: `python Media/make_animation.py [IMAGE]`.

It is what `python -m unitdrop gif IMAGE --out Media/animation.gif` writes, a little smaller.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from unitdrop import Sweep, load_model, save_gif

ROOT = Path(__file__).resolve().parents[1]
IMAGE = ROOT / "notebooks" / "images" / "bridge-2.png"
OUT = ROOT / "Media" / "animation.gif"


def main(image: Path = IMAGE) -> None:
    """Write the animation of one image, and say what it shows."""
    sweep = Sweep(load_model("scenes")(image))
    save_gif(OUT, sweep, size=(840, 472), frames=48, fps=10, max_bytes=2_500_000)
    flip = f"flips to {sweep.flip.label} at k = {sweep.flip.k}" if sweep.flip else "does not flip"
    print(f"{OUT.relative_to(ROOT)}: {OUT.stat().st_size / 1e6:.1f} MB; {sweep.label} {flip}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
