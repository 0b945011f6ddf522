"""How deep a network of finite width is: its random real depth.

In the limit n, L -> infinity, t = L/n fixed, the angle theta_l between two inputs in a network of width n falls as in
an infinitely wide one, 3 pi/theta growing by 1 a layer, but with noise. In depth time s = l/n, y = 3 pi/(n theta) obeys

    dy = (1 + 2y) ds - sqrt(2) y dB,      y_t = int_0^t E_s ds/E_t,   E_s = exp(sqrt(2) B_s - s),

the integral of a geometric Brownian motion. An infinitely wide network of the random depth L_eff = n y_t has the same
angle. Derived and measured, not proved.
"""

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from scipy import special

from roughntk import _checks
from roughntk._checks import InputError
from roughntk._display import COLOURS, LIMIT_STYLE, Displayed, data_frame, drawn_on, name_axes
from roughntk.maps import relu_flow
from roughntk.networks._depth_law import DepthLaw, depth_law
from roughntk.rough.paths.gaussian import random_key

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

LEAST_ANGLE = 1e-100
_TABLE = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclasses.dataclass(frozen=True, repr=False)
class EffectiveDepth(Displayed):
    """The law of the random real depth L_eff of a network.

    Attributes:
        layers: L, hidden layers.
        width: n, units of each of them.
        angle: theta_1 of the pair in radians; None in the limit law, from any fixed angle.
        start: y_0; 0 in the limit law.
    """

    layers: int
    width: int
    angle: float | None
    start: float

    @property
    def time(self) -> float:
        """t = L/n, depth in units of the width."""
        return self.layers / self.width

    @property
    def _origin(self) -> float:
        """L_eff - n y."""
        return 0.0 if self.angle is None else 1.0 - self.width * self.start

    @property
    def _law(self) -> DepthLaw:
        return depth_law(self.time, self.start)

    @property
    def mean(self) -> float:
        """E L_eff; n (e^{2t} - 1)/2 in the limit law. Infinite beyond float64."""
        grown = _growth(self.time)
        return self._origin + self.width * (self.start + (self.start + 0.5) * grown)

    @property
    def variance(self) -> float:
        """Var L_eff; n^2 (e^{2t} - 1)^3/12 in the limit law. Infinite beyond float64."""
        y, grown = self.start, _growth(self.time)
        cubic = y**2 + y / 2 + 1 / 12
        return self.width**2 * grown * (y**2 + grown * (2 * y**2 + y / 2 + grown * cubic))

    def quantile(self, q: Any) -> Any:
        """The depth that L_eff is below with probability q.

        Args:
            q: probabilities in (0, 1), any shape. Beyond 1e-9 and 1 - 1e-9 the law is continued as a lognormal one.

        Returns:
            Depths as a float, or an array of the shape of q. `quantile_error` says how accurate they are; seen for
            t <= 2: eight digits from 5 to 95 %, four at 1e-9.

        Raises:
            InputError: a probability that is not in (0, 1).
        """
        return _as_given(q, self._depth(self._law.log_quantile(_scores(q))))

    def quantile_error(self, q: Any) -> Any:
        """The error estimate of `quantile(q)`, in layers, of that shape."""
        scores = _scores(q)
        with np.errstate(over="ignore"):
            scale = self.width * np.exp(self._law.log_quantile(scores))
        return _as_given(q, scale * self._law.log_quantile_error(scores))

    def probability(self, depth: Any) -> Any:
        """P(L_eff <= depth), for depths of any shape."""
        depths = _checks.float64_array(depth, "depth")
        if np.isnan(depths).any():
            raise InputError("expected depths, got NaN among them; remove those entries")
        y = (depths - self._origin) / self.width
        with np.errstate(divide="ignore", invalid="ignore"):
            known = np.where((y > 0) & np.isfinite(y), y, 1.0)
            values = special.ndtr(self._law.score(np.log(known)))
        return _as_given(depth, np.where(y > 0, np.where(np.isinf(y), 1.0, values), 0.0))

    def sample(self, key: jax.Array, samples: int) -> np.ndarray:
        """Independent random depths, shape (samples,).

        With a starting angle, `family(X, depth=sample)` is the kernel of a network that has drawn that depth, for the
        two rows of X at that angle. A sample below 1 is a network in which the angle has grown; no kernel has that
        depth.

        Args:
            key: a JAX random key.
            samples: how many, at least 1.

        Raises:
            InputError: no random key, no whole number of samples, JAX in 32-bit mode.
        """
        key, samples = random_key(key), _checks.integer(samples, "samples", least=1)
        _checks.require_x64("a random depth")
        _checks.memory(64.0 * samples, f"{samples} samples", "use fewer samples")
        return self._depth(self._law.log_quantile(np.asarray(jax.random.normal(key, (samples,)))))

    def _depth(self, log_y: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return self._origin + self.width * np.exp(log_y)

    @property
    def headline(self) -> str:
        """The median and what lies around it."""
        low, median, high = self.quantile([0.05, 0.5, 0.95])
        pair = "" if self.angle is None else f", from the angle {self.angle:.4g}"
        return (
            f"{self.layers} layers of width {self.width}{pair} are {median:.5g} deep (median), "
            f"from {low:.5g} to {high:.5g} in 90 % of networks"
        )

    def rows(self) -> list[tuple[str, str]]:
        """(quantity, value) for display."""
        values = zip(_TABLE, self.quantile(_TABLE), strict=True)
        return [
            ("layers", str(self.layers)),
            ("width", str(self.width)),
            ("mean", f"{self.mean:.6g}"),
            ("standard deviation", f"{math.sqrt(self.variance):.6g}"),
            *((f"{100 * q:g} % quantile", f"{value:.6g}") for q, value in values),
        ]

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """P(L_eff <= depth) against depth; returns the Axes."""
        scores = np.linspace(-3, 3, 241)
        depths = self._depth(self._law.log_quantile(scores))
        with drawn_on(ax) as axes:
            axes.plot(depths, special.ndtr(scores), color=COLOURS[0], label="networks at most so deep")
            axes.axvline(self.layers, label="layers", **LIMIT_STYLE)
            if depths[0] > 0:
                axes.set_xscale("log")
            title = f"Depth of {self.layers} layers of width {self.width}"
            name_axes(axes, title=title, xlabel="real depth", ylabel="probability", legend=True)
        return axes

    def to_dataframe(self) -> "pandas.DataFrame":
        """Quantiles from 1 to 99 %, with their error estimates."""
        q = np.arange(1, 100) / 100
        return data_frame({"probability": q, "depth": self.quantile(q), "error": self.quantile_error(q)})


def effective_depth(layers: int, width: int, *, angle: Any = None, correlation: Any = None) -> EffectiveDepth:
    """The random real depth of a network of L hidden layers of width n: which depth its sample has in infinite width.

    In the limit law L_eff = n y_t, t = L/n, dy = (1 + 2y) ds - sqrt(2) y dB from y_0 = 0. With the angle theta_1 of a
    pair of inputs it is told in the Abel clock alpha of the ReLU angle map (`roughntk.maps.relu_flow.abel`),

        alpha(theta_L) = alpha(theta_1) + L_eff - 1,    L_eff = 1 + n (y_t - y_0),
        y_0 = (alpha(theta_1) - 1 + (3/2) log L)/n,

    since 3 pi/theta = alpha + (3/2) log(3 pi/theta) + ... Derived and measured for wide and deep networks; for few
    layers and large angles it is an approximation whose error is of the order of 1/n and of a layer or two.

    Args:
        layers: L >= 1, hidden layers.
        width: n >= 2, units of each.
        angle: theta_1 in (0, pi], between two inputs; None for the limit law.
        correlation: cos theta_1 in [-1, 1), instead.

    Returns:
        The law: `.mean`, `.variance`, `.quantile(q)`, `.quantile_error(q)`, `.probability(depth)` and
        `.sample(key, samples)`.

    Raises:
        InputError: no layers, a width below 2, an angle of 0 or outside [0, pi], both an angle and a correlation.

    Sources: JakubNica2023 (mean and variance of one layer); the law of the integral: Yor1992.

    >>> import jax, roughntk as rn
    >>> law = rn.networks.effective_depth(200, 200)
    >>> [round(float(depth), 1) for depth in law.quantile([0.05, 0.5, 0.95])]
    [99.6, 378.4, 1976.6]
    >>> round(law.mean, 1)
    638.9
    >>> law.sample(jax.random.key(0), 3).shape
    (3,)
    """
    layers = _checks.integer(layers, "layers", least=1)
    width = _checks.integer(width, "width", least=2)
    theta = _angle(angle, correlation)
    if theta is None:
        return EffectiveDepth(layers, width, None, 0.0)
    start = (float(relu_flow.abel(theta)) - 1 + 1.5 * math.log(layers)) / width
    return EffectiveDepth(layers, width, theta, start)


def _angle(angle: Any, correlation: Any) -> float | None:
    """The known angle of a pair, or None where neither it nor its cosine is given."""
    if angle is None and correlation is None:
        return None
    if angle is not None and correlation is not None:
        raise InputError("expected an angle or a correlation, got both; leave one of them out")
    remedy = "equal inputs stay equal, and opposite ones have the angle pi"
    if correlation is not None:
        return math.acos(_checks.number(correlation, "correlation", least=-1, below=1, remedy=remedy))
    return _checks.number(angle, "angle", least=LEAST_ANGLE, most=math.pi, remedy=remedy)


def _growth(time: float) -> float:
    """e^{2t} - 1, infinite beyond float64."""
    return math.expm1(2 * time) if time < 354 else math.inf


def _scores(q: Any) -> np.ndarray:
    """Normal scores of probabilities."""
    values = _checks.float64_array(q, "q")
    wrong = ~((values > 0) & (values < 1))
    if wrong.any():
        raise InputError(
            f"expected probabilities q above 0 and below 1, got {float(values[wrong].flat[0])!r}; the median is "
            f"quantile(0.5)"
        )
    return special.ndtri(values)


def _as_given(given: Any, values: np.ndarray) -> Any:
    """A float for one number."""
    return float(values) if np.ndim(values) == 0 else np.asarray(values)
