"""A hand that moves every control of a panel at random, and what must hold whatever it does."""

import random
import threading

import ipywidgets as widgets
from helpers.panels import NASTY, picture, png, said, seen, sent, shown, units_of, wait_until

from unitdrop.panel.browser import BrowserEvents


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
            "value_range": ["", "0 255", "40, 200", "3 1", NASTY, "nan 2", "1"],
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
            sent(widget, {"event": "click"})
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
        sent(self.panel.controls.events, content, *buffers)

    def _file(self):
        return {"kind": "file", "name": self.rng.choice(["up.png", f"{NASTY}.png", "image 1"])}


def files(folder):
    return sorted(folder.glob("image *.png"))


def calm(a_panel):
    """Wait until no thread of a panel is at work."""
    if a_panel.controller.idle is not None:
        a_panel.controller.idle.cancel()
        a_panel.controller.idle.join(30)
    wait_until(lambda: not any(t.name.startswith("unitdrop") for t in threading.enumerate()))


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


def as_it_was(used):
    """All that a callback that fails must leave alone."""
    images = used.controls.images.options
    return told(used), used.controller.gallery.listing, images, used.controller.gif.writing


def agree(a_panel, page=None):
    """Controls say what the state is, and the page shows what the kernel has."""
    assert shown(a_panel) == said(a_panel)
    (top, bottom), units = a_panel.state.window.ends, units_of(a_panel)
    assert a_panel.controls.kept.value == (top, units - bottom)
    assert a_panel.controls.k_played() == a_panel.state.k
    assert page is None or page.stale() == []


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


def free(lock):
    """Whether another thread could have a lock now."""
    got = []
    thread = threading.Thread(target=lambda: got.append(lock.acquire(timeout=1)) or lock.release())
    thread.start()
    thread.join()
    return got == [True]


def no_thread(_):
    raise RuntimeError("can't start new thread")
