"""Reference values of the leaky ReLU kernels at real depth, to 25 digits, written to tests/data/leaky.json.

Run from the repository root, in any environment with mpmath:

    python tools/generate_leaky.py            # writes tests/data/leaky.json; a few minutes
    python tools/generate_leaky.py --check    # exit status 1 if that file is not what would be written

The route shares nothing with roughntk/maps/_germ.py, which solves the functional equations by collocation: the formal
series of the germ are derived at 0 as in tools/generate_series.py, angles are pushed forward with the exact map to
where the series solve their equations to 26 digits and more, and the Abel equation is solved by Newton's method. At
whole depths up to 40 the result is compared with the layer recursion before it is written.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import NamedTuple

import generate_series as germs
import mpmath
from mpmath import mp, mpf

SLOPES = (-1.0, -0.5, -0.1, 0.0, 0.01, 0.1, 0.5, 0.9, 0.95)
ANGLES = ("1e-9", "1e-3", "0.3", "1.3", "1.7", "2.4", "3.0", "3.14")
DEPTHS = (1.25, 1.5, 2.0, 2.75, 7.5, 33.0, 1000.25, 1e12)
FEW = ("0.3", "1.7", "3.14"), (1.25, 2.75, 33.0, 1e12)  # above slope 0.9, where a push takes thousands of layers
ORDER = 40
FILE = Path(__file__).resolve().parent.parent / "tests" / "data" / "leaky.json"


def step_series(kappa: mpf, order: int) -> list:
    """f_0, ..., f_order of f, from 1 - cos f = (1 - cos t) - kappa (sin t - t cos t)/pi = (t^2/2) G(t)."""
    size = order + 3
    sin, cos = germs.sine(size), germs.cosine(size)
    bracket = [sin[k] - (cos[k - 1] if k else 0) for k in range(size)]
    versine = [(k == 0) - cos[k] - kappa / mp.pi * bracket[k] for k in range(size)]
    half = [mpf(0)] + [c / 2 for c in germs.square_root([2 * c for c in versine[2:]], order)]
    slope = [(k == 0) - c for k, c in enumerate(germs.multiply(half, half, order))]
    slope = germs.reciprocal(germs.square_root(slope, order), order)
    slope = germs.multiply(germs.differentiate(half), slope, order)
    return [mpf(0)] + [2 * slope[k] / (k + 1) for k in range(order)]


class Values(NamedTuple):
    """alpha, v, P at an angle; r = -v sin theta."""

    alpha: mpf
    v: mpf
    principal: mpf


class Leaky:
    """One slope: its map, and the functions of its germ by series and pushes."""

    def __init__(self, slope: float):
        self.kappa = mpf((1 - slope) ** 2 / (1 + slope**2))
        self.slope = slope
        self.scale = 3 * mp.pi / self.kappa
        self.small = mpf(1) / 10 if self.kappa > 0.1 else mpf(6) / 10  # the radius of v tends to pi with kappa
        self.known: dict[mpf, Values] = {}
        self.v = germs.generator_series(step_series(self.kappa, ORDER))
        self.abel = germs.abel_series(self.v)
        self.principal, self.logarithm = germs.principal_series(self.v)

    def kept(self, theta: mpf) -> mpf:
        """h' = 1 - kappa theta/pi."""
        return 1 - self.kappa * theta / mp.pi

    def step(self, theta: mpf) -> mpf:
        """f."""
        bracket = mpmath.sin(theta) - theta * mpmath.cos(theta)
        half = mpmath.sin(theta / 2) ** 2 - self.kappa * bracket / (2 * mp.pi)
        return 2 * mpmath.asin(mpmath.sqrt(half))

    def values(self, theta: mpf) -> Values:
        """Push below `small`, use the series there, come back."""
        if theta in self.known:
            return self.known[theta]
        slope, passed, angle = mpf(1), [], theta
        while angle > self.small:
            following = self.step(angle)
            slope *= self.kept(angle) * mpmath.sin(angle) / mpmath.sin(following)
            angle = following
            passed.append((angle, slope))
        v_end = germs.polynomial(self.v, angle)
        v = v_end / slope
        alpha = self.scale / angle + mpf(3) / 2 * mpmath.log(angle) + germs.polynomial(self.abel, angle) - len(passed)
        principal = germs.polynomial(self.principal, angle) / angle**4 + self.logarithm * mpmath.log(angle)
        for visited, slope_there in passed:  # q = -cos/(sin v)
            principal += mpmath.cos(visited) / (mpmath.sin(visited) * v * slope_there)
        self.known[theta] = Values(alpha, v, principal)
        return self.known[theta]

    def flow(self, theta: mpf, time: mpf) -> mpf:
        """alpha^(-1)(alpha(theta) + time), by Newton's method in W = lambda/(2 sin(theta/2))."""
        target = self.values(theta).alpha + time
        w = self.scale / (2 * mpmath.sin(theta / 2)) + time
        for _ in range(40):
            sine = self.scale / (2 * w)
            end = 2 * mpmath.asin(sine)
            at = self.values(end)
            change = (at.alpha - target) * at.v  # of the angle, to be subtracted
            if abs(at.alpha - target) < mpf(10) ** -36 * abs(target):
                return end - change
            w += change * w * mpmath.cos(end / 2) / (2 * sine)
        raise ArithmeticError(f"no convergence from {theta} for {time} at slope {self.slope}")

    def at(self, theta: mpf, depth: mpf) -> tuple[mpf, mpf]:
        """theta_l and S(l)."""
        total, time = mpmath.cos(theta), depth - 1
        if self.kappa > 1:  # the first layer folds
            following = self.step(theta)
            total, time = total * self.kept(theta) + mpmath.cos(following), time - 1
            theta = following
        if time == 0:
            return theta, total
        end = self.flow(theta, time)
        first, last = self.values(theta), self.values(end)
        r_first, r_last = -mpmath.sin(theta) * first.v, -mpmath.sin(end) * last.v
        return end, r_last * (total / r_first + last.principal - first.principal)

    def recursion(self, theta: mpf, depth: int) -> tuple[mpf, mpf]:
        """theta_L and S_L, layer by layer."""
        total = mpmath.cos(theta)
        for _ in range(depth - 1):
            following = self.step(theta)
            total, theta = total * self.kept(theta) + mpmath.cos(following), following
        return theta, total


