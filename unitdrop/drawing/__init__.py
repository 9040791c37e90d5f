"""Pictures of numbers, without pyplot: `SweepFigure` for a sweep, `UnitsFigure` for its units."""

from unitdrop.drawing.sweep_figure import NARROW, SweepFigure
from unitdrop.drawing.units_figure import UnitsFigure

__all__ = ["NARROW", "SweepFigure", "UnitsFigure"]
