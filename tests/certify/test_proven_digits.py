"""Proven digits of theta, rho and K against the plain formulas in multiple precision, and one route against the other.

No tolerance is one of float64: an enclosure holds the number or it does not, and texts are right to the last digit.
"""

import csv
import decimal
import json
import math
import threading
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import mpmath
import numpy as np
import pytest

import roughntk as rn
from roughntk._checks import InputError, MissingBackendError
from roughntk.certify import balls, flow, germ, recursion
from roughntk.certify.values import at_angle

DATA = Path(__file__).resolve().parent.parent / "data"
FUNCTIONS = {"theta": rn.certify.angle, "rho": rn.certify.correlation, "K": rn.certify.kernel}


def plain(rho: str, depth: int) -> dict[str, mpmath.mpf]:
    """theta_L, rho_L and K_L by the plain recursion of the correlation, with 150 digits."""
    with mpmath.workdps(150):
        correlation = mpmath.mpf(rho)
        total = correlation
        for _ in range(depth - 1):
            back = mpmath.pi - mpmath.acos(correlation)
            correlation = (mpmath.sqrt(1 - correlation**2) + correlation * back) / mpmath.pi
            total = total * back / mpmath.pi + correlation
        return {"theta": mpmath.acos(correlation), "rho": correlation, "K": total / depth}


def fraction(value: mpmath.mpf) -> Fraction:
    mantissa, power = value.man_exp  # of the absolute value
    return (-1 if value < 0 else 1) * Fraction(int(mantissa)) * Fraction(2) ** power


@pytest.mark.parametrize("depth", [2, 3, 10, 150])
@pytest.mark.parametrize("rho", ["0.5", "-0.9", "0", "0.999999999999999999999", "-0.999999999999999999999"])
def test_every_digit_is_that_of_the_plain_recursion(rho, depth):
    for name, exact in plain(rho, depth).items():
        for method in ("recursion", "flow"):
            proven = FUNCTIONS[name](rho, depth, digits=30, method=method)
            assert proven.lower <= fraction(exact) <= proven.upper
            assert proven.radius < abs(fraction(exact)) / 10**29
            with mpmath.workdps(150):
                assert Decimal(proven.text) == Decimal(mpmath.nstr(exact, 30, strip_zeros=False))


