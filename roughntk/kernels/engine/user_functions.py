"""A user's function h of correlation and depth: what kind it is, how it is called, and what JAX can record of it.

A function is recorded for one correlation and one depth, and then applied elementwise. What was recorded is compared by
its content, so that a function whose own globals have changed is another one, and nothing compiled is used for it that
was compiled for the old one. Depth is a float64 in a record, in which L^4 does not overflow, unless the function needs
an integer.
"""

import inspect
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.extend import core

from roughntk import _checks
from roughntk._checks import InputError

CORRELATION, MATRIX = "h(correlation, depth)", "sequence(X, depth)"
"""The two kinds of functions: elementwise in correlations, or a matrix of the rows of X."""

_FIVE = 5  # points of a circle, in an array of another shape than their matrix
_SAME, _PARTED = 1e-12, 1e-10
_LARGEST_INTEGER = 2**63


def label(h: Any) -> str:
    """What messages call a function."""
    name = getattr(h, "__name__", type(h).__name__)
    return (name if isinstance(name, str) else type(h).__name__).strip("<>")


def check_arguments(h: Any, wanted: str) -> None:
    """Refuse what is no function of two arguments, as far as its signature says.

    Args:
        h: anything.
        wanted: `CORRELATION` or a choice with it, for the message.

    Raises:
        InputError: no function, a class, or one that cannot be called with two arguments.
    """
    if not callable(h) or isinstance(h, type):
        raise InputError(
            f"expected a function {wanted}, got {_checks.shown(h)}; write for instance "
            f"lambda c, depth: jnp.exp((c - 1) / depth)"
        )
    try:
        signature = inspect.signature(h)
    except (TypeError, ValueError):  # written in C: its first call will tell
        return
    try:
        signature.bind(None, None)
    except TypeError:
        raise InputError(
            f"expected a function {wanted} of two arguments, got {label(h)}{signature}; give it two"
        ) from None


def kind_of(h: Callable[[Any, Any], Any]) -> str:
    """`CORRELATION` or `MATRIX`: told apart by the shape that h returns for five points of a circle, a (5, 2) array.

    Every elementwise function returns the shape (5, 2) of what it is given, every kernel matrix of five points has the
    shape (5, 5): none is both.

    Raises:
        InputError: h raises, or returns another shape.
    """
    both = f"{CORRELATION} -> the shape of correlation, or {MATRIX} -> matrix (n, n)"
    check_arguments(h, both)
    angle = 2 * math.pi * np.arange(_FIVE) / _FIVE
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    with _checks.blamed(
        lambda reason: (
            f"expected a function {both}, got {reason} from {label(h)} at depth 1 on five points of a circle, an array "
            f"of shape (5, 2); correct it"
        ),
        (InputError,),
    ):
        try:
            shape = np.shape(h(points.copy(), 1))
        except Exception:  # it may need an array of JAX
            shape = np.shape(h(jnp.asarray(points), 1))
    if shape == points.shape:
        return CORRELATION
    if shape == (_FIVE, _FIVE):
        return MATRIX
    raise InputError(
        f"expected a function {both}, got a result of shape {shape} from {label(h)} for five points of a circle, an "
        f"array of shape (5, 2); return (5, 2) or (5, 5)"
    )


def is_matrix(h: Callable[[Any, Any], Any]) -> bool:
    """Whether h is seen to be of the kind `MATRIX`."""
    try:
        return kind_of(h) == MATRIX
    except InputError:
        return False


def called(h: Callable[[Any, Any], Any], name: str, correlation: Any, depth: int | float) -> np.ndarray:
    """h of an array and one number, looked at, in float64.

    Raises:
        InputError: h raises, or returns another shape, complex or single-precision numbers, NaN or infinity; named.
    """
    size = np.size(correlation)
    with _checks.blamed(
        lambda reason: (
            f"expected a sequence h(correlation, depth), got {reason} from {name} at depth {depth} "
            f"on an array of {size} correlations; correct it"
        ),
        (InputError,),
    ):
        returned = np.asarray(h(correlation, depth))
    return looked_at(returned, name, np.asarray(correlation), depth)


def looked_at(returned: np.ndarray, name: str, correlation: np.ndarray, depth: int | float) -> np.ndarray:
    """What a function returned, in float64, if it is one finite real number for each correlation.

    Raises:
        InputError: it is not; named.
    """
    single = jnp.result_type(float) == np.float32
    if returned.dtype.kind not in "fiu":
        raise InputError(
            f"expected real kernel values from {name}, got {returned.dtype} at depth {depth}; return a float array"
        )
    if returned.dtype.kind == "f" and returned.dtype.itemsize < 8 and not single:
        raise InputError(
            f"expected kernel values in float64 from {name}, got {returned.dtype} at depth {depth}, which holds "
            f"{np.finfo(returned.dtype).precision} digits; compute it in float64"
        )
    if returned.shape != correlation.shape:
        raise InputError(
            f"expected {name} to return the shape {correlation.shape} of its correlations, got "
            f"{returned.shape} at depth {depth}; write it elementwise"
        )
    bad = np.flatnonzero(~np.isfinite(returned))
    if bad.size:
        raise InputError(
            f"expected finite kernel values from {name}, got {returned.reshape(-1)[bad[0]]} at correlation "
            f"{correlation.reshape(-1)[bad[0]]:.17g} and depth {depth} ({bad.size} of {returned.size} values); "
            f"define it there, or take smaller depths"
        )
    return returned.astype(np.float64)


