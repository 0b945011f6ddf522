"""The optional packages that compute signatures, each behind the same three functions, with its traps guarded.

Every adapter takes a finite float64 C-contiguous array (..., points, channels), at least two points, and returns
float64 NumPy arrays in this package's layout. What each package does with other input, and is kept from here, stands
above its adapter.
"""

import dataclasses
import functools
import importlib
import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError, MissingBackendError
from roughntk.rough.signatures import loops


@dataclasses.dataclass(frozen=True)
class Package:
    """An optional package: how to install it, and what computes with it, all taking (module, points, level).

    `signature` gives (..., size), `prefixes` (..., points - 1, size), `log` (..., Lie dimension) in the basis
    `log_basis`; `log` is called for at least two channels and level two.
    """

    install: str
    signature: Callable[[Any, np.ndarray, int], np.ndarray]
    prefixes: Callable[[Any, np.ndarray, int], np.ndarray]
    log: Callable[[Any, np.ndarray, int], np.ndarray]
    log_basis: str


def importable(name: str) -> bool:
    """Whether the package can be imported here."""
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def module(name: str) -> Any:
    """The package, imported; `MissingBackendError` with its install command if it is not there."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingBackendError(
            f"expected the package {name} for backend={name!r}, got {error}; install it with: {PACKAGES[name].install}"
        ) from error


def _each(function: Callable[[np.ndarray], np.ndarray], points: np.ndarray) -> np.ndarray:
    """`function` of every path of the batch."""
    if points.ndim == 2:
        return function(points)
    paths = points.reshape(-1, *points.shape[-2:])
    values = np.stack([function(path) for path in paths])
    return values.reshape(*points.shape[:-2], *values.shape[1:])


def _owned(points: np.ndarray) -> np.ndarray:
    """The points in memory of their own that may be written to."""
    return points if points.base is None and points.flags.writeable else points.copy()


# esig 1.0.0 takes NaN silently and one path at a time, and labels n increments by numpy.arange(0, 1, 1/n), which by
# rounding has n + 1 entries for some n (49, 98, ...). It does not return for two channels at level 17. logsigdim and
# set_backend fail and are never called. It computes with roughpy, so it shares that package's one thread (below).

_ONE_THREAD = threading.Lock()


def _esig_points(points: np.ndarray) -> np.ndarray:
    """The points with the last one repeated until esig takes them; repetition leaves the signature alone."""
    while len(np.arange(0.0, 1.0, 1.0 / (len(points) - 1))) != len(points) - 1:
        points = np.vstack([points, points[-1:]])
    return points


def _check_esig(points: np.ndarray, level: int) -> None:
    if points.shape[-1] > 1 and level > 16:
        raise InputError(
            f"expected level at most 16 for backend='esig', got {level}; use backend='jax' or a lower level"
        )


def _esig_signature(esig: Any, points: np.ndarray, level: int) -> np.ndarray:
    _check_esig(points, level)
    with _ONE_THREAD:
        return _each(lambda path: esig.stream2sig(_esig_points(path), level)[1:], points)


def _esig_prefixes(esig: Any, points: np.ndarray, level: int) -> np.ndarray:
    _check_esig(points, level)
    ends = range(2, points.shape[-2] + 1)

    def one(path: np.ndarray) -> np.ndarray:
        return np.stack([esig.stream2sig(_esig_points(path[:end]), level)[1:] for end in ends])

    with _ONE_THREAD:
        return _each(one, points)


def _esig_log(esig: Any, points: np.ndarray, level: int) -> np.ndarray:
    _check_esig(points, level)
    with _ONE_THREAD:
        return _each(lambda path: esig.stream2logsig(_esig_points(path), level), points)


# iisignature 0.24: only the method "S" is ever passed to prepare, as other strings ("2", for one) crash Python; its
# siglength overflows and its derivatives are single precision, so neither is used. prepare takes at most 255 channels.


def _iisignature_signature(iisignature: Any, points: np.ndarray, level: int) -> np.ndarray:
    return iisignature.sig(points, level)


def _iisignature_prefixes(iisignature: Any, points: np.ndarray, level: int) -> np.ndarray:
    return iisignature.sig(points, level, 2)


def _iisignature_log(iisignature: Any, points: np.ndarray, level: int) -> np.ndarray:
    channels = points.shape[-1]
    if channels > 255:
        raise InputError(
            f"expected at most 255 channels for log-signatures by backend='iisignature', got {channels}; "
            f"use backend='jax'"
        )
    return iisignature.logsig(points, _iisignature_prepared(channels, level), "S")


@functools.lru_cache(maxsize=16)
def _iisignature_prepared(channels: int, level: int) -> Any:
    return module("iisignature").prepare(channels, level, "S")


# roughpy 0.3.0 takes NaN silently, computes in single precision for float32, refuses read-only arrays, gives wrong
# numbers for strided increments without a word, takes one path at a time, and now and then ends Python when two threads
# use it at once. Streams answer any interval, so that the prefixes of one path come from one stream.


def _roughpy_stream(roughpy: Any, path: np.ndarray, level: int) -> tuple[Any, Any]:
    context = roughpy.get_context(path.shape[1], level, roughpy.DPReal)
    increments = np.ascontiguousarray(np.diff(path, axis=0))
    return context, roughpy.LieIncrementStream.from_increments(increments, ctx=context)


def _roughpy_signature(roughpy: Any, points: np.ndarray, level: int) -> np.ndarray:
    def one(path: np.ndarray) -> np.ndarray:
        context, stream = _roughpy_stream(roughpy, path, level)
        return np.array(stream.signature(roughpy.RealInterval(0, len(path)), ctx=context))[1:]

    with _ONE_THREAD:
        return _each(one, points)


def _roughpy_prefixes(roughpy: Any, points: np.ndarray, level: int) -> np.ndarray:
    def one(path: np.ndarray) -> np.ndarray:
        context, stream = _roughpy_stream(roughpy, path, level)
        intervals = (roughpy.RealInterval(0, end) for end in range(1, len(path)))
        return np.stack([np.array(stream.signature(interval, ctx=context))[1:] for interval in intervals])

    with _ONE_THREAD:
        return _each(one, points)


def _roughpy_log(roughpy: Any, points: np.ndarray, level: int) -> np.ndarray:
    def one(path: np.ndarray) -> np.ndarray:
        context, stream = _roughpy_stream(roughpy, path, level)
        return np.array(stream.log_signature(roughpy.RealInterval(0, len(path)), ctx=context))

    with _ONE_THREAD:
        return _each(one, points)


# pysiglib 4.0.0 takes NaN and gives NaN, with a warning; answers one point with zeros; computes in single precision for
# float32, refuses integers and levels that are numpy integers, and warns of arrays that do not own their memory. Its
# log-signatures are in the Lyndon basis by method 2 only (method 1, the default, gives the entries of Lyndon words),
# which wants prepare_log_sig first and again after its clear_cache. Its SigStream takes a batch for one long piece.


def _pysiglib_signature(pysiglib: Any, points: np.ndarray, level: int) -> np.ndarray:
    return pysiglib.sig(_owned(points), level)


def _pysiglib_prefixes(pysiglib: Any, points: np.ndarray, level: int) -> np.ndarray:
    """By doubling: after the k-th product, row i holds the signature of the last 2^k steps up to i."""
    channels = points.shape[-1]
    pieces = np.stack([points[..., :-1, :], points[..., 1:, :]], axis=-2)
    rows = pysiglib.sig(pieces, level)
    reach = 1
    while reach < rows.shape[-2]:
        early, late = (np.array(part) for part in (rows[..., :-reach, :], rows[..., reach:, :]))
        rows[..., reach:, :] = pysiglib.sig_combine(early, late, channels, level)
        reach *= 2
    return rows


def _pysiglib_log(pysiglib: Any, points: np.ndarray, level: int) -> np.ndarray:
    pysiglib.prepare_log_sig(points.shape[-1], level, method=2)
    return pysiglib.log_sig(_owned(points), level, method=2)


PACKAGES = {
    "esig": Package("pip install 'roughntk[esig]'", _esig_signature, _esig_prefixes, _esig_log, "hall"),
    "iisignature": Package(
        "pip install numpy setuptools && pip install --no-build-isolation 'roughntk[iisignature]'",
        _iisignature_signature,
        _iisignature_prefixes,
        _iisignature_log,
        "lyndon",
    ),
    "roughpy": Package("pip install 'roughntk[roughpy]'", _roughpy_signature, _roughpy_prefixes, _roughpy_log, "hall"),
    "pysiglib": Package(
        "pip install 'roughntk[pysiglib]'", _pysiglib_signature, _pysiglib_prefixes, _pysiglib_log, "lyndon"
    ),
}

NAMES = ("jax", *PACKAGES)


def install_command(name: str) -> str:
    """The shell command that installs the backend `name`. Raises `InputError` for an unknown name."""
    name = _checks.choice(name, NAMES, "backend")
    return "pip install roughntk" if name == "jax" else PACKAGES[name].install


#: The built-in loops, which "auto" takes: no name of a backend, as nobody need ask for them.
COMPILED = "compiled"
_BUILT_IN = Package("pip install roughntk", loops.signatures, loops.prefix_signatures, loops.log_signatures, "lyndon")

#: Up to this many numbers, iisignature is the fastest: the others spend some microseconds before they start.
IISIGNATURE_BELOW = 5_000
#: Up to this many entries of a signature, the compiled loops are the fastest that is built in, or nearly so.
COMPILED_SIZE = 16_384


def engine(name: str) -> tuple[Any, Package]:
    """The module and the functions behind a backend other than "jax".

    Raises `MissingBackendError` with the install command where the package is not there.
    """
    return (None, _BUILT_IN) if name == COMPILED else (module(name), PACKAGES[name])


def fastest(shape: tuple[int, ...], level: int, prefixes: bool = False) -> str:
    """The fastest installed backend for concrete points of this shape: the rules in the docstrings of `signature` and
    `prefix_signatures`."""
    *batch, points, channels = shape
    size = sum(channels**k for k in range(1, level + 1))
    if math.prod(batch) * points * size < IISIGNATURE_BELOW and _installed("iisignature"):
        return "iisignature"
    if not prefixes and _installed("pysiglib"):
        return "pysiglib"
    return COMPILED if size <= COMPILED_SIZE else "jax"


_installed = functools.lru_cache(importable)
