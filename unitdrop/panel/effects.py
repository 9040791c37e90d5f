"""What controls and the page ask for that is more than a move of the state: files, images, networks.

A control asks for an effect by its name in `EFFECTS`; messages of the browser are looked up in `MESSAGES`.
Each is a function of the controller and runs inside `Controller.attempt`, which tells of what goes wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from unitdrop import export
from unitdrop.panel.browser import LIMIT
from unitdrop.panel.saving import export_name, export_settings
from unitdrop.panel.state import range_typed, restored

if TYPE_CHECKING:
    from unitdrop.panel.controller import Controller


def start_again(controller: Controller, value: Any = None) -> None:
    """Show the panel as it was at the start, and offer the images of the start."""
    controller.offer_images(controller.gallery.at_start(), "reset", controller.start)


def open_folder(controller: Controller, path: str) -> None:
    """Offer the images of a folder, or those of the start, and show the first that can be read."""
    gallery = controller.gallery
    if controller.public:  # there is no such box; a page may have asked all the same
        raise ValueError("images: no folder can be opened here; upload images instead")
    if not path.strip():
        bad = gallery.listing.bad
        good = next((i for i in gallery.own if i not in bad), controller.state.image)
        controller.offer_images(gallery.at_start(), "image", good)
        return
    listing, image = gallery.open_folder(path, controller.state.value_range)
    if controller.offer_images(listing, "image", image):
        controller.check_soon(listing.listed)


def choose_range(controller: Controller, text: str) -> None:
    """Show pictures of more than 8 bits, and arrays, between the two values that are typed.

    What could not be read under the values before is offered again, and tried.
    """
    listing = replace(controller.gallery.listing, bad={})
    if controller.offer_images(listing, "value_range", range_typed(text)):
        controller.check_soon(listing.offered)


def save_gif(controller: Controller, value: Any = None) -> None:
    """Begin to write the present sweep as a GIF, unless one is being written."""
    if controller.gif.writing:
        return
    state = controller.state
    settings = export_settings(state, controller.numbers, controller.renderer) | {"held": state.held}
    if not state.second:
        del settings["size"]  # that of a GIF is its own
    name = export_name(state, controller.numbers.labels(state.model), controller.gallery, ".gif")
    controller.controls.error.value = ""
    controller.gif.write(name, controller.numbers.sweep(state), settings)


def save_png(controller: Controller, value: Any = None) -> None:
    """Write the picture as it stands, which is quick; what was saved before stays."""
    state = controller.state
    top, bottom = state.window.ends
    labels, ending = controller.numbers.labels(state.model), f"_top{top}_bottom{bottom}.png"
    name, sweep = export_name(state, labels, controller.gallery, ending), controller.numbers.sweep(state)
    settings = export_settings(state, controller.numbers, controller.renderer)
    said = controller.keep(
        name, lambda path: export.save_png(path, sweep, top, bottom, fresh=True, **settings)
    )
    controller.controls.error.value = ""
    controller.say(said)


Effect = Callable[["Controller", Any], None]

#: The effects by the names that controls ask for.
EFFECTS: dict[str, Effect] = {
    "start_again": start_again,
    "folder": open_folder,
    "range_typed": choose_range,
    "save_gif": save_gif,
    "save_png": save_png,
}


# -- what must be looked up before there is a move


def network_asked_for(controller: Controller, model: str) -> tuple[str, Any]:
    """Return the move to another network; one that is not here yet is sent for, and nothing moves."""
    if model in controller.networks.at_hand:
        return "model", model
    controller.fetch(model)
    return "stay", None


def settings_asked_for(controller: Controller, settings: str) -> tuple[str, Any]:
    """Return the move to the state that a settings string tells of."""
    gallery = controller.gallery
    new = restored(settings, gallery.offered_names, gallery.names)
    if new.model not in controller.networks.at_hand:
        raise ValueError(f"state: it is one of the network {new.model!r:.80}; choose that first")
    return "state", new


#: What a control asks for to the move that this comes to, and its value; looked up inside `Controller.ask`.
LOOKED_UP: dict[str, Callable[[Controller, Any], tuple[str, Any]]] = {
    "model": network_asked_for,
    "settings": settings_asked_for,
}


# -- what the browser tells of


def hear(controller: Controller, content: Any, buffers: Sequence[Any]) -> None:
    """Do what a message of the page is about; others are left alone."""
    kind: Any = content.get("kind") if isinstance(content, dict) else None
    message = MESSAGES.get(kind) if isinstance(kind, str) else None
    if message is not None:
        message(controller, content, buffers)


def upload(controller: Controller, content: dict, buffers: Sequence[Any]) -> None:
    """Offer an image that came from the browser, and show it; one that cannot be read is listed."""
    try:
        name, data = str(content["name"]), bytes(buffers[0])
        if len(data) > LIMIT:
            remedy = "make it smaller" if controller.public else "give its folder instead"
            raise ValueError(f"{name:.200}: larger than {LIMIT / 1e6:.0f} MB; {remedy}")
        listing, image = controller.gallery.upload(name, data, controller.state.value_range)
        if image is None:
            controller.offer_images(listing, "stay")
        else:
            controller.offer_images(listing, "image", image)
    finally:
        controller.controls.events.send({"kind": "taken"})


def refused(controller: Controller, content: dict, buffers: Sequence[Any]) -> None:
    """Tell why the browser did not send a file."""
    raise ValueError(str(content["words"]))


def copied(controller: Controller, content: dict, buffers: Sequence[Any]) -> None:
    """Tell what is on the clipboard."""
    controller.say(f"{content['what']} copied")


def clicked_tile(controller: Controller, content: dict, buffers: Sequence[Any]) -> None:
    """Look at the unit that was clicked in the row, or no more at it."""
    if controller.state.units_row:
        tile = controller.renderer.tile_at(controller.state, content["x"], content["y"])
        if tile is not None:
            controller.ask("tile", tile)


def clicked_curve(controller: Controller, content: dict, buffers: Sequence[Any]) -> None:
    """Drop as many units as the point of the curve stands for that was clicked."""
    k = controller.renderer.k_at(controller.state, content["x"], content["y"])
    if k is not None:
        controller.ask("k", k)


#: What the messages of the page are about, by their kind; see `BrowserEvents`.
MESSAGES: dict[str, Callable[[Controller, dict, Sequence[Any]], None]] = {
    "file": upload,
    "refused": refused,
    "copied": copied,
    "tile": clicked_tile,
    "curve": clicked_curve,
}