class Called:
    """A function that is called as it is, with arrays and a Python number; equal to itself only."""

    def __init__(self, h: Callable[[Any, Any], Any]):
        self.h = h

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Called) and other.h is self.h

    def __hash__(self) -> int:
        return id(self.h)

    def __repr__(self) -> str:
        return f"<function {label(self.h)}>"


class Recorded:
    """A function as JAX recorded it; equal to every other of the same content.

    Args:
        h: the function.
        closed: its record for one correlation and one depth.

    Attributes:
        h: the function.
        closed: the record, which nobody changes.
    """

    def __init__(self, h: Callable[[Any, Any], Any], closed: core.ClosedJaxpr):
        self.h, self.closed = h, closed
        self._depth_dtype = closed.in_avals[1].dtype
        self._content = _content(closed)

    def __call__(self, correlation: Array, depth: Array) -> Array:
        """The values for arrays that broadcast against each other."""
        depth = jnp.asarray(depth).astype(self._depth_dtype)
        one = core.jaxpr_as_fun(self.closed)
        if depth.ndim == 0:
            return jax.vmap(lambda c: one(c, depth)[0])(correlation.reshape(-1)).reshape(correlation.shape)
        correlation, depth = jnp.broadcast_arrays(correlation, depth)
        values = jax.vmap(lambda c, at: one(c, at)[0])(correlation.reshape(-1), depth.reshape(-1))
        return values.reshape(correlation.shape)

    def holds(self, depth: int | float) -> bool:
        """Whether a depth is a number of the record's kind."""
        return jnp.issubdtype(self._depth_dtype, jnp.floating) or abs(depth) < _LARGEST_INTEGER

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recorded) and other._content == self._content

    def __hash__(self) -> int:
        return hash(self._content)

    def __deepcopy__(self, memo: dict) -> "Recorded":
        return self

    def __reduce__(self):
        return _recorded_again, (self.h, bool(jnp.issubdtype(self._depth_dtype, jnp.integer)))

    def __repr__(self) -> str:
        return f"<function {label(self.h)}>"


def record(h: Callable[[Any, Any], Any], real_depth: bool) -> Recorded | None:
    """The record of a function; None where JAX cannot make one, as of loops that a depth counts.

    Args:
        h: the function.
        real_depth: whether depth is no whole number for it.
    """
    recorded = _recorded(h, integer=False)
    return recorded if recorded is not None or real_depth else _recorded(h, integer=True)


def _recorded(h: Callable[[Any, Any], Any], integer: bool) -> Recorded | None:
    number = jnp.result_type(float)
    correlation = jax.ShapeDtypeStruct((), number)
    depth = jax.ShapeDtypeStruct((), jnp.result_type(int) if integer else number)
    try:
        closed = jax.make_jaxpr(lambda c, at: h(c, at))(correlation, depth)
    except Exception:  # whatever a function of arrays may raise when it is traced
        return None
    if len(closed.out_avals) != 1 or closed.out_avals[0].shape or closed.out_avals[0].dtype != number:
        return None
    return Recorded(h, closed)


def _recorded_again(h: Callable[[Any, Any], Any], integer: bool) -> "Recorded | Called":
    """A function that was stored, recorded anew."""
    return _recorded(h, integer) or Called(h)


def _content(closed: core.ClosedJaxpr) -> Any:
    """What two records have in common if they compute the same; of calls back into Python the record itself."""
    numbers = [np.asarray(const) for const in closed.consts]
    for jaxpr in _all_within(closed.jaxpr):
        for equation in jaxpr.eqns:
            if "callback" in equation.primitive.name or "custom" in equation.primitive.name:
                return id(closed), closed  # what they call is no part of the text
            numbers += [np.asarray(each.val) for each in equation.invars if isinstance(each, core.Literal)]
            for value in equation.params.values():
                numbers += [np.asarray(const) for const in getattr(value, "consts", ())]
    return str(closed.jaxpr), tuple((each.dtype.str, each.shape, each.tobytes()) for each in numbers)


def _all_within(jaxpr: Any) -> list[Any]:
    """A record and all that it calls."""
    return [jaxpr, *(inner for each in core.subjaxprs(jaxpr) for inner in _all_within(each))]


