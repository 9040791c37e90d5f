"""`Controls`: the widgets of a panel, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets

from unitdrop.panel.browser import LIMIT, Touch
from unitdrop.panel.state import CAMS, CURVES, ENDS, MOST_SEED, SCALES, State
from unitdrop.plan import CMAPS, View
from unitdrop.sweep import RANKINGS, SCOPES

PACE = 80  # milliseconds from one k to the next, at the start

# Only what ipywidgets have no trait for: names too long for their place end in an ellipsis.
_STYLE = """<style>
.ud-panel { margin: 0 auto 0 0; }
.ud-panel .widget-readout { max-width: 34%; min-width: 60px; width: auto;
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.ud-panel select { text-overflow: ellipsis; }
.ud-panel .ud-frame, .ud-panel .ud-beside { height: auto; border-radius: 4px; }
.ud-panel.ud-pair .ud-side { flex: 1 1 420px; max-width: min(100%, 640px); }
.ud-panel .ud-caption { font-weight: bold; text-align: center; }
.ud-panel .ud-upload { padding: 2px; }
.ud-panel .ud-tiles { height: auto; align-self: flex-start; cursor: pointer; }
.ud-panel.ud-over { outline: 3px dashed var(--jp-brand-color1, #1976d2); outline-offset: 2px; }
.ud-panel .ud-line .widget-html-content { line-height: 1.45; overflow-wrap: anywhere; }
body[data-voila] .ud-panel { margin: 0 auto; }
[data-jp-theme-light="false"] .ud-panel select { background-image: url("data:image/svg+xml,%3Csvg \
xmlns='http://www.w3.org/2000/svg' viewBox='0 0 18 18'%3E%3Cpath fill='%23ccc' \
d='M5.2 5.9 9 9.7l3.8-3.8 1.2 1.2-5 5-5-5z'/%3E%3C/svg%3E"); }
</style>"""


def layout(**traits) -> widgets.Layout:
    """A layout that lets its widget shrink."""
    return widgets.Layout(**({"min_width": "0"} | traits))


def styles() -> widgets.HTML:
    """The style sheet, as a widget that takes no room."""
    return widgets.HTML(_STYLE, layout=layout(display="none"))


def row(*children: widgets.Widget) -> widgets.HBox:
    """Widgets beside each other, on more lines where one is too short."""
    return widgets.HBox(children, layout=layout(flex_flow="row wrap", align_items="center"))


# By which the page, the style sheet and the tests find a widget, where that is not its own name.
_CLASSES = {
    "target": "class",
    "targets": "classes",
    "beside": "besides",
    "beside_frame": "beside",
    "touch": "upload",
    "box": "panel",
}
Options = Sequence[tuple[str, Any]]


@dataclass(frozen=True)
class Offer:
    """What the controls offer and show beside the fields of a state.

    Attributes
    ----------
    units, held : int
        U, and how many of them are dropped from the other end; k goes as far as the rest.
    kept : tuple of int
        The ranks that are kept, [lo, hi).
    weights : tuple of float, optional
        The lightest and the heaviest weight kept, rounded; None where the ranking is not by weight.
    captions : tuple of str
        HTML over the picture and the one beside it; empty where there is none.
    models, images, classes, besides
        Options: (what is read, value) each.
    search : tuple of str
        A name for each class, all different.
    notes : str
        HTML below the panel.
    told : (str, str), optional
        The Python of the picture and its settings; None where nobody looks at them.
    """

    units: int
    held: int
    kept: tuple[int, int]
    weights: tuple[float, float] | None
    captions: tuple[str, str]
    models: Options
    images: Options
    classes: Options
    besides: Options
    search: tuple[str, ...]
    notes: str
    told: tuple[str, str] | None


class Controls:
    """The widgets of a panel: made once, set to a state, closed."""

    def __init__(self, width: int) -> None:
        self.frame, self.beside_frame, self.tiles = (
            widgets.Image(format="jpeg", layout=layout(max_width="100%", margin="4px 0")) for _ in range(3)
        )
        self.error, self.status, self.notes = (
            widgets.HTML(layout=layout(flex="1 1 auto")).add_class("ud-line") for _ in range(3)
        )
        self.captions = tuple(widgets.HTML().add_class("ud-caption") for _ in range(2))
        self.touch = Touch()
        self._make_choices()
        self._make_player()
        self._make_window()
        self._make_options()
        self._make_buttons()
        self._make_steps()
        self._make_drawers()
        self.links = [widgets.jslink((self.pace, "value"), (self.play, "interval"))]
        self._width = width
        self.box = self._arranged()
        named = {
            _CLASSES.get(name, name.replace("_", "-")): w
            for name, w in vars(self).items()
            if isinstance(w, widgets.DOMWidget)
        }
        for name, widget in named.items():
            widget.add_class(f"ud-{name}")
        told = {name: getattr(widget, "tooltip", None) for name, widget in named.items()}
        self.touch.titles = {name: words for name, words in told.items() if words}

    def _make_choices(self) -> None:
        self.model = widgets.Dropdown(
            options=[""], description="Model", layout=layout(flex="1 1 250px", max_width="420px")
        )
        self.model.style.description_width = "48px"
        self.model.tooltip = "The network. One that is not here yet is downloaded; meanwhile this one stays."
        self.image, self.images = _choice("Image", "Choose the image; its prediction becomes the class.")
        self.target, self.targets = _choice("Class", "Choose the class whose units are dropped.")
        self.search = widgets.Combobox(
            placeholder="type to search",
            continuous_update=False,
            layout=layout(flex="1 1 110px", max_width="170px"),
        )
        self.search.tooltip = "Type a part of a class's name and choose it, or press Enter."

    def _make_player(self) -> None:
        self.k = widgets.IntSlider(min=0, max=1, description="k", layout=layout(flex="1 1 300px"))
        self.k.style.description_width = "16px"
        self.k.tooltip = "How many units are dropped."
        self.play = widgets.Play(min=0, max=1, interval=PACE, layout=layout(flex="0 0 auto"))
        self.play.tooltip = "Drop the units one after another; ■ goes back to 0, the last one repeats."
        self.bounce = widgets.ToggleButton(description="Bounce", layout=layout(width="72px", flex="0 0 auto"))
        self.bounce.tooltip = "Play there and back again."
        self.pace = widgets.IntSlider(
            PACE, min=20, max=500, step=10, description="ms a step", layout=layout(flex="0 1 270px")
        )
        self.pace.style.description_width = "76px"
        self.pace.tooltip = "How long each k is shown while it plays, in milliseconds: less is faster."
        self.back, self.forth = _arrows("One unit fewer.", "One unit more.")

    def _make_window(self) -> None:
        self.kept = widgets.IntRangeSlider(
            value=(0, 1), min=0, max=1, description="Kept", layout=layout(flex="3 1 340px")
        )
        self.kept.style.description_width = "48px"
        self.kept.tooltip = "The ranks that are kept, most important first; all others are dropped."
        self.lightest, self.heaviest = (
            widgets.FloatText(step=0.01, description=name, layout=layout(width=width), tooltip=words)
            for name, width, words in (
                ("weights", "138px", "Units with a smaller weight for the class are dropped."),
                ("to", "104px", "Units with a larger weight for the class are dropped."),
            )
        )
        self.lightest.style.description_width, self.heaviest.style.description_width = "54px", "20px"

    def _make_buttons(self) -> None:
        for name, words, icon, tooltip in (
            ("to_flip", "To the flip", "step-forward", "The smallest k at which the prediction changes."),
            ("smallest", "Smallest flip set", "scissors", "Drop the fewest units that change it."),
            ("reset", "Reset", "undo", "As the panel was at the start."),
            ("save", "Save GIF", "film", "Write this sweep as an animation into the notebook's folder."),
            ("save_png", "Save PNG", "image", "Write this picture into the notebook's folder."),
        ):
            place = layout(width="auto")
            button = widgets.Button(description=words, icon=icon, tooltip=tooltip, layout=place)
            setattr(self, name, button)
        self.units = widgets.ToggleButton(description="Units", icon="th", layout=layout(width="auto"))
        self.units.tooltip = "The units around the next one to go: map, weight, the classes they serve."

    def _make_options(self) -> None:
        self.end = _menu("Drop", ENDS, "From which end of the ranking units are dropped.")
        self.rank = _menu(
            "Ranking",
            RANKINGS,
            "What orders the units: the weight of the class, its "
            "contribution in this image, what the prediction's lead over its nearest rival "
            "loses with each, or chance (the control).",
        )
        self.scope = _menu(
            "Scope",
            SCOPES,
            "unit: a dropped unit is silent for every class. class: only for the chosen class.",
        )
        self.cam = _menu(
            "CAM of",
            CAMS,
            "Whose evidence is shown: the class's, the prediction's, or "
            "what the class has lost and gained since nothing was dropped.",
        )
        self.scale = _menu(
            "Scale", SCALES, "fixed: evidence is seen to drain. frame: every picture on a scale of its own."
        )
        self.cmap = _menu("Colours", CMAPS, "Of the map; all are safe for the colour-blind.")
        self.curves = _menu(
            "Curves", CURVES, "classes: a line each. shares: where the probability went, stacked."
        )
        self.beside = _menu(
            "Beside", [("nothing", ())], "A second picture on the same k: another scope, ranking or image."
        )
        self.opacity = widgets.FloatSlider(
            View.opacity,
            min=0,
            max=1,
            step=0.05,
            description="Opacity",
            layout=layout(flex="1 1 200px", max_width="300px"),
        )
        self.opacity.style.description_width = "58px"
        self.opacity.tooltip = "Of the map over the image, where there is most evidence."
        self.seed = widgets.BoundedIntText(
            0, min=0, max=MOST_SEED, description="Seed", layout=layout(flex="0 1 150px")
        )
        self.seed.style.description_width = "48px"
        self.seed.tooltip = "Of the random order."

    def _make_steps(self) -> None:
        """What goes from one unit to the next, under the row of units."""
        self.previous, self.following = _arrows("The unit before: its map.", "The next unit: its map.")
        self.whole = widgets.Button(description="Back to the CAM", layout=layout(width="130px"))
        self.whole.tooltip = "Show the class activation map again."
        words = widgets.HTML("Click a unit, or step, to see its own map in the picture.")
        self.steps = row(self.previous, self.following, self.whole, words)

    def _make_drawers(self) -> None:
        """What is needed now and then: images of one's own, Python and settings."""
        self.folder = widgets.Text(
            placeholder="path of a folder or an image",
            description="Folder",
            continuous_update=False,
            layout=layout(flex="1 1 340px"),
        )
        self.folder.style.description_width = "48px"
        self.folder.tooltip = "Offer the images of this folder instead; empty: those of the start."
        self.code = widgets.Textarea(rows=12, layout=layout(width="auto"))
        self.code.tooltip = "Python that makes this picture."
        self.settings = widgets.Text(
            description="Settings", continuous_update=False, layout=layout(flex="1 1 340px")
        )
        self.settings.style.description_width = "58px"
        self.settings.tooltip = "This picture as a string; one that is pasted here is taken over."
        self.copy_code, self.copy_settings = (
            widgets.Button(description=words, icon="copy", layout=layout(width="130px"), tooltip=tooltip)
            for words, tooltip in (
                ("Copy Python", "Put the Python on the clipboard."),
                ("Copy settings", "Put the settings on the clipboard."),
            )
        )
        own = widgets.VBox([self.touch, row(self.folder)])
        told = widgets.VBox([row(self.copy_code, self.copy_settings, self.settings), self.code])
        titles = (
            f"Your own images: drop, upload (up to {LIMIT // 10**6} MB each), or a folder",
            "Python and settings of this picture",
        )
        self.more = widgets.Accordion([own, told], titles=titles, layout=layout(width="auto"))

    def _arranged(self) -> widgets.VBox:
        weights = widgets.HBox([self.lightest, self.heaviest], layout=layout(flex="0 0 auto"))
        rows = (
            styles(),
            row(self.model, self.beside),
            row(self.image, self.images),
            row(self.target, self.targets, self.search),
            row(self.back, self.k, self.forth, self.play, self.bounce, self.pace),
            row(self.kept, weights),
            self.error,
            row(
                *(
                    widgets.VBox(side, layout=layout(max_width="100%")).add_class("ud-side")
                    for side in zip(self.captions, (self.frame, self.beside_frame), strict=True)
                )
            ),
            self.tiles,
            self.steps,
            row(
                self.end,
                self.rank,
                self.seed,
                self.scope,
                self.curves,
                self.cam,
                self.scale,
                self.cmap,
                self.opacity,
            ),
            row(self.to_flip, self.smallest, self.reset, self.units, self.save, self.save_png, self.status),
            self.more,
            self.notes,
        )
        return widgets.VBox(rows, layout=layout(width="100%"))

    def watched(self) -> list[tuple[widgets.Widget, str]]:
        """Every widget whose value is a field of the state, with that field's name."""
        names = (
            "k",
            "end",
            "rank",
            "scope",
            "seed",
            "units",
            "cam",
            "scale",
            "cmap",
            "opacity",
            "curves",
            "model",
            "beside",
        )
        single = [(getattr(self, name), name) for name in names]
        return [
            *((w, "image") for w in (self.image, self.images)),
            *((w, "target") for w in (self.target, self.targets)),
            *single,
        ]

    def show(self, state: State, offer: Offer) -> None:
        """Set every control to a state; what is right already is left alone and sends nothing."""
        self._fit(offer.units, offer.held)
        self.notes.value = offer.notes
        if offer.told is not None:
            self.code.value, self.settings.value = offer.told
        self.kept.value = offer.kept
        for widget, weight in zip((self.lightest, self.heaviest), offer.weights or (0, 0), strict=True):
            widget.value, widget.layout.display = weight, None if offer.weights else "none"
        for widget, words in zip(self.captions, offer.captions, strict=True):
            widget.value, widget.layout.display = words, None if words else "none"
        for widget, options, value in (
            (self.image, offer.images, state.image),
            (self.images, offer.images, state.image),
            (self.target, offer.classes, state.target),
            (self.targets, offer.classes, state.target),
            (self.model, offer.models, state.model),
            (self.beside, offer.besides, state.beside),
        ):
            if widget.options != tuple(options):
                _offer_instead(widget, options)
                widget.value = value
        self.search.options = offer.search
        for widget, name in self.watched():
            if widget.value != getattr(state, name):
                widget.value = getattr(state, name)
        if self.k_played() != state.k:
            self.play.value = state.k
        self.touch.narrow = state.narrow
        self._arrange_for(state)

    def k_played(self) -> int:
        """The k that the player is at: on the way there, or back again."""
        return self.k.max - abs(self.k.max - self.play.value)

    def _fit(self, units: int, held: int) -> None:
        """Let sliders and player reach so far."""
        self.k.max, self.kept.max = units - held, units
        self.play.step = max(1, units // 256)
        self.play.max = self.k.max * (2 if self.bounce.value else 1)

    def _arrange_for(self, state: State) -> None:
        """Take what has no use in a state off the page."""
        shown = (
            (self.seed, "random" in (state.rank, *state.beside)),
            (self.tiles, state.units),
            (self.steps, state.units),
            (self.beside_frame, bool(state.beside)),
        )
        for widget, wanted in shown:
            widget.layout.display = None if wanted else "none"
        self.whole.disabled = state.unit is None
        pair = bool(state.beside)
        self.box.layout.max_width = f"{1300 if pair else self._width + 8}px"
        (self.box.add_class if pair else self.box.remove_class)("ud-pair")

    def beside_cells(self) -> None:
        """Let callbacks run beside the cells from the first move on.

        ipykernel 7.4 answers a widget in the thread that spoke for it last: at first that of the cell that
        made it, which may be busy by then. What it knows nothing of, it answers where the page asks it to.
        """
        for widget in _family([self.box]):
            getattr(widget.comm, "__dict__", {}).pop("_reply_subshell_id", None)

    def close(self) -> None:
        """Take every widget off the page and out of the kernel, layouts and styles included."""
        close_all([*self.links, self.box])


def _choice(name: str, tooltip: str) -> tuple[widgets.SelectionSlider, widgets.Dropdown]:
    slider = widgets.SelectionSlider(options=[""], description=name, layout=layout(flex="3 1 240px"))
    place = layout(flex="1 1 150px", max_width="320px", margin="2px 2px 2px 12px")
    menu = widgets.Dropdown(options=[""], layout=place)
    slider.style.description_width = "48px"
    slider.tooltip, menu.tooltip = tooltip, f"{tooltip} The same choice as a list."
    return slider, menu


def _menu(name: str, options: Sequence, tooltip: str) -> widgets.Dropdown:
    menu = widgets.Dropdown(
        options=options, description=name, layout=layout(flex="1 1 165px", max_width="210px")
    )
    menu.style.description_width = "58px"
    menu.tooltip = tooltip
    return menu


def _offer_instead(widget: widgets.Widget, options: Sequence) -> None:
    """Give a widget other options, and a value that is told apart: a slider in the browser that hears of both
    at once may move first, be stopped by the end of the old list, and ask for what stands there.
    """
    with widget.hold_sync():
        index = min(widget.index or 0, len(options) - 1)
        widget.options = options
        widget.index = index


def _arrows(*tooltips: str) -> tuple[widgets.Button, widgets.Button]:
    return tuple(
        widgets.Button(description=sign, tooltip=words, layout=layout(width="36px", flex="0 0 auto"))
        for sign, words in zip("◀▶", tooltips, strict=True)
    )


def close_all(roots: Sequence[widgets.Widget]) -> None:
    """Close widgets and all that hangs on them."""
    for widget in _family(roots):
        widget.unobserve_all()
        widget.close()


def _family(roots: Sequence[widgets.Widget]) -> list[widgets.Widget]:
    """Return widgets with all that hangs on them: children, layouts, styles."""
    found: dict[int, widgets.Widget] = {}
    waiting = list(roots)
    while waiting:
        widget = waiting.pop()
        if id(widget) in found:
            continue
        found[id(widget)] = widget
        for value in (getattr(widget, key) for key in widget.keys):
            parts = value if isinstance(value, (tuple, list)) else (value,)
            waiting += [part for part in parts if isinstance(part, widgets.Widget)]
    return list(found.values())
