"""Balls: real numbers with a proven radius, and the digits that they prove.

A ball [m +- r] is a number of the package python-flint (its `arb`, Johansson2017): every operation returns a ball that
holds the exact result for all members of its arguments. Nothing here trusts float64.

python-flint keeps the working precision, and the length of power series, in one global place, the same for all threads.
`working` and `truncated` set them for a block and put them back; a lock lets one thread at a time into such blocks. A
program of more threads should change neither by itself.
"""

import dataclasses
import fractions
import math
import re
import threading
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from roughntk import _checks
from roughntk._checks import InputError, MissingBackendError

INSTALL = "pip install 'roughntk[certify]'"
MOST_DIGITS = 1000
_GUARD = 16  # bits beyond those of the digits asked for, at the first attempt
_ATTEMPTS = 6
_FIRST_DIGITS = 20  # of `error_bound`
_BITS_A_DIGIT = math.log2(10)
_LONGEST_POWER = 4000  # of ten, and digits, in numbers that are handed in
_SETTINGS = threading.RLock()  # held while the settings of python-flint are others than those of the user
_BEFORE: list[tuple[str, int]] = []  # what blocks that are not left put back, the inner ones last

Ball = Any
"""A flint.arb. mypy knows nothing of python-flint."""


def flint() -> Any:
    """The package python-flint, or an error with the command that installs it."""
    try:
        import flint as package
    except ImportError as error:
        raise MissingBackendError(
            f"expected the package python-flint for proven digits, got {error}; install it with: {INSTALL}"
        ) from None
    return package


def available() -> bool:
    """Whether python-flint is installed.

    >>> import roughntk as rn
    >>> rn.certify.available() in (True, False)
    True
    """
    try:
        flint()
    except MissingBackendError:
        return False
    return True


class _Setting:
    """One setting of python-flint inside a block; other threads wait.

    An interrupt may come as a block is left, before anything is put back. The block around it then puts back what both
    of them changed. (A generator would be left suspended, and put its own value back later, when it is collected.)
    """

    def __init__(self, name: str, value: int) -> None:
        self._context, self._name, self._value = flint().ctx, name, value
        self._outside = 0

    def __enter__(self) -> None:
        _SETTINGS.acquire()
        self._outside = len(_BEFORE)
        _BEFORE.append((self._name, getattr(self._context, self._name)))
        setattr(self._context, self._name, self._value)

    def __exit__(self, *error: object) -> None:
        while len(_BEFORE) > self._outside:
            try:
                setattr(self._context, *_BEFORE[-1])
            finally:
                _BEFORE.pop()
                _SETTINGS.release()


def working(bits: int) -> _Setting:
    """Compute with so many bits inside the block; other threads wait."""
    return _Setting("prec", bits)


def truncated(length: int) -> _Setting:
    """Keep so many terms of power series inside the block; other threads wait."""
    return _Setting("cap", length)


def exact(value: Any, name: str) -> fractions.Fraction:
    """The number that a user means, exactly: a text as it is written in decimals, a float as the binary number it is.

    >>> exact("0.1", "rho"), exact(0.5, "rho")
    (Fraction(1, 10), Fraction(1, 2))
    """
    try:
        if isinstance(value, str):
            if _power_of_ten(value) <= _LONGEST_POWER and len(value) <= _LONGEST_POWER:
                return fractions.Fraction(value.strip())
        elif isinstance(value, Decimal):
            if value.is_finite() and abs(value.adjusted()) <= _LONGEST_POWER:
                return fractions.Fraction(value)
        elif hasattr(value, "as_integer_ratio") and not isinstance(value, bool):  # longdouble of NumPy as well
            return fractions.Fraction(*map(int, value.as_integer_ratio()))
        else:
            return fractions.Fraction(_checks.number(value, name))
    except (ValueError, OverflowError, ZeroDivisionError):
        pass
    raise InputError(
        f"expected {name} to be a finite number of less than {_LONGEST_POWER} digits, got {_checks.shown(value)}; give "
        "it as '0.1', 1/3 as '1/3', or as a float, which is taken as the binary number it is"
    )


def _power_of_ten(text: str) -> int:
    """The size of the exponent of a number in decimals; 0 where it has none."""
    exponent = re.search(r"[eE][+-]?([\d_]+)\s*$", text)
    return int(exponent.group(1)) if exponent else 0


def ball(value: fractions.Fraction) -> Ball:
    """The ball of a fraction, at the working precision."""
    package = flint()
    return package.arb(package.fmpq(value.numerator, value.denominator))


def lower(enclosure: Ball) -> fractions.Fraction:
    """The lower end, exactly."""
    return _fraction(enclosure.mid()) - _fraction(enclosure.rad())


def upper(enclosure: Ball) -> fractions.Fraction:
    """The upper end, exactly."""
    return _fraction(enclosure.mid()) + _fraction(enclosure.rad())


def _fraction(point: Ball) -> fractions.Fraction:
    """A midpoint or a radius, which are binary numbers; what python-flint returns for them may carry a radius of 0."""
    mantissa, power = point.mid().man_exp()
    mantissa, power = int(mantissa), int(power)
    return fractions.Fraction(mantissa * 2**power) if power >= 0 else fractions.Fraction(mantissa, 2**-power)


