"""Sample paths: Brownian motion with refinement, fractional Brownian motion, pure area, random smooth paths.

Random ones take an explicit JAX random key, `jax.random.key(seed)`, and give the same path for the same key;
`jax.vmap` over keys gives many at once (its times are batched as well). All return a `PiecewiseLinear` on a
uniform mesh of [0, t1], and, but for the spiral, start at 0.

Sources: FrizVictoir2010, chapters 13 and 15; DaviesHarte1987.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from roughntk import _checks
from roughntk.rough.paths.gaussian import StationaryGaussian, random_key
from roughntk.rough.paths.piecewise_linear import PiecewiseLinear


def brownian(key: jax.Array, points: int, channels: int = 1, *, t1: float = 1.0, refine: int = 0) -> PiecewiseLinear:
    """Brownian motion B with B_0 = 0 and independent channels, E B_s^i B_t^i = min(s, t), at `points` times.

    `refine` = r halves each interval r times, giving (points - 1) 2^r + 1 points of the same path: each midpoint
    is (B_s + B_t)/2 + sqrt(t - s)/2 times a fresh normal, its law given the ends (Levy's construction), and the
    rows [::2^r] are, bit for bit, those of `refine` = 0; likewise between any two values of `refine`. (Inside a
    `jax.jit` of one's own the compiler may round differently.)
    `t1` > 0: the last time. Raises `InputError` for a bad key, fewer than two points, no channel, t1 <= 0 or not
    finite, refine < 0, or a result beyond the memory that is free.

    >>> import roughntk as rn
    >>> import jax
    >>> path = rn.rough.brownian(jax.random.key(0), 5, channels=2)
    >>> path.values.shape, path.times.tolist()
    ((5, 2), [0.0, 0.25, 0.5, 0.75, 1.0])
    """
    key = random_key(key)
    points, channels = _sizes(points, channels)
    refine = _checks.integer(refine, "refine", least=0, most=60)
    times = _mesh((points - 1) * 2**refine + 1, channels, t1)
    step = _positive(t1, "t1") / (points - 1)
    # One compiled function for each refinement, so that the coarse points never depend on how fine the mesh is.
    values = _walk(jax.random.fold_in(key, 0), points, channels, step)
    for halving in range(1, refine + 1):
        values = _midpoints(jax.random.fold_in(key, halving), values, step / 2 ** (halving - 1))
    return PiecewiseLinear(values, times)


@functools.partial(jax.jit, static_argnums=(1, 2))
def _walk(key: jax.Array, points: int, channels: int, step: float) -> jax.Array:
    steps = jnp.sqrt(step) * jax.random.normal(key, (points - 1, channels))
    return jnp.concatenate([jnp.zeros((1, channels)), jnp.cumsum(steps, 0)])


@jax.jit
def _midpoints(key: jax.Array, values: jax.Array, step: float) -> jax.Array:
    noise = jax.random.normal(key, values[1:].shape)
    middles = (values[:-1] + values[1:]) / 2 + jnp.sqrt(step) / 2 * noise
    return jnp.concatenate([jnp.stack([values[:-1], middles], 1).reshape(-1, values.shape[1]), values[-1:]])


def fractional_brownian(
    key: jax.Array, points: int, channels: int = 1, *, hurst: float, t1: float = 1.0, method: str = "auto"
) -> PiecewiseLinear:
    """Fractional Brownian motion with independent channels, E B_s B_t = (s^{2H} + t^{2H} - |s - t|^{2H}) / 2.

    Exact in law at the sample points: the increments are a `StationaryGaussian` with the autocovariance
    `fractional_noise_autocovariance`. `hurst`: H in (0, 1); 1/2 is Brownian motion in law (the sample for a key is
    another one than that of `brownian`). `method`: "circulant" (n log n), "cholesky" (n^3), or "auto": circulant,
    and Cholesky with a `RuntimeWarning` if the embedding had a negative eigenvalue, which for this covariance it
    provably has not.
    Raises `InputError` as `brownian` does, and for H outside (0, 1) or an unknown method.
    Source: Perrin2002, for the eigenvalues.

    >>> import roughntk as rn
    >>> import jax
    >>> rn.rough.fractional_brownian(jax.random.key(0), 5, 2, hurst=0.3).values.shape
    (5, 2)
    """
    key = random_key(key)
    points, channels = _sizes(points, channels)
    times, hurst = _mesh(points, channels, t1), _hurst(hurst)
    noise = StationaryGaussian(fractional_noise_autocovariance(points - 1, hurst), method=method)
    steps = (_positive(t1, "t1") / (points - 1)) ** hurst * noise.sample(key, channels)
    return PiecewiseLinear(jnp.concatenate([jnp.zeros((1, channels)), jnp.cumsum(steps, 0)]), times)


def fractional_noise_autocovariance(size: int, hurst: float) -> np.ndarray:
    """gamma_k = (|k+1|^{2H} - 2 |k|^{2H} + |k-1|^{2H}) / 2 for k = 0..size - 1, to full relative precision.

    The second difference loses k^2 eps as it stands. For k >= 2 and x = 1/k,
    gamma_k = k^{2H} (expm1(a) cosh(b) + 2 sinh^2(b/2)), a = H log(1 - x^2), b = 2 H artanh(x).
    Raises `InputError` for size < 1 or H outside (0, 1).

    >>> import roughntk as rn
    >>> rn.rough.fractional_noise_autocovariance(3, 0.5).round(12).tolist()
    [1.0, 0.0, 0.0]
    """
    size, hurst = _checks.integer(size, "size", least=1), _hurst(hurst)
    _checks.memory(64.0 * size, f"the autocovariance of {size} increments", "use fewer points")
    x = 1.0 / np.arange(2.0, max(size, 2))
    a, b = hurst * np.log1p(-x * x), 2 * hurst * np.arctanh(x)
    tail = x ** (-2 * hurst) * (np.expm1(a) * np.cosh(b) + 2 * np.sinh(b / 2) ** 2)
    return np.concatenate([[1.0, math.expm1((2 * hurst - 1) * math.log(2))], tail])[:size]


def pure_area(n: int, *, t1: float = 2 * math.pi, area_tolerance: float = 1e-3) -> PiecewiseLinear:
    """The spiral t -> (cos(n^2 t)/n, sin(n^2 t)/n) on [0, t1], which tends to 0 while its area does not.

    Uniformly within 1/n of 0, its Levy area from the start is `spiral_area(n, t1)` -> t1/2: the limit as a rough
    path is the pure-area path exp(t [e1, e2] / 2). The mesh h satisfies (n^2 h)^2 / 6 <= `area_tolerance`, the part
    of the area that the inscribed polygon misses (1 - sin(n^2 h)/(n^2 h)).
    Raises `InputError` for n < 1, t1 <= 0, a tolerance outside (0, 1), or a mesh beyond the memory that is free.
    Source: LyonsCaruanaLevy2007 (pure area as a limit of paths).

    >>> import roughntk as rn
    >>> path = rn.rough.pure_area(4)
    >>> float(abs(path.values).max()) <= 0.25
    True
    """
    n = _checks.integer(n, "n", least=1)
    t1 = _positive(t1, "t1")
    tolerance = _checks.number(area_tolerance, "area_tolerance", above=0, below=1, remedy="1e-3 takes 82 points a turn")
    pieces = max(float(n) ** 2 * t1 / math.sqrt(6 * tolerance), 1.0)
    _checks.memory(64 * pieces, f"a spiral of {pieces:.3g} pieces", "lower n or t1, or raise area_tolerance")
    times = _mesh(math.ceil(pieces) + 1, 2, t1)
    return PiecewiseLinear(np.stack([np.cos(n * n * times), np.sin(n * n * times)], 1) / n, times)


def spiral_area(n: int, t1: float) -> float:
    """t1/2 - sin(n^2 t1)/(2 n^2), the Levy area of the spiral of `pure_area` over [0, t1], from its start.

    Raises `InputError` for n < 1 or t1 <= 0.

    >>> import roughntk as rn
    >>> import math
    >>> math.isclose(rn.rough.spiral_area(3, 2 * math.pi), math.pi, rel_tol=1e-12)
    True
    """
    n, t1 = _checks.integer(n, "n", least=1), _positive(t1, "t1")
    return t1 / 2 - math.sin(n * n * t1) / (2 * n * n)


def random_smooth(
    key: jax.Array, points: int, channels: int = 1, *, t1: float = 1.0, modes: int = 8, decay: float = 2.0
) -> PiecewiseLinear:
    """A random Fourier series: X_t = sum_{k=1}^{modes} k^{-decay} (a_k (cos(pi k t/t1) - 1) + b_k sin(pi k t/t1)).

    a_k, b_k independent standard normals for each channel; the period is 2 t1, so the path need not close. The
    same key is the same smooth path at any number of points.
    Raises `InputError` as `brownian` does, and for modes < 1 or a decay that is no finite number >= 0.

    >>> import roughntk as rn
    >>> import jax
    >>> rn.rough.random_smooth(jax.random.key(0), 5, channels=3).values.shape
    (5, 3)
    """
    key = random_key(key)
    points, channels = _sizes(points, channels)
    modes = _checks.integer(modes, "modes", least=1)
    decay_rate = _checks.number(decay, "decay", least=0, remedy="2 makes smooth paths")
    times = _mesh(points, channels, t1)
    _checks.memory(8 * 4.0 * points * modes, f"{modes} modes at {points} points", "use fewer points or modes")
    waves = np.arange(1.0, modes + 1)
    a, b = jax.random.normal(key, (2, modes, channels)) * (waves**-decay_rate)[:, None]
    phase = np.pi * waves * (times / times[-1])[:, None]
    return PiecewiseLinear((np.cos(phase) - 1) @ a + np.sin(phase) @ b, times)


def _sizes(points: Any, channels: Any) -> tuple[int, int]:
    return _checks.integer(points, "points", least=2), _checks.integer(channels, "channels", least=1)


def _mesh(points: int, channels: int, t1: Any) -> np.ndarray:
    """The uniform mesh of [0, t1]; i/n is rounded once, so that meshes nest bit for bit."""
    t1 = _positive(t1, "t1")
    _checks.memory(
        8.0 * 4.0 * points * channels,
        f"a path of {points} points in {channels} channels",
        "use fewer points or channels",
    )
    return t1 * (np.arange(points) / (points - 1))


def _positive(value: Any, name: str) -> float:
    return _checks.number(value, name, above=0, remedy="it is the length of the path's interval of time")


def _hurst(value: Any) -> float:
    return _checks.number(value, "a Hurst parameter", above=0, below=1, remedy="0.5 is Brownian motion")
