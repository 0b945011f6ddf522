"""Derive the series and the fits behind depth as a continuous parameter, and write roughntk/maps/_series.py.

Run from the repository root, in any environment with mpmath:

    python tools/generate_series.py            # writes roughntk/maps/_series.py
    python tools/generate_series.py --check    # exit status 1 if that file is not what would be written

Everything follows from the angle map of the ReLU kernel, f(t) = arccos((sin t + (pi - t) cos t) / pi):

* its Taylor series at the parabolic fixed point 0, from 1 - cos f(t) = (1 - cos t) - (sin t - t cos t) / pi;
* the generator v, the solution of v(f(t)) = f'(t) v(t) with v = f_2 t^2 + ... (the iterative logarithm);
* the Abel function, alpha = integral of 1/v = 3 pi / t + (3/2) log(t / (3 pi)) + sum_k a_k t^k;
* the principal sum P of q = -cos / (sin v), P(f(t)) - P(t) = q(f(t)), by the Euler-Maclaurin series
  P = int q/v + q/2 + sum_k B_2k / (2k)! D^(2k-1) q with D = v d/dt: a Laurent series with a logarithm.

The three series are asymptotic, so far from 0 they are used after pushing the angle forward. To spare that at
run time, what is left of each function when its singular part is removed is fitted by a polynomial on
[0, pi/2], at Chebyshev points, from values that are exact to more than 40 digits.

Source: J. Ecalle, "Theorie iterative", J. Math. Pures Appl. 54 (1975), for the iterative logarithm and the
Abel function of a parabolic germ; N. E. Norlund, "Vorlesungen ueber Differenzenrechnung" (1924), for
principal sums.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import mpmath
from mpmath import mp, mpf

DIGITS = 80  # working precision of the derivation
ORDER = 40  # highest power of t kept in the derivation
STORED = 26  # number of coefficients of each formal series that are written
FIT_DEGREES = (23, 20, 20)  # of V, A and Q on [0, pi/2]: truncation errors below 1e-17
SMALL = "0.1"  # the series are used below this angle, where they are right to 1e-45
FILE = Path(__file__).resolve().parent.parent / "roughntk" / "maps" / "_series.py"


class Series(NamedTuple):
    """The formal series of the germ, as lists of coefficients in multiple precision.

    Attributes:
        step: f_0, f_1, ...
        generator: v_0, v_1, ... (the first two vanish).
        abel: a_0, a_1, ... (a_0 = 0), beside 3 pi / t + (3/2) log(t / (3 pi)).
        principal: P_(-4), P_(-3), ...
        principal_log: the coefficient of log t in P.
    """

    step: list
    generator: list
    abel: list
    principal: list
    principal_log: mpf


def multiply(a: list, b: list, size: int) -> list:
    """The product of two power series, `size` coefficients."""
    return [
        mpmath.fsum(a[i] * b[k - i] for i in range(max(0, k - len(b) + 1), min(k + 1, len(a)))) for k in range(size)
    ]


def reciprocal(a: list, size: int) -> list:
    """1/a for a power series with a_0 != 0."""
    out = [1 / a[0]]
    for k in range(1, size):
        out.append(-mpmath.fsum(a[i] * out[k - i] for i in range(1, min(k + 1, len(a)))) / a[0])
    return out


def square_root(a: list, size: int) -> list:
    """sqrt(a) for a power series with a_0 > 0."""
    out = [mpmath.sqrt(a[0])]
    for k in range(1, size):
        inner = mpmath.fsum(out[i] * out[k - i] for i in range(1, k))
        out.append((a[k] - inner) / (2 * out[0]))
    return out


def differentiate(a: list) -> list:
    """The derivative of a power series."""
    return [k * a[k] for k in range(1, len(a))]


def sine(size: int) -> list:
    """The Taylor coefficients of sin."""
    return [(-1) ** (k // 2) / mpmath.factorial(k) if k % 2 else mpf(0) for k in range(size)]


def cosine(size: int) -> list:
    """The Taylor coefficients of cos."""
    return [mpf(0) if k % 2 else (-1) ** (k // 2) / mpmath.factorial(k) for k in range(size)]


def step_series(order: int) -> list:
    """f_0, ..., f_order of f(t) = 2 arcsin((t/2) sqrt(G(t))), where 1 - cos f(t) = (t^2 / 2) G(t)."""
    size = order + 3
    sin, cos = sine(size), cosine(size)
    versine = [(k == 0) - cos[k] - (sin[k] - (cos[k - 1] if k else 0)) / mp.pi for k in range(size)]
    root = square_root([2 * c for c in versine[2:]], order)
    half = [mpf(0)] + [c / 2 for c in root]
    slope = [(k == 0) - c for k, c in enumerate(multiply(half, half, order))]
    slope = multiply(differentiate(half), reciprocal(square_root(slope, order), order), order)
    return [mpf(0)] + [2 * slope[k] / (k + 1) for k in range(order)]


def generator_series(step: list) -> list:
    """v_0, ..., from the coefficients of t^(k+1) in v(f) - f' v = 0, which determine v_k for k > 2."""
    order = len(step) - 1
    slope = differentiate(step)
    v = [mpf(0), mpf(0), step[2]]
    power = multiply(step, step, order + 1)
    residual = [v[2] * c for c in power]
    for j in range(order - 1):
        residual[j + 2] -= v[2] * slope[j]
    for k in range(3, order):
        power = multiply(power, step, order + 1)
        v.append(-residual[k + 1] / ((k - 2) * step[2]))
        for j in range(order + 1):
            residual[j] += v[k] * power[j]
        for j in range(order + 1 - k):
            residual[j + k] -= v[k] * slope[j]
    return v


