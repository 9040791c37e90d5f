"""Make Media/panel.gif: half a minute with the real panel, in a real JupyterLab, in a real browser.

Run ``python Media/make_panel_gif.py``; ``--help`` lists the choices. Needs what requirements-test.txt names,
and Chromium. What is seen is what happened, in the time that it took: the script moves the mouse as a hand
would and takes a screenshot some six times a second. The pointer is drawn, as a screenshot has none.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from helpers import browser

from unitdrop.export import atomic_write
from unitdrop.export.gif import Encoder, shared_palette

REPO = Path(__file__).resolve().parents[1]
FPS = 6
SHORTEST, LONGEST = 0.1, 2.0  # seconds that a frame is seen
GLIDE = 0.4  # seconds for a way of the mouse
WINDOW = {"width": 1080, "height": 960}  # in which the panel is some 900 pixels wide
MARGIN = 8  # pixels around the panel
COLOURS = (255, 160, 127, 95, 63)  # tried in this order until the file is small enough

# An arrow that follows the mouse, and a ring where it is pressed.
POINTER = """() => {
  const arrow = document.createElement('div')
  arrow.innerHTML = `<svg width="26" height="30" viewBox="0 0 26 30">
    <circle cx="4" cy="4" r="0" fill="none" stroke="#d55e00" stroke-width="3"/>
    <path d="M4 3 L4 24 L9 19 L13 28 L17 26 L13 17 L20 17 Z" fill="#111" stroke="#fff" stroke-width="1.8"/>
    </svg>`
  arrow.style.cssText = 'position: fixed; z-index: 99999; pointer-events: none; left: -40px; top: -40px'
  arrow.firstChild.style.overflow = 'visible'
  document.body.append(arrow)
  const ring = arrow.querySelector('circle')
  const at = ({clientX, clientY}) => {
    arrow.style.left = `${clientX - 4}px`
    arrow.style.top = `${clientY - 3}px`
  }
  for (const kind of ['mousemove', 'pointermove']) window.addEventListener(kind, at, true)
  window.addEventListener('pointerdown', () => ring.setAttribute('r', 13), true)
  window.addEventListener('pointerup', () => setTimeout(() => ring.setAttribute('r', 0), 250), true)
}"""


# Up to the top of what scrolls in JupyterLab.
SCROLL = """(panel, margin) => {
  panel.scrollIntoView()
  panel.closest('.jp-WindowedPanel-outer').scrollBy(0, -margin)
}"""


class Film:
    """Takes pictures of a part of a page while something is done there.

    Parameters
    ----------
    page
        Of Playwright.
    clip : dict
        What is seen of it: x, y, width, height.
    """

    def __init__(self, page, clip: dict[str, float]) -> None:
        self.page, self._clip = page, clip
        self.shots: list[tuple[float, bytes]] = []
        self._at = (clip["x"] + clip["width"] * 0.6, clip["y"] + clip["height"] * 0.6)
        page.mouse.move(*self._at)

    def shoot(self) -> None:
        """Take one picture, not sooner than is its turn."""
        if self.shots:
            self.page.wait_for_timeout(max(0, 1000 * (self.shots[-1][0] + 1 / FPS - time.monotonic())))
        self.shots.append((time.monotonic(), self.page.screenshot(clip=self._clip)))

    def hold(self, seconds: float) -> None:
        """Look on."""
        self.glide(*self._at, seconds)

    def glide(self, x: float, y: float, seconds: float = GLIDE) -> None:
        """Move the mouse, beginning and ending gently."""
        (x0, y0), begin = self._at, time.monotonic()
        while (done := (time.monotonic() - begin) / seconds) < 1:
            eased = done * done * (3 - 2 * done)
            self.page.mouse.move(x0 + (x - x0) * eased, y0 + (y - y0) * eased)
            self.shoot()
        self._at = x, y
        self.page.mouse.move(x, y)
        self.shoot()

    def glide_to(self, target, across: float = 0.5, down: float = 0.5, seconds: float = GLIDE) -> None:
        """Move the mouse to a place in an element, in parts of its width and height."""
        box = target.bounding_box()
        self.glide(box["x"] + across * box["width"], box["y"] + down * box["height"], seconds)

    def click(self, target, across: float = 0.5, down: float = 0.5) -> None:
        """Go to an element and press it."""
        self.glide_to(target, across, down)
        self.page.mouse.down()
        self.shoot()
        self.page.mouse.up()

    def choose(self, menu, label: str) -> None:
        """Go to a menu and choose from it; its list is drawn by the system and cannot be seen."""
        self.glide_to(menu, 0.8)
        menu.select_option(label=label)

    def scroll(self, pixels: int, seconds: float = 1) -> None:
        """Turn the wheel."""
        turns = max(1, round(seconds * FPS))
        for _ in range(turns):
            self.page.mouse.wheel(0, pixels / turns)
            self.shoot()

    def frames(self) -> list[tuple[np.ndarray, int]]:
        """Return the pictures, (H, W, 3) uint8, each with the hundredths of a second that it was there."""
        times = [when for when, _ in self.shots]
        ends = [*times[1:], times[-1] + LONGEST]
        delays = [round(100 * min(max(b - a, SHORTEST), LONGEST)) for a, b in zip(times, ends, strict=True)]
        pictures = (np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")) for _, shot in self.shots)
        return list(zip(pictures, delays, strict=True))


class Hand:
    """What a user does with the panel."""

    def __init__(self, film: Film) -> None:
        self.film, self.page = film, film.page

    def part(self, name: str):
        """Return a part of the panel by its class."""
        return self.page.locator(f".ud-{name}").first

    def button(self, words: str):
        """Return a button by what is on it."""
        return self.page.locator(".ud-panel").get_by_role("button", name=words).first

    def menu(self, words: str):
        """Return a menu by the word before it."""
        return self.page.locator(".ud-panel").get_by_label(words, exact=True).first

    def drag_k(self, stops: list[tuple[int, float]]) -> None:
        """Take the slider of k to one number after another, each in some seconds, and let it go."""
        handle, track = (self.part("k").locator(name) for name in (".noUi-handle", ".noUi-base"))
        self.film.glide_to(handle)
        self.page.mouse.down()
        along, middle = track.bounding_box(), handle.bounding_box()
        y = middle["y"] + middle["height"] / 2
        units = int(self.part("kept").locator(".widget-readout").inner_text().split()[-1])
        for k, seconds in stops:
            self.film.glide(along["x"] + along["width"] * k / units, y, seconds)
        self.page.mouse.up()

    def type_class(self, words: str) -> None:
        """Type a part of a class's name, and Enter."""
        self.film.click(self.part("search").locator("input"))
        for letter in words:
            self.page.keyboard.type(letter)
            self.film.shoot()
        self.page.keyboard.press("Enter")


