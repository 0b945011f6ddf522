"""How sure a prediction is: the spread over initialisations, the posterior of the NNGP, and leave-one-out residuals.

A network is a Gaussian process before training, f_0 with the covariance Sigma of its architecture (`family.nngp`), and
training with the kernel K (`family`) makes of each f_0

    f_t(x) = f_0(x) + A (y - f_0(X)),    A = K(x,X) phi_t(K(X,X) + R),

so that over initialisations f_t is Gaussian, with C = [-A, I] on the points (X, x) and

    mean A y,    covariance C Sigma C^T    (``references.bib``: Lee2019, equations 15 and 16).

The Bayesian posterior of the NNGP with noise is the same with K = Sigma, t = inf and R the variance of the noise, plus
R A A^T.
"""

import dataclasses
import math
import warnings
from typing import TYPE_CHECKING

import numpy as np

from roughntk import _checks, _display
from roughntk._checks import InputError
from roughntk._checks.precision import EPS
from roughntk.kernels import KernelFamily, as_family
from roughntk.linalg import NotPositiveDefiniteError
from roughntk.regression import display
from roughntk.regression.closed_form import solution
from roughntk.regression.exceptions import FEW_DIGITS, InaccurateCoefficientsWarning
from roughntk.regression.flow import GradientFlow, exponential
from roughntk.regression.initial import InitialCovariance, initial_covariance, sampled_functions
from roughntk.regression.predictor import by_flow
from roughntk.regression.training import Training, check_training, inverse_flow, physical_log_scale

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Gaussian(_display.Displayed):
    """A Gaussian distribution of predictions.

    A notebook shows it as a table; `plot` draws means with two standard deviations, and `to_dataframe` has both.

    Attributes:
        mean: shape (m,) or (m, k).
        covariance: between test points, the same for each of the k targets, shape (m, m).
        mean_error, covariance_error: bounds of the errors of the two.
    """

    mean: np.ndarray
    covariance: np.ndarray
    mean_error: np.ndarray
    covariance_error: np.ndarray

    @property
    def deviation(self) -> np.ndarray:
        """Standard deviations, shape (m,)."""
        return np.sqrt(np.maximum(np.diagonal(self.covariance), 0.0))

    @property
    def headline(self) -> str:
        """Within which range means and standard deviations are."""
        means, deviations = display.span(self.mean), display.span(self.deviation)
        return f"predictions at {display.extent(self.mean)}; mean {means}, standard deviation {deviations}"

    def rows(self) -> list[tuple[str, str]]:
        """(quantity, value) for display: means with standard deviations."""
        errors = [float(np.max(error, initial=0.0)) for error in (self.mean_error, self.covariance_error)]
        rows = [
            ("predictions", f"at {display.extent(self.mean)}; ± is the standard deviation"),
            ("errors", f"of means at most {errors[0]:.2g}, of covariances at most {errors[1]:.2g}"),
        ]
        return rows + display.value_rows(self.mean, self._deviations)

    @property
    def _deviations(self) -> np.ndarray:
        """In the shape of the mean."""
        return np.broadcast_to(self.deviation.reshape(-1, *[1] * (self.mean.ndim - 1)), self.mean.shape)

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """The means against the test points, a curve a target, with bars of two standard deviations up and down.

        Args:
            ax: matplotlib's Axes; None makes them, in a figure of their own (`axes.figure`) that pyplot knows nothing
                of.

        Returns:
            The Axes. Of more than four targets the first four are drawn, and the title says so.

        >>> import roughntk as rn
        >>> X, x = rn.sphere.uniform(5, 3, 0), rn.sphere.uniform(2, 3, 1)
        >>> rn.regression.ensemble("relu-ntk", X, X[:, 0], x, depth=3).plot().get_title()
        'Prediction (mean, two standard deviations)'
        """
        bars = 2 * self._deviations
        return display.draw(ax, self.mean, bars, "Prediction", "mean, two standard deviations", apart=0.12)

    def to_dataframe(self) -> "pandas.DataFrame":
        """A row for each prediction, the test points of the first target first.

        Returns:
            Columns `target` and `test_point` (from 0), `mean`, `deviation` (standard deviation; both in units of the
            targets), `mean_error` (bound of |mean - true mean|).

        >>> import roughntk as rn
        >>> X, x = rn.sphere.uniform(5, 3, 0), rn.sphere.uniform(2, 3, 1)
        >>> start = rn.regression.ensemble("relu-ntk", X, X[:, 0], x, depth=3, time=0.0)
        >>> start.to_dataframe()[["test_point", "mean", "deviation"]]
           test_point  mean  deviation
        0           0   0.0        1.0
        1           1   0.0        1.0
        """
        numbers = {"mean": self.mean, "deviation": self._deviations, "mean_error": self.mean_error}
        return _display.data_frame(display.columns_of(numbers))


