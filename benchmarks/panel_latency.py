"""From key press to changed picture, in a real JupyterLab in a real Chromium.

Run ``python benchmarks/panel_latency.py`` on an otherwise idle machine; ``--help`` lists what can be chosen.
Needs what requirements-test.txt names, and Chromium.

One notebook holds six sliders, each above a picture of 960 x 540:

- trivial: a callback that swaps one of two prepared JPEGs for the other; what no panel can undercut;
- scenes: `Panel` on the embedded network;
- resnet50: `Panel` on a ResNet-50 with random weights;
- ... cold: the same two without drawing the neighbours of k ahead while nobody waits;
- two passes: the same ResNet-50 run twice for every move before the JPEG is swapped, which is how the slider
  that gave the idea for this package worked.

They are pressed in turn, so that a busy moment of the machine falls on all of them. The time goes from the
key's event to the first animation frame in which the new picture is decoded.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

import nbformat
import numpy as np

REPO = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPO))
sys.path.insert(0, str(REPO / "tests"))

from helpers import browser  # noqa: E402  (it is found by the path above)

NAMES = ("trivial", "scenes", "resnet50", "scenes cold", "resnet50 cold", "two passes")
MOST_MEDIAN, MOST_P90 = 2.0, 2.5  # times the trivial callback's
WARM = 5  # presses of each that are not counted
MOVES, SPAN = 200, 1000  # of a drag: so many moves in so many milliseconds
MOST_PRESSES = 240  # the embedded network has 256 units, and every press must change the picture
PACKAGES = ("unitdrop", "torch", "matplotlib", "ipywidgets", "jupyterlab", "ipykernel")

# ---------------------------------------------------------------------------------------------- the notebook

# The sliders and pictures beside the panels have the panel's class names, so that one script serves all.
_PREPARE = """\
import io, itertools
import ipywidgets as widgets
import torch, torchvision
from PIL import Image
import unitdrop

readout = unitdrop.load_model("scenes")("images/harbour-1.png")
prepared = []
for k in (0, 20):
    unitdrop.save_png("picture.png", unitdrop.Sweep(readout), k, size=(960, 540))
    buffer = io.BytesIO()
    Image.open("picture.png").convert("RGB").save(buffer, "JPEG", quality=88, subsampling=0)
    prepared.append(buffer.getvalue())
network = torchvision.models.resnet50(weights=None).eval()
batch = torch.rand(1, 3, 224, 224)

def slider(work):
    turns = itertools.cycle(prepared)
    frame = widgets.Image(value=next(turns), format="jpeg", width="960", height="540")
    k = widgets.IntSlider(min=0, max=2048, description="k")
    def moved(change):
        work()
        frame.value = next(turns)
    k.observe(moved, "value")
    frame.add_class("ud-frame"), k.add_class("ud-k")
    return widgets.VBox([k, frame])

def two_passes():
    with torch.inference_mode():
        network(batch), network(batch)

def cold(panel):
    panel.controller.draw_ahead = False
    return panel

model = unitdrop.wrap(network, name="ResNet-50, random weights")
"""
_CELLS = (
    _PREPARE,
    "slider(lambda: None)",
    "unitdrop.Panel()",
    "unitdrop.Panel(model)",
    "cold(unitdrop.Panel())",
    "cold(unitdrop.Panel(model))",
    "slider(two_passes)",
)


def write_notebook(folder: Path) -> str:
    """Write the notebook and what it reads into a folder; returns the notebook's name."""
    (folder / "images").symlink_to(REPO / "notebooks" / "images", target_is_directory=True)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [nbformat.v4.new_code_cell(source) for source in _CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "latency.ipynb")
    return "latency.ipynb"


# ---------------------------------------------------------------------------------------------- in the page

