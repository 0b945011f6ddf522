"""The signature and log-signature of a piecewise-linear path, of its prefixes, and of windows sliding over it.

S(X)^{i1...ik} is the iterated integral of dX^{i1}...dX^{ik} over t1 < ... < tk; for a piecewise-linear path
it is the product exp(dx_1) (x) ... (x) exp(dx_n) of Chen. "jax" is built in, differentiable, and works under jit, vmap
and grad; the optional packages "esig", "iisignature", "roughpy" and "pysiglib" compute the same from concrete numbers.
All return the same layout: flat vectors, levels 1..N in lexicographic word order, no leading 1. Log-signatures are in
the Lyndon basis (`tensor.lyndon_words`, `tensor.lyndon_brackets`), the Hall basis (`hall_brackets`), or words (the log
tensor, flat).

A `path` is an array (..., points, channels), leading axes being a batch, (points,) for one channel, or a
`PiecewiseLinear`; or, together with `times`, anything with diffrax's path contract (`t0`, `t1`, `evaluate`), such as
`result.drivers` of a transport: it is then evaluated at those times and taken to be linear between them; the entries of
a value that is a matrix are channels, row by row.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.algebra import tensor
from roughntk.rough.algebra.bases import convert_basis, hall_to_lyndon, lyndon_to_hall
from roughntk.rough.paths.piecewise_linear import path_array
from roughntk.rough.signatures import backends as _backends
from roughntk.rough.signatures import blocks as _blocks
from roughntk.rough.signatures import known as _known

SIGNATURE_BACKENDS = _backends.NAMES
"""The backends, built in first; `available_backends` are those that can be imported."""

BASES = ("lyndon", "hall", "words")

Array = jax.Array | np.ndarray


def backend_install_command(name: str) -> str:
    """The shell command that installs the backend `name`. Raises `InputError` for an unknown name.

    >>> import roughntk as rn
    >>> "esig" in rn.rough.backend_install_command("esig")
    True
    """
    return _backends.install_command(name)


def available_backends() -> tuple[str, ...]:
    """The backends that can be imported here, "jax" first.

    >>> import roughntk as rn
    >>> rn.rough.available_backends()[0]
    'jax'
    """
    return tuple(name for name in SIGNATURE_BACKENDS if name == "jax" or _backends.importable(name))


def signature(path: Any, level: int, *, times: Any = None, backend: str = "jax") -> Array:
    """S(X)^w for all words w of length 1..level, shape (..., sum_{k=1}^{level} channels^k).

    Args:
        path: X, an array (..., points, channels) or a path object (see the module). Times do not matter
            (reparametrisation invariance), but for where a path object is evaluated.
        level: the truncation N >= 1, static.
        times: where to evaluate a path object, shape (points,), increasing, within [t0, t1].
        backend: "jax", "esig", "iisignature", "roughpy", "pysiglib", or "auto", the fastest way there is here, by the
            rule below.

    Returns:
        A `jax.Array` from "jax" (which is differentiable and accepts tracers), a `numpy.ndarray` from the others: a
        copy to the device would take longer than some of them do. For the gradient, "jax" keeps the levels at every
        32nd or 64th point and computes the rest again.

    "auto" counts the numbers w = paths * points * sum_k channels^k that the recursion goes through: iisignature for
    w < 5,000; else pysiglib; without it, loops of this package that are compiled once for all shapes, where the
    signature has up to 16,384 entries; else "jax", which is also what a traced path gets. esig and roughpy were never
    the fastest. "jax" compiles, for half a second or more, once for each number of paths, channels and level; for
    known points any number of points is served then, for traced ones each number is compiled for itself.

    Raises:
        InputError: shape, NaN, level, unknown backend, more than the memory that is free, a result beyond the range of
            float64, a tracer handed to another backend, a size that the package cannot do.
        MissingBackendError: the package is not installed; with the install command.
    Source: LyonsCaruanaLevy2007, section 2.2.

    >>> import roughntk as rn
    >>> rn.rough.signature([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]], 2).tolist()
    [1.0, 1.0, 0.5, 1.0, 0.0, 0.5]
    """
    points, level, backend = _validated(path, level, times, backend)
    if backend == "jax":
        return _finite(_of_jax(points).signatures(points, level), points, level)
    module, package = _backends.engine(backend)
    return _finite(package.signature(module, points, level), points, level)


def prefix_signatures(path: Any, level: int, *, times: Any = None, backend: str = "jax") -> Array:
    """The signatures of X from its start to each later point, shape (..., points - 1, size): S(X_{0,1}), ..., S(X).

    Arguments, results and errors are those of `signature`; the limit on memory counts all prefixes. esig has no
    streaming: its prefixes are computed one by one, points^2 / 2 steps in all. "auto" goes by the rule of `signature`,
    pysiglib aside.

    >>> import roughntk as rn
    >>> rn.rough.prefix_signatures([[0.0], [2.0], [3.0]], 2).tolist()
    [[2.0, 2.0], [3.0, 4.5]]
    """
    points, level, backend = _validated(path, level, times, backend, prefixes=True)
    _check_memory(points, level, prefixes=True)
    if backend == "jax":
        return _finite(_of_jax(points).prefix_signatures(points, level), points, level)
    module, package = _backends.engine(backend)
    return _finite(package.prefixes(module, points, level), points, level)


def window_signatures(
    path: Any, level: int, *, length: int, step: int = 1, times: Any = None, backend: str = "jax"
) -> Array:
    """The signatures of X over windows of `length` points that start at the points 0, step, 2 step, ..., as long as
    they fit: shape (..., (points - length) // step + 1, size).

    Each window is computed from its own points. The other way, S(X_{0,i})^{-1} (x) S(X_{0,j}) from the prefixes,
    subtracts numbers of the size of the whole path's: on windows of 20 points of a Brownian path, two channels, level 4
    was wrong by 2e-13, 1e-10 and 4e-8 of its size for 100, 1,000 and 10,000 points, and level 8 by 2e-11, 1e-7 and
    5e-3, against 2e-15 in all cases for the way taken (reference: products in long double).

    `length`: at least two points. Other arguments, results and errors are those of `signature`; also `InputError` for a
    window longer than the path, or step 0.

    >>> import roughntk as rn
    >>> rn.rough.window_signatures([[0.0], [1.0], [3.0], [6.0]], 1, length=2).tolist()
    [[1.0], [2.0], [3.0]]
    """
    asked = backend
    points, level, backend = _validated(path, level, times, backend, prefixes=True)
    length = _checks.integer(length, "length", least=2)
    step = _checks.integer(step, "step", least=1)
    count = points.shape[-2]
    if length > count:
        raise InputError(
            f"expected a window of at most the {count} points of the path, got length {length}; shorten the window"
        )
    starts = np.arange(0, count - length + 1, step)
    _check_memory(points, level, len(starts), length=length)
    windows = points[..., starts[:, None] + np.arange(length), :]
    if asked == "auto" and not _checks.is_traced(points):
        backend = _backends.fastest(windows.shape, level)
    if backend == "jax":
        return _finite(_of_jax(windows).signatures(windows, level), points, level)
    module, package = _backends.engine(backend)
    return _finite(package.signature(module, np.ascontiguousarray(windows), level), points, level)


def log_signature(path: Any, level: int, *, basis: str = "lyndon", times: Any = None, backend: str = "jax") -> Array:
    """log S(X) = sum_w c_w [w] truncated at `level`, shape (..., coordinates).

    `basis` "lyndon": the coefficients c_w, w over `tensor.lyndon_words(channels, level)` (by length, then
    lexicographically), [w] bracketed by the standard factorisation; Witt's formula gives their number.
    `basis` "hall": as many, of the brackets `hall_brackets(channels, level)`.
    `basis` "words": the log tensor itself, flat, shape (..., sum_{k=1}^{level} channels^k).
    Other arguments and results are those of `signature`; the backends' own bases (esig and roughpy: Hall; iisignature
    and pysiglib: Lyndon) are converted. "auto" goes by the rule of `signature`.

    Raises as `signature` does, and `InputError` for an unknown basis.
    Source: Reutenauer1993, chapters 4 and 5.

    >>> import roughntk as rn
    >>> rn.rough.log_signature([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]], 2).tolist()
    [1.0, 1.0, 0.5]
    """
    basis = _checks.choice(basis, BASES, "basis")
    points, level, backend = _validated(path, level, times, backend)
    channels = points.shape[-1]
    if backend == "jax":
        return _finite(_of_jax(points).log_signatures(points, level, basis), points, level)
    module, package = _backends.engine(backend)
    if channels == 1 or level == 1:  # the increment; iisignature and roughpy have no bases for these
        coordinates, given = points[..., -1, :] - points[..., 0, :], basis
        if channels == 1 and basis == "words":
            coordinates = np.concatenate([coordinates, np.zeros((*coordinates.shape[:-1], level - 1))], -1)
    else:
        coordinates, given = _finite(package.log(module, points, level), points, level), package.log_basis
    if given == basis:
        return coordinates
    if basis == "words":
        return np.asarray(convert_basis(coordinates, given, "words", channels, level))
    matrix = (hall_to_lyndon if basis == "lyndon" else lyndon_to_hall)(channels, level)
    return (matrix @ coordinates.reshape(-1, coordinates.shape[-1]).T).T.reshape(coordinates.shape)


def _validated(path: Any, level: Any, times: Any, backend: str, *, prefixes: bool = False) -> tuple[Any, int, str]:
    """The points (..., points, channels), the level and the backend, "auto" resolved."""
    if not isinstance(backend, str) or backend not in SIGNATURE_BACKENDS:
        _checks.choice(backend, (*SIGNATURE_BACKENDS, "auto"), "backend")
    points = path_array(path, times=times, batch=True)
    level = level if type(level) is int and level >= 1 else _checks.level(level)
    _size(points.shape[-1], level)  # refuses a level that is far beyond memory
    if not prefixes:
        _check_memory(points, level)
    traced = type(points) is not np.ndarray and _checks.is_traced(points)
    if backend == "auto":
        backend = "jax" if traced else _backends.fastest(points.shape, level, prefixes)
    if backend != "jax" and traced:
        raise InputError(
            f"expected a concrete path for backend={backend!r}, got a JAX tracer; "
            f"use backend='jax' under jit, vmap and grad"
        )
    if backend != "jax":
        points = np.ascontiguousarray(points)
    return points, level, backend


def _finite(values: Array, points: Any, level: int) -> Array:
    """`values`, refused where entries are beyond the range of float64.

    A JAX array is waited for only where |S^k| <= |X|_1var^k allows for that; a traced one is not looked at.
    """
    if isinstance(values, np.ndarray):
        finite = bool(np.isfinite(values).all())
    elif _checks.is_traced(values):
        return values
    else:
        entries = np.asarray(points)
        length = 2 * float(max(entries.max(), -entries.min(), 1.0)) * entries.size
        finite = level * math.log(length) < 690 or bool(jnp.isfinite(values).all())
    if not finite:
        raise InputError(
            f"expected a signature within the range of float64, got entries beyond 1.8e308 at level {level}; multiply "
            f"the path by c < 1 (level k is then multiplied by c^k), or lower the level"
        )
    return values


def _check_memory(points: Any, level: int, rows: int = 1, *, length: int | None = None, prefixes: bool = False) -> None:
    """Refuse what cannot fit: `rows` signatures of `steps` steps each for each path, or one for each point."""
    *batch, count, channels = points.shape
    size = _size(channels, level)
    paths = math.prod(batch)
    if prefixes:
        rows, need = count - 1, 8.0 * PREFIX_COPIES * paths * (count - 1) * size
    else:
        need = _blocks.needed_memory(paths * rows, (count if length is None else length) - 1, channels, level, size)
    many = f"{paths * rows} signatures" if paths * rows > 1 else "a signature"
    _checks.memory(
        need,
        f"{many} of level {level} in {channels} channels",
        "lower the level, or take fewer channels, paths, windows or points at a time",
    )


#: Numbers at the peak for each one of the prefixes.
PREFIX_COPIES = 3

_size = functools.lru_cache(maxsize=256)(tensor.signature_size)


def _of_jax(points: Any) -> Any:
    """What computes with JAX: traced points as they are, known ones without a compilation for each number of them."""
    return _blocks if _checks.is_traced(points) else _known