def act(hand: Hand) -> None:
    """Half a minute with the panel."""
    film = hand.film
    film.hold(0.5)
    hand.drag_k([(12, 1.8), (20, 1.8), (28, 1)])  # the CAM drains, look-alikes rise, the label flips
    film.hold(0.5)
    play = hand.part("play").locator("button").first
    film.click(play)
    film.hold(1)
    film.click(play)
    film.click(hand.part("reset"))
    images = hand.part("images").locator("select")
    film.choose(images, "camp-1.png")
    film.hold(0.7)
    hand.type_class("fore")
    film.hold(0.8)
    film.choose(images, "harbour-1.png")
    film.choose(hand.part("besides").locator("select"), "scope class")
    film.hold(0.5)
    hand.drag_k([(16, 1.5), (32, 1.4)])
    film.hold(0.5)
    film.choose(hand.part("besides").locator("select"), "nothing")
    film.choose(hand.menu("Curves"), "shares")  # where the probability went
    film.hold(0.7)
    film.click(hand.part("frame"), 0.535, 0.8)
    film.hold(0.5)
    film.click(hand.part("units"))
    film.scroll(300)
    film.click(hand.page.get_by_title("The next unit").first)
    film.hold(0.5)
    film.click(hand.part("tiles"), 0.79, 0.35)
    film.hold(0.5)


def record(image: str) -> list[tuple[np.ndarray, int]]:
    """Return the frames and their delays."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "notebooks"
        shutil.copytree(REPO / "notebooks", folder, ignore=shutil.ignore_patterns("*.gif", ".*"))
        with browser.jupyterlab(folder) as address, browser.page(**WINDOW) as page:
            browser.open_and_run(page, address.format("unitdrop.ipynb"))
            page.locator(".ud-images select").first.select_option(label=image)
            page.wait_for_timeout(1500)
            panel = page.locator(".ud-panel").first
            panel.evaluate(SCROLL, MARGIN)
            page.wait_for_timeout(500)
            page.evaluate(POINTER)
            box, last = (part.bounding_box() for part in (panel, page.locator(".ud-save-png").first))
            clip = {"x": box["x"] - MARGIN, "y": box["y"] - MARGIN, "width": box["width"] + 2 * MARGIN}
            height = last["y"] + last["height"] + 2 - clip["y"]  # down to the buttons
            film = Film(page, {**clip, "height": height})
            act(Hand(film))
            if browser.errors(page):
                raise RuntimeError(f"the notebook shows errors: {browser.errors(page)}")
            return film.frames()


def encode(frames: list[tuple[np.ndarray, int]], most: int) -> bytes:
    """Return the file, with as many colours as its size allows."""
    sample = [picture for picture, _ in frames[:: max(1, len(frames) // 24)]]
    for colours in COLOURS:
        encoder = Encoder(shared_palette(sample, colours))
        for picture, delay in frames:
            encoder.add(picture, delay)
        data = encoder.to_bytes()
        if len(data) <= most:
            return data
    raise RuntimeError(f"the file would have {len(data):,} bytes, and {most:,} are allowed")


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image", default="beach-1.png", help="the one to begin with, of notebooks/images")
    parser.add_argument("--megabytes", type=float, default=6, help="the file is at most so large")
    parser.add_argument("--out", type=Path, default=REPO / "Media" / "panel.gif")
    args = parser.parse_args(argv)
    if browser.missing():
        parser.error(browser.missing())
    frames = record(args.image)
    data = encode(frames, round(args.megabytes * 1e6))
    with atomic_write(args.out) as file:
        file.write(data)
    (height, width, _), seconds = frames[0][0].shape, sum(delay for _, delay in frames) / 100
    print(f"{args.out}: {width} x {height}, {len(frames)} frames, {seconds:.0f} s, {len(data) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