def ensemble(
    family: KernelFamily,
    X,
    y,
    x,
    *,
    depth,
    time: float = math.inf,
    ridge: float = 0.0,
    kernel: str = "normalised",
    domain: str = "sphere",
) -> Gaussian:
    """Mean and covariance of f_t(x) over the initialisations of a network.

    Args:
        family, X, y, x, depth, time, ridge, domain: as for `rn.predict`; the family is what trains, the tangent kernel
            where all weights do, the covariance where those of the last layer do.
        kernel: "normalised": the variance of f_0 is 1 on the sphere; "physical": it is Sigma, exp(family.nngp.
            log_scale(depth)), over n0 for homogeneous families, and time and ridge belong to Theta.

    Returns:
        A :class:`Gaussian`.

    Raises, warns:
        as `rn.predict`; InputError for a family that is no kernel of an architecture.

    >>> import roughntk as rn
    >>> X, x = rn.sphere.uniform(5, 3, 0), rn.sphere.uniform(2, 3, 1)
    >>> start = rn.regression.ensemble(rn.kernels.ReluNTK(), X, X[:, 0], x, depth=3, time=0.0)
    >>> start.mean.tolist(), start.deviation.tolist()
    ([0.0, 0.0], [1.0, 1.0])
    """
    training = check_training(family, X, y, x, depth, time, ridge, None, kernel, domain)
    start = _initial(training, kernel)
    mean, mean_error, A, A_error = _weights(training, X, x, domain)
    covariance, covariance_error = _spread(start, A, A_error)
    return Gaussian(training.shaped(mean), covariance, training.shaped(mean_error), covariance_error)


def posterior(family: KernelFamily, X, y, x, *, depth, noise: float, domain: str = "sphere") -> Gaussian:
    """Posterior of the NNGP of an architecture, given targets with independent noise.

        mean Sigma(x,X) (Sigma(X,X) + R)^{-1} y,    covariance Sigma(x,x) - Sigma(x,X) (Sigma(X,X) + R)^{-1} Sigma(X,x)

    Args:
        family: a kernel of an architecture; its `nngp` is taken, normalised.
        X, y, x, depth, domain: as for `rn.predict`.
        noise: R >= 0, the variance of the noise.

    Returns:
        A :class:`Gaussian` of the values without noise.

    Raises, warns:
        as `ensemble`.

    >>> import roughntk as rn
    >>> X = rn.sphere.uniform(5, 3, 0)
    >>> sure = rn.regression.posterior("relu-nngp", X, X[:, 0], X[:2], depth=3, noise=1e-12)
    >>> bool(sure.deviation.max() < 2e-6)
    True
    """
    family = _covariance(as_family(family))
    training = check_training(family, X, y, x, depth, math.inf, _noise(noise), None, "normalised", domain)
    mean, mean_error, A, A_error = _weights(training, X, x, domain)
    covariance, covariance_error = _spread(_initial(training, "normalised"), A, A_error)
    own, size = training.ridge * (A @ A.T), np.abs(A)
    covariance_error = covariance_error + training.ridge * (A_error @ size.T + size @ A_error.T + A_error @ A_error.T)
    covariance_error = covariance_error + 8 * len(training.X) * EPS * training.ridge * (size @ size.T)
    return Gaussian(training.shaped(mean), covariance + own, training.shaped(mean_error), covariance_error)


def log_marginal_likelihood(
    family: KernelFamily, X, y, *, depth, noise: float = 0.0, domain: str = "sphere"
) -> np.ndarray:
    """log density of the targets under the NNGP of an architecture with independent noise, for choosing a depth.

        -(1/2) y^T (Sigma(X,X) + R)^{-1} y - (1/2) log det (Sigma(X,X) + R) - (n/2) log(2 pi)

    Args:
        family, X, y, depth, noise, domain: as for `posterior`.

    Returns:
        One number for each target, shape () or (k,).

    Raises:
        NotPositiveDefiniteError: Sigma + R is not positive definite to rounding.

    >>> import roughntk as rn
    >>> X = rn.sphere.uniform(5, 3, 0)
    >>> deep, shallow = (rn.regression.log_marginal_likelihood("relu-nngp", X, X[:, 0], depth=L) for L in (100, 3))
    >>> bool(deep < shallow)
    True
    """
    family = _covariance(as_family(family))
    training, flow, spectrum, log_unit = _inverted(family, X, y, depth, _noise(noise), domain)
    unit = exponential(log_unit)
    if not unit > 0:
        raise InputError(
            f"expected a depth at which the {training.what} differs from its limit within float64 for a likelihood, "
            f"got a difference of exp({flow.log_unit:.6g}); choose a smaller depth, or give a noise"
        )
    square = (flow.eta**2 / spectrum[:, None]).sum(axis=0) / unit
    log_determinant = float(np.log(spectrum).sum()) + len(spectrum) * log_unit
    if flow.large:
        end = flow.large.value + training.ridge
        square, log_determinant = square + flow.large.eta**2 / end, log_determinant + math.log(end)
    value = -(square + log_determinant + len(training.X) * math.log(2 * math.pi)) / 2
    return np.asarray(value.reshape(training.trailing))


