"""The numbers of one window of a plan: what the moving artists show."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from unitdrop.plan import Plan, View


@dataclass(frozen=True)
class Moment:
    """One window of one plan; its numbers are computed when they are first asked for.

    Attributes
    ----------
    plan : Plan
    top, bottom : int
        Units dropped from the two ends of the ranking; the end that the plan does not follow is at
        ``plan.fixed``.
    view : View
    """

    plan: Plan
    top: int
    bottom: int
    view: View

    @property
    def k(self) -> int:
        """Units dropped from the end that the plan follows."""
        return self.top if self.plan.end == "top" else self.bottom

    @cached_property
    def now(self) -> np.ndarray:
        """The probabilities: (C,) float32."""
        return self.plan.sweep.probabilities(self.top, self.bottom)

    @cached_property
    def prediction(self) -> int:
        """The class predicted now."""
        return int(self.plan.sweep.prediction(self.top, self.bottom))

    @property
    def shown(self) -> int:
        """The class whose CAM is shown."""
        return self.prediction if self.view.cam == "prediction" else self.plan.sweep.target

    @cached_property
    def map(self) -> np.ndarray:
        """The map that is shown: (h, w) float32."""
        sweep = self.plan.sweep
        if self.view.unit is not None:
            return sweep.readout.maps[self.view.unit]
        cam = sweep.cam(self.shown, self.top, self.bottom)
        return cam - sweep.cam() if self.view.diverging else cam

    @cached_property
    def peak(self) -> float:
        """The greatest evidence on the map that is shown, or its greatest change; not above 0: nothing."""
        return float((np.abs(self.map) if self.view.diverging else self.map).max())

    @cached_property
    def unscaled(self) -> bool:
        """Whether the scale is 0 to 1, as the target's intact CAM, nowhere above 0, gives none."""
        return not self.view.own_scale and float(self.plan.sweep.cam().max()) <= 0

    @property
    def limits(self) -> tuple[float, float]:
        """Evidence at the two ends of the colour scale."""
        peak = self.plan.limits[1]
        if self.view.own_scale:
            peak = self.peak if self.peak > 0 else peak
        return (-peak if self.view.diverging else 0.0, peak)

    @cached_property
    def rank(self) -> int:
        """Where the unit whose map is shown stands in the ranking, 0 first."""
        return int(np.flatnonzero(self.plan.sweep.ranking == self.view.unit)[0])

    @property
    def dropped(self) -> bool:
        """Whether the window drops that unit."""
        return self.rank not in self.plan.sweep.kept(self.top, self.bottom)

    def label(self, index: int) -> str:
        """Return the name of a class."""
        return self.plan.sweep.readout.labels[index]
