"""The panel under storms of events, memory, interrupts, failures in every callback, and names that bite."""

import ast
import contextlib
import ctypes
import gc
import json
import logging
import os
import random
import shutil
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from itertools import product
from pathlib import Path

import ipywidgets as widgets
import nbclient
import nbformat
import numpy as np
import pytest
from helpers.panels import (
    IMAGES,
    OtherModel,
    Page,
    ToyModel,
    picture,
    png,
    said,
    seen,
    settle,
    shown,
    units_of,
    wait_until,
)
from ipywidgets.widgets.widget import _instances
from PIL import Image

import unitdrop
from unitdrop import export
from unitdrop.drawing import SweepFigure, UnitsFigure
from unitdrop.panel import Panel, controller, effects, gallery, moves, numbers, panel, renderer
from unitdrop.panel.browser import BrowserEvents
from unitdrop.panel.fetching import FetchingBar
from unitdrop.panel.toolkit import family

SMALL = (213, 160)
LOG = logging.getLogger("unitdrop.panel.controller")
NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture
def made(monkeypatch):
    """Make small panels that are closed again, in which nothing is drawn ahead unless a test wants it."""
    monkeypatch.setattr(controller, "IDLE", 600)
    panels = []

    def make(models=None, images=IMAGES, **choices):
        models = models or [ToyModel(), OtherModel()]
        panels.append(Panel(models, images, **{"size": SMALL} | choices))
        return panels[-1]

    yield make
    for each in panels:
        each.close()


@pytest.fixture(scope="module")
def network():
    """A real network with other units and classes than the toys have, and its parameters as they were."""
    from torch import nn, random

    with random.fork_rng():
        random.manual_seed(0)
        pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        module = nn.Sequential(nn.Conv2d(3, 9, 3), nn.ReLU(), pool, nn.Linear(9, 5))
    return unitdrop.wrap(module, labels=("ant", "bee", "cow", "sea", NASTY), size=32, name="torch")


def parameters(network):
    return {name: value.numpy().tobytes() for name, value in network.module.state_dict().items()}


# ---------------------------------------------------------------------------------------------- a hand


def movable(controls):
    """Every widget that a user can move, press or type into, by its name; found, not listed."""
    kinds = widgets.Button, widgets.ValueWidget, widgets.Accordion, BrowserEvents
    mute = widgets.Image, widgets.HTML
    return {n: w for n, w in vars(controls).items() if isinstance(w, kinds) and not isinstance(w, mute)}


