"""Make Media/panel.png: the real notebook, in a real JupyterLab, in a real browser.

Run ``python Media/make_panel_png.py``; ``--help`` lists other images, sizes and themes. Needs
what requirements-test.txt names, and Chromium.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image

REPO = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPO), str(REPO / "tests")]

import browser  # noqa: E402


def telling_k(image: str) -> int:
    """Find a k at which much has gone and much is left to see: a third of the way to the flip."""
    from unitdrop import Sweep, load_model

    flip = Sweep(load_model("scenes")(REPO / "notebooks" / "images" / image)).flip
    return flip.k // 3 if flip else 0


def set_panel(page, image: str, k: int) -> None:
    """Choose an image from the list and walk the slider to k, as a user would."""
    menu = page.locator(".ud-images select").first
    if menu.evaluate("e => e.selectedOptions[0].textContent") != image:
        before = browser.frame_source(page)
        menu.select_option(label=image)
        browser.await_new_frame(page, before)
    handle = page.locator(".ud-k .noUi-handle").first
    handle.press("Home")
    for _ in range(k):
        handle.press("ArrowRight")
    page.wait_for_function(
        "k => document.querySelector('.ud-k .widget-readout').textContent == k", arg=str(k)
    )
    page.wait_for_timeout(1500)  # until the last picture has come


def screenshot(image: str, ks: list[int], width: int, height: int, theme: str) -> list[Image.Image]:
    """Return a picture of the browser's window for every k."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "notebooks"
        shutil.copytree(REPO / "notebooks", folder, ignore=shutil.ignore_patterns("*.gif", ".*"))
        name = f"JupyterLab {theme.capitalize()}"
        with browser.jupyterlab(folder, name) as address, browser.page(width, height) as page:
            browser.open_and_run(page, address.format("unitdrop.ipynb"))
            shots = []
            for k in ks:
                set_panel(page, image, k)
                page.locator(".ud-panel").first.evaluate("e => e.scrollIntoView({block: 'center'})")
                page.mouse.move(2, height // 2)  # no tooltip in the way
                page.wait_for_timeout(1000)
                shots.append(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
            if browser.errors(page):
                raise RuntimeError(f"the notebook shows errors: {browser.errors(page)}")
            return shots


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image", default="camp-1.png", help="a file of notebooks/images")
    parser.add_argument("--k", type=int, nargs="+", help="units dropped (default: a third of the flip)")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=1060)
    parser.add_argument("--theme", choices=("light", "dark"), default="light")
    parser.add_argument("--out", type=Path, default=REPO / "Media" / "panel.png")
    args = parser.parse_args(argv)
    if browser.missing():
        parser.error(browser.missing())
    ks = args.k or [telling_k(args.image)]
    for k, shot in zip(ks, screenshot(args.image, ks, args.width, args.height, args.theme), strict=True):
        path = args.out if len(ks) == 1 else args.out.with_stem(f"{args.out.stem}-{k}")
        shot.save(path, optimize=True)
        print(f"{path}: {shot.width} x {shot.height}, {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
