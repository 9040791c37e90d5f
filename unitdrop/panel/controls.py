"""`Controls`: the widgets of a panel, each declared in one place with its tooltip and what it asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import ipywidgets as w

from unitdrop.panel.arrangement import arrange, steps
from unitdrop.panel.browser import BrowserEvents
from unitdrop.panel.offers import Offer
from unitdrop.panel.state import ENDS, FIELDS, MOST_SEED, State, range_text
from unitdrop.panel.toolkit import close_all, family, make, offer_instead
from unitdrop.plan import CMAPS, VIEW_CHOICES, View
from unitdrop.sweep import RANKINGS, SCOPES

PACE = 80  # milliseconds from one k to the next, at the start
Widget = TypeVar("Widget", bound=w.DOMWidget)


@dataclass(frozen=True)
class Control:
    """One control: a widget that a user can move, press or type into.

    Attributes
    ----------
    name : str
        Its attribute of `Controls`.
    widget : DOMWidget
    asks : str
        For what, when it is moved: an effect of `effects.EFFECTS`, a move of `moves.MOVES`, or a field of the
        state by its name.
    trait : str
        By whose change it asks; buttons ask when they are pressed.
    gives : callable, optional
        From nothing to the value that it asks with; None for that of its trait.
    """

    name: str
    widget: w.DOMWidget
    asks: str
    trait: str = "value"
    gives: Callable[[], Any] | None = None


class Controls:
    """The widgets of a panel: made once, set to a state, closed.

    Every control is declared here: its attribute, its widget, what it asks for, its tooltip. Where it stands
    on the page is told in `arrangement`.

    Parameters
    ----------
    width : int
        Of a wide picture, pixels.
    public : bool
        See `Panel`: there is no box for a folder.

    Attributes
    ----------
    table : list of Control
        All controls that ask for something.
    box : VBox
        All of them, as they stand on the page.
    """

    def __init__(self, width: int, public: bool = False) -> None:
        self._width, self._public = width, public
        self.table: list[Control] = []
        self.titles: dict[str, str] = {}
        self._show_pictures()
        self._choose()
        self._drop_units()
        self._keep_ranks()
        self._rank_units()
        self._see()
        self._step_through_units()
        self._save()
        self._bring_own()
        self.links = [w.jslink((self.pace, "value"), (self.play, "interval"))]
        self.steps = self._add("steps", steps(self))
        self.box = arrange(self).add_class("ud-panel")
        self.events.titles = self.titles

    def _add(
        self,
        name: str,
        widget: Widget,
        asks: str | None = None,
        tooltip: str = "",
        *,
        css: str = "",
        trait: str = "value",
        gives: Callable[[], Any] | None = None,
    ) -> Widget:
        """Enter a control into the table and return its widget.

        By its name or ``css``, after "ud-", the page, the style sheet and the tests find it.
        """
        css = css or name.replace("_", "-")
        widget.add_class(f"ud-{css}")
        if tooltip:
            widget.tooltip = tooltip
            self.titles[css] = tooltip
        if asks is not None:
            self.table.append(Control(name, widget, asks, trait, gives))
        return widget

    def _show_pictures(self) -> None:
        add = self._add
        self.frame = add("frame", _picture())
        self.beside_frame = add("beside_frame", _picture(), css="beside")
        self.tiles = add("tiles", _picture())
        self.error, self.status = add("error", _line()), add("status", _line())
        self.notes, self.notices = add("notes", _line()), add("notices", _line())
        self.captions = tuple(w.HTML().add_class("ud-caption") for _ in range(2))
        self.events = add("events", BrowserEvents(), "narrow", css="upload", trait="narrow")

    def _choose(self) -> None:
        add, same = self._add, " The same choice as a list."
        words = "The network. One that is not here yet is downloaded; meanwhile this one stays."
        box = make(w.Dropdown, "Model", "48px", flex="1 1 250px", max_width="420px", options=[""])
        self.model = add("model", box, "model", words)
        words = "Choose the image; its prediction becomes the class."
        self.image = add("image", _names_slider("Image"), "image", words)
        self.images = add("images", _names_list(), "image", words + same)
        words = "Choose the class whose units are dropped."
        self.target = add("target", _names_slider("Class"), "target", words, css="class")
        self.targets = add("targets", _names_list(), "target", words + same, css="classes")
        words = "Type a part of a class's name and choose it, or press Enter."
        place = {"flex": "1 1 110px", "max_width": "170px"}
        box = make(w.Combobox, placeholder="type to search", continuous_update=False, **place)
        self.search = add("search", box, "search", words)

    def _drop_units(self) -> None:
        add = self._add
        self.back = add("back", _arrow("◀"), "step", "One unit fewer.", gives=lambda: -1)
        self.forth = add("forth", _arrow("▶"), "step", "One unit more.", gives=lambda: +1)
        box = make(w.IntSlider, "k", "16px", flex="1 1 300px", min=0, max=1)
        self.k = add("k", box, "k", "How many units are dropped.")
        words = "Drop the units one after another; ■ goes back to 0, the last one repeats."
        box = make(w.Play, flex="0 0 auto", min=0, max=1, interval=PACE)
        self.play = add("play", box, "k", words, gives=self.k_played)
        box = make(w.ToggleButton, "Bounce", width="72px", flex="0 0 auto")
        self.bounce = add("bounce", box, "stay", "Play there and back again.")
        words = "How long each k is shown while it plays, in milliseconds: less is faster."
        box = make(w.IntSlider, "ms a step", "76px", flex="0 1 270px", value=PACE, min=20, max=500, step=10)
        self.pace = add("pace", box, None, words)
        words = "The smallest k at which the prediction changes."
        self.to_flip = add("to_flip", _button("To the flip", "step-forward"), "to_flip", words)
        words = "Drop the fewest units that change it."
        self.smallest = add("smallest", _button("Smallest flip set", "scissors"), "to_smallest", words)
        self.reset = add("reset", _button("Reset", "undo"), "start_again", "As the panel was at the start.")

    def _keep_ranks(self) -> None:
        add = self._add
        words = "The ranks that are kept, most important first; all others are dropped."
        box = make(w.IntRangeSlider, "Kept", "48px", flex="3 1 340px", value=(0, 1), min=0, max=1)
        self.kept = add("kept", box, "kept", words)
        words = "Units with a smaller weight for the class are dropped."
        box = make(w.FloatText, "weights", "54px", width="138px", step=0.01)
        self.lightest = add("lightest", box, "lightest", words)
        words = "Units with a larger weight for the class are dropped."
        box = make(w.FloatText, "to", "20px", width="104px", step=0.01)
        self.heaviest = add("heaviest", box, "heaviest", words)

    def _rank_units(self) -> None:
        add = self._add
        words = "From which end of the ranking units are dropped."
        self.end = add("end", _menu("Drop", ENDS), "end", words)
        words = (
            "What orders the units: the weight of the class, its contribution in this image, what the "
            "prediction's lead over its nearest rival loses with each, or chance (the control)."
        )
        self.rank = add("rank", _menu("Ranking", RANKINGS), "rank", words)
        box = make(w.BoundedIntText, "Seed", "48px", flex="0 1 150px", value=0, min=0, max=MOST_SEED)
        self.seed = add("seed", box, "seed", "Of the random order.")
        words = "unit: a dropped unit is silent for every class. class: only for the chosen class."
        self.scope = add("scope", _menu("Scope", SCOPES), "scope", words)

    def _see(self) -> None:
        add = self._add
        words = "classes: a line each. shares: where the probability went, stacked."
        self.curves = add("curves", _menu("Curves", VIEW_CHOICES["curves"]), "curves", words)
        words = (
            "Whose evidence is shown: the class's, the prediction's, or what the class has lost and gained "
            "since nothing was dropped."
        )
        self.cam = add("cam", _menu("CAM of", VIEW_CHOICES["cam"]), "cam", words)
        words = "fixed: evidence is seen to drain. frame: every picture on a scale of its own."
        self.scale = add("scale", _menu("Scale", VIEW_CHOICES["scale"]), "scale", words)
        words = "Of the map; all are safe for the colour-blind."
        self.cmap = add("cmap", _menu("Colours", CMAPS), "cmap", words)
        words = "Of the map over the image, where there is most evidence."
        place = {"flex": "1 1 200px", "max_width": "300px"}
        box = make(w.FloatSlider, "Opacity", "58px", value=View.opacity, min=0, max=1, step=0.05, **place)
        self.opacity = add("opacity", box, "opacity", words)
        words = "A second picture on the same k: another scope, ranking or image."
        self.beside = add("beside", _menu("Beside", [("nothing", ())]), "beside", words, css="besides")

    def _step_through_units(self) -> None:
        add = self._add
        words = "The units around the next one to go: map, weight, the classes they serve."
        box = make(w.ToggleButton, "Units", width="auto", icon="th")
        self.units_row = add("units_row", box, "units_row", words, css="units")
        words = "The unit before: its map."
        self.previous = add("previous", _arrow("◀"), "look", words, gives=lambda: -1)
        words = "The next unit: its map."
        self.following = add("following", _arrow("▶"), "look", words, gives=lambda: +1)
        words = "Show the class activation map again."
        box = make(w.Button, "Back to the CAM", width="130px")
        self.whole = add("whole", box, "unit", words, gives=lambda: None)

    def _save(self) -> None:
        add = self._add
        where = "and download it" if self._public else "into the notebook's folder"
        words = f"Write this sweep as an animation {where}."
        self.save = add("save", _button("Save GIF", "film"), "save_gif", words)
        words = f"Write this picture {where}."
        self.save_png = add("save_png", _button("Save PNG", "image"), "save_png", words)
        box = make(w.Textarea, width="auto", rows=12)
        self.code = add("code", box, None, "Python that makes this picture.")
        words = "This picture as a string; one that is pasted here is taken over."
        box = make(w.Text, "Settings", "58px", flex="1 1 340px", continuous_update=False)
        self.settings = add("settings", box, "settings", words)
        words = "Put the Python on the clipboard."
        self.copy_code = add("copy_code", _button("Copy Python", "copy", "130px"), None, words)
        words = "Put the settings on the clipboard."
        self.copy_settings = add("copy_settings", _button("Copy settings", "copy", "130px"), None, words)

    def _bring_own(self) -> None:
        add, place = self._add, "path of a folder or an image"
        self.folder: w.Text | None = None
        if not self._public:
            words = "Offer the images of this folder instead; empty: those of the start."
            box = make(w.Text, "Folder", "48px", flex="1 1 340px", placeholder=place, continuous_update=False)
            self.folder = add("folder", box, "folder", words)
        self.events.folders = not self._public
        words = (
            "The values that are black and white, such as 0 4095, in pictures of more than 8 bits and in "
            "arrays; empty: by themselves. The prediction becomes the class."
        )
        box = make(w.Text, "value_range", "80px", flex="0 1 230px", placeholder="black white")
        box.continuous_update = False
        self.value_range = add("value_range", box, "range_typed", words)
        box = make(w.Accordion, width="auto")
        self.drawers = add("drawers", box, "stay", css="more", trait="selected_index")

    # -- showing a state

    @property
    def python_shown(self) -> bool:
        """Whether somebody looks at the Python and the settings; folded away, they would cost messages."""
        return self.drawers.selected_index == 1

    @property
    def of_fields(self) -> list[Control]:
        """The controls whose value is that of the field of the state that they ask for."""
        plain = (each for each in self.table if each.gives is None and each.trait == "value")
        return [each for each in plain if each.asks in FIELDS]

    def show(self, state: State, offer: Offer) -> None:
        """Set every control to a state; what is right already is left alone and sends nothing."""
        self._reach(offer.units, offer.held)
        self.notes.value, self.notices.value = offer.notes, offer.notices
        self.notices.layout.display = None if offer.notices else "none"
        self.value_range.value = range_text(state.value_range)
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
                offer_instead(widget, options)
                widget.value = value
        self.search.options = offer.search
        flat = state.flat
        for control in self.of_fields:
            widget: Any = control.widget
            if widget.value != flat[control.asks]:
                widget.value = flat[control.asks]
        if self.k_played() != state.k:
            self.play.value = state.k
        self.events.narrow = state.narrow
        self._fold(state)

    def k_played(self) -> int:
        """Return the k that the player is at: on the way there, or back again."""
        return self.k.max - abs(self.k.max - self.play.value)

    def _reach(self, units: int, held: int) -> None:
        """Let sliders and player go as far as there are units."""
        self.k.max, self.kept.max = units - held, units
        self.play.step = max(1, units // 256)
        self.play.max = self.k.max * (2 if self.bounce.value else 1)

    def _fold(self, state: State) -> None:
        """Take what has no use in a state off the page."""
        pair = bool(state.beside)
        shown = (
            (self.seed, "random" in (state.rank, *state.beside)),
            (self.tiles, state.units_row),
            (self.steps, state.units_row),
            (self.beside_frame, pair),
        )
        for widget, wanted in shown:
            widget.layout.display = None if wanted else "none"
        self.whole.disabled = state.view.unit is None
        self.box.layout.max_width = f"{1300 if pair else self._width + 8}px"
        (self.box.add_class if pair else self.box.remove_class)("ud-pair")

    def answer_beside_cells(self) -> None:
        """Let callbacks run beside the cells from the first move on.

        ipykernel 7.4 answers a widget in the thread that spoke for it last: at first that of the cell that
        made it, which may be busy by then. What it knows nothing of, it answers where the page asks it to.
        """
        for widget in family([self.box]):
            getattr(widget.comm, "__dict__", {}).pop("_reply_subshell_id", None)

    def close(self) -> None:
        """Take every widget off the page and out of the kernel, layouts and styles included."""
        close_all([*self.links, self.box])


# -- kinds of widgets


def _picture() -> w.Image:
    return make(w.Image, max_width="100%", margin="4px 0", format="jpeg")


def _line() -> w.HTML:
    return make(w.HTML, flex="1 1 auto").add_class("ud-line")


def _names_slider(name: str) -> w.SelectionSlider:
    return make(w.SelectionSlider, name, "48px", flex="3 1 240px", options=[""])


def _names_list() -> w.Dropdown:
    place = {"flex": "1 1 150px", "max_width": "320px", "margin": "2px 2px 2px 12px"}
    return make(w.Dropdown, options=[""], **place)


def _menu(name: str, options: Sequence) -> w.Dropdown:
    return make(w.Dropdown, name, "58px", flex="1 1 165px", max_width="210px", options=options)


def _arrow(sign: str) -> w.Button:
    return make(w.Button, sign, width="36px", flex="0 0 auto")


def _button(words: str, icon: str, width: str = "auto") -> w.Button:
    return make(w.Button, words, width=width, icon=icon)
