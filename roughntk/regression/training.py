"""What a network is trained on, for how long and with which penalty, checked once; and its gradient flow.

All is kept in the units of the normalised kernel K. The physical kernel is Theta = sigma K with
sigma = exp(family.log_scale(depth)), over n0 for homogeneous families, so that a time T and a ridge R of Theta are
T sigma and R/sigma of K: T L/(n0 2^{L-1}) for the ReLU NTK on the sphere.
"""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk._checks.precision import EPS
from roughntk.kernels import KernelFamily, as_family
from roughntk.linalg import Errors
from roughntk.regression.closed_form import check_directions
from roughntk.regression.flow import GradientFlow, exponential, parted_flow, plain_flow
from roughntk.regression.systems import deflated_system, kernel_system

KERNELS = ("normalised", "physical")
"""The kernels that a time and a ridge may belong to."""


@dataclasses.dataclass(frozen=True, eq=False)
class Training:
    """A problem of kernel regression in time.

    Attributes:
        family, depth: of the network.
        X, x: rows of training and test points, shapes (n, n0) and (m, n0), as they were checked.
        directions: the two, projected onto the sphere where they need not lie on it.
        lengths: norms of the rows of the two, ones on the sphere.
        on_sphere: whether they lie on it.
        residual: y - f_0(X), shape (n, k).
        start: f_0(x), shape (m, k).
        time: of training, as it was given.
        log_time, ridge: log t and the ridge in units of the normalised kernel.
        log_scale: log sigma, which was added to log(time).
        trailing: the shape of one target: () or (k,).
    """

    family: KernelFamily
    depth: float
    X: np.ndarray
    x: np.ndarray
    directions: tuple[np.ndarray, np.ndarray]
    lengths: tuple[np.ndarray, np.ndarray]
    on_sphere: bool
    residual: np.ndarray
    start: np.ndarray
    time: float
    log_time: float
    ridge: float
    log_scale: float
    trailing: tuple[int, ...]

    @property
    def what(self) -> str:
        """The kernel matrix, as messages call it."""
        return f"{self.family.name} kernel matrix at depth {self.depth}"

    def shaped(self, values: np.ndarray) -> np.ndarray:
        """(m, k) in the shape of the targets."""
        return values.reshape(len(values), *self.trailing)


def physical_log_scale(family: KernelFamily, depth: float, columns: int) -> float:
    """log sigma of the physical kernel sigma K of a family, for inputs of so many columns."""
    return family.log_scale(depth) - (math.log(columns) if family.homogeneous else 0.0)


def check_training(family, X, y, x, depth, time, ridge, initial, kernel, domain) -> Training:
    """The arguments of `predict`, checked.

    Raises:
        InputError: as `predict`.
    """
    family, depth = as_family(family), _checks.one_depth(depth)
    on_sphere = _checks.choice(domain, ("sphere", "euclidean"), "domain") == "sphere"
    X, x = sphere.check_points(X, x) if on_sphere else check_directions(family, X, x)[::2]
    y = _targets(y, "y", len(X), "training point")
    at_points, at_tests = _initial(initial, y, len(x))
    with np.errstate(over="ignore"):
        residual = (y - at_points).reshape(len(X), -1)
    beyond = np.flatnonzero(~np.isfinite(residual).all(axis=1))
    if beyond.size:
        raise InputError(
            f"expected y - f_0(X) within float64, got numbers beyond it in {_checks.name_rows(beyond)}; rescale the "
            f"targets"
        )
    time = _checks.training_time(time)
    ridge = _checks.number(ridge, "ridge", least=0.0, remedy="0 is no ridge; it is added to the diagonal of the kernel")
    log_scale = 0.0
    if _checks.choice(kernel, KERNELS, "kernel") == "physical" and not (ridge == 0 and time in (0, math.inf)):
        log_scale = physical_log_scale(family, depth, X.shape[1])
    log_time = (math.log(time) if time > 0 else -math.inf) + log_scale
    ridge = exponential(math.log(ridge) - log_scale) if ridge > 0 else 0.0
    directions, lengths = ((X, x), (np.ones(len(X)), np.ones(len(x)))) if on_sphere else _polar(X, x)
    return Training(
        family, depth, X, x, directions, lengths, on_sphere, residual, at_tests.reshape(len(x), -1), time, log_time,
        ridge, log_scale, y.shape[1:],
    )  # fmt: skip


def _polar(X: np.ndarray, x: np.ndarray):
    """(directions, lengths) of both."""
    parts = [tuple(map(np.asarray, sphere.polar(rows))) for rows in (X, x)]
    return tuple(part[1] for part in parts), tuple(part[0] for part in parts)


def _targets(y, name: str, count: int, of: str) -> np.ndarray:
    y = _checks.real_array(y, name)
    if y.ndim not in (1, 2) or len(y) != count or y.size == 0:
        raise InputError(
            f"expected one target for each of the {count} {of}s, got {name} of shape {y.shape}; give one each"
        )
    return y


def _initial(initial, y: np.ndarray, tests: int) -> tuple[np.ndarray, np.ndarray]:
    """f_0 at the training points and at the test points."""
    shape = (tests, *y.shape[1:])
    if initial is None or (isinstance(initial, str) and initial == "zero"):
        return np.zeros_like(y), np.zeros(shape)
    if not isinstance(initial, tuple | list) or len(initial) != 2:
        raise InputError(
            f"expected initial to be 'zero' or a pair (f_0(X), f_0(x)), got {_checks.shown(initial)}; give the values "
            f"of the initial function at the training points and at the test points"
        )
    pair = []
    for values, name, wanted in zip(initial, ("initial[0]", "initial[1]"), (y.shape, shape), strict=True):
        array = _checks.real_array(values, name)
        if array.shape != wanted:
            raise InputError(
                f"expected {name} of shape {wanted}, got shape {array.shape}; give f_0 at the "
                f"{'training' if name == 'initial[0]' else 'test'} points, in the shape of the targets"
            )
        pair.append(array)
    return pair[0], pair[1]