def abel_series(generator: list) -> list:
    """a_0 = 0, a_1, ... of the Abel function, by integrating 1/v term by term."""
    size = len(generator) - 2
    inverse = reciprocal(generator[2:], size)  # 1/v = sum_k inverse_k t^(k-2)
    return [mpf(0)] + [inverse[k] / (k - 1) for k in range(2, size)]


def principal_series(generator: list) -> tuple[list, mpf]:
    """The Laurent coefficients P_(-4), P_(-3), ... and the coefficient of log t, by Euler-Maclaurin."""
    size = len(generator) - 2
    inverse = reciprocal(generator[2:], size)
    sin, cos = sine(size + 1), cosine(size)
    q = [-c for c in multiply(multiply(cos, reciprocal(sin[1:], size), size), inverse, size)]  # from t^-3
    integrand = multiply(q, inverse, size)  # from t^-5
    log_coefficient = integrand[4]
    out = [mpf(0) if k == 4 else integrand[k] / (k - 4) for k in range(size)]  # from t^-4
    for k in range(size - 1):
        out[k + 1] += q[k] / 2
    term, low = q, -3  # D^j q, whose lowest power is t^(j-3)
    for j in range(1, size):
        term = multiply(generator[2:], [(low + k) * c for k, c in enumerate(term)], size)
        low += 1
        if j % 2:
            weight = mpmath.bernoulli(j + 1) / mpmath.factorial(j + 1)
            for k in range(size - low - 4):
                out[low + 4 + k] += weight * term[k]
    return out, log_coefficient


def derive(order: int = ORDER) -> Series:
    """All series of the germ to the power `order` of t, at the precision mpmath is set to."""
    step = step_series(order)
    generator = generator_series(step)
    principal, logarithm = principal_series(generator)
    return Series(step, generator, abel_series(generator), principal, logarithm)


def push(theta: mpf) -> mpf:
    """f(theta) in multiple precision, from the half-angle form, which does not cancel near 0."""
    half = (2 * mpmath.sin(theta / 2) ** 2 - (mpmath.sin(theta) - theta * mpmath.cos(theta)) / mp.pi) / 2
    return 2 * mpmath.asin(mpmath.sqrt(half))


def polynomial(coefficients: list, x: mpf) -> mpf:
    """sum_k c_k x^k by Horner's rule."""
    total = mpf(0)
    for c in reversed(coefficients):
        total = total * x + c
    return total


def regular_parts(series: Series, theta: mpf, small: mpf) -> tuple[mpf, mpf, mpf]:
    """V, A, Q at theta in (0, pi/2]: push to an angle below `small`, use the series there, come back.

    v = -(t^2 / (3 pi)) (1 + t V(t)),   alpha = w - (3/2) log w + A(t) with w = 3 pi / t,
    P = P_-4 t^-4 + ... + P_-1 t^-1 + P_log log t + Q(t).
    """
    angle, slope, time, total = theta, mpf(1), 0, mpf(0)
    passed = []
    while angle > small:
        following = push(angle)
        slope *= (1 - angle / mp.pi) * mpmath.sin(angle) / mpmath.sin(following)
        angle, time = following, time + 1
        passed.append((angle, slope))
    v_end = polynomial(series.generator, angle)
    v = v_end / slope
    for visited, slope_there in passed:
        total += -mpmath.cos(visited) / (mpmath.sin(visited) * v * slope_there)
    w_end, w = 3 * mp.pi / angle, 3 * mp.pi / theta
    alpha = w_end - 1.5 * mpmath.log(w_end) + polynomial(series.abel, angle) - time
    principal = polynomial(series.principal, angle) / angle**4 - total
    principal += series.principal_log * mpmath.log(angle)
    singular = mpmath.fsum(series.principal[k] * theta ** (k - 4) for k in range(4))
    singular += series.principal_log * mpmath.log(theta)
    return (
        (-3 * mp.pi * v / theta**2 - 1) / theta,
        alpha - w + 1.5 * mpmath.log(w),
        principal - singular,
    )