_SCRIPT = """
window.latency = (() => {
  const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel
  const sleep = ms => new Promise(done => setTimeout(done, ms))
  const frame = () => new Promise(done => requestAnimationFrame(() => done(performance.now())))
  const cell = i => document.querySelectorAll('.jp-Notebook .jp-CodeCell')[i + 1]
  const handle = i => cell(i).querySelector('.ud-k .noUi-handle')
  const picture = i => cell(i).querySelector('img.ud-frame')
  const readout = i => cell(i).querySelector('.ud-k .widget-readout').textContent
  const key = (i, name) => handle(i).dispatchEvent(
    new KeyboardEvent('keydown', {key: name, bubbles: true, cancelable: true}))
  let heard = []
  kernel.anyMessage.connect((_, {msg, direction}) => {
    const binary = (msg.buffers || []).some(buffer => buffer.byteLength > 2000)
    heard.push({at: performance.now(), binary: binary && direction === 'recv', received: direction === 'recv',
      parent: msg.parent_header.msg_id, state: msg.content.execution_state})
  })
  const quiet = async (ms) => {  // until the kernel has said nothing for so long
    for (let last = -1; last !== heard.length;) { last = heard.length; await sleep(ms) }
  }
  const decoded = async (image) => {  // resolves when what is there now can be seen
    for (;;) {
      const source = image.src
      try { await image.decode() } catch { await sleep(0); continue }
      const at = await frame()
      if (image.src === source) return at
    }
  }
  const changed = image => new Promise((done, fail) => {
    const give_up = setTimeout(() => { watch.disconnect(); fail(new Error('the picture stays')) }, 60000)
    const watch = new MutationObserver(() => { clearTimeout(give_up); watch.disconnect(); done() })
    watch.observe(image, {attributes: true, attributeFilter: ['src']})
  })
  const digest = async (image) => {
    const bytes = await (await fetch(image.src)).arrayBuffer()
    return [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))].join(' ')
  }
  const press = async (i, name = 'ArrowRight') => {
    const image = picture(i)
    handle(i).scrollIntoView({block: 'start'})
    await quiet(120)
    await frame()
    heard = []
    const change = changed(image), start = performance.now()
    key(i, name)
    await change
    const source = performance.now(), shown = await decoded(image)
    await quiet(120)
    const parent = heard.find(m => m.binary)?.parent  // the move, among all that a control may send
    const first = test => (heard.find(m => m.parent === parent && test(m))?.at ?? NaN) - start
    return {shown: shown - start, source: source - start, busy: first(m => m.state === 'busy'),
      message: first(m => m.binary), idle: first(m => m.state === 'idle'),
      received: heard.filter(m => m.received).length}
  }
  const drag = async (i, moves, span) => {
    const image = picture(i), shown = []
    handle(i).scrollIntoView({block: 'start'})
    key(i, 'Home')
    await quiet(1000)
    const watch = new MutationObserver(async () => shown.push(await decoded(image)))
    watch.observe(image, {attributes: true, attributeFilter: ['src']})
    const start = performance.now()
    for (let move = 0; move < moves; move++) {
      while (performance.now() < start + move * span / moves) await sleep(1)
      key(i, 'ArrowRight')
    }
    const end = performance.now()
    await quiet(2000)
    watch.disconnect()
    const k = readout(i), last = await digest(image)
    await press(i, 'ArrowLeft')
    const other = await digest(image)
    await press(i, 'ArrowRight')
    return {took: end - start, after: Math.max(...shown) - end, pictures: shown.length, k,
      same: last === await digest(image) && last !== other && readout(i) === k}
  }
  return {press, drag}
})()
void 0
"""


def presses(page, count: int) -> dict[str, list[dict]]:
    """Press the key at each slider in turn; a record of each press, times in milliseconds after it."""
    found = {name: [] for name in NAMES}
    for turn in range(WARM + count):
        for place, name in enumerate(NAMES):
            record = page.evaluate("i => latency.press(i)", place)
            if turn >= WARM:
                found[name].append(record)
    return found


def drags(page) -> dict[str, dict]:
    """Move each slider quickly; when the picture of the last move came, and whether it is that of k."""
    return {
        name: page.evaluate("([i, n, ms]) => latency.drag(i, n, ms)", [place, MOVES, SPAN])
        for place, name in enumerate(NAMES)
    }


