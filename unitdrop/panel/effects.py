"""What controls and the page ask for that is more than a move of the state: files, images, networks.

A control asks for an effect by its name in `EFFECTS`; messages of the browser are looked up in `MESSAGES`.
Each is a function of the controller and runs inside `Controller.attempt`, which tells of what goes wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from unitdrop import export
from unitdrop.panel.browser import LIMIT
from unitdrop.panel.saving import export_settings, free_path
from unitdrop.panel.state import restored

if TYPE_CHECKING:
    from unitdrop.panel.controller import Controller


def choose_model(panel: Controller, model: str) -> None:
    """Show the image under another network; one that is not here yet is sent for, and nothing changes."""
    if model in panel.networks.at_hand:
        panel.ask("model", model)
    else:
        panel.fetch(model)
        panel.ask("stay")


def take_over(panel: Controller, settings: str) -> None:
    """Show what a settings string tells of."""
    gallery = panel.gallery
    new = restored(settings, gallery.offered_names, gallery.names)
    if new.model not in panel.networks.at_hand:
        raise ValueError(f"state: it is one of the network {new.model!r:.80}; choose that first")
    panel.ask("settings", new)


def reset(panel: Controller, value: Any = None) -> None:
    """Show the panel as it was at the start, and offer the images of the start."""
    panel.offer_images(panel.gallery.at_start(), "reset", panel.first)


def open_folder(panel: Controller, path: str) -> None:
    """Offer the images of a folder, or those of the start, and show the first that can be read."""
    gallery = panel.gallery
    if not path.strip():
        bad = gallery.listing.bad
        good = next((i for i in gallery.own if i not in bad), panel.state.image)
        panel.offer_images(gallery.at_start(), "image", good)
        return
    listing, image = gallery.open_folder(path)
    if panel.offer_images(listing, "image", image):
        panel.check_soon(listing.listed)


def save_gif(panel: Controller, value: Any = None) -> None:
    """Begin to write the present sweep as a GIF, unless one is being written."""
    if panel.gif.writing:
        return
    state = panel.state
    settings = export_settings(state, panel.numbers, panel.renderer) | {"held": state.held}
    if not state.second:
        del settings["size"]  # that of a GIF is its own
    path = free_path(state, panel.numbers.labels(state.model), panel.gallery, ".gif")
    panel.controls.error.value = ""
    panel.gif.write(path, panel.numbers.sweep(state), settings)


def save_png(panel: Controller, value: Any = None) -> None:
    """Write the picture as it stands; that is quick enough to be done at once."""
    state = panel.state
    top, bottom = state.window.ends
    labels, ending = panel.numbers.labels(state.model), f"_top{top}_bottom{bottom}.png"
    path = free_path(state, labels, panel.gallery, ending)
    settings = export_settings(state, panel.numbers, panel.renderer)
    export.save_png(path, panel.numbers.sweep(state), top, bottom, **settings)
    panel.controls.error.value = ""
    panel.say(f"Saved {path}")


Effect = Callable[["Controller", Any], None]

#: The effects by the names that controls ask for.
EFFECTS: dict[str, Effect] = {
    "model": choose_model,
    "settings": take_over,
    "reset": reset,
    "folder": open_folder,
    "save_gif": save_gif,
    "save_png": save_png,
}


# -- what the browser tells of


def hear(panel: Controller, content: Any, buffers: Sequence[Any]) -> None:
    """Do what a message of the page is about; others are left alone."""
    message = MESSAGES.get(content.get("kind")) if isinstance(content, dict) else None
    if message is not None:
        message(panel, content, buffers)


def upload(panel: Controller, content: dict, buffers: Sequence[Any]) -> None:
    """Offer an image that came from the browser, and show it; one that cannot be read is listed."""
    try:
        name, data = str(content["name"]), bytes(buffers[0])
        if len(data) > LIMIT:
            raise ValueError(f"{name}: larger than {LIMIT / 1e6:.0f} MB; give its folder instead")
        listing, image = panel.gallery.upload(name, data)
        if image is None:
            panel.offer_images(listing, "stay")
        else:
            panel.offer_images(listing, "image", image)
    finally:
        panel.controls.events.send({"kind": "taken"})


def refused(panel: Controller, content: dict, buffers: Sequence[Any]) -> None:
    """Tell why the browser did not send a file."""
    raise ValueError(str(content["words"]))


def copied(panel: Controller, content: dict, buffers: Sequence[Any]) -> None:
    """Tell what is on the clipboard."""
    panel.say(f"{content['what']} copied")


def clicked_tile(panel: Controller, content: dict, buffers: Sequence[Any]) -> None:
    """Look at the unit that was clicked in the row, or no more at it."""
    if panel.state.units_row:
        tile = panel.renderer.tile_at(panel.state, content["x"], content["y"])
        if tile is not None:
            panel.ask("tile", tile)


def clicked_curve(panel: Controller, content: dict, buffers: Sequence[Any]) -> None:
    """Drop as many units as the point of the curve stands for that was clicked."""
    k = panel.renderer.k_at(panel.state, content["x"], content["y"])
    if k is not None:
        panel.ask("k", k)


#: What the messages of the page are about, by their kind; see `BrowserEvents`.
MESSAGES: dict[Any, Callable[[Controller, dict, Sequence[Any]], None]] = {
    "file": upload,
    "refused": refused,
    "copied": copied,
    "tile": clicked_tile,
    "curve": clicked_curve,
}
