"""Settings of a simulation of finite networks, checked before anything is computed."""

import dataclasses

from roughntk import _checks
from roughntk._checks import InputError
from roughntk._settings import settings_of
from roughntk.study.config import check_setting
from roughntk.study.settings import PredictionSettings, SimulationSettings

MOST_TIME = 100
"""Hidden layers over width: e^{5t} overflows from 141 on."""


@dataclasses.dataclass(frozen=True)
class SimulationConfig(SimulationSettings):
    """Everything that fixes a simulation, checked; `roughntk.study.settings` says what each setting means."""

    def __post_init__(self) -> None:
        for each in settings_of(type(self)):
            check_setting(each, getattr(self, each.name))
        _checks.number(self.time, "time", above=0.0, remedy="networks are trained to a finite time")
        if self.trained == 1:
            raise InputError("expected at least 2 trained networks, whose mean has an error, or 0, got 1; raise it")
        if self.width < self.points + 2:
            raise InputError(
                f"expected a width of at least {self.points + 2}, 2 more than the {self.points} training points, got "
                f"{self.width}; widen the networks, or lower the number of points"
            )

        if self.time_of_depth > MOST_TIME:
            raise InputError(
                f"expected at most {MOST_TIME} hidden layers for each unit of width, got depth {self.depth:,} and "
                f"width {self.width:,}; widen the networks, or lower the depth"
            )

    @property
    def hidden_layers(self) -> int:
        """Depth 1 is the input layer."""
        return self.depth - 1

    @property
    def time_of_depth(self) -> float:
        """t, hidden layers over width."""
        return self.hidden_layers / self.width

    def split_settings(self) -> PredictionSettings:
        """Which points are trained on, and which are predicted."""
        return PredictionSettings(
            data=self.data, points=self.points, test_points=self.test_points, seed=self.seed,
            projection=self.projection, drop_duplicates=self.drop_duplicates, target=self.target, task=self.task,
            standardise=self.standardise,
        )  # fmt: skip


__all__ = ["SimulationConfig"]
