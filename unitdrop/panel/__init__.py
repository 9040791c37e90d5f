"""The panel: sliders in a notebook, and the picture that follows them.

`Panel` turns what the controls say into a `State`, and a `State` into the pictures of a `SweepFigure`. The
picture is a pure function of the state. A control's callback computes first and commits last: should anything
fail, the previous picture stays, the controls go back to what it shows, and a line says what was wrong. An
interrupt is put off while a picture is being committed.

Choices that are not obvious:

- another image or network: the class becomes its prediction, as the class that was ranked may mean nothing
  there; k and everything else stay, since k is the user's;
- another class, ranking or scope: k stays, so that the same number of units is compared;
- the other end of the ranking: k stays and is counted from there, and so does what is held there;
- a k that leaves no room for what is held at the other end: as much of that as is left stays held;
- a unit that is looked at stays looked at, and the row stands still around it.

A picture is one `<img>`, a JPEG whose bytes change. The JavaScript of our own (`browser.js`) is for what
ipywidgets cannot do: uploads, clicks, the width, the clipboard; all else works without it. Callbacks may
arrive on any thread (ipykernel 7 runs them beside the cell): one lock guards models, figures, caches and
state.
"""

from unitdrop.panel.panel import Panel
from unitdrop.panel.renderer import jpeg
from unitdrop.panel.sources import gather
from unitdrop.panel.state import State

__all__ = ["Panel", "State", "gather", "jpeg"]