class Parted:
    """A user's function of the gap 1 - correlation and the depth that gives (level, log_scale, values); as `Called`.

    The kernel is level + exp(log_scale) values.
    """

    def __init__(self, function: Callable[[Any, Any], Any], name: str):
        self.function, self.name = function, name

    def __call__(self, gap: np.ndarray, depth: float) -> tuple[float, float, np.ndarray]:
        """The three parts, looked at.

        Raises:
            InputError: the function raises, or returns something else; named.
        """
        wanted = f"deflated(gap, depth) of {self.name} -> (level, log_scale, values)"
        with _checks.blamed(
            lambda reason: (
                f"expected {wanted}, got {reason} at depth {depth} on an array of {gap.size} gaps; correct it"
            ),
            (InputError,),
        ):
            parts = tuple(self.function(gap.copy(), depth))
            if len(parts) != 3:
                raise InputError(f"expected {wanted}, got {len(parts)} parts at depth {depth}; return three")
            level, log_scale = (float(part) for part in parts[:2])
            values = np.asarray(parts[2])
        at = np.where(gap < 2, 1 - gap, -1.0)
        values = looked_at(values, f"the values of deflated(gap, depth) of {self.name}", at, depth)
        if not math.isfinite(level) or not log_scale < math.inf or math.isnan(log_scale):
            raise InputError(
                f"expected {wanted}, with a finite level and a log_scale below infinity, got {level!r} and "
                f"{log_scale!r} at depth {depth}; define it there"
            )
        return level, log_scale, values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Parted) and other.function is self.function

    def __hash__(self) -> int:
        return id(self.function)

    def __repr__(self) -> str:
        return f"<function {label(self.function)}>"


def check_parts(parted: Parted, kernel: Callable[[np.ndarray, int | float], np.ndarray], depths: tuple) -> None:
    """Refuse parts that do not make up the kernel at some depths, or whose limit is none.

    Raises:
        InputError: they do not; the correlation, the depth and both values are named.
    """
    tried = np.array([1.0, 0.5, 0.0, -0.5, -1.0])
    for depth in depths:
        level, log_scale, values = parted(1 - tried, depth)
        whole, given = level + math.exp(log_scale) * values, kernel(tried, depth)
        apart = np.abs(whole - given)
        k = int(np.argmax(apart))
        if apart[k] > _PARTED * max(abs(level), float(np.abs(given).max())):
            raise InputError(
                f"expected level + exp(log_scale) values to be the kernel, got {whole[k]:.17g} from deflated and "
                f"{given[k]:.17g} from {parted.name} at correlation {tried[k]:g} and depth {depth}; correct one of them"
            )
    if parted(1 - tried, math.inf)[1] != -math.inf:
        raise InputError(
            f"expected deflated(gap, math.inf) of {parted.name} to have log_scale = -math.inf, with the limit of the "
            f"values, got {parted(1 - tried, math.inf)[1]!r}; leave deflated out of a kernel that does not tend to "
            f"one value"
        )


def chosen(h: Callable[[Any, Any], Any], name: str, real_depth: bool, depths: tuple[int | float, ...]) -> Any:
    """A function as `Recorded` where its record gives what it gives itself, and else as `Called`; looked at.

    Args:
        h: the function, with two arguments.
        name: for messages.
        real_depth: whether it has real depths.
        depths: at which it is tried.

    Raises:
        InputError: as `called`; or one value depends on others beside it.
    """
    tried = np.array([1.0, 0.5, 0.0, -0.5, -1.0])
    recorded = record(h, real_depth)
    given = tried.copy() if recorded is None else jnp.asarray(tried)
    whole = [called(h, name, given, depth) for depth in depths]
    if recorded is not None:
        again = [np.asarray(recorded(jnp.asarray(tried), jnp.asarray(depth))) for depth in depths]
        if all(_agree(first, second) for first, second in zip(whole, again, strict=True)):
            return recorded
    for depth, values in zip(depths, whole, strict=True):
        part = called(h, name, tried[1:4].copy(), depth)
        if not _agree(part, values[1:4]):
            k = int(np.argmax(np.abs(part - values[1:4])))
            raise InputError(
                f"expected {name} to be elementwise, got {values[1 + k]:.10g} at correlation {tried[1 + k]:g} and "
                f"depth {depth} among five correlations, and {part[k]:.10g} among three; let each value depend on "
                f"its own correlation only"
            )
    return Called(h)


def _agree(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether values are the same up to the order of operations."""
    return bool(np.all(np.abs(first - second) <= _SAME * float(np.abs(first).max())))


__all__ = [
    "CORRELATION", "MATRIX", "Called", "Parted", "Recorded", "called", "check_arguments", "check_parts", "chosen",
    "is_matrix", "kind_of", "label", "looked_at", "record",
]  # fmt: skip