def leave_one_out(family: KernelFamily, X, y, *, depth, ridge: float = 0.0, domain: str = "sphere") -> np.ndarray:
    """Residuals y_i - f_i(X_i) of predictions f_i trained to convergence on all points but the i-th.

        ((K + R)^{-1} y)_i / ((K + R)^{-1})_ii

    Args:
        family, X, y, depth, ridge, domain: as for `rn.predict`.

    Returns:
        Residuals in the shape of y.

    Raises:
        InputError: bad input as for `rn.predict`, or fewer than two points.
        NotPositiveDefiniteError: K + R is not positive definite to rounding.

    >>> import roughntk as rn
    >>> X = rn.sphere.uniform(5, 3, 0)
    >>> left = rn.regression.leave_one_out("relu-ntk", X, X[:, 0], depth=3)
    >>> apart = X[0, 0] - rn.predict("relu-ntk", X[1:], X[1:, 0], X[:1], depth=3)[0]
    >>> bool(abs(left[0] - apart) < 1e-14)
    True
    """
    training, flow, spectrum, log_unit = _inverted(family, X, y, depth, ridge, domain)
    if len(training.X) < 2:
        raise InputError("expected at least two training points to leave one out, got 1; add some")
    scaled = flow.vectors / spectrum
    inverse_y, diagonal = scaled @ flow.eta, (scaled * flow.vectors).sum(axis=1)
    if flow.large:
        share = exponential(log_unit) / (flow.large.value + training.ridge)
        inverse_y = inverse_y + share * np.outer(flow.large.vector, flow.large.eta)
        diagonal = diagonal + share * flow.large.vector**2
    return (inverse_y / diagonal[:, None]).reshape(len(training.X), *training.trailing)


def sample_initial(
    family: KernelFamily, X, x, *, depth, key, samples: int = 1, domain: str = "sphere"
) -> tuple[np.ndarray, np.ndarray]:
    """Samples of f_0 at the training and the test points, jointly: what `initial` of `rn.predict` takes.

    Args:
        family, X, x, depth, domain: as for `rn.predict`; f_0 has the normalised covariance `family.nngp`.
        key: a key of JAX, ``jax.random.key(0)``, which fixes the samples.
        samples: how many, in columns.

    Returns:
        (f_0(X), f_0(x)), shapes (n, samples) and (m, samples).

    Raises:
        InputError: bad points or depth, no key, fewer than one sample.

    >>> import jax
    >>> import roughntk as rn
    >>> X, x = rn.sphere.uniform(5, 3, 0), rn.sphere.uniform(2, 3, 1)
    >>> at_X, at_x = rn.regression.sample_initial("relu-ntk", X, x, depth=3, key=jax.random.key(0), samples=4)
    >>> at_X.shape, at_x.shape
    ((5, 4), (2, 4))
    """
    samples = _checks.integer(samples, "samples", least=1)
    training = check_training(family, X, np.zeros(np.shape(X)[0]), x, depth, 0.0, 0.0, None, "normalised", domain)
    both = _sampled(training, key, samples)
    return both[: len(training.X)], both[len(training.X) :]


def sample_trained(
    family: KernelFamily,
    X,
    y,
    x,
    *,
    depth,
    key,
    samples: int = 1,
    time: float = math.inf,
    ridge: float = 0.0,
    domain: str = "sphere",
) -> np.ndarray:
    """Samples of f_t(x): networks that were initialised at random and trained.

    Args:
        family, X, y, x, depth, time, ridge, domain: as for `rn.predict`.
        key, samples: as for `sample_initial`; of k targets each has an initial function of its own.

    Returns:
        f_t(x), shape (samples, m) or (samples, m, k).

    Raises, warns:
        as `rn.predict` and `sample_initial`.

    >>> import jax
    >>> import roughntk as rn
    >>> X = rn.sphere.uniform(5, 3, 0)
    >>> ends = rn.regression.sample_trained("relu-ntk", X, X[:, 0], X, depth=3, key=jax.random.key(0), samples=4)
    >>> bool(abs(ends - X[:, 0]).max() < 1e-12)  # whatever f_0 was
    True
    """
    samples = _checks.integer(samples, "samples", least=1)
    training = check_training(family, X, y, x, depth, time, ridge, None, "normalised", domain)
    mean, _, A, _ = _weights(training, X, x, domain)
    n, (m, k) = len(training.X), mean.shape
    start = _sampled(training, key, samples * k)
    ends = (start[n:] - A @ start[:n]).reshape(m, samples, k) + mean[:, None]
    return np.moveaxis(ends, 1, 0).reshape(samples, m, *training.trailing)