@dataclasses.dataclass(frozen=True)
class Enclosure:
    """A real number between two proven ends.

    Attributes:
        name: what it is.
        lower: lower end, a fraction.
        upper: upper end.
        digits: how many significant decimals are proven: `text` has so many. 0 where not even the first one is,
            which happens only to numbers that may be 0 (see `proven`).
        bits: working precision that it took.
    """

    name: str
    lower: fractions.Fraction
    upper: fractions.Fraction
    digits: int
    bits: int

    @property
    def text(self) -> str:
        """The number rounded to `digits` significant decimals: every one is that of the exact number, rounded."""
        if self.digits == 0:
            return f"between {_rounded(self.lower, 2)} and {_rounded(self.upper, 2)}"
        return _padded(_rounded(self.lower, self.digits), self.digits)

    @property
    def radius(self) -> fractions.Fraction:
        """Half of the distance of the ends."""
        return (self.upper - self.lower) / 2

    def __float__(self) -> float:
        """The nearest float64 to the midpoint."""
        return float((self.lower + self.upper) / 2)

    def __contains__(self, value: Any) -> bool:
        """Whether a number lies between the ends."""
        return self.lower <= exact(value, "value") <= self.upper

    def distances_to(self, value: Any) -> tuple[fractions.Fraction, fractions.Fraction]:
        """The least and the largest |value - exact number| that the ends allow."""
        given = exact(value, "value")
        least = max(self.lower - given, given - self.upper, fractions.Fraction(0))
        return least, max(abs(given - self.lower), abs(given - self.upper))

    def error_of(self, value: Any) -> float:
        """A proven bound of |value - exact number|: never below it, above it by at most the width of the enclosure.

        The float64 that is returned is rounded upwards. Where the value is better than the enclosure, the bound is the
        width: `error_bound` then asks for more digits.
        """
        return upwards(self.distances_to(value)[1])

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<{self.name} = {self.text}, {self.digits} digits proven, within {upwards(self.radius):.2g}>"


def error_bound(value: Any, enclosed: Callable[[int], Enclosure]) -> float:
    """A proven bound of |value - exact number| within a factor of 2 of it, by as many digits as that takes.

    Args:
        value: an approximation, such as a float64.
        enclosed: digits -> enclosure of the exact number; asked for 20, 40, 80, ... digits, 1000 at most.

    Returns:
        The bound, a float64 rounded upwards; 0 where the value is exact and the ends of the enclosure show it.

    Raises:
        InputError: the value is no finite number.

    >>> import roughntk as rn
    >>> bound = rn.certify.error_bound(0.3333, lambda digits: rn.certify.correlation("1/3", 1, digits=digits))
    >>> f"{bound:.3e}"
    '3.333e-05'
    """
    exact(value, "value")
    digits = _FIRST_DIGITS
    while True:
        enclosure = enclosed(digits)
        least, most = enclosure.distances_to(value)
        if most <= 2 * least or most == 0 or digits == MOST_DIGITS:
            return upwards(most)
        digits = min(2 * digits, MOST_DIGITS)


def upwards(value: fractions.Fraction) -> float:
    """The smallest float64 that is not below a fraction."""
    try:
        nearest = float(value)
    except OverflowError:
        return math.inf if value > 0 else -1.7976931348623157e308
    return nearest if fractions.Fraction(nearest) >= value else math.nextafter(nearest, math.inf)


def _rounded(value: fractions.Fraction, digits: int) -> Decimal:
    """To so many significant decimals."""
    context = Context(prec=digits, rounding=ROUND_HALF_EVEN)
    return context.divide(Decimal(value.numerator), Decimal(value.denominator))


def _padded(value: Decimal, digits: int) -> str:
    """With so many significant decimals, zeros at the end included."""
    if not value:
        return "0"
    context = Context(prec=digits)
    return str(context.quantize(value, context.scaleb(Decimal(1), value.adjusted() + 1 - digits)))


def exactly(name: str, value: fractions.Fraction, digits: int) -> Enclosure:
    """A number that is known as a fraction."""
    return Enclosure(name, value, value, digits, 0)


def proven(
    name: str, compute: Callable[[int], Ball], digits: int, *, absolute: bool = False, extra_bits: int = 0
) -> Enclosure:
    """Compute with more and more bits until both ends round to the same decimals.

    Args:
        name: of the number.
        compute: bits -> ball, called with that working precision set.
        digits: significant decimals wanted, 1 to 1000.
        absolute: digits behind the decimal point of a number below 1 in place of significant ones, so that a number
            which may be 0 has an end.
        extra_bits: that the computation is expected to lose.

    Raises:
        InputError: so many digits cannot be had: the ends still differ after six attempts, each with twice the bits.
    """
    digits = check_digits(digits)
    bits = math.ceil(digits * _BITS_A_DIGIT) + _GUARD + extra_bits
    for _ in range(_ATTEMPTS):
        with working(bits):
            result = compute(bits)
        if result.is_finite():
            low, high = lower(result), upper(result)
            if low == high or _rounded(low, digits) == _rounded(high, digits):
                return Enclosure(name, low, high, digits, bits)
            if absolute and high - low < fractions.Fraction(1, 10**digits):
                return Enclosure(name, low, high, _agreeing(low, high), bits)
        bits *= 2
    raise InputError(
        f"expected at most as many digits of {name} as can be proven, got {digits}; ask for fewer: the ends still "
        f"differ with {bits // 2} bits"
    )


def _agreeing(low: fractions.Fraction, high: fractions.Fraction) -> int:
    """How many significant decimals both ends share when rounded; 0 where they differ in the first one."""
    count = 0
    while count < MOST_DIGITS and _rounded(low, count + 1) == _rounded(high, count + 1):
        count += 1
    return count


def check_digits(digits: Any) -> int:
    """1 to 1000.

    Raises:
        InputError: not so.
    """
    return _checks.integer(digits, "digits", least=1, most=MOST_DIGITS)


__all__ = [
    "Ball", "Enclosure", "available", "ball", "check_digits", "error_bound", "exact", "exactly", "flint", "lower",
    "proven", "truncated", "upper", "upwards", "working",
]  # fmt: skip
