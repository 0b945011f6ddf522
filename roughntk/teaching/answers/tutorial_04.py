"""Exercises of tutorial 4: what a driver is, from kernel matrices to a path to its signature."""

import numpy as np

from roughntk import kernels, rough, sphere
from roughntk.teaching.exercise import Exercise
from roughntk.transport import Segment, SegmentDriver, segment_driver

_POINTS, _NEW = 5, 1


def _driver(X: np.ndarray, x: np.ndarray, depth: int) -> SegmentDriver:
    """The driver from a depth to the next for the ReLU NTK, which is what a transport calls `drivers`."""
    family = kernels.ReluNTK()
    (K0, B0), (K1, B1) = ((family(X, depth=each), family(X, x, depth=each)) for each in (depth, depth + 1))
    return segment_driver(Segment(K0, K1, B0, B1))


def _trace_of_the_driver() -> float:
    """The trace of the increment of v_A from depth 7 to 8, by the logarithm of a matrix."""
    driver = _driver(sphere.uniform(_POINTS, 4, 2), sphere.uniform(_NEW, 4, 3), 7)
    increment = np.asarray(driver.evaluate(0.0, 1.0)).reshape(_POINTS, _POINTS + 1)
    return float(np.trace(increment[:, :_POINTS]))


def _limit_of_the_trace() -> float:
    """5 log lambda, lambda the multiplier of the sigmoid composition."""
    return 5 * float(np.log(kernels.SigmoidComposition().architecture.multiplier))


def _fall_of_level_two() -> float:
    """|S^2| of the driver from depth 500 over that from depth 1000."""
    X, x = sphere.uniform(3, 4, 0), sphere.uniform(_NEW, 4, 1)
    sizes = []
    for depth in (500, 1000):
        driver = _driver(X, x, depth)
        signature = np.asarray(rough.signature(np.asarray(driver.sample(np.linspace(0, 1, 33))), 2))
        sizes.append(float(np.linalg.norm(signature[12:])))
    return sizes[0] / sizes[1]


def _signature_sees_the_clock() -> bool:
    """Whether the signature changes where the segment is run through at another speed."""
    X, x = sphere.uniform(3, 4, 0), sphere.uniform(_NEW, 4, 1)
    driver = _driver(X, x, 3)
    even = np.linspace(0, 1, 2001)
    plain, retimed = (np.asarray(rough.signature(np.asarray(driver.sample(s)), 2)) for s in (even, even**3))
    return bool(np.abs(plain - retimed).max() > 1e-6)


EXERCISES = (
    Exercise(
        key="4.1",
        question=(
            "Take five points, `X = rn.sphere.uniform(5, 4, seed=2)`, and the ReLU NTK. What is the trace of the "
            "matrix part $v_A(1)$ of the driver from depth 7 to depth 8? No transport is needed: two determinants will "
            "do. (Four digits.)"
        ),
        answer=_trace_of_the_driver,
        tolerance=1e-6,
        hint=(
            "$v_A(1) = \\log(K_7^{-1} K_8)$, and the trace of a logarithm is the logarithm of a determinant: "
            "`np.linalg.slogdet(family(X, depth=7))`."
        ),
        explanation=(
            "$\\operatorname{tr} v_A(1) = \\log\\det K_8 - \\log\\det K_7$. Summed over all depths, the traces add up "
            "to the logarithm of the determinant of the limit."
        ),
    ),
    Exercise(
        key="4.2",
        question=(
            "For six points, to what does the trace of the matrix part of the driver tend with depth for the sigmoid "
            "composition, $\\eta_{L+1} = (1 + e^{-\\eta_L})^{-2}$? Find the fixed point $c$ of the map and its slope "
            "$\\lambda$ there with a few lines of code. (Four digits.)"
        ),
        answer=_limit_of_the_trace,
        tolerance=1e-4,
        hint=(
            "With depth $K_L \\approx c J + \\lambda^L G$. One eigenvalue of $K_L^{-1} K_{L+1}$ tends to 1; to what do "
            "the other five tend?"
        ),
        explanation=(
            "$5 \\log \\lambda$ with $\\lambda = 0.2839$: the driver tends to $\\log(\\lambda)$ times a projection of "
            "rank $n - 1$, and the trace of a projection is its rank. The drivers converge, but not to zero."
        ),
    ),
    Exercise(
        key="4.3",
        question=(
            "By what factor is level 2 of the signature of the driver smaller at depth 1000 than at depth 500, for the "
            "ReLU NTK? Predict it from the rate in the text, or measure it on the three points of the tutorial (2 % "
            "are enough)."
        ),
        answer=_fall_of_level_two,
        tolerance=0.03,
        hint="$\\left(\\frac{\\log 500 / 500^2}{\\log 1000 / 1000^2}\\right)^2$.",
        explanation=(
            "Nearly $4^2$, less what the logarithms take away. Level $k$ falls by the $k$-th power of the factor of "
            "level 1, so that deep in the network the equation is linear in the increment for all practical purposes."
        ),
    ),
    Exercise(
        key="4.4",
        question=(
            "The paper runs through the segment by the clock $\\psi_D$, which stands still most of the time and then "
            "jumps. Does the signature of the driver depend on $D$? (True or False.)"
        ),
        answer=_signature_sees_the_clock,
        tolerance=0.0,
        hint="Sample the driver at `s` and at `s**3`, finely, and compare the signatures.",
        explanation=(
            "Iterated integrals do not see the speed. So $\\psi_D$ cannot be the reason why the drivers vanish: they "
            "vanish because $K_{L+1} - K_L$ does."
        ),
    ),
)