class Hand:
    """Moves every control of a panel at random, as a user would on a page."""

    def __init__(self, a_panel, page, seed, folder):
        self.panel, self.page, self.rng = a_panel, page, random.Random(seed)
        self.widgets = movable(a_panel.controls)
        self.texts = {
            "search": ["sea", "a", "cow", NASTY, "no such", " ", "rock", "&"],
            "folder": ["", str(folder / "more"), str(folder / "gone"), NASTY, " "],
            "settings": ["", "{", "[]", NASTY, '{"image": "gone", "target": 0}'],
            "code": ["print()"],
        }
        often = ("k", "play", "back", "forth", "opacity")
        self.names = [*self.widgets, "message", *often * 3]

    def move_any(self):
        name = self.rng.choice(self.names)
        self.message() if name == "message" else self.move(name)

    def move(self, name):
        widget = self.widgets[name]
        if isinstance(widget, widgets.Button):
            widget._handle_custom_msg({"event": "click"}, [])
        elif name == "events" and self.rng.random() < 0.5:
            self.message()
        else:
            if name == "settings":  # those of now, for later
                self.texts[name] = [*self.texts[name][:5], *self.texts[name][5:][-5:], self.panel.settings]
            self.page.move(widget, **self.state(name, widget))

    def state(self, name, widget):
        """A state that the page may send for a widget."""
        rng = self.rng
        match widget:
            case widgets.Dropdown() | widgets.SelectionSlider():
                count = len(self.panel.controller.networks.at_hand if name == "model" else widget.options)
                return {"index": 0 if name == "beside" and rng.random() < 0.6 else rng.randrange(count)}
            case widgets.ToggleButton():
                return {"value": rng.random() < 0.3}
            case widgets.IntRangeSlider():
                return {"value": sorted(rng.randint(widget.min, widget.max) for _ in range(2))}
            case widgets.IntSlider() | widgets.Play() | widgets.BoundedIntText():
                return {"value": rng.choice([widget.max, rng.randint(widget.min, min(widget.max, 30))])}
            case widgets.FloatSlider():
                return {"value": rng.randrange(21) / 20}
            case widgets.FloatText():
                return {"value": rng.choice([0, 1e308, -7.0, round(rng.gauss(), 3)])}
            case widgets.Text() | widgets.Textarea():
                return {"value": rng.choice(self.texts[name])}
            case widgets.Accordion():
                return {"selected_index": rng.choice([None, 0, 1])}
            case BrowserEvents():
                return {"narrow": rng.random() < 0.5}
        raise AssertionError(f"nobody knows how {name}, a {type(widget).__name__}, is moved")

    def message(self):
        """What the page sends of its own: clicks, files, and what no page of ours would send."""
        rng = self.rng
        at = {"x": rng.random(), "y": rng.random()}
        content, buffers = rng.choices(
            [
                ({"kind": "tile", "x": at["x"], "y": 0.4}, []),
                ({"kind": "curve", **at}, []),
                ({"kind": "curve", "x": rng.uniform(0.55, 0.8), "y": 0.75}, []),
                ({"kind": "copied"}, []),
                ({"kind": "copied", "what": NASTY}, []),
                (None, []),
                ({"kind": "file"}, []),
                ({"kind": "tile"}, []),
                (self._file(), [b"no picture"]),
                (self._file(), [png(picture(rng.randrange(10, 20)))]),
            ],
            (9, 3, 6, 1, 1, 1, 1, 1, 0.5, 0.5),
        )[0]
        self.panel.controls.events._handle_custom_msg(content, buffers)

    def _file(self):
        return {"kind": "file", "name": self.rng.choice(["up.png", f"{NASTY}.png", "image 1"])}