def test_the_reference_table_is_reproduced():
    with (DATA / "relu_ntk.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if int(row["depth"]) <= 1000]
    assert len(rows) > 100
    for row in rows[::3]:
        rho, depth = row["rho1"], int(row["depth"])
        for name, column in (("theta", "theta_L"), ("rho", "rho_L"), ("K", "ntk_normalized_L")):
            proven, value = FUNCTIONS[name](rho, depth, digits=25), Fraction(row[column])
            # the table is rounded to 30 significant digits
            assert proven.lower - abs(value) / 10**29 <= value <= proven.upper + abs(value) / 10**29, (rho, depth)


def test_pins():
    assert rn.certify.kernel("0.5", 1000, digits=30).text == "0.253805855410683773152039308634"
    assert rn.certify.kernel("0.5", 10**6).text == "0.250006414890394"
    assert rn.certify.angle(0, "1.5", digits=18).text == "1.38332163305950259"
    assert rn.certify.correlation(0, Fraction(3, 2)).text == "0.186378433972956"
    with balls.working(120):
        known = germ.germ_of(32, 120)
        at = {x: known.abel(balls.flint().arb(x)) for x in ("0.1",)}
    assert at["0.1"].overlaps(balls.flint().arb("87.50194233420114687"))


def test_coefficients_are_those_of_the_formal_series():
    known = germ.germ_of(16, 100)
    stored = json.loads((DATA / "relu_series.json").read_text())
    abel = next(value for name, value in stored.items() if name.startswith("abel"))
    laurent = next(value for name, value in stored.items() if name.startswith("P Laurent"))
    pairs = list(zip(known.abel_part.coeffs()[1:], abel, strict=False))
    pairs += [(known.poles[k + 4] if k < 0 else known.sum_part[k], laurent[str(k)]) for k in (*range(-4, 0), 1, 2, 5)]
    pairs += [(known.log_term, stored["P log coefficient"])]
    for coefficient, text in pairs:
        assert abs(balls.lower(coefficient) - Fraction(text)) < abs(Fraction(text)) / 10**24, text


def test_a_short_series_is_off_by_less_than_its_remainder_and_not_by_much_less():
    with balls.working(200):
        theta = balls.flint().arb("0.25")
        short, long = germ.germ_of(12, 200), germ.germ_of(60, 200)
        for evaluate, remainder in (
            (lambda known: known.abel(theta), short.abel_remainder(theta)),
            (lambda known: known.abel_derivative(theta), short.slope_remainder(theta)),
        ):
            off = abs(evaluate(short).mid() - evaluate(long).mid())
            assert off < remainder
            assert off > remainder / 10**7
        # P is known up to a constant
        gaps = [known.principal_sum(theta).mid() - known.principal_sum(theta / 2).mid() for known in (short, long)]
        assert abs(gaps[0] - gaps[1]) < 2 * short.sum_remainder(theta)
        assert abs(gaps[0] - gaps[1]) > short.sum_remainder(theta) / 10**7


@pytest.mark.parametrize(("rho", "depth"), [("0.5", 20_000), ("-1", 3000), ("0.999999", 5000), ("-0.3", 2)])
def test_the_flow_is_the_recursion_at_whole_depths(rho, depth):
    for function in FUNCTIONS.values():
        routes = [function(rho, depth, digits=25, method=method) for method in ("recursion", "flow")]
        assert routes[0].text == routes[1].text
        assert max(each.lower for each in routes) <= min(each.upper for each in routes)


@pytest.mark.parametrize(
    ("rho", "first", "second"), [("0.2", "0.3", "5.6"), ("-1", "0.01", "0.5"), ("-0.8", 40, "0.25")]
)
def test_real_depth_is_a_semigroup(rho, first, second):
    first, second = Fraction(first), Fraction(second)
    with balls.working(160):
        theta, pi = recursion.angle_of(Fraction(rho)), balls.flint().arb.pi()
        middle, _ = flow.state_at(theta, 1 + first)
        end, restarted = flow.state_at(middle, 1 + second)
        direct, total = flow.state_at(theta, 1 + first + second)
        assert end.overlaps(direct) and (end - direct).rad() < 1e-30
        # S that begins anew with cos theta differs by a multiple of r(theta), which loses theta/pi in a layer
        difference = flow.state_at(middle, 2 + second)[1] - flow.state_at(theta, 2 + first + second)[1]
        assert difference.overlaps((restarted - total) * (1 - direct / pi)) and difference.rad() < 1e-25
        assert abs(difference) > 1e-3


@pytest.mark.parametrize(("low", "high"), [("0.9", "1.1"), ("3", "3.2"), ("-0.1", "0.05"), ("0.01", "0.2")])
def test_a_layer_and_its_inverse_hold_the_images_of_all_members(low, high):
    with balls.working(60):
        wide = balls.ball(Fraction(low)).union(balls.ball(Fraction(high)))
        image = recursion.next_angle(wide)
        inside = [max(Fraction(low), Fraction(0)), min(Fraction(high), Fraction(math.pi))]
        for member in [*inside, sum(inside) / 2]:
            assert image.contains(recursion.next_angle(balls.ball(member)).mid())
        narrow = recursion.next_angle(balls.ball(inside[1])).union(recursion.next_angle(balls.ball(inside[1] * 9 / 10)))
        assert flow.previous_angle(narrow).contains(balls.ball(inside[1] * 9 / 10).mid())
        assert flow.previous_angle(narrow).contains(balls.ball(inside[1]).mid())


def test_the_radius_does_not_grow():
    with balls.working(80):
        theta = recursion.angle_of(Fraction(-1, 3)) + balls.flint().arb(0, 1e-15)
        for _ in range(2000):
            theta = recursion.next_angle(theta)
        assert theta.rad() < 1.1e-15
        assert recursion.next_angle(balls.flint().arb.pi() + 1e-10).overlaps(balls.flint().arb.pi() / 2)


@pytest.mark.parametrize("theta", ["1e-30", "0.1", "0.1249999", "0.125", "1", "1.6", "3.1", "3.14159265358979"])
def test_a_layer_holds_the_exact_angle_and_is_undone(theta):
    with balls.working(100), mpmath.workdps(120):
        start = balls.ball(Fraction(theta))
        angle = recursion.next_angle(start)
        x = mpmath.mpf(theta)
        exact = fraction(mpmath.acos((mpmath.sin(x) + (mpmath.pi - x) * mpmath.cos(x)) / mpmath.pi))
        assert balls.lower(angle) <= exact <= balls.upper(angle)
        assert balls.upper(angle) - balls.lower(angle) < exact / 10**27
        before = flow.previous_angle(angle)
        assert balls.lower(before) <= Fraction(theta) <= balls.upper(before)
        # the layer is flat at pi: there a cube root is undone
        assert balls.upper(before) - balls.lower(before) < Fraction(theta) / (
            10**8 if theta.startswith("3.1") else 10**24
        )


def test_what_is_known_exactly():
    for rho, depth, values in (
        (1, 7, ("0", "1.0000", "1.0000")),
        ("0.3", math.inf, ("0", "1.0000", "0.25000")),
        (-1, "inf", ("0", "1.0000", "0.25000")),
        ("1/3", 1, ("1.2310", "0.33333", "0.33333")),
        (-1, 2, ("1.5708", "0", "0")),
    ):
        assert tuple(function(rho, depth, digits=5).text for function in FUNCTIONS.values()) == values
    assert rn.certify.kernel(-1, 1).radius == 0 and Fraction(-1) in rn.certify.kernel(-1, 1)


def test_a_float_is_the_binary_number_it_is_and_a_text_the_decimal():
    assert rn.certify.correlation(0.1, 1, digits=20).text == "0.10000000000000000555"
    assert rn.certify.correlation("0.1", 1, digits=20).text == "0.10000000000000000000"
    values = (0.5, np.float64(0.5), np.float32(0.5), Decimal("0.5"), Fraction(1, 2), " 1/2 ", np.array(0.5), "5e-1")
    assert len({rn.certify.kernel(value, 3).lower for value in values}) == 1
    assert rn.certify.kernel(np.int64(0), np.int64(2)).text == rn.certify.kernel("0", 2.0).text == "0.159154943091895"


def test_an_error_is_bounded_from_above():
    proven = rn.certify.kernel("0.25", 20, digits=25)
    exact = (proven.lower + proven.upper) / 2
    for value in (float(proven), 0.3, "0.31"):
        bound, distance = Fraction(proven.error_of(value)), abs(Fraction(value) - exact)
        assert distance - proven.radius <= bound <= distance + 2 * proven.radius + distance / 2**50
    assert exact in proven and float(proven) in rn.certify.kernel("0.25", 20, digits=2) and 0.3 not in proven


def test_an_angle_takes_the_place_of_a_correlation():
    assert at_angle("K", math.pi, 2).text == "0" and at_angle("theta", math.pi, 1).text == "3.14159265358979"
    assert at_angle("rho", 1.0, 1).text == "0.540302305868140"
    for theta in (0.0, -1.0, "3.15", math.nan):
        with pytest.raises(InputError, match="theta"):
            at_angle("K", theta, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("1.0000000000000000001", 2), r"expected rho within \[-1, 1\], exactly, got '1.0000000000000000001'"),
        ((-1.0000000000000002, 2), "expected rho within"),
        ((math.nan, 2), "expected rho to be a finite number"),
        (("half", 2), "got 'half'; give it as"),
        (("1e99999999", 2), "less than 4000 digits"),
        (("1e-9_999", 2), "less than 4000 digits"),
        ((Decimal("1e-99999999"), 2), "less than 4000 digits"),
        ((True, 2), "expected rho"),
        ((0.5, 0), "depth of at least 1, got 0"),
        ((0.5, "0.999999999999999999999"), "depth of at least 1"),
        ((0.5, -math.inf), "expected depth to be a finite number"),
        ((0.5, "-inf"), "expected depth to be a finite number"),
        ((0.5, math.nan), "expected depth to be a finite number"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    for function in FUNCTIONS.values():
        with pytest.raises(InputError, match=message):
            function(*arguments)


def test_bad_settings_are_refused():
    with pytest.raises(InputError, match="expected a whole depth up to 10000000 for the recursion, got 2.5"):
        rn.certify.kernel(0.5, 2.5, method="recursion")
    with pytest.raises(InputError, match="expected a whole depth up to 10000000 for the recursion"):
        rn.certify.kernel(0.5, 10**8, method="recursion")
    with pytest.raises(InputError, match="did you mean 'flow'"):
        rn.certify.kernel(0.5, 2, method="flows")
    with pytest.raises(InputError, match="digits"):
        rn.certify.kernel(0.5, 2, digits=1001)
    with pytest.raises(InputError, match="expected at most as many digits of x as can be proven, got 30"):
        balls.proven("x", lambda bits: balls.flint().arb(1, 1e-20), 30)
    may_be_zero = balls.proven("x", lambda bits: balls.flint().arb(0, 1e-40), 30, absolute=True)
    assert may_be_zero.digits == 0 and may_be_zero.text.startswith("between -1.0E-40 and")


def test_without_python_flint_the_message_has_the_command(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "flint", None)
    assert not rn.certify.available()
    with pytest.raises(MissingBackendError, match=r"pip install 'roughntk\[certify\]'"):
        rn.certify.kernel(0.5, 2)


@pytest.mark.parametrize("start", ["1", "0.2", "0.05"])
def test_sums_of_powers_along_the_layers_are_below_their_bound_and_not_by_much(start):
    with balls.working(80):
        angles = [balls.ball(Fraction(start))]
        for _ in range(400):
            angles.append(recursion.next_angle(angles[-1]))
        for order in (4, 13):
            total, bound = sum(angle**order for angle in angles[1:]), germ.tail(angles[0], order)
            assert total < bound < 6 * total


def test_one_thread_at_a_time_sets_the_precision_of_python_flint():
    context, inside = balls.flint().ctx, threading.Event()
    before = context.prec, context.cap

    def other():
        with balls.working(60), balls.truncated(5):
            inside.set()

    thread = threading.Thread(target=other)
    with balls.working(100), balls.truncated(7):
        thread.start()
        assert not inside.wait(0.1)
        assert (context.prec, context.cap) == (100, 7)
    thread.join()
    assert inside.is_set() and (context.prec, context.cap) == before


def test_settings_of_python_flint_are_put_back_after_an_error():
    context = balls.flint().ctx
    before = context.prec, context.cap
    with pytest.raises(ZeroDivisionError), balls.working(300), balls.truncated(3):
        1 / 0  # noqa: B018
    with pytest.raises(InputError, match="can be proven"):
        balls.proven("x", lambda bits: balls.flint().arb(1, 1e-20), 30)
    assert (context.prec, context.cap) == before


def test_a_block_that_an_interrupt_left_open_is_closed_by_the_block_around_it():
    context, entered = balls.flint().ctx, threading.Event()
    before = context.prec, context.cap

    def other():
        with balls.working(60):
            entered.set()

    left_open = balls.truncated(7)
    with balls.working(100):
        left_open.__enter__()
    assert (context.prec, context.cap) == before
    thread = threading.Thread(target=other, daemon=True)
    thread.start()
    assert entered.wait(10)


def test_the_decimal_context_of_the_user_plays_no_role():
    with decimal.localcontext(decimal.Context(prec=3, Emax=9, Emin=-9)):
        assert rn.certify.kernel("0.5", 1000, digits=30).text == "0.253805855410683773152039308634"
        assert rn.certify.angle("0.5", 10**12, digits=30).text.startswith("9.4247")
