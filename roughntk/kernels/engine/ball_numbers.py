"""Numbers for a user's NumPy function: balls (`roughntk.certify.balls`) with the operators that NumPy calls.

`np.exp` of an array of objects calls the method `exp` of each. A number has no value in float64 (`float` of it raises),
so that a function which rounds on its way is found out. A number in a program, as 0.1, is the binary number it is.
"""

import math
import numbers
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.certify import balls

MOST_OPERATIONS = 500_000


class NotEnclosedError(InputError):
    """A function cannot be evaluated in balls; the message says why."""


class UndecidedError(ArithmeticError):
    """Two balls overlap, and a function asks which one is larger: more bits may tell."""


class Budget:
    """Operations that an evaluation may take."""

    def __init__(self, most: int = MOST_OPERATIONS):
        self.most, self.left = most, most

    def spend(self, count: int = 1) -> None:
        """Raise `NotEnclosedError` where there are none left."""
        self.left -= count
        if self.left < 0:
            raise NotEnclosedError(
                f"expected a function of at most {self.most:,} operations in ball arithmetic, got one that takes "
                f"more; choose a smaller depth or fewer points"
            )


def exact_ball(value: Any) -> balls.Ball:
    """The ball of a number of Python or NumPy, without a radius.

    Raises:
        NotEnclosedError: no finite real number.
    """
    package = balls.flint()
    if isinstance(value, bool | np.bool_ | numbers.Integral):
        return package.arb(int(value))
    if isinstance(value, Fraction):
        return balls.ball(value)
    if isinstance(value, float | np.floating) and math.isfinite(value):
        return balls.ball(Fraction(*value.as_integer_ratio()))
    raise NotEnclosedError(f"expected finite real numbers in a function of balls, got {value!r}; leave it out")


def power(base: balls.Ball, exponent: balls.Ball) -> balls.Ball:
    """base^exponent; by a whole exponent of a base of any sign."""
    if exponent.is_exact() and exponent.is_integer():
        return base ** int(exponent.unique_fmpz())
    return base**exponent


class Number:
    """One ball, as a number of NumPy's.

    Args:
        ball: the ball.
        budget: what its operations are counted against.
    """

    __slots__ = ("ball", "budget")

    def __init__(self, ball: balls.Ball, budget: Budget):
        self.ball, self.budget = ball, budget

    def _with(
        self, other: Any, operation: Callable[[balls.Ball, balls.Ball], balls.Ball], swapped: bool = False
    ) -> Any:
        if isinstance(other, Number):
            right = other.ball
        elif isinstance(other, numbers.Real | np.bool_):
            right = exact_ball(other)
        else:
            return NotImplemented
        self.budget.spend()
        return Number(operation(right, self.ball) if swapped else operation(self.ball, right), self.budget)

    def __add__(self, other):
        return self._with(other, lambda a, b: a + b)

    __radd__ = __add__

    def __sub__(self, other):
        return self._with(other, lambda a, b: a - b)

    def __rsub__(self, other):
        return self._with(other, lambda a, b: a - b, True)

    def __mul__(self, other):
        return self._with(other, lambda a, b: a * b)

    __rmul__ = __mul__

    def __truediv__(self, other):
        return self._with(other, lambda a, b: a / b)

    def __rtruediv__(self, other):
        return self._with(other, lambda a, b: a / b, True)

    def __pow__(self, other):
        return self._with(other, power)

    def __rpow__(self, other):
        return self._with(other, power, True)

    def __neg__(self):
        return Number(-self.ball, self.budget)

    def __pos__(self):
        return self

    def __abs__(self):
        return Number(abs(self.ball), self.budget)

    def _compared(self, other: Any, sure: Callable[[Any, Any], bool], other_way: Callable[[Any, Any], bool]) -> Any:
        if not isinstance(other, Number | numbers.Real):
            return NotImplemented
        right = other.ball if isinstance(other, Number) else exact_ball(other)
        self.budget.spend()
        if sure(self.ball, right):
            return True
        if other_way(self.ball, right):
            return False
        raise UndecidedError

    def __lt__(self, other):
        return self._compared(other, lambda a, b: a < b, lambda a, b: a >= b)

    def __le__(self, other):
        return self._compared(other, lambda a, b: a <= b, lambda a, b: a > b)

    def __gt__(self, other):
        return self._compared(other, lambda a, b: a > b, lambda a, b: a <= b)

    def __ge__(self, other):
        return self._compared(other, lambda a, b: a >= b, lambda a, b: a < b)

    def __eq__(self, other):
        return self._compared(other, lambda a, b: a == b, lambda a, b: not a.overlaps(b))

    def __ne__(self, other):
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal

    __hash__ = None  # type: ignore[assignment]

    def __float__(self) -> float:
        raise TypeError("a ball has no value in float64")

    def __bool__(self) -> bool:
        raise TypeError("a ball is neither true nor false")

    def __repr__(self) -> str:
        return "<ball>"

    def conjugate(self) -> "Number":
        """Itself."""
        return self

    def arctan2(self, other: Any) -> Any:
        """The angle of (other, self)."""
        return self._with(other, lambda a, b: a.atan2(b))


def _method(name: str) -> Callable[[Number], Number]:
    def apply(number: Number) -> Number:
        number.budget.spend()
        return Number(getattr(number.ball, name)(), number.budget)

    return apply


UNARY = {
    "exp": "exp", "expm1": "expm1", "log": "log", "log1p": "log1p", "sqrt": "sqrt", "sin": "sin", "cos": "cos",
    "tan": "tan", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh",
    "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "floor": "floor", "ceil": "ceil",
}  # fmt: skip
"""NumPy's functions by the methods of balls."""

for _name, _of_balls in UNARY.items():
    setattr(Number, _name, _method(_of_balls))


def called_on_balls(
    h: Callable[[Any, Any], Any], correlations: list[balls.Ball], depth: int | float, budget: Budget
) -> list[balls.Ball]:
    """h of balls, for a function that computes by operators and NumPy's functions alone.

    Raises:
        NotEnclosedError: another function, or too many operations.
        UndecidedError: it compares numbers that overlap.
    """
    given = np.empty(len(correlations), dtype=object)
    given[:] = [Number(ball, budget) for ball in correlations]
    try:
        returned = np.asarray(h(given, depth))
    except (NotEnclosedError, UndecidedError):
        raise
    except Exception as problem:  # whatever a user's function may raise on objects
        raise NotEnclosedError(
            f"expected a function of operators and NumPy's functions for ball arithmetic, got "
            f"{_checks.reason(problem)}; write it so, or with jax.numpy"
        ) from problem
    if returned.shape != given.shape or not all(isinstance(each, Number) for each in returned):
        raise NotEnclosedError(
            f"expected a function of operators and NumPy's functions for ball arithmetic, got an array of "
            f"{returned.dtype} from it; write it so, or with jax.numpy"
        )
    return [each.ball for each in returned]


__all__ = [
    "MOST_OPERATIONS", "UNARY", "Budget", "NotEnclosedError", "Number", "UndecidedError", "called_on_balls",
    "exact_ball", "power",
]  # fmt: skip