@pytest.fixture
def offered(tmp_path, monkeypatch):
    """Three files to begin with, a folder with one more and a broken one; what is saved lands beside them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "more").mkdir()
    (tmp_path / "copies").mkdir()
    for number, pixels in enumerate(IMAGES, 1):
        Image.fromarray(pixels).save(tmp_path / f"image {number}.png")
    Image.fromarray(picture(7)).save(tmp_path / "more" / "seven.png")
    (tmp_path / "more" / "broken.png").write_bytes(b"no picture")
    return tmp_path


def files(folder):
    return sorted(folder.glob("image *.png"))


def again(used, folder):
    """Files for all the images that a panel has come to know, so that a fresh one may be given them."""
    found = {}
    for source in used.controller.gallery.sources:
        path = Path(source.path or folder / "copies" / source.name)
        if not path.exists():
            path.write_bytes(source.get())
        found.setdefault(source.name, path)
    return list(found.values())


def census():
    """Widgets, figures and threads that there are."""
    gc.collect()
    figures = sum(type(each) in (SweepFigure, UnitsFigure) for each in gc.get_objects())
    return {"widgets": len(_instances), "figures": figures, "threads": threading.active_count()}


def calm(a_panel):
    """Wait until no thread of a panel is at work."""
    if a_panel.controller.idle is not None:
        a_panel.controller.idle.cancel()
        a_panel.controller.idle.join(30)
    wait_until(lambda: not any(t.name.startswith("unitdrop") for t in threading.enumerate()))


def resident():
    """Bytes of memory that this process holds now; 0 where the system does not tell."""
    gc.collect()
    getattr(ctypes.CDLL(None), "malloc_trim", lambda _: 0)(0)  # what is free is not held
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0


def told(a_panel):
    """All that a panel shows: settings, pictures, and every control that is not a position in a list."""
    return a_panel.settings, seen(a_panel), _chosen(a_panel)


def _chosen(a_panel):
    controls = a_panel.controls
    values = {n: v for n, v in shown(a_panel).items() if n not in ("image", "beside")}
    more = {n: getattr(controls, n).value for n in ("kept", "lightest", "heaviest")}
    lists = controls.target.options, controls.targets.options, controls.search.options
    named = controls.image.label, controls.images.label, controls.beside.label, controls.k_played()
    return values | more, lists, named, (controls.k.max, controls.kept.max)


def agree(a_panel, page=None):
    """Controls say what the state is, and the page shows what the kernel has."""
    assert shown(a_panel) == said(a_panel)
    (top, bottom), units = a_panel.state.window.ends, units_of(a_panel)
    assert a_panel.controls.kept.value == (top, units - bottom)
    assert a_panel.controls.k_played() == a_panel.state.k
    assert page is None or page.stale() == []


# ---------------------------------------------------------------------------------------------- storm


@pytest.fixture
def stormy(made, network, offered, monkeypatch):
    """A panel of three networks after its first events: every figure is made, every cache full."""
    for name in ("save_gif", "save_png"):  # half a storm's time would go into them
        monkeypatch.setattr(export, name, lambda path, *_, **__: path.write_bytes(b"") or path)
    monkeypatch.setattr(LOG, "disabled", True)  # pytest would keep all that is logged
    used = made([ToyModel(), OtherModel(), network], files(offered))
    page = Page(used, monkeypatch)
    make_every_figure(used, page)
    return used, page


@pytest.mark.slow
def test_after_each_of_five_storms_a_panel_shows_what_a_fresh_one_shows_and_holds_no_more(
    stormy, network, offered
):
    (used, page), intact, ends = stormy, parameters(network), []
    storm(used, page, 100, 1_000, offered)
    counted, held = census(), resident()
    for seed in range(5):
        ends.append(storm(used, page, seed, 2_000, offered))
        assert census() == counted, seed
    assert resident() - held < 5e6
    assert parameters(network) == intact
    shows_as_fresh(used, ends, offered)


@pytest.mark.slow
def test_what_is_drawn_ahead_in_a_storm_changes_nothing(stormy, made, offered, monkeypatch):
    monkeypatch.setattr(controller, "IDLE", 0.001)
    used, page = stormy
    oracle = made([*used.controller.networks.at_hand.values()], files(offered))
    oracle.controller.gallery.sources = used.controller.gallery.sources
    for seed in range(7, 10):
        ends = [storm(used, page, seed, 300, offered)]
        hand = Hand(used, page, seed, offered)
        for _ in range(30):
            hand.move_any()
            used.controller.idle.join(30)  # both neighbours are there by now
            hand.move(hand.rng.choice(("back", "forth")))
            assert seen(used) == oracle.controller.renderer.render(used.state)
        shows_as_fresh(used, ends, offered)


def shows_as_fresh(used, ends, folder):
    """A fresh panel with the settings that each storm left shows what was shown then."""
    for end in ends:
        fresh = Panel(
            [*used.controller.networks.at_hand.values()], again(used, folder), size=SMALL, state=end[0]
        )
        assert told(fresh) == end
        fresh.close()


def make_every_figure(used, page):
    controls = used.controls
    for narrow, beside in product((False, True), (0, 2)):
        page.move(controls.events, narrow=narrow)
        page.move(controls.units_row, value=True)
        page.move(controls.beside, index=beside)


def storm(used, page, seed, count, folder):
    """So many random events on a panel, none of which may raise, then one that must not be lost; its end."""
    hand = Hand(used, page, seed, folder)
    for _ in range(count):
        hand.move_any()
    calm(used)
    k, units = 1 + hand.rng.randrange(units_of(used)), units_of(used)
    page.move(used.controls.kept, value=[0, units])
    page.move(used.controls.k, value=k)
    assert used.state.k == k and used.controls.error.value == ""
    agree(used, page)
    calm(used)
    return told(used)


# ---------------------------------------------------------------------------------------------- interrupts


@pytest.fixture
def interruptible():
    """Ctrl-C raises KeyboardInterrupt here, whatever the tests are run by."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, usual)


def strike(after):
    """Interrupt the main thread, after so many seconds."""
    main = threading.main_thread().ident
    threading.Timer(after, signal.pthread_kill, [main, signal.SIGINT]).start()


