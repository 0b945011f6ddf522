"""Proven digits of the angle, the correlation and the ReLU tangent kernel, at whole, real and infinite depth."""

import fractions
import math
from collections.abc import Callable
from typing import Any

from roughntk import _checks
from roughntk._checks import InputError
from roughntk._checks.scalars import is_infinite
from roughntk.certify import flow, recursion
from roughntk.certify.balls import Ball, Enclosure, ball, check_digits, exact, exactly, flint, proven, working

METHODS = ("auto", "recursion", "flow")
MOST_LAYERS = 10**7  # that the recursion takes: about 10 microseconds each
_NEAREST_TO_PI = fractions.Fraction(math.pi)
_LAYERS = 500  # up to which the recursion is faster than the flow
_FLOW_BITS = 48  # that the layers before the flow, and the undoing of layers after it, lose


def check_correlation(rho: Any) -> fractions.Fraction:
    """rho as the exact number that it is, in [-1, 1].

    Raises:
        InputError: it is no finite number, or outside.
    """
    known = exact(rho, "rho")
    if not -1 <= known <= 1:
        raise InputError(
            f"expected rho within [-1, 1], exactly, got {_checks.shown(rho)}; a correlation of unit vectors lies there"
        )
    return known


def check_depth(depth: Any, *, whole: bool = False, infinite: bool = True) -> fractions.Fraction | None:
    """A depth of at least 1 as the exact number that it is; None for infinity.

    Args:
        depth: whole, real ('2.5', 5/2 as '5/2', a float, a Fraction or Decimal), or math.inf or 'inf'.
        whole: only whole ones are allowed.
        infinite: infinity is allowed.

    Raises:
        InputError: not so.
    """
    if depth.strip().lower() in ("inf", "infinity") if isinstance(depth, str) else is_infinite(depth) and depth > 0:
        if infinite and not whole:
            return None
        raise InputError("expected a finite depth here, got infinity; choose a finite depth")
    known = exact(depth, "depth")
    if known < 1:
        raise InputError(f"expected a depth of at least 1, got {_checks.shown(depth)}; depth 1 is the input layer")
    if whole and known.denominator != 1:
        raise InputError(f"expected a whole depth here, got {_checks.shown(depth)}; round it to an integer")
    return known


def angle(rho: Any, depth: Any, *, digits: int = 15, method: str = "auto") -> Enclosure:
    """theta_l, the angle of a pair of inputs of correlation rho at depth l, to proven digits.

    Args:
        rho: correlation of the inputs, '0.1', '1/3', a fraction, a Decimal, or a float, which is taken as the binary
            number it is.
        depth: whole or real l >= 1, or infinity.
        digits: significant decimals, 1 to 1000.
        method: "recursion" (layer by layer, whole depths up to 10^7), "flow" (see `roughntk.certify.flow`, every
            depth) or "auto", the faster one.

    Returns:
        The number between two proven ends; its `text` has the digits.

    Raises:
        InputError: rho outside [-1, 1], a depth below 1 or not whole where the recursion is asked for, more digits
            than can be proven, an unknown method.
        MissingBackendError: python-flint is not installed.

    Source: StArnaud2025 (Proposition 4), Johansson2017.

    >>> import roughntk as rn
    >>> rn.certify.angle("0.5", 1000, digits=20).text
    '0.0092780482696451923446'
    """
    return _value("theta", rho, depth, digits, method)


def correlation(rho: Any, depth: Any, *, digits: int = 15, method: str = "auto") -> Enclosure:
    """rho_l = cos theta_l, the normalised covariance of the ReLU network at depth l, to proven digits.

    Args:
        rho: correlation of the inputs; see `angle` for this and the other arguments.
        depth: whole or real l >= 1, or infinity.
        digits: significant decimals, 1 to 1000.
        method: "auto", "recursion" or "flow".

    Returns:
        The number between two proven ends.

    Raises:
        InputError, MissingBackendError: see `angle`.

    Source: StArnaud2025 (Lemma 1), Johansson2017.

    >>> import roughntk as rn
    >>> rn.certify.correlation(0, 2).text, rn.certify.correlation(0, "1.5").text
    ('0.318309886183791', '0.186378433972956')
    """
    return _value("rho", rho, depth, digits, method)


