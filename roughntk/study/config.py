"""Settings of one study, checked before anything is computed."""

import dataclasses
import functools
from typing import Any

from roughntk import _checks
from roughntk._checks import InputError
from roughntk._settings import Setting, settings_of
from roughntk.files.tables import Reading
from roughntk.kernels import KernelFamily, as_family
from roughntk.study.depths import StudyDepths, depth_words, study_depths
from roughntk.study.families import member
from roughntk.study.settings import StudySettings

MOST_P = 4.0


@dataclasses.dataclass(frozen=True)
class StudyConfig(StudySettings):
    """Everything that fixes a study, checked; `roughntk.study.settings` says what each setting means.

    `data` is a built-in name or a file; of what was handed in as a frame or array it is a description.
    """

    def __post_init__(self) -> None:
        if not isinstance(self.family, str):  # a function is recorded once, and has a name from then on
            object.__setattr__(self, "family", as_family(self.family))
        for each in settings_of(type(self)):
            check_setting(each, getattr(self, each.name))
        self.member()
        _ = self.reading
        known = _checks.known_number(self.p)
        if not 1 <= (_checks.exponent(self.p) if known is None else known) < MOST_P:
            least, most, got = _checks.apart(1, MOST_P, self.p)
            raise InputError(
                f"expected p from {least} to below {most} in a study, whose signatures go up to level 3, got {got}; "
                f"use roughntk.rough.p_variation for larger p"
            )
        _ = self.chosen_depths

    def member(self) -> KernelFamily:
        """The family with its parameters, made once."""
        return self._member

    @functools.cached_property
    def _member(self) -> KernelFamily:
        if isinstance(self.family, str):
            if "," in self.family:
                names = ", ".join(repr(name.strip()) for name in self.family.split(","))
                raise InputError(
                    f"expected one family in a study, got {_checks.shown(self.family)}; roughntk.study.compare takes "
                    f"several, families=({names})"
                )
            return member(self.family, self.parameters)
        family = self.family
        if self.parameters:
            raise InputError(
                f"expected no parameters beside a family that has its own, got {', '.join(self.parameters)}; give them "
                f"to the family, or name it"
            )
        return family

    @property
    def family_name(self) -> str:
        """The name of the family."""
        return self.family.name if isinstance(self.family, KernelFamily) else self.family

    def as_dict(self) -> dict[str, Any]:
        """The settings as plain values; a family that was given itself is named."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return fields | {"family": self.family_name}

    @property
    def reading(self) -> Reading:
        """How a table is read."""
        return Reading.of(self)

    @functools.cached_property
    def chosen_depths(self) -> StudyDepths:
        """The depths, read."""
        chosen, family = study_depths(self.depths), self.member()
        between = [] if chosen.is_range else [depth for depth in chosen.depths if isinstance(depth, float)]
        if between and not family.has_real_depth:
            raise InputError(
                f"expected whole depths for {self.family_name}, which is not known between them, got "
                f"{depth_words(between)}; take a family of real depth, for instance relu-ntk, or whole depths"
            )
        return chosen


def check_setting(setting: Setting, value: Any) -> None:
    """Raise `InputError` where a value is out of the range that the setting names."""
    if setting.least is not None:
        _checks.integer(value, setting.words, least=setting.least, most=setting.most)
    elif setting.kind is bool or (setting.kind == bool | None and value is not None):
        _checks.flag(value, setting.name)
    elif setting.strict and setting.name != "missing":  # which a reading checks, with the others of its kind
        _checks.choice(value, setting.names, setting.words)


__all__ = ["MOST_P", "StudyConfig", "check_setting"]