def struck(fire, after):
    """Fire events until an interrupt that is on its way has arrived: the functions that it went through."""
    deadline = time.monotonic() + 30
    try:
        strike(after)
        while time.monotonic() < deadline:
            fire()
    except KeyboardInterrupt as error:
        return [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)]
    raise AssertionError("an interrupt was swallowed")


def observers(a_panel):
    """How many callbacks there are on each control."""
    found = family([a_panel.widget]), vars(a_panel.controls).values()
    return [len(calls) for w in found[0] for named in w._trait_notifiers.values() for calls in named.values()]


def free(lock):
    """Whether another thread could have a lock now."""
    got = []
    thread = threading.Thread(target=lambda: got.append(lock.acquire(timeout=1)) or lock.release())
    thread.start()
    thread.join()
    return got == [True]


@pytest.mark.slow
def test_200_interrupts_at_random_moments_leave_picture_and_state_in_step_and_none_is_swallowed(
    stormy, made, network, offered, interruptible
):
    """One that lands before the callback begins leaves the control as it was moved, until the next event."""
    (used, page), rng, where = stormy, random.Random(0), Counter()
    oracle = made([*used.controller.networks.at_hand.values()], files(offered))
    oracle.controller.gallery.sources = used.controller.gallery.sources
    hand, callbacks, hooks = Hand(used, page, 5, offered), observers(used), hooked(network)
    for _ in range(200):
        through = struck(hand.move_any, rng.uniform(0, 0.03))
        place = landed(through)
        where[place] += 1
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, through
        assert seen(used) == oracle.controller.renderer.render(used.state), through
        if place != "before":
            agree(used, page)
        page.move(used.controls.k, value=(used.state.k + 1) % (used.controls.k.max + 1))
        agree(used, page)
    assert where.total() == 200 and where.total() - where["before"] >= 150, where
    assert observers(used) == callbacks and hooked(network) == hooks and free(used.controller.lock)


def landed(through):
    """Where in a callback an interrupt landed: in drawing, in other work, or put off; or before it."""
    callbacks = [i for i, name in enumerate(through) if name in ("ask", "attempt")]
    inner = through[callbacks[-1] + 1 :] if callbacks else []
    if not inner or inner[0] == "__enter__":
        return "before"
    if inner[0] == "__exit__":
        return "put off"
    return "drawing" if "draw" in inner else "computing"


def hooked(network):
    modules = [*network.module.modules()]
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in modules), network.module.training


@pytest.mark.parametrize("broken", [None, ValueError("Invalid affine transformation matrix")])
def test_an_interrupt_that_compiled_code_drops_or_makes_another_error_of_is_raised_all_the_same(
    made, interruptible, broken
):
    used = made()
    picture = used.controller.renderer
    draw = picture.draw

    def dropped(state):
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        if broken:
            raise broken
        return draw(state)

    picture.draw = dropped
    with pytest.raises(KeyboardInterrupt):
        used.controls.k.value = 2
    del picture.draw
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert seen(used) == picture.draw(used.state)
    agree(used)


def test_an_interrupt_put_off_by_a_commit_is_no_error_of_the_panel(made, interruptible, monkeypatch):
    used = made(top=1)
    settings, show = used.settings.replace('"k": 1', '"k": 3'), used.controls.show

    def struck_while_committing(state, offer):
        show(state, offer)
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(used.controls, "show", struck_while_committing)
        with pytest.raises(KeyboardInterrupt):
            used.controls.settings.value = settings
    assert used.state.k == 3 and used.controls.error.value == ""
    agree(used)


class Tripwire:
    """Interrupts the main thread when a certain line of the panel's own is reached; counts lines without one.

    Lines of contextlib count too where the panel's own code calls it.
    """

    OURS = str(Path(panel.__file__).parent)

    def __init__(self, line=None):
        self.line, self.lines = line, []

    def __enter__(self):
        self._before = sys.gettrace()
        sys.settrace(self._called)
        return self

    def __exit__(self, *error):
        sys.settrace(self._before)

    def _called(self, frame, event, arg):
        ours = [each.f_code.co_filename.startswith(self.OURS) for each in (frame, frame.f_back)]
        if ours[0] or (ours[1] and frame.f_code.co_filename == contextlib.__file__):
            return self._reached
        return None

    def _reached(self, frame, event, arg):
        if event == "line":
            self.lines.append((frame.f_code.co_name, frame.f_lineno))
            if len(self.lines) - 1 == self.line:
                sys.settrace(None)
                signal.raise_signal(signal.SIGINT)
        return self._reached


