"""What JAX recorded of a user's function, evaluated in balls (`roughntk.certify.balls`): each operation encloses.

Values are arrays of objects: balls for floats, whole numbers of Python for integers, and True, False or None (not
decided) for booleans. Where a condition is not decided, a choice is the union of both.
"""

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from jax.extend import core

from roughntk.certify import balls
from roughntk.kernels.engine.ball_numbers import Budget, NotEnclosedError, UndecidedError, exact_ball, power


def recorded_on_balls(
    closed: core.ClosedJaxpr, correlations: list[balls.Ball], depth: int | float, budget: Budget
) -> list[balls.Ball]:
    """The values of a record for one correlation and one depth, at each of the correlations.

    Raises:
        NotEnclosedError: it holds an operation that has none on balls, or too many.
        UndecidedError: a loop ends where two numbers overlap.
    """
    number = int(depth) if closed.in_avals[1].dtype.kind == "i" else exact_ball(depth)
    return [_run(closed, [_array(each), _array(number)], budget)[0].item() for each in correlations]


def _array(value: Any) -> np.ndarray:
    array = np.empty((), dtype=object)
    array[()] = value
    return array


def _constant(value: Any) -> np.ndarray:
    """A number of the record, exactly."""
    given = np.asarray(value)
    array = np.empty(given.shape, dtype=object)
    for place in np.ndindex(given.shape):
        array[place] = exact_ball(given[place]) if given.dtype.kind == "f" else given[place].item()
    if given.dtype.kind not in "fiub":
        raise _none(f"numbers of type {given.dtype}")
    return array


def _none(what: str) -> NotEnclosedError:
    return NotEnclosedError(
        f"expected a function whose operations are known for ball arithmetic, got {what}; write it without"
    )


def _run(closed: Any, arguments: list[np.ndarray], budget: Budget) -> list[np.ndarray]:
    """A closed record of its arguments."""
    jaxpr = closed.jaxpr
    values = dict(zip(jaxpr.constvars, map(_constant, closed.consts), strict=True))
    values |= dict(zip(jaxpr.invars, arguments, strict=True))

    def read(each: Any) -> np.ndarray:
        return _constant(each.val) if isinstance(each, core.Literal) else values[each]

    for equation in jaxpr.eqns:
        inputs = [read(each) for each in equation.invars]
        budget.spend(max([1, *(each.size for each in inputs)]))
        outputs = _evaluate(equation, inputs, budget)
        values |= dict(zip(equation.outvars, outputs, strict=True))
    return [read(each) for each in jaxpr.outvars]


def _evaluate(equation: Any, inputs: list[np.ndarray], budget: Budget) -> list[np.ndarray]:
    name, params = equation.primitive.name, equation.params
    if name in _ELEMENTWISE:
        return [_each(_ELEMENTWISE[name], *inputs)]
    if name in _WITH_PARAMETERS:
        return [_WITH_PARAMETERS[name](params, *inputs)]
    if name in _CONTROL:
        return _CONTROL[name](params, inputs, budget)
    for key in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        if key in params and hasattr(params[key], "consts"):
            return _run(params[key], inputs, budget)
    raise _none(f"the operation {name}")


def _each(function: Callable[..., Any], *arrays: np.ndarray) -> np.ndarray:
    """Elementwise, of arrays that broadcast against each other."""
    returned = np.frompyfunc(function, len(arrays), 1)(*arrays)
    return returned if isinstance(returned, np.ndarray) else _array(returned)


# Elementwise


def _is_ball(value: Any) -> bool:
    return not isinstance(value, bool | int | None)


def _divided(a: Any, b: Any) -> Any:
    if _is_ball(a):
        return a / b
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)  # towards 0, as integers of JAX


def _remainder(a: Any, b: Any) -> Any:
    if not _is_ball(a):
        return a - b * _divided(a, b)
    quotient = a / b
    whole = quotient.floor() if quotient >= 0 else -((-quotient).floor()) if quotient < 0 else None
    if whole is None:
        raise UndecidedError
    return a - b * whole


def _sign(a: Any) -> Any:
    return a.sgn() if _is_ball(a) else (a > 0) - (a < 0)


def _extreme(larger: bool) -> Callable[[Any, Any], Any]:
    def extreme(a: Any, b: Any) -> Any:
        if _is_ball(a):
            return a.max(b) if larger else a.min(b)
        return max(a, b) if larger else min(a, b)

    return extreme


