"""What ipywidgets have no widget for: a style sheet (`browser.css`) and a few lines of script (`browser.js`).

Files dropped on the panel or chosen for upload, clicks on a picture, the room there is for it, the clipboard.
Everything else of a panel works without them.
"""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets

LIMIT = 8_000_000  # bytes of a file that is uploaded; a Jupyter server takes messages of up to 10 MiB
STYLE_SHEET = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")


class BrowserEvents(anywidget.AnyWidget):
    """The place for uploads, and the messages of what happens on the page.

    Its messages (see `on_msg`) have a ``kind`` each: "file" (``name``, and its bytes as a
    buffer; to be answered, when it has been taken, with ``{"kind": "taken"}``), "tile" (a click on the row of
    units) and "curve" (on the picture), both with ``x`` and ``y`` from 0 to 1, "copied" (``what``), "refused"
    (``words``: which files are too large). One is sent to the page: "download" (``name``, and the bytes of a
    file as a buffer), which the browser then keeps.

    Attributes
    ----------
    limit : int
        Bytes of a file at most; larger ones are refused in the browser, before they are sent.
    titles : dict of str to str
        What is said of a widget when the pointer rests on it, by its class without the "ud-".
    folders : bool
        Whether there is a box for folders, which the words for larger files then point to.
    narrow : bool
        Whether the panel stands in less than 740 pixels; set by the browser.
    """

    _esm = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
    limit = traitlets.Int(LIMIT).tag(sync=True)
    titles = traitlets.Dict().tag(sync=True)
    folders = traitlets.Bool(True).tag(sync=True)
    narrow = traitlets.Bool(False).tag(sync=True)