# The flow


def flow_of(training: Training, *, features: bool = True) -> GradientFlow:
    """The gradient flow of a problem, in the form in which its small eigenvalues are known best.

    Args:
        training: the problem.
        features: whether a linear kernel may be taken on its features, whose modes are no vectors of training points.
    """
    linear = linear_flow(training) if features else None
    if linear is not None:
        return linear
    if not training.family.collapses:
        return _kernel_flow(training)
    return _limit_flow(training) if training.depth == math.inf else _deflated_flow(training)


def inverse_flow(training: Training) -> GradientFlow:
    """The same for K + R inverted, which has a limit at infinite depth where K collapses and there is no ridge."""
    if not training.family.collapses:
        return _kernel_flow(training)
    return _limit_flow(training) if training.depth == math.inf and training.ridge else _deflated_flow(training)


def _kernel_flow(training: Training) -> GradientFlow:
    """On the kernel itself."""
    A, b, errors = kernel_system(training.family, *training.directions, training.depth)
    if not training.on_sphere:
        size, across = _products(training)
        A, b = A * size, b * across
        errors = errors._replace(matrix=(errors.matrix + 4 * EPS) * size, right=(errors.right + 4 * EPS) * across)
    return plain_flow(A, b, training.residual, errors.matrix, errors.right)


def _products(training: Training) -> tuple[np.ndarray, np.ndarray]:
    """|X_i| |X_j| and |X_i| |x_k|."""
    return np.outer(training.lengths[0], training.lengths[0]), np.outer(*training.lengths)


def _limit_flow(training: Training) -> GradientFlow:
    """At infinite depth, on the limit of a kernel that collapses: nothing but its level is left."""
    A, b, errors = kernel_system(training.family, *training.directions, training.depth)
    level = training.family.limit_value
    if not np.all(level == A):  # antipodal points may keep a value of their own
        return _kernel_flow(training)
    exact = Errors(np.zeros_like(A), np.where(b == level, 0.0, errors.right), errors.on_data)
    return _parted(training, A - level, b - level, exact, level, 0.0, 0.0) or _kernel_flow(training)


def _deflated_flow(training: Training) -> GradientFlow:
    """On K = c d d^T + s G."""
    system = deflated_system(training.family, *training.directions, training.depth)
    if system.level < 0:
        return _kernel_flow(training)
    off = (8 + 2 * abs(system.log_scale)) * EPS
    G, g, errors = system.matrix, system.right, system.errors
    parted = _parted(training, G, g, errors, system.level, system.log_scale, off)
    if parted is not None:
        return parted
    level = system.level / system.scale if system.level else 0.0
    size, across = _products(training)
    A, b, level_error = (G + level) * size, (g + level) * across, (off + 2 * EPS) * level
    return plain_flow(
        A, b, training.residual, (errors.matrix + level_error) * size + 6 * EPS * np.abs(A),
        (errors.right + level_error) * across + 6 * EPS * np.abs(b), log_unit=system.log_scale, unit_error=off,
    )  # fmt: skip


def _parted(training: Training, G, g, errors: Errors, level: float, log_unit: float, off: float) -> GradientFlow | None:
    """`parted_flow` of the deflated kernel of the directions."""
    matrix, right = errors.matrix, errors.right
    if not training.on_sphere:
        size, across = _products(training)
        G, g = G * size, g * across
        matrix, right = matrix * size + 6 * EPS * np.abs(G), right * across + 6 * EPS * np.abs(g)
    return parted_flow(
        G, g, training.residual, matrix, right, level=level, direction=training.lengths[0],
        weights=training.lengths[1], log_unit=log_unit, unit_error=off,
    )  # fmt: skip


def linear_flow(training: Training) -> GradientFlow | None:
    """On features, where the kernel is a rho + c with a, c >= 0 and they are fewer than the points; None elsewhere."""
    if not (training.depth == 1 and len(training.X) > training.X.shape[1]):
        return None
    angles = np.array([np.pi / 2, 0.0, 1.0, 2.5])
    c, top, *others = (float(value) for value in np.asarray(training.family.at_angle(jnp.asarray(angles), 1.0)))
    a = top - c
    c = 0.0 if abs(c) <= 8 * EPS else c
    if a < 0 or c < 0 or any(abs(a * math.cos(t) + c - k) > 16 * EPS for t, k in zip(angles[2:], others, strict=True)):
        return None
    X, x = training.X, training.x
    if training.on_sphere:
        X, x = sphere.project(X, distinct=False), sphere.project(x, distinct=False)
    parts = [(math.sqrt(a) * rows, np.full((len(rows), 1), math.sqrt(c))) for rows in (X, x)]
    F, G = (np.hstack(part) if c else part[0] for part in parts)
    n, r = F.shape
    if n <= r:
        return None
    units = (8 + math.sqrt(n)) * EPS
    size, y = np.abs(F).T, training.residual
    return plain_flow(F.T @ F, G.T, F.T @ y, units * size @ size.T, 8 * EPS * np.abs(G).T, units * size @ np.abs(y))