def fit(values: list, degree: int) -> list:
    """Values at the Chebyshev points cos((j + 1/2) pi / n) -> monomial coefficients in x on [-1, 1]."""
    n = len(values)
    angles = [(j + mpf(1) / 2) * mp.pi / n for j in range(n)]
    chebyshev = []
    for k in range(degree + 1):
        pairs = zip(values, angles, strict=True)
        total = mpmath.fsum(value * mpmath.cos(k * angle) for value, angle in pairs)
        chebyshev.append(total * (1 if k == 0 else 2) / n)
    before, now = [mpf(1)], [mpf(0), mpf(1)]  # T_0 and T_1
    out = [mpf(0)] * (degree + 1)
    for coefficient in chebyshev:
        for k, c in enumerate(before):
            out[k] += coefficient * c
        longer = [mpf(0)] + [2 * c for c in now]
        for k, c in enumerate(before):
            longer[k] -= c
        before, now = now, longer
    return out


def fits(series: Series, degrees: tuple[int, int, int] = FIT_DEGREES) -> tuple[list, ...]:
    """The fits of V, A and Q in x = 4 theta / pi - 1."""
    points = max(degrees) + 9
    rows = []
    for j in range(points):
        x = mpmath.cos((j + mpf(1) / 2) * mp.pi / points)
        rows.append(regular_parts(series, (1 + x) * mp.pi / 4, mpf(SMALL)))
    return tuple(fit([row[column] for row in rows], degree) for column, degree in enumerate(degrees))


def constant(name: str, values: list, comment: str) -> str:
    """One tuple of floats as Python source."""
    body = "".join(f"    {float(value)!r},\n" for value in values)
    return f"# {comment}\n{name} = (\n{body})\n"


def source() -> str:
    """The text of roughntk/maps/_series.py."""
    with mp.workdps(DIGITS):
        series = derive()
        generator_fit, abel_fit, principal_fit = fits(series)
        half_pi = 6 - 1.5 * mpmath.log(6) + mpmath.fsum(abel_fit)
        parts = [
            '"""Constants of the ReLU angle germ. Generated by tools/generate_series.py: do not edit."""\n\n',
            constant("GENERATOR", series.generator[2 : 2 + STORED], "v(t) = sum_k GENERATOR[k] t^(k+2)"),
            constant(
                "ABEL",
                series.abel[1 : 1 + STORED],
                "alpha(t) = w - (3/2) log w + sum_k ABEL[k] t^(k+1), w = 3 pi / t",
            ),
            constant(
                "PRINCIPAL",
                series.principal[: 4 + STORED],
                "P(t) = sum_k PRINCIPAL[k] t^(k-4) + PRINCIPAL_LOG log t",
            ),
            f"PRINCIPAL_LOG = {float(series.principal_log)!r}\n",
            "\n# The Abel function at pi, its least value on [0, pi].\n",
            f"ABEL_AT_PI = {float(half_pi - 1)!r}\n\n",
            "# Fits on 0 <= t <= pi/2, coefficients of powers of x = 4 t / pi - 1, constant term first.\n",
            constant("GENERATOR_FIT", generator_fit, "v(t) = -(t^2 / (3 pi)) (1 + t V): V"),
            constant("ABEL_FIT", abel_fit, "alpha(t) = w - (3/2) log w + A: A"),
            constant("PRINCIPAL_FIT", principal_fit, "P(t) = four poles + PRINCIPAL_LOG log t + Q: Q"),
        ]
    return "".join(parts)


def main() -> int:
    """Write the constants, or compare them with what is written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare, and say so by the exit status")
    text = source()
    if parser.parse_args().check:
        return int(FILE.read_text() != text)
    FILE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