def rows() -> list[dict]:
    """All reference values."""
    found = []
    for slope in SLOPES:
        germ = Leaky(slope)
        angles, depths = FEW if slope > 0.9 else (ANGLES, DEPTHS)
        for angle in angles:
            for depth in depths:
                if slope < 0 and 1 < depth < 2:
                    continue
                with mp.workdps(100 if angle == "1e-9" else 60):
                    theta = mpf(float(angle))
                    end, total = germ.at(theta, mpf(depth))
                    if depth <= 40 and depth == int(depth):
                        for got, wanted in zip((end, total), germ.recursion(theta, int(depth)), strict=True):
                            if abs(got - wanted) > mpf("1e-26") * abs(wanted):
                                raise ArithmeticError(f"{slope}, {angle}, {depth}: {got} is not {wanted}")
                record = {"slope": slope, "theta": float(angle), "depth": depth}
                record |= {"end": mpmath.nstr(end, 25), "kernel": mpmath.nstr(total / mpf(depth), 25)}
                found.append(record)
        print(f"slope {slope:g}: {len(found)} values", file=sys.stderr)
    return found


def main() -> int:
    """Write the values, or compare them with what is written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare, and say so by the exit status")
    with mp.workdps(100):
        text = "[\n" + ",\n".join(json.dumps(row) for row in rows()) + "\n]\n"
    if parser.parse_args().check:
        return int(FILE.read_text() != text)
    FILE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
