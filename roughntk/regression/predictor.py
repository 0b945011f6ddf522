"""Predictions of an infinitely wide network, trained for a while or to convergence, at any depth.

    f_t(x) = f_0(x) + K(x,X) phi_t(K(X,X) + R) (y - f_0(X)),    phi_t(k) = (1 - exp(-t k))/k,
    f_inf(x) = f_0(x) + u(x)^T (y - f_0(X))    without a ridge R

for gradient flow on half the sum of the squared errors, plus R/2 times the squared distance of the parameters from
their initial values (``references.bib``: Lee2019, paper Propositions 3 and 6). The mean over networks has f_0 = 0.

Where the kernel collapses with depth, K = c 1 1^T + s G, the flow has one fast mode and n - 1 of the speed s, which
are taken from G (:mod:`roughntk.regression.flow`): the spectrum of K itself, rounded, knows nothing of them.

Time and depth do not commute there. At any finite time the limit in depth is the flow of the constant kernel c 1 1^T,
f = f_0(x) + (1 - exp(-t n c)) mean(y - f_0(X)); at infinite time it is the limit of u, which tells points apart; in
between stand the times that grow like 1/s. What is asked for is given: `depth=inf` with a finite time is the first,
with `time=inf` the second. With a ridge R > 0 both are the flow of the constant kernel.
"""

import dataclasses
import math
import warnings
from typing import TYPE_CHECKING

import numpy as np

from roughntk import _checks, _display
from roughntk._checks import InputError
from roughntk._checks.precision import EPS
from roughntk.kernels import KernelFamily
from roughntk.linalg import NotPositiveDefiniteError
from roughntk.regression import display
from roughntk.regression.closed_form import solution
from roughntk.regression.exceptions import FEW_DIGITS, InaccurateCoefficientsWarning
from roughntk.regression.flow import GradientFlow, exponential
from roughntk.regression.training import Training, check_training, flow_of, linear_flow

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes


_SEEN = 1e-6  # of the largest value: smaller bounds are beyond the digits that are shown


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class PredictionReport(_display.Displayed):
    """Predictions, and what is known of them.

    A notebook shows it as a table; `plot` draws it, and `to_dataframe` has its numbers.

    Attributes:
        values: f_t(x), shape (m,) or (m, k).
        forward_error: a bound of |f - true f|, of the same shape.
        smallest_eigenvalue: of K(X, X), or of F^T F where K = F F^T at depth 1, without the ridge; NaN at infinite
            time without a ridge.
        what: the values are: "prediction", or the derivative of one.
    """

    values: np.ndarray
    forward_error: np.ndarray
    smallest_eigenvalue: float = math.nan
    what: str = "prediction"

    @property
    def headline(self) -> str:
        """What there is, within which range, and how far it may be off."""
        return f"{self.what} at {display.extent(self.values)}; {display.span(self.values)}, {self._error}"

    @property
    def _error(self) -> str:
        return f"error at most {np.max(self.forward_error, initial=0.0):.2g}"

    def rows(self) -> list[tuple[str, str]]:
        """(quantity, value) for display; values have the bounds of their errors where these are seen."""
        rows = [(self.what, f"at {display.extent(self.values)}; {self._error}")]
        if not math.isnan(self.smallest_eigenvalue):
            rows.append(("smallest eigenvalue of K(X,X)", f"{self.smallest_eigenvalue:.3g}"))
        seen = self.forward_error > _SEEN * np.max(np.abs(self.values), initial=0.0)
        return rows + display.value_rows(self.values, np.where(seen, self.forward_error, math.nan))

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """The values against the test points, a curve a target, with the bounds of their errors where they are seen.

        Args:
            ax: matplotlib's Axes; None makes them, in a figure of their own (`axes.figure`) that pyplot knows nothing
                of.

        Returns:
            The Axes. Of more than four targets the first four are drawn, and the title says so.

        >>> import roughntk as rn
        >>> X, x = rn.sphere.uniform(5, 3, 0), rn.sphere.uniform(2, 3, 1)
        >>> rn.regression.prediction(rn.kernels.ReluNTK(), X, X[:, 0], x, depth=3).plot().get_xlabel()
        'test point'
        """
        return display.draw(ax, self.values, self.forward_error, self.what.capitalize(), self._error)

    def to_dataframe(self) -> "pandas.DataFrame":
        """A row for each value, the test points of the first target first.

        Returns:
            Columns `target` and `test_point` (from 0), `value` (in units of the targets; a derivative is per unit of
            depth or time), `error_bound` (of |value - true value|).

        >>> import roughntk as rn
        >>> X, x = rn.sphere.uniform(5, 3, 0), rn.sphere.uniform(2, 3, 1)
        >>> frame = rn.regression.prediction("sigmoid", X, [1, 2, 3, 4, 5], x, depth=30, time=1e3).to_dataframe()
        >>> frame[["target", "test_point", "value"]].round(6)
           target  test_point  value
        0       0           0    3.0
        1       0           1    3.0
        """
        return _display.data_frame(display.columns_of({"value": self.values, "error_bound": self.forward_error}))