def measure(count: int) -> tuple[str, dict[str, list[dict]], dict[str, dict]]:
    """Return the browser's version, the records of the presses, and those of the drags."""
    with tempfile.TemporaryDirectory() as parent:
        name = write_notebook(Path(parent))
        with browser.jupyterlab(Path(parent)) as address, browser.page() as page:
            browser.open_and_run(page, address.format(name))
            if browser.errors(page):
                raise RuntimeError(f"the notebook shows errors: {browser.errors(page)}")
            page.wait_for_function(f"document.querySelectorAll('img.ud-frame').length === {len(NAMES)}")
            page.evaluate(_SCRIPT)
            found = presses(page, count), drags(page)
            if browser.errors(page):
                raise RuntimeError(f"the panel shows errors: {browser.errors(page)}")
            return page.context.browser.version, *found


# ---------------------------------------------------------------------------------------------- the report


def quantiles(times: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 90th percentile."""
    return median(times), float(np.percentile(times, 90))


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def told_of_presses(found: dict[str, list[dict]]) -> list[str]:
    """Return a table: a line for each slider, its times and their ratios to the trivial one."""
    row = "{:<13} {:>8} {:>8} {:>8} {:>8}   {:>6} {:>9} {:>7} {:>6} {:>9}"
    heads = ("", "median", "p90", "x median", "x p90", "busy", "message", "shown", "idle", "received")
    lines = [row.format(*heads)]
    base = quantiles([record["shown"] for record in found[NAMES[0]]])
    for name, records in found.items():
        middle, high = quantiles([record["shown"] for record in records])
        parts = [median(r[part] for r in records) for part in ("busy", "message", "shown", "idle")]
        ratios = f"{middle / base[0]:.2f}", f"{high / base[1]:.2f}"
        received = f"{median(r['received'] for r in records):.0f}"
        times = [f"{part:.0f}" for part in parts]
        lines.append(row.format(name, f"{middle:.1f}", f"{high:.1f}", *ratios, *times, received))
    return lines


def told_of_drags(found: dict[str, dict]) -> list[str]:
    """Return a line for each slider that was dragged."""
    lines = []
    for name, drag in found.items():
        right = drag["same"] and drag["k"].strip() == str(MOVES)
        kind = f"that of k = {MOVES}" if right else f"NOT that of k = {MOVES} (reads {drag['k']})"
        if name in ("trivial", "two passes"):  # their pictures do not tell k
            kind = "not a function of k"
        lines.append(
            f"{name:<13} {drag['pictures']:>4} pictures of {MOVES} moves in {drag['took']:.0f} ms; "
            f"the last {drag['after']:.0f} ms after the last move, {kind}"
        )
    return lines


def verdict(found: dict[str, list[dict]]) -> str:
    """Say whether the panels keep within their bounds, the cold ones too."""
    base, *panels = (quantiles([r["shown"] for r in found[name]]) for name in NAMES[:-1])
    kept = all(p[0] <= MOST_MEDIAN * base[0] and p[1] <= MOST_P90 * base[1] for p in panels)
    return f"bounds (median {MOST_MEDIAN} x, p90 {MOST_P90} x): {'kept' if kept else 'NOT kept'}"


def _presses(text: str) -> int:
    count = int(text)
    if not 2 <= count <= MOST_PRESSES:
        raise argparse.ArgumentTypeError(f"expected 2 to {MOST_PRESSES}, got {count}")
    return count


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presses", type=_presses, default=60, metavar="N", help="of each slider (60)")
    args = parser.parse_args(argv)
    if browser.missing():
        parser.error(browser.missing())
    chromium, pressed, dragged = measure(args.presses)
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES[1:])
    print(f"{cores()} cores, Python {platform.python_version()}, Chromium {chromium}, {versions}")
    print(f"{args.presses} presses of each in turn; milliseconds from the key to the picture, and how many")
    print("times that of the trivial callback; then the medians of what the page heard from the kernel:\n")
    print("\n".join([*told_of_presses(pressed), "", verdict(pressed), "", *told_of_drags(dragged)]))


if __name__ == "__main__":
    main()