def kernel(rho: Any, depth: Any, *, digits: int = 15, method: str = "auto") -> Enclosure:
    """K_l, the normalised ReLU tangent kernel at depth l, to proven digits.

    Args:
        rho: correlation of the inputs; see `angle` for this and the other arguments.
        depth: whole or real l >= 1, or infinity, where K is 1/4, and 1 at rho = 1.
        digits: significant decimals, 1 to 1000.
        method: "auto", "recursion" or "flow".

    Returns:
        The number between two proven ends.

    Raises:
        InputError, MissingBackendError: see `angle`.

    Source: StArnaud2025 (Proposition 4), Johansson2017.

    >>> import roughntk as rn
    >>> rn.certify.kernel("0.5", 1000, digits=30).text
    '0.253805855410683773152039308634'
    >>> rn.certify.kernel("0.5", 10**12).text
    '0.250000000011596'
    """
    return _value("K", rho, depth, digits, method)


def _value(name: str, rho: Any, depth: Any, digits: Any, method: Any) -> Enclosure:
    """One of the three."""
    known, layers, digits = check_correlation(rho), check_depth(depth), check_digits(digits)
    method = _checks.choice(method, METHODS, "method")
    flint()
    certain = _known(name, known, layers)
    if certain is not None:
        return exactly(name, certain, digits)
    assert layers is not None  # infinite depth is known
    if method == "recursion" and not (layers.denominator == 1 and layers <= MOST_LAYERS):
        raise InputError(
            f"expected a whole depth up to {MOST_LAYERS} for the recursion, got {_checks.shown(depth)}; take "
            "method='flow'"
        )
    return _computed(name, lambda: recursion.angle_of(known), layers, digits, method, _lost_bits(1 - known) // 2)


def at_angle(name: str, theta: Any, depth: Any, *, digits: int = 15) -> Enclosure:
    """ "theta", "rho" or "K" at real depth l >= 1, from the exact angle theta_1 in (0, pi] in place of a correlation.

    Args:
        name: which of the three.
        theta: theta_1, an exact number as `rho` is in `angle`; math.pi stands for pi, as everywhere in the package.
        depth: l >= 1, finite.
        digits: see `angle`.

    >>> import math
    >>> at_angle("K", math.pi / 3, 1000).text
    '0.253805855410684'
    """
    start, layers = exact(theta, "theta"), check_depth(depth, infinite=False)
    if start == _NEAREST_TO_PI:
        return _value(name, -1, layers, digits, "auto")
    with working(64 + 2 * start.denominator.bit_length()):
        inside = start > 0 and ball(start) < flint().arb.pi()
    if not inside:
        raise InputError(f"expected an angle theta in (0, pi], got {_checks.shown(theta)}; give it in radians")
    assert layers is not None
    return _computed(name, lambda: ball(start), layers, check_digits(digits), "auto", _lost_bits(start))


def _computed(
    name: str, start: Callable[[], Ball], depth: fractions.Fraction, digits: int, method: str, lost: int
) -> Enclosure:
    """From the ball of theta_1, made at the working precision; `lost` bits are those of `_lost_bits`."""
    if method == "auto":
        method = "recursion" if depth.denominator == 1 and depth <= _LAYERS else "flow"
    if method == "recursion":
        layers = int(depth)
        states, spare = (lambda: recursion.states(start(), layers)), 2 * layers.bit_length()
    else:
        states, spare = (lambda: flow.state_at(start(), depth)), _FLOW_BITS + lost
    return proven(name, lambda bits: _chosen(name, *states(), depth), digits, extra_bits=spare)


def _known(name: str, rho: fractions.Fraction, depth: fractions.Fraction | None) -> fractions.Fraction | None:
    """Values that are fractions: at rho = 1, at infinite depth, of the input layer, and at rho = -1 two layers on."""
    if rho == 1 or depth is None:
        limit = fractions.Fraction(1, 4) if name == "K" and rho != 1 else fractions.Fraction(1)
        return fractions.Fraction(0) if name == "theta" else limit
    if depth == 1 and name != "theta":
        return rho
    return fractions.Fraction(0) if rho == -1 and depth == 2 and name != "theta" else None


def _lost_bits(small: fractions.Fraction) -> int:
    """-log2 of a number, rounded: what a difference of Abel times loses at a small angle."""
    return max(0, small.denominator.bit_length() - small.numerator.bit_length())


def _chosen(name: str, theta: Ball, total: Ball, depth: fractions.Fraction) -> Ball:
    return {"theta": lambda: theta, "rho": theta.cos, "K": lambda: total * depth.denominator / depth.numerator}[name]()


__all__ = [
    "METHODS", "MOST_LAYERS", "angle", "at_angle", "check_correlation", "check_depth", "correlation", "kernel",
]  # fmt: skip