def predict(
    family: KernelFamily,
    X,
    y,
    x,
    *,
    depth,
    time: float = math.inf,
    ridge: float = 0.0,
    initial=None,
    kernel: str = "normalised",
    domain: str = "sphere",
) -> np.ndarray:
    """Prediction f_t(x) at the test points after training for a time, from an initial function, with a ridge.

        f_t(x) = f_0(x) + K(x,X) (K(X,X) + R)^{-1} (1 - exp(-t (K(X,X) + R))) (y - f_0(X))

    Args:
        family: a kernel family.
        X: training points, unit distinct rows, shape (n, n0); with domain="euclidean", rows of any length in different
            directions.
        y: targets, shape (n,) or (n, k).
        x: test points, unit rows, shape (m, n0).
        depth: network depth, whole, real or infinite where the family allows it. At infinite depth a kernel that
            collapses has forgotten its points at every finite time, and f_t(x) = f_0(x) + (1 - exp(-t n c))
            mean(y - f_0(X)); only `time=inf` gives the limit of f_inf. The two limits do not commute.
        time: t >= 0 of gradient flow on half the sum of the squared errors. Gradient descent of small steps on half
            their mean over n points and k targets has come to t = (learning rate)(steps)/(n k) of the physical kernel.
            Infinity is training to convergence.
        ridge: R >= 0.
        initial: f_0 as a pair of its values at X and at x, shapes of y and of the result; None or "zero" for the mean
            over networks.
        kernel: what t multiplies and R is added to: "normalised", K; or "physical", the unnormalised kernel Theta =
            sigma K, sigma = exp(family.log_scale(depth)), over n0 for homogeneous families: t = T L/(n0 2^{L-1}) for
            a time T of the ReLU NTK on the sphere.
        domain: "sphere", or "euclidean" for a homogeneous family, whose kernel is |x| |x'| K(x/|x|, x'/|x'|).

    Returns:
        f_t(x), shape (m,) or (m, k).

    Raises:
        InputError: targets of another length, NaN or masked entries, a negative time or ridge, an initial function of
            another shape, bad points (as for `coefficients`), the physical kernel at infinite depth; or a time at
            which rounding decides the prediction; the message says until which time it is known.
        NotPositiveDefiniteError: the kernel matrix is singular to working precision; or K + R is indefinite, and
            gradient flow diverges.

    Warns:
        InaccurateCoefficientsWarning: fewer than three digits are certain.
        IndefiniteKernelWarning: K(X,X) has negative eigenvalues, at infinite time without a ridge.

    >>> import roughntk as rn
    >>> X, x = rn.sphere.uniform(5, 3, 0), rn.sphere.uniform(2, 3, 1)
    >>> rn.predict(rn.kernels.ReluNTK(), X, X[:, 0], x, depth=3).shape
    (2,)
    >>> rn.predict("sigmoid", X, [1.0, 2.0, 3.0, 4.0, 5.0], x, depth=30, time=1e3).round(6).tolist()  # the mean
    [3.0, 3.0]
    """
    given = (X, y, x, depth, time, ridge, initial, kernel, domain)
    return _prediction(family, *given).values


