"""What infinite depth does to a family: the record of a classification, and how it reads."""

import dataclasses
import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from roughntk import _checks, _display
from roughntk._checks import InputError
from roughntk.depth.extrapolation import GeometricRate, Term, digits

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

_SMALLEST_DENOMINATORS = 16
_FRACTION = 1e-5  # less certain than this, one ratio in a hundred would be near a simple fraction by chance


@dataclasses.dataclass(frozen=True)
class Evidence:
    """One measured number: what it is, its value and uncertainty, and where it was measured."""

    what: str
    value: float
    uncertainty: float
    where: str

    def __str__(self) -> str:
        return f"{self.what} = {digits(self.value, self.uncertainty)} ({self.where})"


@dataclasses.dataclass(frozen=True, repr=False)
class Classification(_display.Displayed):
    """What infinite depth does to a family; every number is measured.

    A notebook shows it as a table; `plot` draws how fast the limit is approached, and `to_dataframe` has the numbers in
    one row, so that those of several families make a table.

    Attributes:
        family: its name, and `parameters` those that it was measured with.
        fixed_point: c* that the correlation of every pair tends to; None if pairs tend to several, or to none.
        multiplier: lambda = h'(c*), one-sided at 1.
        kind: of that fixed point: "hyperbolic", "parabolic" (lambda = 1), or "superattracting" (lambda = 0); "none".
        chi: multiplier at the fixed point of the diagonal, which decides the phase; None if there is none.
        phase: "ordered", "critical" or "chaotic"; "not decided" where chi is None.
        rate: how |K_L - limit| falls at the pair theta = 1: a geometric rate, the leading term of an algebraic
            one, or None (not seen).
        limit: of the kernel between two different points; None if it depends on the pair.
        ratio: limit of the ratio off the diagonal/on it; None if it depends on the pair.
        ratio_uncertainty: of `ratio`.
        beta, gamma: lim L (1 - h'(c_L)/h'(1)) and lim L (1 - a_L) of a critical tangent kernel, else None.
        depends_on_data: whether the limit of the coefficients K(X,X)^{-1} K(X,x), x off the data, depends on the data;
            None if not decided.
        evidence: what was measured.
        notes: what could not be decided, and why.
        fixed_point_uncertainty, multiplier_uncertainty, chi_uncertainty, beta_uncertainty, gamma_uncertainty: of the
            numbers of these names. A chi within 1e-6 of 1 counts as critical although it differs from 1 by more than
            its uncertainty: the limit is then not decided, and a note says from which depth on it shows.
    """

    family: str
    parameters: tuple[tuple[str, float | str], ...]
    fixed_point: float | None
    multiplier: float | None
    kind: str
    chi: float | None
    phase: str
    rate: GeometricRate | Term | None
    limit: float | None
    ratio: float | None
    ratio_uncertainty: float
    beta: float | None
    gamma: float | None
    depends_on_data: bool | None
    evidence: tuple[Evidence, ...]
    notes: tuple[str, ...] = ()
    fixed_point_uncertainty: float = 0.0
    multiplier_uncertainty: float = 0.0
    chi_uncertainty: float = 0.0
    beta_uncertainty: float = 0.0
    gamma_uncertainty: float = 0.0

    @property
    def ratio_as_fraction(self) -> Fraction | None:
        """The simple fraction (denominator at most 16) that the measured ratio is, within its uncertainty; or None."""
        if self.ratio is None or self.ratio_uncertainty > _FRACTION:
            return None
        near = Fraction(self.ratio).limit_denominator(_SMALLEST_DENOMINATORS)
        return near if abs(float(near) - self.ratio) <= max(4 * self.ratio_uncertainty, 1e-12) else None

    def coefficient_limit(self, n: int) -> float:
        """r/(1 + (n - 1) r), the limit of each coefficient at a point off n data points, r the limit ratio.

        Raises:
            InputError: the limit depends on the data, or is not decided.
        """
        n = _checks.integer(n, "n", least=1)
        if self.ratio is None or self.depends_on_data is not False:
            raise InputError(
                f"expected a family whose coefficients tend to one value, got {self.family}, whose limit "
                f"{'depends on the data' if self.depends_on_data else 'is not decided'}; use rn.coefficients with "
                f"depth=math.inf"
            )
        return self.ratio / (1 + (n - 1) * self.ratio)

    @property
    def coefficients(self) -> str:
        """The limit of the coefficients in words."""
        if self.depends_on_data is None:
            return "not decided"
        if self.depends_on_data or self.ratio is None:
            return "depends on the data"
        ratio = self.ratio_as_fraction
        if ratio is None:
            return f"{self.ratio:.6g}/(1 + {self.ratio:.6g} (n - 1)) each"
        if ratio == 0:
            return "0 each"
        p, q = ratio.numerator, ratio.denominator  # r/(1 + (n - 1) r) = p/(p n + q - p)
        below = ("n" if p == 1 else f"{p}n") + (f" + {q - p}" if q > p else "")
        return f"{p}/({below}) each" if q > p or p > 1 else "1/n each"

    def rows(self) -> list[tuple[str, str]]:
        """(quantity, value) for display."""
        rows = [
            ("family", self.family + (f" ({self._parameters})" if self.parameters else "")),
            ("phase", self.phase + ("" if self.chi is None else f", chi = {digits(self.chi, self.chi_uncertainty)}")),
            ("fixed point of the correlation map", _plain(self.fixed_point, self.fixed_point_uncertainty)),
            ("multiplier there", f"{_plain(self.multiplier, self.multiplier_uncertainty)} ({self.kind})"),
            ("limit of the kernel between two points", self.limit_text),
            ("limit ratio off/on the diagonal", self.ratio_text),
            ("rate of approach", "not seen" if self.rate is None else str(self.rate)),
            ("limit of the coefficients", self.coefficients),
        ]
        if self.beta is not None and self.gamma is not None:
            beta, gamma = digits(self.beta, self.beta_uncertainty), digits(self.gamma, self.gamma_uncertainty)
            rows.insert(6, ("beta, gamma", f"{beta}, {gamma}"))
        return rows

    @property
    def headline(self) -> str:
        """The family, its phase, and the limits of its coefficients and rate."""
        rate = "rate not seen" if self.rate is None else f"rate {self.rate}"
        family = _display.shortened(self.family, 50)
        return f"{family}, phase {self.phase}, coefficients tend to: {self.coefficients}, {rate}"

    def remarks(self) -> tuple[str, ...]:
        """What could not be decided, and why."""
        return self.notes

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """The leading term of |K_L - limit| at the pair theta = 1 against the depth L, as measured.

        Of an algebraic rate that is A (log L)^k / L^q, on logarithmic axes; of a geometric one L^q base^L, which has no
        known factor before it, over the depths at which it was measured, relative to the first of them.

        Args:
            ax: matplotlib's Axes; None makes them, in a figure of their own (`axes.figure`) that pyplot knows nothing
                of.

        Returns:
            The Axes, with a sentence in them where no rate was seen.

        >>> import roughntk as rn
        >>> axes = rn.classify(rn.kernels.ReluNTK()).plot()
        >>> axes.get_title(), axes.get_xscale()
        ('relu-ntk: critical, 0.37500 log L / L', 'log')
        """
        rate = self.rate
        ylabel = r"$|K_L - \lim K|$"
        with _display.drawn_on(ax) as axes:
            if isinstance(rate, Term):
                depths = np.geomspace(2.0, 1e6, 200)
                axes.loglog(depths, _law(rate, depths), **_display.look(0) | {"marker": ""})
                ylabel = r"leading term of $|K_L - \lim K|$"
            elif rate is not None:
                first, last = rate.depths
                depths = np.linspace(first, max(last, first + 1), 200)
                axes.semilogy(depths, _relative_law(rate, depths), **_display.look(0) | {"marker": ""})
                ylabel = rf"$|K_L - \lim K|$ relative to depth {first}"
                _display.whole_ticks(axes.xaxis)
            else:
                _display.write_instead(axes, "the rate of approach was not seen")
            name = _display.shortened(self.family, 30).replace("$", r"\$")
            title = f"{name}: {self.phase}" + ("" if rate is None else f", {rate}")
            _display.name_axes(axes, title=title, xlabel="network depth $L$", ylabel=ylabel)
        return axes

    def to_dataframe(self) -> "pandas.DataFrame":
        """One row; `pandas.concat` makes a table of those of several families.

        Returns:
            Columns `family`, `parameters` (text), `phase`, `chi`, `kind`, `fixed_point`, `multiplier`, `limit`,
            `ratio`, `beta`, `gamma` (numbers, NaN where there is none; of all but `limit` a column `..._uncertainty`),
            `rate` (text, "" where none was seen), `coefficients` (their limit in words), `depends_on_data` (True, False
            or None).

        >>> import roughntk as rn
        >>> frame = rn.classify(rn.kernels.ReluNTK()).to_dataframe()
        >>> frame[["family", "phase", "coefficients"]]
             family     phase  coefficients
        0  relu-ntk  critical  1/(n + 3) each
        """
        columns: dict[str, list] = {
            "family": [self.family],
            "parameters": [self._parameters],
            "phase": [self.phase],
            "kind": [self.kind],
        }
        for name in ("chi", "fixed_point", "multiplier", "limit", "ratio", "beta", "gamma"):
            value = getattr(self, name)
            columns[name] = [math.nan if value is None else float(value)]
            if name != "limit":
                columns[f"{name}_uncertainty"] = [math.nan if value is None else getattr(self, f"{name}_uncertainty")]
        columns["rate"] = ["" if self.rate is None else str(self.rate)]
        columns["coefficients"] = [self.coefficients]
        columns["depends_on_data"] = [self.depends_on_data]
        return _display.data_frame(columns)

    @property
    def _parameters(self) -> str:
        return ", ".join(f"{name} = {word(value, '.15g')}" for name, value in self.parameters)

    @property
    def limit_text(self) -> str:
        """The limit of the kernel between two points, to its digits."""
        if self.limit is None:
            return "depends on the pair" if self.depends_on_data else "not decided"
        return digits(self.limit, max(self.ratio_uncertainty, 1e-15))

    @property
    def ratio_text(self) -> str:
        """The ratio to its digits, with the fraction that it is."""
        if self.ratio is None:
            return "depends on the pair" if self.depends_on_data else "not decided"
        near = self.ratio_as_fraction
        text = digits(self.ratio, self.ratio_uncertainty)
        return text if near is None or near.denominator == 1 else f"{text} = {near}"

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self.rows())
        lines = [f"{name:<{width}}  {value}" for name, value in self.rows()]
        return "\n".join(
            [*lines, "measured:", *(f"  {e}" for e in self.evidence), *(f"  note: {n}" for n in self.notes)]
        )


def word(value: float | str, form: str) -> str:
    """A parameter as text: a word as it is, a number in that format."""
    return value if isinstance(value, str) else f"{value:{form}}"


def _law(rate: Term, depths: np.ndarray) -> np.ndarray:
    """The size of the term at these depths."""
    return abs(rate.amplitude) * np.log(depths) ** rate.logs / depths**rate.power


def _relative_law(rate: GeometricRate, depths: np.ndarray) -> np.ndarray:
    """L^power base^L at these depths, relative to the first."""
    first = depths[0]
    return np.exp(rate.power * np.log(depths / first) + (depths - first) * math.log(rate.base))


def _plain(value: float | None, uncertainty: float) -> str:
    return "none common to all pairs" if value is None else digits(value, uncertainty)


__all__ = ["Classification", "Evidence"]
