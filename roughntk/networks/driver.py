"""The path that a network's own weights make, along which the network is the solution of a rough differential equation.

With Z_l, shape (n, N), the whitened preactivations of layer l, dX_l = chol(Z_l^T Z_l / n) - I is one step of a random
walk X of step 1/n in depth time s = l/n. The network solves the equation of :mod:`roughntk.networks.triangular` driven
by X, up to O(n^{-1/2}), and exactly if it is linear, but along one lift of it only: the Ito lift, whose second level is
0 over one layer. Along the piecewise-linear lift of the same increments log V^11 ends near t/2 above it, however wide
it is: the lift decides, not the path.

Derived and measured, not proved. Source: LiNicaRoy2022 (the limit in law); FrizVictoir2010, chapter 10 (the universal
limit theorem).
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.networks.random_covariance import gram_factor
from roughntk.networks.triangular import TriangularField, flattened, unflattened
from roughntk.networks.walks import drawn, of_weights
from roughntk.rough import (
    CriticalExponent,
    Lift,
    PiecewiseLinear,
    RDESolution,
    critical_p,
    ito_lift,
    lift,
    p_variation,
    solve_rde,
)
from roughntk.rough.paths.gaussian import random_key

LIFTS = ("ito", "piecewise-linear")


@dataclasses.dataclass(frozen=True, repr=False)
class DrivenCovariance:
    """The solution of the equation along a network's driver, beside the network.

    Attributes:
        times: depth times, shape (points,).
        layers: how many layers lie before each of them, shape (points,).
        factors: M with V = M M^T, shape (points, N, N).
        network: the network's own factors after these layers, same shape.
        lift: "ito" or "piecewise-linear".
        solution: what `rn.rough.solve_rde` returned.
    """

    times: np.ndarray
    layers: np.ndarray
    factors: np.ndarray
    network: np.ndarray
    lift: str
    solution: RDESolution

    def __repr__(self) -> str:
        return (
            f"DrivenCovariance({self.factors.shape[-1]} inputs, {len(self.times) - 1} steps along the {self.lift} lift "
            f"by {self.solution.method}, log V11 off by {self.errors[-1, 0]:+.3g} at the end)"
        )

    @property
    def covariances(self) -> np.ndarray:
        """V = M M^T, shape (points, N, N)."""
        return self.factors @ self.factors.swapaxes(-1, -2)

    @property
    def errors(self) -> np.ndarray:
        """log V^aa of the solution less that of the network, shape (points, N)."""
        return 2 * np.log(np.linalg.norm(self.factors, axis=-1) / np.linalg.norm(self.network, axis=-1))


@dataclasses.dataclass(frozen=True, repr=False)
class NetworkDriver:
    """The driver X of one network, and the network's own covariance.

    Attributes:
        increments: dX_l, lower triangular, shape (layers, N, N).
        factors: M_l = chol V_l, shape (layers + 1, N, N); row 0 is that of the inputs.
        width: n.
        slopes: (1 + c_plus/sqrt n, 1 + c_minus/sqrt n), above and below 0.
    """

    increments: np.ndarray
    factors: np.ndarray
    width: int
    slopes: tuple[float, float]

    def __repr__(self) -> str:
        above, below = self.slopes
        return (
            f"NetworkDriver({self.inputs} inputs, {self.layers} layers of width {self.width}, slopes {above:.4g} and "
            f"{below:.4g}, kappa={self.kappa:.4g})"
        )

    @property
    def layers(self) -> int:
        """How many layers there are."""
        return len(self.increments)

    @property
    def inputs(self) -> int:
        """N, how many inputs."""
        return self.increments.shape[-1]

    @property
    def times(self) -> np.ndarray:
        """l/n, shape (layers + 1,)."""
        return np.arange(self.layers + 1) / self.width

    @property
    def covariances(self) -> np.ndarray:
        """V_l, the Gram matrix of the hidden states, shape (layers + 1, N, N)."""
        return self.factors @ self.factors.swapaxes(-1, -2)

    @property
    def kappa(self) -> float:
        """n (s_+ - s_-)^2 / (pi (s_+^2 + s_-^2)), the drift of these slopes at this width; (c_+ - c_-)^2/(2 pi) at
        infinite width."""
        above, below = self.slopes
        return self.width * (above - below) ** 2 / (math.pi * (above**2 + below**2))

    @functools.cached_property
    def path(self) -> PiecewiseLinear:
        """X at the times, shape (layers + 1, channels): its entries row by row, 11, 21, 22, 31, ..., and, where the
        slopes differ, depth time as the last channel."""
        values = np.concatenate([np.zeros((1, self.inputs, self.inputs)), self.increments.cumsum(axis=0)])
        channels = flattened(values)
        if self.kappa > 0:
            channels = np.concatenate([channels, self.times[:, None]], axis=1)
        return PiecewiseLinear(channels, self.times)

    @property
    def field(self) -> TriangularField:
        """The vector field V(y), y = M flat, that `rn.rough.solve_rde` takes along a lift of the path."""
        return TriangularField(self.inputs, jnp.asarray(self.kappa) if self.kappa > 0 else None)

    @property
    def start(self) -> np.ndarray:
        """M of the inputs, flat, where the equation starts: shape (N(N+1)/2,)."""
        return flattened(self.factors[0])

    def ito_lift(self, level: int = 2, *, pieces: int | None = None) -> Lift:
        """The Ito lift: nothing above the increments over one layer, Chen's products over several.

        Args:
            level: that of the lift.
            pieces: the layers are summarised by so many steps, as equal as they can be; None: a step for each layer.

        Raises:
            InputError: a level below 1; pieces below 1 or above the number of layers.
        """
        return self._in_pieces(ito_lift(self.path, level), pieces)

    def piecewise_linear_lift(self, level: int = 2, *, pieces: int | None = None) -> Lift:
        """The canonical lift of the polygon through the same points: half the square of the increment at level 2 over
        one layer. Arguments and errors are those of `ito_lift`."""
        return self._in_pieces(lift(self.path, level), pieces)

    def _in_pieces(self, whole: Lift, pieces: int | None) -> Lift:
        return whole if pieces is None else whole.resample(self.times[self._ends(pieces)])

    def _ends(self, pieces: int | None) -> np.ndarray:
        """How many layers lie before the ends of the pieces."""
        if pieces is None:
            return np.arange(self.layers + 1)
        pieces = _checks.integer(pieces, "pieces", least=1, most=self.layers)
        return np.round(np.linspace(0, self.layers, pieces + 1)).astype(int)

    def solve(
        self, *, lift: str = "ito", pieces: int | None = None, level: int = 2, estimate: bool = False, **settings: Any
    ) -> DrivenCovariance:
        """The equation dM = M dX + M Psi(M^{-1} b M^{-T}) ds along this driver, from the inputs' M.

        Args:
            lift: "ito", which reproduces the network up to O(n^{-1/2}) (a linear one exactly), by the Davie scheme, or
                "piecewise-linear", by the log-ODE.
            pieces: the layers are summarised by so many steps, of which the lift up to `level` is seen; None: a step
                for each layer, over which both lifts know nothing but the increment.
            level: of the lift. Errors of a summary by m pieces, against a step for each layer, fall like m^{-1/2} at
                level 1 and m^{-1} at level 2 (measured).
            estimate: whether `solution.error_estimate` is computed.
            settings: other options of `rn.rough.solve_rde`.

        Raises:
            InputError: another lift, pieces or level out of range.
            RDEError: as `rn.rough.solve_rde` does.
        """
        kind = _checks.choice(lift, LIFTS, "lift")
        level = _checks.level(level)
        if pieces is None:
            level = 1  # all that is known over one layer
        made = self.ito_lift if kind == "ito" else self.piecewise_linear_lift
        solution = solve_rde(self.field, made(level, pieces=pieces), self.start, estimate=estimate, **settings)
        ends = self._ends(pieces)
        factors = unflattened(np.asarray(solution.values))
        return DrivenCovariance(self.times[ends], ends, factors, self.factors[ends], kind, solution)

    def p_variation(self, p: float, *, level: int | None = None) -> float:
        """The p-variation of the Ito lift, exactly, as `rn.rough.p_variation` defines it: at `level`, or the largest
        over the levels 1 .. floor(p)."""
        p = _checks.exponent(p)
        top = int(p) if level is None else _checks.level(level)
        return float(p_variation(ito_lift(self.path, top), p, level=level))

    def critical_exponent(self) -> CriticalExponent:
        """inf {p: the p-variation of X stays bounded as layers and width grow}, estimated by `rn.rough.critical_p`: 2,
        as for Brownian motion. At least 127 layers."""
        return critical_p(self.path)


def network_driver(
    weights: Any,
    X: Any,
    *,
    layers: int | None = None,
    width: int | None = None,
    c_plus: float = 0.0,
    c_minus: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
) -> NetworkDriver:
    """The driver of the network h_l = (2/(n (s_+^2 + s_-^2)))^{1/2} phi(W_l h_{l-1}), h_0 = x, for N inputs:

        dX_l = chol(Z_l^T Z_l / n) - I,    Z_l = W_l Q_{l-1},    (h_{l-1}(x_1), ..., h_{l-1}(x_N)) = Q_{l-1} M_{l-1}^T,

    with orthonormal columns Q and M_{l-1} lower triangular, the Cholesky factor of the Gram matrix V_{l-1}; Z_l are the
    whitened preactivations: entries iid N(0, 1) if those of the weights are. phi has the slope s_+ = 1 + c_plus/sqrt n
    above 0 and s_- = 1 + c_minus/sqrt n below; c_plus = c_minus = 0 is a linear network.

    Args:
        weights: W_l, an array (layers, n, n) or a sequence of arrays, the first (n, n0), the others (n, n), whose
            entries have variance 1; or a JAX random key, with `layers` and `width`: then Z_l themselves are drawn,
            which is exact in law and needs no n x n matrix.
        X: the inputs, rows of any length, linearly independent, shape (N, n0).
        layers, width: of the network that a key stands for.
        c_plus, c_minus: shape parameters, at least -sqrt n.
        progress: called with (layers done, layers in all).

    Returns:
        A :class:`NetworkDriver`.

    Raises:
        InputError: rows that are not linearly independent (with the smallest eigenvalue of their Gram matrix), fewer
            than N + 2 neurons, no layer, a slope below 0 or both 0, weights of another shape (the layer is named) or
            with NaN, layers and width beside weights or missing beside a key.
    Source: LiNicaRoy2022; derived and measured, not proved.

    >>> import roughntk as rn
    >>> import jax
    >>> driver = rn.networks.network_driver(jax.random.key(0), [[1.0, 0.0], [0.6, 0.8]], layers=40, width=40)
    >>> driver.increments.shape, bool(abs(driver.solve().errors).max() < 1e-12)  # linear: exact along the Ito lift
    ((40, 2, 2), True)
    >>> bool(driver.solve(lift="piecewise-linear").errors[-1, 0] > 0.1)
    True
    """
    _checks.require_x64("the driver of a network")
    X = _checks.matrix(X, "X")
    start, _ = gram_factor(X @ X.T, "the Gram matrix X @ X.T")
    if _is_key(weights):
        key = random_key(weights)
        if layers is None or width is None:
            raise InputError(
                f"expected layers and width beside a key, got layers={layers} and width={width}; give both, or weights"
            )
        layers = _checks.integer(layers, "layers", least=1)
        width = _checks.integer(width, "width", least=1)
    else:
        if layers is not None or width is not None:
            raise InputError(
                f"expected weights without layers and width, got layers={layers} and width={width}; weights know both: "
                f"drop them, or give a JAX random key"
            )
        weights = _checked_weights(weights, X.shape[1])
        layers, width = len(weights), len(weights[0])
    if width < len(X) + 2:
        raise InputError(
            f"expected a width of at least N + 2 = {len(X) + 2} for {len(X)} inputs, got {width}; widen the network, "
            f"or give fewer inputs"
        )
    slopes = _slopes(c_plus, c_minus, width)
    _checks.memory(
        64.0 * layers * len(X) ** 2, f"the driver of {layers} layers and {len(X)} inputs", "give fewer inputs or layers"
    )
    if _is_key(weights):
        increments, factors = drawn(key, start, layers, width, slopes, progress)
    else:
        increments, factors = of_weights(weights, X, slopes, progress)
    factors = np.concatenate([start[None], factors])
    bad = np.flatnonzero(~np.isfinite(factors).all(axis=(1, 2)))
    if bad.size:
        raise InputError(
            f"expected a network whose states stay finite, got NaN or infinity in layer {bad[0]}; rescale its weights, "
            f"whose entries are to have variance 1"
        )
    return NetworkDriver(increments, factors, width, slopes)


def _is_key(weights: Any) -> bool:
    """Whether it is (or was meant as) a JAX random key: typed, or two uint32."""
    dtype = getattr(weights, "dtype", None)
    return isinstance(weights, int) or (
        dtype is not None and (jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key) or dtype == np.uint32)
    )


def _slopes(c_plus: Any, c_minus: Any, width: int) -> tuple[float, float]:
    """Both slopes, not negative and not both 0."""
    slopes = []
    for name, value in (("c_plus", c_plus), ("c_minus", c_minus)):
        c = _checks.number(value, name, remedy="slopes are 1 + c/sqrt(width)")
        slope = 1 + c / math.sqrt(width)
        if slope < 0:
            raise InputError(
                f"expected {name} of at least -sqrt(width) = {-math.sqrt(width):.6g}, got {c:g}, whose slope "
                f"1 + {name}/sqrt(width) is {slope:.3g}; raise it, or widen the network"
            )
        slopes.append(slope)
    if not any(slopes):
        raise InputError(
            f"expected a slope above 0, got c_plus = c_minus = {float(c_plus):g}, which makes both of them 0; raise one"
        )
    return slopes[0], slopes[1]


def _checked_weights(weights: Any, dimension: int) -> list[np.ndarray]:
    """The weights of every layer as arrays, the first (n, n0), the others (n, n)."""
    if not isinstance(weights, Sequence | np.ndarray | jax.Array) or isinstance(weights, str | bytes):
        raise InputError(
            f"expected weights as an array (layers, n, n), a sequence of arrays, or a JAX random key, got "
            f"{type(weights).__name__}; make it one"
        )
    if not len(weights):
        raise InputError("expected at least one layer, got no weights; depth 0 has no driver")
    checked = [_checks.real_array(W, f"the weights of layer {i}") for i, W in enumerate(weights, start=1)]
    width = len(checked[0]) if checked[0].ndim else 0
    for i, W in enumerate(checked, start=1):
        wanted = (width, dimension if i == 1 else width)
        if W.shape != wanted or not width:
            raise InputError(
                f"expected the weights of layer {i} of shape {wanted}, outputs by inputs, got shape {W.shape}; all "
                f"layers have one width, and the first takes the {dimension} columns of X"
            )
    return checked