def prediction(
    family: KernelFamily,
    X,
    y,
    x,
    *,
    depth,
    time: float = math.inf,
    ridge: float = 0.0,
    initial=None,
    kernel: str = "normalised",
    domain: str = "sphere",
) -> PredictionReport:
    """What `predict` finds, with a bound of its error.

    Args:
        family, X, y, x, depth, time, ridge, initial, kernel, domain: as for `predict`.

    Returns:
        A :class:`PredictionReport`: `values`, `forward_error`, `smallest_eigenvalue`.

    Raises, warns:
        as `predict`.

    >>> import roughntk as rn
    >>> X, x = rn.sphere.uniform(5, 3, 0), rn.sphere.uniform(2, 3, 1)
    >>> report = rn.regression.prediction(rn.kernels.ReluNTK(), X, X[:, 0], x, depth=3, time=10.0)
    >>> bool((report.forward_error < 1e-12).all())
    True
    """
    given = (X, y, x, depth, time, ridge, initial, kernel, domain)
    return _prediction(family, *given)


def _prediction(family, X, y, x, depth, time, ridge, initial, kernel, domain) -> PredictionReport:
    """`prediction`, called by what the user calls."""
    _checks.require_x64("predict")
    training = check_training(family, X, y, x, depth, time, ridge, initial, kernel, domain)
    known = by_flow(training, callers=2)
    if known is None:
        solved = solution(training.family, X, x, depth=training.depth, domain=domain, callers=3)
        f, bound = solved.coefficients.T @ training.residual, solved.forward_error.T @ np.abs(training.residual)
        smallest = math.nan
    else:
        f, bound, smallest = known
    values = training.start + f
    bound = bound + EPS * np.abs(values)
    return PredictionReport(training.shaped(values), training.shaped(bound), smallest)


def by_flow(training: Training, callers: int) -> tuple[np.ndarray, np.ndarray, float] | None:
    """f_t - f_0, the bound of its error and the smallest eigenvalue; None where the coefficients are to be solved for.

    Args:
        training: the problem.
        callers: how many functions of this package stand between this one and the user, for the place of warnings.

    Raises, warns:
        as `require_convergent` and `require_known`.
    """
    converged = training.log_time == math.inf and training.ridge == 0
    flow = linear_flow(training) if converged else flow_of(training)
    if flow is None:
        return None
    require_convergent(flow, training)
    f, bound = flow.at(training.log_time, training.ridge)
    require_known(flow, training, f, bound, callers=callers + 1)
    return f, bound, flow.smallest


def require_convergent(flow: GradientFlow, training: Training) -> None:
    """Refuse a flow that grows along an eigenvector of a negative eigenvalue."""
    if flow.diverges(training.log_time, training.ridge):
        penalty = f" plus the ridge {training.ridge:.3g}" if training.ridge else ""
        raise NotPositiveDefiniteError(
            f"expected a positive definite {training.what} for a finite training time or a ridge, got the eigenvalue "
            f"{flow.smallest:.3g}{penalty}: gradient flow diverges along it; train to convergence (time=math.inf) "
            f"without a ridge or with a larger one, or choose other points"
        )


def require_known(flow: GradientFlow, training: Training, f: np.ndarray, bound: np.ndarray, callers: int) -> None:
    """Refuse predictions that rounding decides, and warn of those with few digits.

    Args:
        flow, training: of the prediction.
        f, bound: f_t - f_0 and the bound of its error, shapes (m, k).
        callers: how many functions of this package stand between this one and the user, for the warning's place.
    """
    part = float(np.max(np.where(np.isfinite(bound), bound, math.inf) / np.maximum(1.0, np.nan_to_num(np.abs(f)))))
    smallest, doubt = (f"{value * flow.unit:.3g}" for value in (flow.spectrum.min(initial=math.inf), flow.doubt))
    if not part < 1:
        known = exponential(flow.known_until(FEW_DIGITS, training.ridge) - training.log_scale)
        raise InputError(
            f"expected a training time until which the prediction is known, got {training.time:.6g}: the "
            f"{training.what} has the eigenvalue {smallest}, known to {doubt} only, and rounding decides from there "
            f"on; train until {known:.3g} at most, raise the ridge, choose another depth, or move nearly equal points "
            f"apart"
        )
    if part > FEW_DIGITS:
        warnings.warn(
            f"the prediction after the time {training.time:.6g} is known to {part:.2g} of max(1, |f|) only "
            f"({training.what}: eigenvalue {smallest}, known to {doubt}); see the forward_error of "
            f"rn.regression.prediction",
            InaccurateCoefficientsWarning,
            stacklevel=2 + callers,
        )