def tripped(line, work):
    """Do what is interrupted at a line: the function that this was in."""
    try:
        with Tripwire(line) as wire:
            work()
    except KeyboardInterrupt:  # and not `pytest.raises`, which holds on to all that it went through
        return wire.lines[-1][0]
    raise AssertionError(f"the interrupt at line {line} was swallowed")


def test_an_interrupt_at_any_line_of_a_callback_is_raised_once_and_leaves_all_in_step(
    made, interruptible, monkeypatch
):
    monkeypatch.setattr(LOG, "disabled", True)  # pytest would keep the frames that were interrupted
    used = made(top=1)
    controls = used.controls
    controls.units_row.value, controls.beside.value, controls.drawers.selected_index = (
        True,
        ("scope", "class"),
        1,
    )
    pictures = {}
    for k in (2, 1, 2, 1):
        with Tripwire() as dry:
            controls.k.value = k
        pictures[k] = seen(used)
    often = Counter()
    for line, name in enumerate(dry.lines):
        often[name] += 1
        if often[name] > 2:  # the third round of a loop is like the second
            continue
        last = tripped(line, lambda: setattr(controls.k, "value", 2))
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, name
        assert seen(used) == pictures[used.state.k], name
        assert controls.k.value == used.state.k or last in ("changed", "ask", "__enter__"), name
        assert not used.controller.setting and free(used.controller.lock), name
        for k in (2, 1):  # so that each round begins with the same caches
            controls.k.value = k
        agree(used)
        assert seen(used) == pictures[1] and controls.error.value == ""
        assert "forward" not in controls.status.value


# ---------------------------------------------------------------------------------------------- faults


class Fault(Exception):
    """What nobody has thought of."""


def callbacks(a_panel):
    """Every callback of the panel on a widget: (name of the widget, what it waits for); found, not listed."""
    for name, widget in vars(a_panel.controls).items():
        if isinstance(widget, widgets.Widget):
            for trait, kinds in widget._trait_notifiers.items():
                if any(map(_ours, (call for calls in kinds.values() for call in calls))):
                    yield name, trait
            clicks = getattr(widget, "_click_handlers", None)
            for kind, dispatcher in (("click", clicks), ("message", widget._msg_callbacks)):
                if dispatcher is not None and any(map(_ours, dispatcher.callbacks)):
                    yield name, kind


def _ours(callback):
    return str(getattr(callback, "__module__", "")).startswith("unitdrop.")


MESSAGES = {
    "curve": {"x": 0.6, "y": 0.75},
    "tile": {"x": 0.5, "y": 0.4},
    "copied": {"what": "Python"},
    "file": {"name": "own.png"},
}


def triggers(used, hand):
    """What sets off each callback, by its name; what a widget is moved to is another value than it has."""
    found = {}
    for name, kind in callbacks(used):
        widget = getattr(used.controls, name)
        if kind == "message":
            for each, more in MESSAGES.items():
                content = [{"kind": each, **more}, [png(picture(12))] if each == "file" else []]
                found[name, each] = lambda w=widget, c=content: w._handle_custom_msg(*c)
        elif kind == "click":
            found[name, kind] = widget.click
        else:
            found[name, kind] = lambda n=name, w=widget: hand.page.move(w, **elsewhere(hand, n, w))
    return found


def elsewhere(hand, name, widget):
    """A state for a widget that is not the one it is in."""
    while True:
        state = hand.state(name, widget)
        if any(np.any(getattr(widget, trait) != value) for trait, value in state.items()):
            return state


SHALLOW = {  # what is broken, and whose it is
    "moved": lambda used: controller,
    "make_offer": lambda used: controller,
    "hear": lambda used: controller,
    "export_settings": lambda used: effects,
    "draw": lambda used: used.controller.renderer,
    "open_folder": lambda used: used.controller.gallery,
}
DEEP = [
    (SweepFigure, "show"),
    (UnitsFigure, "show"),
    (renderer, "jpeg"),
    (numbers, "Sweep"),
    (gallery, "load_image"),
    (gallery, "gather"),
    (gallery, "uploaded"),
    (controller, "settings_of"),
    (moves, "make_plan"),
    (export, "save_png"),
    (export, "safe_name"),
]