def _covariance(family: KernelFamily) -> KernelFamily:
    """The covariance of the family's architecture."""
    if not hasattr(family, "nngp"):
        raise InputError(
            f"expected a kernel of an architecture, which knows the covariance of the initial function, got "
            f"{family.name}; use one of rn.kernels with two kernels, for instance rn.kernels.Relu().ntk"
        )
    return family.nngp


def _initial(training: Training, kernel: str) -> InitialCovariance:
    """Of f_0 at the training points and then the test points."""
    family = _covariance(training.family)
    log_scale = 0.0
    if kernel == "physical":
        log_scale = physical_log_scale(family, training.depth, training.X.shape[1])
    return initial_covariance(family, *_points(training), training.depth, log_scale=log_scale)


def _sampled(training: Training, key, count: int) -> np.ndarray:
    """Samples of f_0 at the training points and then the test points, shape (n + m, count)."""
    return sampled_functions(_covariance(training.family), *_points(training), training.depth, key, count)


def _points(training: Training) -> tuple[np.ndarray, np.ndarray]:
    """Directions and lengths of the training points and then the test points."""
    return np.concatenate(training.directions), np.concatenate(training.lengths)


def _weights(training: Training, X, x, domain: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(A r, the bound of its error, A, the bound of its error), A r of shape (m, k) and A of shape (m, n)."""
    both = dataclasses.replace(training, residual=np.concatenate([training.residual, np.eye(len(training.X))], axis=1))
    known = by_flow(both, callers=2)
    if known is None:
        solved = solution(training.family, X, x, depth=training.depth, domain=domain, callers=3)
        A, A_error = solved.coefficients.T, solved.forward_error.T
        return A @ training.residual, A_error @ np.abs(training.residual), A, A_error
    f, bound, _ = known
    k = training.residual.shape[1]
    return f[:, :k], bound[:, :k], f[:, k:], bound[:, k:]


def _spread(start: InitialCovariance, A: np.ndarray, A_error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """C Sigma C^T with C = [-A, I], and the bound of its error."""
    m, n = A.shape
    C = np.concatenate([-A, np.eye(m)], axis=1)
    covariance, bound = start.of(C)
    beside = np.abs(start.level * np.outer(start.direction, C @ start.direction) + start.unit * (start.matrix @ C.T))
    moved = A_error @ beside[:n]
    most = np.abs(start.level) * np.outer(start.direction, start.direction) + start.unit * np.abs(start.matrix)
    return covariance, bound + moved + moved.T + A_error @ most[:n, :n] @ A_error.T


def _noise(noise) -> float:
    """The variance of the noise, checked under its name."""
    return _checks.number(noise, "noise", least=0.0, remedy="it is a variance, and 0 is no noise")


def _inverted(family, X, y, depth, ridge, domain) -> tuple[Training, GradientFlow, np.ndarray, float]:
    """A problem without test points, its flow, and the eigenvalues of K + R, the large one aside, with their unit.

    They are positive, and in units of w = s + R, whose logarithm comes last: s alone may be 0 in float64.
    """
    training = check_training(family, X, y, X[:1], depth, math.inf, ridge, None, "normalised", domain)
    flow = inverse_flow(training)
    log_unit, share, over = flow.log_unit, 1.0, 0.0
    if training.ridge:
        log_unit = math.log(flow.unit + training.ridge)
        share, over = exponential(flow.log_unit - log_unit), training.ridge / (flow.unit + training.ridge)
    unit, spectrum = exponential(log_unit), share * flow.spectrum + over
    least, doubt = float(spectrum.min(initial=math.inf)), share * flow.doubt
    if not least > doubt:
        raise NotPositiveDefiniteError(
            f"expected a positive definite {training.what} plus ridge, got the eigenvalue {least * unit:.3g}, "
            f"known to {doubt * unit:.2g} only; raise the ridge, choose another depth, or move nearly equal "
            f"points apart"
        )
    if doubt > FEW_DIGITS * least:
        warnings.warn(
            f"the eigenvalue {least * unit:.3g} of the {training.what} plus ridge is known to "
            f"{doubt * unit:.2g} only, so that few digits of what follows from its inverse are certain; "
            f"raise the ridge, or move nearly equal points apart",
            InaccurateCoefficientsWarning,
            stacklevel=3,
        )
    return training, flow, spectrum, log_unit
