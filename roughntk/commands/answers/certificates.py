"""What `roughntk certify` computes and says: numbers whose digits are proven, and how."""

import dataclasses
import fractions
import math
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any

from roughntk import _checks, certify
from roughntk._checks import InputError
from roughntk._settings import values_of
from roughntk.certify import Enclosure
from roughntk.certify.balls import check_digits, upwards
from roughntk.certify.sigmoid import sigmoid_fixed_point, sigmoid_iterate
from roughntk.certify.systems.solutions import ProvenCoefficients
from roughntk.certify.values import check_correlation, check_depth
from roughntk.files.tables import Reading
from roughntk.kernels import family as family_of
from roughntk.regression import NotPositiveDefiniteError
from roughntk.regression import coefficients as float_coefficients
from roughntk.study.data import DataSet, load
from roughntk.study.settings import PointSettings

QUANTITIES = ("kernel", "theta", "correlation", "coefficients", "limit")
OF_A_PAIR = ("kernel", "theta", "correlation")
FAMILIES = {
    "kernel": ("relu-ntk", "relu-nngp", "sigmoid"),
    "theta": ("relu-ntk", "relu-nngp"),
    "correlation": ("relu-ntk", "relu-nngp"),
    "coefficients": ("relu-ntk", "relu-nngp"),
    "limit": ("relu-ntk", "relu-nngp", "sigmoid"),
}
SYMBOLS = {"theta": "theta_L", "correlation": "rho_L", "relu-ntk": "K_L", "relu-nngp": "rho_L", "sigmoid": "eta_L"}
METHOD = "ball arithmetic (python-flint), every rounding and remainder bounded"
_BEYOND = 10  # decimals of the ends beyond the digits


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked for, checked as far as it can be without computing."""

    quantity: str
    family: str
    rho: str | None
    depth: str | None
    digits: int

    @staticmethod
    def of(quantity: str, family: str, rho: str | None, depth: str | None, digits: int, others: Sequence[str]):
        """Of the command line; `others` are the options of data that were given.

        Raises:
            InputError: an unknown quantity or family, options that the quantity does not take, or needs and lacks.
        """
        _checks.choice(quantity, QUANTITIES, "quantity")
        _checks.choice(family, FAMILIES[quantity], f"family of {quantity}")
        if quantity != "coefficients" and others:
            raise InputError(
                f"expected {', '.join(others)} with coefficients only, got it with {quantity}; leave it out"
            )
        if quantity == "coefficients" and rho is not None:
            raise InputError(f"expected no --rho with coefficients, got {rho}; their angles are those of DATA")
        if quantity in OF_A_PAIR and rho is None:
            raise InputError(f"expected --rho with {quantity}, got none; give a correlation, for instance --rho 0.5")
        if quantity != "limit" and depth is None:
            raise InputError(f"expected --depth with {quantity}, got none; give one, for instance --depth 10")
        return Request(quantity, family, rho, depth, check_digits(digits))


@dataclasses.dataclass(frozen=True)
class Answer:
    """What is printed: `record` as JSON; or lines before a table, the table, lines of values, and remarks."""

    record: dict[str, Any]
    before: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    values: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def answer(request: Request, choice: PointSettings, reading: Reading) -> Answer:
    """The answer to a request; `choice` and `reading` say which data, for coefficients.

    Raises:
        InputError: numbers out of range, data that cannot be used, more digits than can be proven.
        MissingBackendError: python-flint is not installed.
    """
    if request.quantity == "coefficients":
        return _of_data(request, choice, load(**values_of(choice, PointSettings), reading=reading))
    return _of_limit(request) if request.quantity == "limit" else _of_a_pair(request)


def _of_a_pair(request: Request) -> Answer:
    rho, depth, digits = request.rho, request.depth, request.digits
    if request.family == "sigmoid":
        result = sigmoid_iterate(rho, depth, digits=digits)
    elif request.quantity == "kernel":
        take = certify.kernel if request.family == "relu-ntk" else certify.correlation
        result = take(rho, depth, digits=digits)
    else:
        result = (certify.angle if request.quantity == "theta" else certify.correlation)(rho, depth, digits=digits)
    symbol = SYMBOLS[request.family if request.quantity == "kernel" else request.quantity]
    record = {"quantity": request.quantity, "family": request.family, "rho": rho, "depth": depth, **of(result)}
    line = f"{symbol} at L = {depth}, rho_1 = {rho}: {result.text}"
    return Answer(record, values=(line,), remarks=(how(result),))


def _of_data(request: Request, choice: PointSettings, data: DataSet) -> Answer:
    n, numbers = len(data.X), [int(row) for row in data.rows]
    projection = "stereographic" if choice.projection == "stereographic" else "canonical"
    rows = _checks.matrix(data.unprojected, "rows")
    result = certify.coefficients(
        rows[:n], rows[n:], depth=request.depth, digits=request.digits, kernel=request.family, projection=projection
    )
    error = _error_of_float64(request, data, result)
    record = {
        "quantity": request.quantity, "family": request.family, "depth": request.depth, "data": data.describe(),
        "training_rows": numbers[:n], "test_rows": numbers[n:], "digits": request.digits,
        "coefficients": result.texts, "lower": result.lower, "upper": result.upper, "bits": result.bits,
        "positive_definite": result.positive_definite, "smallest_eigenvalue": of(result.smallest_eigenvalue),
        "float64_error_bound": error, "method": METHOD,
    }  # fmt: skip
    remarks = [how(result)]
    if result.positive_definite:
        remarks.append(
            f"The kernel matrix is proven to be positive definite; its smallest eigenvalue is "
            f"{result.smallest_eigenvalue.text}."
        )
    remarks.append(
        "In float64 the matrix cannot be told from a singular one." if error is None
        else f"Coefficients in float64 (roughntk limit) are within {_upwards(error)} of these, a proven bound."
    )  # fmt: skip
    headings = ("training row", *(f"u, test row {row}" for row in numbers[n:]))
    table = tuple((str(row), *texts) for row, texts in zip(numbers, result.texts, strict=False))
    before = (f"Data: {data.name}, {n} training points, {len(data.x)} test points; {request.family}.", *data.notes)
    return Answer(record, before, headings, table, (), tuple(remarks))


def _error_of_float64(request: Request, data: DataSet, result: ProvenCoefficients) -> float | None:
    """A bound of the error of the coefficients in float64; None where there are none."""
    try:
        depth = float(result.depth)
    except OverflowError:  # a depth beyond float64, whose coefficients are those of infinity to all digits
        depth = math.inf
    try:
        u = float_coefficients(family_of(request.family), data.X, data.x, depth=depth)
    except NotPositiveDefiniteError:
        return None
    return float(result.error_of(u).max())


def _of_limit(request: Request) -> Answer:
    if request.family == "sigmoid":
        return _of_sigmoid(request)
    tangent = request.family == "relu-ntk"
    limit = certify.limit(-1, digits=request.digits).lower if tangent else fractions.Fraction(1)
    symbol = SYMBOLS[request.family]
    record: dict[str, Any] = {
        "quantity": "limit", "family": request.family, "limit": str(limit), "bound": None, "method": METHOD,
    }  # fmt: skip
    first = f"{symbol} tends to {limit}, exactly, at every correlation below 1{' (at 1 it is 1)' if tangent else ''}."
    if request.rho is None and request.depth is None:
        return Answer(record, values=(first,), remarks=("With --rho and --depth: how near it is.",))
    if request.rho is None or request.depth is None:
        raise InputError(
            "expected both --rho and --depth with limit, or neither, got one; the bound holds at a depth, for all "
            "correlations from -1 to rho"
        )
    where = f"At every L >= {request.depth} and rho_1 <= {request.rho}"
    if tangent:
        bound = certify.limit_bound(request.rho, request.depth)
        record |= {"rho": request.rho, "depth": bound.depth, "bound": bound.value, "formula": bound.formula}
        formula = f"The bound, which falls with L: {bound.formula}; theta_0 is the angle of {request.rho}."
        return Answer(record, values=(first, f"{where}: |K_L - 1/4| <= {_upwards(bound.value)}."), remarks=(formula,))
    check_correlation(request.rho)
    distance = 1 - certify.correlation(-1, check_depth(request.depth, infinite=False), digits=15).lower
    record |= {"rho": request.rho, "depth": request.depth, "bound": upwards(distance)}
    why = "It is 1 - rho_L at rho_1 = -1: the angle falls in every layer, and the map of a layer is increasing."
    return Answer(record, values=(first, f"{where}: 1 - rho_L <= {_upwards(upwards(distance))}."), remarks=(why,))


def _upwards(bound: float) -> str:
    """A bound with four digits, rounded upwards."""
    return str(Context(prec=4, rounding=ROUND_CEILING).create_decimal(Decimal(bound)))


def _of_sigmoid(request: Request) -> Answer:
    if request.rho is not None or request.depth is not None:
        raise InputError(
            "expected no --rho and no --depth with the limit of sigmoid, which is a number, got them; take kernel for "
            "eta_L at a depth"
        )
    point = sigmoid_fixed_point(digits=request.digits)
    record = {
        "quantity": "limit", "family": "sigmoid", "fixed_point": of(point.value), "multiplier": of(point.multiplier),
        "unique": point.unique, "method": METHOD,
    }  # fmt: skip
    values = (
        f"eta_L tends to c = {point.value.text} at every correlation.",
        f"The multiplier there is lambda = {point.multiplier.text}: |eta_L - c| is about |g(rho)| lambda^(L-1).",
    )
    remarks = (
        "Interval Newton proves that c is the only fixed point in [0, 1]; |h'| <= 8/27 on the whole line.",
        how(point.value),
    )
    return Answer(record, values=values, remarks=remarks)


def of(result: Enclosure) -> dict[str, Any]:
    """For JSON: the proven digits, and the ends rounded outwards."""
    width = Context(prec=max(result.digits, 1) + _BEYOND)
    return {
        "value": result.text,
        "digits": result.digits,
        "lower": str(_rounded(result.lower, width, ROUND_FLOOR)),
        "upper": str(_rounded(result.upper, width, ROUND_CEILING)),
        "bits": result.bits,
        "method": METHOD,
    }


def _rounded(value: fractions.Fraction, context: Context, rounding: str) -> Decimal:
    context.rounding = rounding
    return context.divide(Decimal(value.numerator), Decimal(value.denominator))


def how(result: Enclosure | ProvenCoefficients) -> str:
    """One sentence on what the digits rest on."""
    if result.bits == 0:
        return "Exact: a rational number."
    return f"Every digit is proven, the last one rounded: {METHOD}, {result.bits} bits."


__all__ = ["Answer", "Request", "answer", "how", "of"]