def as_it_was(used):
    """All that a callback that fails must leave alone."""
    images = used.controls.images.options
    return told(used), used.controller.gallery.listing, images, used.controller.gif.writing


@pytest.fixture
def faulty(made, offered, monkeypatch):
    """A panel, units and texts in sight; a function that fires all callbacks while something is broken."""
    monkeypatch.setattr(LOG, "disabled", True)
    monkeypatch.setattr(export, "save_gif", lambda path, *_, **__: path.write_bytes(b"") or path)
    used = made([ToyModel(), OtherModel()], files(offered), top=1)
    page = Page(used, monkeypatch)
    hand = Hand(used, page, 3, offered)
    hand.texts = {
        "search": ["sea", "palm", "cat", "dog"],
        "folder": [str(offered / "more"), ""],
        "settings": [used.settings, used.settings.replace('"k": 1', '"k": 3')] * 3,
    }
    page.move(used.controls.units_row, value=True)
    page.move(used.controls.drawers, selected_index=1)  # so that Python and settings are written, too

    def fire(owner, name):
        found = triggers(used, hand).items()
        return {place for place, trigger in found if hit(used, page, trigger, owner, name)}

    return used, fire


def hit(used, page, trigger, owner, name):
    """Whether what is broken was come across; if so, everything is checked."""
    hits = []

    def broken(*_, **__):
        hits.append(name)
        raise Fault("<b>broken</b>")

    used.controller.renderer.forget()  # nothing is remembered that would have to be made there
    used.controller.numbers.clear()
    before = as_it_was(used)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, broken, raising=False)
        trigger()
    if hits:
        assert "Fault: &lt;b&gt;broken&lt;/b&gt;" in used.controls.error.value, name
        assert as_it_was(used) == before, name
        agree(used, page)
        assert not used.controller.setting and free(used.controller.lock)
    trigger()
    calm(used)
    if used.controls.error.value:  # by now it is of no use: the next move takes it away
        used.controls.reset.click()
    assert used.controls.error.value == "" and "broken" not in used.controls.status.value
    agree(used, page)
    return bool(hits)


def test_every_callback_that_fails_says_so_and_leaves_all_as_it_was(faulty):
    used, fire = faulty
    reached = set().union(*(fire(owner(used), name) for name, owner in SHALLOW.items()))
    assert reached == {*triggers(used, None)}
    silent = {n for n, w in movable(used.controls).items() if n not in {name for name, _ in reached}}
    assert silent == {"pace", "code", "copy_code", "copy_settings"}  # they work in the browser alone


@pytest.mark.slow
@pytest.mark.parametrize(("owner", "name"), DEEP, ids=[name for _, name in DEEP])
def test_whatever_breaks_below_a_callback_is_told_and_leaves_all_as_it_was(faulty, owner, name):
    _, fire = faulty
    assert fire(owner, name)


def test_where_no_thread_can_be_had_a_gif_is_refused_and_can_be_tried_again(made, offered, monkeypatch):
    used = made(images=files(offered))
    calm(used)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        used.controls.save.click()
    assert "start new thread" in used.controls.error.value and "Saving" not in used.controls.status.value
    assert not used.controls.save.disabled
    used.controls.save.click()
    calm(used)
    assert "Saved" in used.controls.status.value and used.controls.error.value == ""


def no_thread(_):
    raise RuntimeError("can't start new thread")


def test_where_no_thread_can_be_had_every_control_works_all_the_same(made, monkeypatch):
    used = made()
    calm(used)
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    used.controls.k.value = 3
    assert used.state.k == 3 and used.controls.error.value == ""
    agree(used)


# ---------------------------------------------------------------------------------------------- settings


