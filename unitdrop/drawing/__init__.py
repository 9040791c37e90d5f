"""Pictures of numbers, without pyplot: `SweepFigure` for a sweep, `UnitsFigure` for its units.

Where to find what:

- `sweep_figure`, `units_figure`: the two figures; `figure`: what they have in common;
- `header`, `picture`, `bars`, `curves` and its `legend`: the parts of a sweep's picture; `tiles`: a unit's;
- `layout`: where the parts stand; `style`: how they look; `words`: what is written; `scale`: probabilities;
- `moment`: the numbers of one window; `sheet`: the matplotlib figure; `letters`: fast texts.

A new option of a sweep's picture is a field of `unitdrop.plan.View` and a line in the part that shows it.
"""

from unitdrop.drawing.figure import LARGEST, SMALLEST
from unitdrop.drawing.layout import HEIGHT, NARROW, WIDTH
from unitdrop.drawing.sweep_figure import SweepFigure
from unitdrop.drawing.tiles import ROW_HEIGHT
from unitdrop.drawing.units_figure import UnitsFigure

__all__ = ["HEIGHT", "LARGEST", "NARROW", "ROW_HEIGHT", "SMALLEST", "WIDTH", "SweepFigure", "UnitsFigure"]
