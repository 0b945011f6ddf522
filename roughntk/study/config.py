"""Settings of one study, checked before anything is computed."""

import dataclasses
import functools
import re
from typing import Any

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.files.tables import Reading
from roughntk.kernels import KernelFamily, as_family
from roughntk.study.data import MOST, PROJECTIONS
from roughntk.study.families import member

MOST_P = 4.0
MOST_DEPTH = 10**12
"""The last depth of a study at most; memory ends long before."""


@dataclasses.dataclass(frozen=True)
class StudyConfig:
    """Everything that fixes a study, apart from the place where it is written.

    Attributes:
        data: built-in name or file; what was handed in as a frame or array, in words.
        points, test_points: n and m.
        seed: fixes the choice of points.
        projection: canonical, stereographic or none.
        depths: first and last depth, as in "1:30".
        family: a name of the registry, or a family itself, as one of `rn.kernels.sequence`.
        parameters: of the family, as in ("weight_variance=2",).
        p: variation exponent, 1 <= p < 4; the levels 1 .. floor(p) enter. p = 1 is always added.
        drop_duplicates: use only the first of rows that coincide.
        dimension: of the random data sets sphere and cube.
        signature_channels: principal directions of the drivers that signatures are computed on.
        samples: points at which each driver is sampled for signatures and p-variation.
        target: the column of the targets.
        standardise: whether columns get mean 0 and standard deviation 1 on the training points.
        drop, missing, header, delimiter, decimal, encoding: how a table is read, see `roughntk.files.tables.Reading`.
    """

    data: str = "digits"
    points: int = 40
    test_points: int = 5
    seed: int = 0
    projection: str = "canonical"
    depths: str = "1:30"
    family: str | KernelFamily = "relu-ntk"
    parameters: tuple[str, ...] = ()
    p: float = 2.0
    drop_duplicates: bool = False
    dimension: int | None = None
    signature_channels: int = 8
    samples: int = 33
    target: str | None = None
    standardise: bool = False
    drop: tuple[str, ...] = ()
    missing: str = "error"
    header: bool | None = None
    delimiter: str | None = None
    decimal: str | None = None
    encoding: str | None = None

    def __post_init__(self):
        _checks.integer(self.points, "points", least=1, most=MOST)
        _checks.integer(self.test_points, "test points", least=1, most=MOST)
        _checks.integer(self.seed, "seed", least=0)
        _checks.choice(self.projection, PROJECTIONS, "projection")
        for name in ("drop_duplicates", "standardise", *(("header",) if self.header is not None else ())):
            _checks.flag(getattr(self, name), name)
        self.member()
        _ = self.reading
        _checks.integer(self.signature_channels, "signature channels", least=1, most=40)
        _checks.integer(self.samples, "samples", least=3, most=2000)
        known = _checks.known_number(self.p)
        if not 1 <= (_checks.exponent(self.p) if known is None else known) < MOST_P:
            least, most, got = _checks.apart(1, MOST_P, self.p)
            raise InputError(
                f"expected p from {least} to below {most} in a study, whose signatures go up to level 3, got {got}; "
                f"use roughntk.rough.p_variation for larger p"
            )
        _ = self.depth_range

    def member(self) -> KernelFamily:
        """The family with its parameters, made once."""
        return self._member

    @functools.cached_property
    def _member(self) -> KernelFamily:
        if isinstance(self.family, str):
            return member(self.family, self.parameters)
        found = as_family(self.family)
        if self.parameters:
            raise InputError(
                f"expected no parameters beside a family that has its own, got {', '.join(self.parameters)}; give them "
                f"to the family, or name it"
            )
        return found

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
        return Reading(self.header, self.delimiter, self.decimal, self.drop, self.missing, self.encoding)

    @property
    def depth_range(self) -> range:
        """The depths as a range; "3" alone means depths 1 to 3."""
        text = str(self.depths).strip()
        match = re.fullmatch(r"(-?[0-9]+)(?:\s*:\s*(-?[0-9]+))?", text)
        if not match:
            raise InputError(f"expected depths as FIRST:LAST, for instance 1:30, got {_checks.shown(text)}")
        if max(len(digits) for digits in match.groups("")) > 4000:  # more than Python converts
            raise InputError(f"expected depths of at most {MOST_DEPTH:,}, got {_checks.shown(text)}; lower them")
        first, last = (int(match[1]), int(match[2])) if match[2] else (1, int(match[1]))
        if first < 1:
            raise InputError(f"expected depths of at least 1, got {first}; depth 1 is the input layer")
        if last < max(first + 1, 3):
            raise InputError(
                f"expected at least two depths from 2 on, got {text}; the equation runs from one depth to the next, "
                f"for instance 2:3"
            )
        if last > MOST_DEPTH:
            raise InputError(
                f"expected depths of at most {MOST_DEPTH:,} in a study, which keeps every one of them, got "
                f"{_checks.whole(last)}; lower the last"
            )
        return range(first, last + 1)
