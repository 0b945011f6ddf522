"""Exercises of tutorial 3: Theorem 3 on two points and on fifty."""

import jax.numpy as jnp
import numpy as np
from scipy.linalg import logm

from roughntk import kernels
from roughntk.teaching.exercise import Exercise

_NOW, _NEXT = np.array([[1.0, 0.4], [0.4, 1.0]]), np.array([[1.0, 0.35], [0.35, 1.0]])
_RIGHT = np.array([0.5, 0.2]), np.array([0.45, 0.25])


def _off_diagonal_increment() -> float:
    return float(logm(np.linalg.solve(_NOW, _NEXT))[0, 1])


def _length(width: float) -> float:
    """The length of the driver of these two points in the paper's clock with D = width, by a fine polygon."""
    z = np.linspace(-1, 1, 4003)[1:-1]
    with np.errstate(over="ignore"):
        positions = 1 / (1 + np.exp(-2 * z / (width * (1 - z * z))))
    kernel = 0.4 - 0.05 * np.concatenate([[0.0], positions, [1.0]])
    eigenvalues = np.log(np.stack([(1 + kernel) / 1.4, (1 - kernel) / 0.6], axis=1))
    return float(np.linalg.norm(np.diff(eigenvalues, axis=0), axis=1).sum())


def _one_step_of_heun() -> np.ndarray:
    dA, (b0, b1) = _NEXT - _NOW, _RIGHT
    start = np.linalg.solve(_NOW, b0)
    first = np.linalg.solve(_NOW, b1 - b0 - dA @ start)
    second = np.linalg.solve(_NEXT, b1 - b0 - dA @ (start + first))
    return start + (first + second) / 2


def _eigenvalue_of_the_sigmoid_family() -> float:
    family, depth = kernels.SigmoidComposition(), 14
    ends = jnp.asarray([1.0, 0.5])
    gaps = [-float(jnp.diff(family.at_correlation(ends, each))[0]) for each in (depth, depth + 1)]
    return float(np.log(gaps[1] / gaps[0]))


EXERCISES = (
    Exercise(
        key="3.1",
        question=(
            "Two points have the kernel value $k = 0.4$ at one depth and $k' = 0.35$ at the next. By hand: what is the "
            "increment of the driver's channel $v_{12}$, the entry of $v_A$ off the diagonal? (Four digits.)"
        ),
        answer=_off_diagonal_increment,
        tolerance=1e-4,
        hint=(
            "A matrix with the eigenvalue $p$ on $(1, 1)$ and $q$ on $(1, -1)$ has $(p + q)/2$ on the diagonal. What "
            "does it have off the diagonal?"
        ),
        explanation=(
            "$\\frac12 \\left(\\log\\frac{1.35}{1.4} - \\log\\frac{0.65}{0.6}\\right)$: negative, since the two points "
            "become less alike for the kernel."
        ),
    ),
    Exercise(
        key="3.2",
        question=(
            "In the paper's clock the driver moves only in a layer of width about $D$. Replace $D$ by $D/2$. By which "
            "factor does the length of the driver, its 1-variation, change?"
        ),
        answer=lambda: _length(0.1) / _length(0.2),
        tolerance=1e-3,
        hint="Drive the same road in half of the time. What does the odometer say?",
        explanation=(
            "It does not change: the clock only re-times the path, and length, p-variation and signature do not depend "
            "on the timetable. That the drivers vanish with depth is therefore not the work of $\\psi_D$. They vanish "
            "because $K_{L+1} - K_L$ does."
        ),
    ),
    Exercise(
        key="3.3",
        question=(
            "The two points of exercise 3.1 have $b = (0.5, 0.2)$ at the first depth and $(0.45, 0.25)$ at the next. "
            "Carry $u$ over the whole segment by *one* step of Heun's method: $u(0) + (f_0 + f_1)/2$ with $f_0$ the "
            "slope at $u(0)$ and $f_1$ the slope at $s = 1$, $u(0) + f_0$. Which two numbers come out? (Four "
            "digits each.)"
        ),
        answer=_one_step_of_heun,
        tolerance=1e-4,
        hint="Compute it, or show that $f_0 + f_1 = 2 A(1)^{-1} (b' - A' u(0))$ and say what that means.",
        explanation=(
            "The exact coefficients $A(1)^{-1} b(1)$. With $r = b' - A'u(0)$: $f_0 = A_0^{-1} r$ and $f_1 = A_1^{-1}(r "
            "- A' A_0^{-1} r) = A_1^{-1}(2A_0 - A_1)A_0^{-1} r = 2A_1^{-1} r - f_0$. Their mean is $A_1^{-1} r$, which "
            "is the exact increment. So a tiny error on a straight segment is no sign of a good solver."
        ),
    ),
    Exercise(
        key="3.4",
        question=(
            "Not every driver vanishes. The paper's second family, `rn.kernels.SigmoidComposition()`, has kernel "
            "values that tend to a fixed point of the layer's map, where the map has the slope $\\lambda \\approx "
            "0.28394$. Two points at depth $L$ give $A = \\begin{pmatrix} a_L & k_L \\\\ k_L & a_L \\end{pmatrix}$. "
            "What does the increment of the driver on $(1, -1)$ tend to as $L \\to \\infty$? (Four digits.)"
        ),
        answer=_eigenvalue_of_the_sigmoid_family,
        tolerance=1e-3,
        hint=(
            "The increment is $\\log\\frac{a_{L+1} - k_{L+1}}{a_L - k_L}$. How does a difference shrink near a fixed "
            "point?"
        ),
        explanation=(
            "$\\log\\lambda \\approx -1.259$. The matrix loses a factor $\\lambda$ on everything that sums to zero, at "
            "every layer, for ever. The coefficients converge all the same, to a limit that depends on the data."
        ),
    ),
)