WRONG = [
    {"end": "auto"},
    {"end": 1},
    {"target": "sea"},
    {"target": True},
    {"target": None},
    {"target": -1},
    {"target": 99},
    {"units": 1},
    {"units": "yes"},
    {"units": None},
    {"k": 2.0},
    {"k": "2"},
    {"k": True},
    {"k": -1},
    {"k": 7},
    {"held": 2.5},
    {"held": -1},
    {"held": 9},
    {"seed": -1},
    {"seed": 2**31},
    {"seed": 1.5},
    {"seed": True},
    {"units": True, "unit": 99},
    {"units": True, "unit": "1"},
    {"units": True, "unit": True},
    {"units": True, "unit": 1, "first": -3},
    {"units": True, "unit": 1, "first": "x"},
    {"opacity": True},
    {"opacity": 5},
    {"opacity": "x"},
    {"opacity": float("nan")},
    {"rank": ["weight"]},
    {"rank": 3},
    {"scope": None},
    {"cam": "all"},
    {"scale": "x"},
    {"curves": 1},
    {"cmap": "jet"},
    {"cmap": ["inferno"]},
    {"beside": ["scope", "moon"]},
    {"beside": ["scope", ["class"]]},
    {"beside": ["rank", 3]},
    {"beside": ["image"]},
    {"beside": ["image", "gone"]},
    {"beside": ["k", 3]},
    {"beside": "ab"},
    {"beside": {"scope": "class"}},
    {"beside": None},
    {"image": 0},
    {"image": None},
    {"model": ["toy"]},
    {"model": "gone"},
    {"model": None},
    {"pace": 3},
]


def test_settings_that_no_control_can_show_are_refused_and_leave_all_as_it_was(made, monkeypatch):
    monkeypatch.setattr(LOG, "disabled", True)
    used = made(top=1)
    page = Page(used, monkeypatch)
    good, before = json.loads(used.settings), as_it_was(used)
    for wrong in WRONG:
        page.move(used.controls.settings, value=json.dumps(good | wrong))
        assert used.controls.error.value != "", wrong
        assert as_it_was(used) == before, wrong
        agree(used, page)
        page.move(used.controls.settings, value=used.settings)
        assert used.controls.error.value == "", wrong


@pytest.mark.parametrize("wrong", WRONG, ids=json.dumps)
def test_a_panel_of_settings_that_no_control_can_show_is_refused_and_leaves_no_widget(made, wrong):
    good = json.loads(made(top=1).settings)
    before = set(_instances)
    with pytest.raises(ValueError):
        Panel([ToyModel(), OtherModel()], IMAGES, size=SMALL, state=json.dumps(good | wrong))
    assert set(_instances) == before


def test_settings_find_their_image_among_others_of_the_same_name(made, tmp_path):
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        Image.fromarray(picture(number)).save(tmp_path / str(number) / "same.png")
    paths = [tmp_path / "1" / "same.png", tmp_path / "2" / "same.png"]
    used = made(images=paths)
    used.controls.image.value = 1
    assert told(made(images=paths, state=used.settings)) == told(used)
    folders = made(images=tmp_path / "1")
    folders.controls.folder.value = str(tmp_path / "2")
    settings, before = folders.settings, told(folders)
    folders.controls.k.value = 1
    folders.controls.settings.value = settings
    assert told(folders) == before
    assert told(made(images=tmp_path / "2", state=settings))[:2] == before[:2]


def test_the_room_there_is_is_known_to_a_panel_with_settings_and_after_a_failure(made, monkeypatch):
    used = made()
    used.controls.events.narrow = True
    fresh = made(state=used.settings)
    assert seen(fresh) == seen(used)
    assert fresh.controls.events.narrow  # else a wide page would not say that it is
    with monkeypatch.context() as patch:
        patch.setattr(used.controller.renderer, "draw", no_thread)
        used.controls.events.narrow = False
    assert used.controls.events.narrow and used.state.narrow


# ---------------------------------------------------------------------------------------------- names


class NastyModel(ToyModel):
    """A network that somebody else has named."""

    name, labels = NASTY, (NASTY, f"{NASTY}\nimport antigravity", "sea", "rock")