def _compared(sure: Callable[[Any, Any], bool], other_way: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    def compare(a: Any, b: Any) -> bool | None:
        return True if sure(a, b) else False if other_way(a, b) else None

    return compare


def _apart(a: Any, b: Any) -> bool:
    return not a.overlaps(b) if _is_ball(a) else a != b


def _and(a: Any, b: Any) -> Any:
    if isinstance(a, int) and not isinstance(a, bool):
        return a & b
    return False if a is False or b is False else None if a is None or b is None else True


def _or(a: Any, b: Any) -> Any:
    if isinstance(a, int) and not isinstance(a, bool):
        return a | b
    return True if a is True or b is True else None if a is None or b is None else False


def _not(a: Any) -> Any:
    return ~a if isinstance(a, int) and not isinstance(a, bool) else None if a is None else not a


def _united(cases: list[Any]) -> Any:
    if not all(map(_is_ball, cases)):
        raise UndecidedError
    return functools.reduce(lambda a, b: a.union(b), cases)


def _select(which: Any, *cases: Any) -> Any:
    return _united(list(cases)) if which is None else cases[int(which)]


def _logistic(a: Any) -> Any:
    return 1 / (1 + (-a).exp())


def _method(name: str) -> Callable[[Any], Any]:
    return lambda ball: getattr(ball, name)()


_ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "neg": operator.neg, "abs": abs,
    "add_any": operator.add, "div": _divided, "rem": _remainder, "sign": _sign, "max": _extreme(True),
    "min": _extreme(False), "pow": lambda a, b: power(a, b if _is_ball(b) else exact_ball(b)),
    "square": lambda a: a * a, "rsqrt": lambda a: 1 / a.sqrt(), "exp2": lambda a: exact_ball(2) ** a,
    "logistic": _logistic, "atan2": lambda a, b: a.atan2(b), "clamp": lambda low, a, high: a.max(low).min(high),
    "lt": _compared(operator.lt, operator.ge), "le": _compared(operator.le, operator.gt),
    "gt": _compared(operator.gt, operator.le), "ge": _compared(operator.ge, operator.lt),
    "eq": _compared(operator.eq, _apart), "ne": _compared(_apart, operator.eq), "and": _and, "or": _or, "not": _not,
    "shift_right_logical": operator.rshift, "shift_right_arithmetic": operator.rshift, "shift_left": operator.lshift,
    "select_n": _select, "copy": lambda a: a, "stop_gradient": lambda a: a, "optimization_barrier": lambda a: a,
    **{
        name: _method(name)
        for name in ("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh",
                     "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "lgamma", "digamma", "floor", "ceil")
    },
}  # fmt: skip


# With parameters


def _converted(params: dict, array: np.ndarray) -> np.ndarray:
    kind = np.dtype(params["new_dtype"]).kind

    def convert(value: Any) -> Any:
        if kind == "f":
            return value if _is_ball(value) else _united([exact_ball(0), exact_ball(1)]) if value is None else (
                exact_ball(value)
            )  # fmt: skip
        if value is None:
            raise UndecidedError
        if not _is_ball(value):
            return bool(value) if kind == "b" else int(value)
        if not (value.is_exact() and value.is_integer()):
            raise _none("a float that becomes an integer")
        return int(value.unique_fmpz())

    if kind not in "fiub":
        raise _none(f"numbers of type {params['new_dtype']}")
    return _each(convert, array)


def _broadcast(params: dict, array: np.ndarray) -> np.ndarray:
    shape = [1] * len(params["shape"])
    for place, size in zip(params["broadcast_dimensions"], array.shape, strict=True):
        shape[place] = size
    return np.broadcast_to(array.reshape(shape), params["shape"])


def _summed(params: dict, array: np.ndarray) -> np.ndarray:
    total = array.sum(axis=tuple(params["axes"]))
    return total if isinstance(total, np.ndarray) else _array(total)


_WITH_PARAMETERS: dict[str, Callable[..., np.ndarray]] = {
    "integer_pow": lambda params, a: _each(lambda base: base ** params["y"], a),
    "convert_element_type": _converted,
    "broadcast_in_dim": _broadcast,
    "reshape": lambda params, a: a.reshape(params["new_sizes"]),
    "squeeze": lambda params, a: a.squeeze(tuple(params["dimensions"])),
    "transpose": lambda params, a: a.transpose(params["permutation"]),
    "concatenate": lambda params, *arrays: np.concatenate(arrays, axis=params["dimension"]),
    "stack": lambda params, *arrays: np.stack(arrays, axis=params["axis"]),
    "reduce_sum": _summed,
}


# Loops and choices


def _while(params: dict, inputs: list[np.ndarray], budget: Budget) -> list[np.ndarray]:
    first, second = params["cond_nconsts"], params["cond_nconsts"] + params["body_nconsts"]
    of_test, of_body, state = inputs[:first], inputs[first:second], inputs[second:]
    while True:
        going = _run(params["cond_jaxpr"], [*of_test, *state], budget)[0].item()
        if going is None:
            raise UndecidedError
        if not going:
            return state
        state = _run(params["body_jaxpr"], [*of_body, *state], budget)


def _scan(params: dict, inputs: list[np.ndarray], budget: Budget) -> list[np.ndarray]:
    first, second = params["num_consts"], params["num_consts"] + params["num_carry"]
    fixed, carry, rows = inputs[:first], inputs[first:second], inputs[second:]
    steps = range(params["length"])
    stacked: list[list[np.ndarray]] = []
    for k in reversed(steps) if params["reverse"] else steps:
        outputs = _run(params["jaxpr"], [*fixed, *carry, *(np.asarray(row[k], dtype=object) for row in rows)], budget)
        carry = outputs[: params["num_carry"]]
        stacked.append(outputs[params["num_carry"] :])
    if params["reverse"]:
        stacked.reverse()
    return [*carry, *(np.stack(each) for each in zip(*stacked, strict=True))]


def _cond(params: dict, inputs: list[np.ndarray], budget: Budget) -> list[np.ndarray]:
    which = inputs[0].item()
    if which is None:
        raise UndecidedError
    branches = params["branches"]
    return _run(branches[min(max(int(which), 0), len(branches) - 1)], inputs[1:], budget)


_CONTROL = {"while": _while, "scan": _scan, "cond": _cond}


__all__ = ["recorded_on_balls"]