def test_names_of_files_classes_and_networks_are_text_wherever_they_are_shown(made, offered, monkeypatch):
    monkeypatch.setattr(LOG, "disabled", True)
    monkeypatch.setattr(export, "save_gif", lambda path, *_, **__: path.write_bytes(b"") or path)
    for name in (f"image {NASTY}.png", f"more/{NASTY}.png"):
        Image.fromarray(picture(5)).save(offered / name)
    (offered / f"image {NASTY} broken.png").write_bytes(b"no picture")
    used = made([NastyModel(), OtherModel()], files(offered))
    settle(used)
    lines = {w: [w.value] for w in family([used.widget]) if isinstance(w, (widgets.HTML, widgets.HTMLMath))}
    for widget, values in lines.items():
        widget.observe(lambda change, values=values: values.append(change["new"]), "value")
    page = Page(used, monkeypatch)
    storm(used, page, 21, 400, offered)
    assert not any(getattr(w, "description_allow_html", False) for w in page.states)
    assert not any("<img" in value for values in lines.values() for value in values)
    controls = used.controls
    for shown_in in ([controls.error], [controls.status], [controls.notes], controls.captions):
        assert any("&lt;img" in value for widget in shown_in for value in lines[widget])


def test_a_network_that_is_fetched_or_fails_is_named_as_text(made):
    entry = type("Entry", (), {"name": NASTY, "cached": True, "load": lambda self, **_: no_thread(NASTY)})()
    waiting = FetchingBar(entry, None, False)
    values = []
    waiting.line.observe(lambda change: values.append(change["new"]), "value")
    waiting.fetch()
    wait_until(lambda: not any(t.name == "unitdrop-fetch" for t in threading.enumerate()))
    waiting.close()
    assert any("&lt;img" in value for value in values) and not any("<img" in value for value in values)


def test_no_name_can_leave_its_place_in_the_python_of_a_picture(made, tmp_path):
    path = tmp_path / "a\n'''+1#.png"
    Image.fromarray(picture(5)).save(path)
    network = NastyModel()
    network.name = "toy\rimport antigravity\nimport this"
    used = made(network, path, target=1)
    used.controls.drawers.selected_index = 1
    used.controls.beside.value = ("scope", "class")
    kinds = [type(node).__name__ for node in ast.parse(used.controls.code.value).body]
    assert kinds == ["Import", "Assign", "Assign", "Assign", "Expr", "Assign"]


# ---------------------------------------------------------------------------------------------- cells again


NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
COUNT = """\
import gc as _gc, json as _json, threading as _threading
from ipywidgets.widgets.widget import _instances as _open
for _thread in _threading.enumerate():
    if _thread.name.startswith("unitdrop") or isinstance(_thread, _threading.Timer):
        _thread.join(60)
_gc.collect()
_kinds = [type(each).__name__ for each in _gc.get_objects()]
_figures = _kinds.count("SweepFigure") + _kinds.count("UnitsFigure")
print(_json.dumps({"widgets": len(_open), "figures": _figures, "threads": len(_threading.enumerate())}))
del _kinds, _thread
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["unitdrop", "app"])
def test_every_cell_that_runs_ten_times_in_a_kernel_leaves_as_much_as_after_the_second_time(name, tmp_path):
    """All cells of a notebook in turn, ten times over; in the end the panel's cell five times running."""
    shutil.copytree(NOTEBOOKS, tmp_path / "notebooks", ignore=shutil.ignore_patterns("*.gif", ".*"))
    (tmp_path / "unitdrop").symlink_to(NOTEBOOKS.parent / "unitdrop", target_is_directory=True)
    notebook = nbformat.read(tmp_path / "notebooks" / f"{name}.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    (of_panel,) = (cell for cell in cells if cell.id == "panel")
    counter = nbformat.v4.new_code_cell(COUNT)
    notebook.cells = [*cells, counter]
    counts = []
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONPATH", raising=False)
        patch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
        where = {"metadata": {"path": str(tmp_path / "notebooks")}}
        client = nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=where)
        with client.setup_kernel():
            for batch in [cells] * 10 + [[of_panel]] * 5:
                for cell in [*batch, counter]:
                    client.execute_cell(cell, notebook.cells.index(cell))
                    assert not [o.text for o in cell.outputs if o.get("name") == "stderr"]
                counts.append(json.loads(counter.outputs[0].text))
    assert counts[-1] == counts[9] == counts[1] and counts[1]["figures"] and counts[1]["widgets"] > 10
