"""Infinitely wide networks of any depth as estimators of scikit-learn.

    f_t(x) = K(x,X) phi_t(K + R) y,    phi_t(k) = (1 - exp(-t k))/k,    f_inf(x) = K(x,X) (K + R)^{-1} y

K is the normalised kernel of the rows on the sphere, R the ridge and t the time of training, as for `rn.predict`. `fit`
factors once; `predict` multiplies. This module imports scikit-learn: `rn.DeepKernelRegressor` and
`rn.DeepKernelClassifier` load it when they are touched.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from roughntk import __version__, _checks, sphere
from roughntk._checks import InputError
from roughntk.kernels import Architecture, KernelFamily, as_family
from roughntk.kernels import family as family_of_name
from roughntk.linalg import NotPositiveDefiniteError
from roughntk.regression.classes import decided
from roughntk.regression.fitted import SOLVERS, FittedRegression
from roughntk.regression.parted import Rows

PROJECTIONS = ("stereographic", "canonical", "none", "euclidean")
"""How rows come to the kernel."""

DEPTHS = (2, 3, 4, 6, 10, 20, 50, 100, 1000)
"""Depths that "auto" tries."""

AUTO = "auto"
_SAVED_BY = "roughntk_version"
_MOST_ENTRIES = 2**24  # of a matrix between training and test points: more rows are predicted in several parts


class _DeepKernel(BaseEstimator):
    """What both estimators share: the network, the way to the sphere, the choice of depth."""

    fitted_: FittedRegression

    def __init__(
        self,
        family="relu-ntk",
        depth=3,
        *,
        ridge=1e-6,
        time=math.inf,
        projection="stereographic",
        radius=AUTO,
        parameters=None,
        depths=DEPTHS,
        solver=AUTO,
        devices=None,
    ):
        self.family = family
        self.depth = depth
        self.ridge = ridge
        self.time = time
        self.projection = projection
        self.radius = radius
        self.parameters = parameters
        self.depths = depths
        self.solver = solver
        self.devices = devices

    def _fit(self, X: np.ndarray, targets: np.ndarray) -> None:
        """On checked numbers, shapes (n, columns) and (n, k)."""
        _checks.require_x64(type(self).__name__)
        family = chosen_family(self.family, self.parameters)
        time = _checks.training_time(self.time)
        ridge = _checks.number(self.ridge, "ridge", least=0.0, remedy="it is added to the diagonal of the kernel")
        _checks.choice(self.projection, PROJECTIONS, "projection")
        solver = _checks.choice(self.solver, SOLVERS, "solver")
        self.radius_ = self._chosen_radius(X)
        rows = self._rows(X, family)
        if ridge == 0:
            check_apart(rows)

        def fitted(depth: float, callers: int) -> FittedRegression:
            return FittedRegression(
                family, rows, targets, depth=depth, time=time, ridge=ridge, solver=solver, devices=self.devices,
                callers=callers + 1,
            )  # fmt: skip

        if isinstance(self.depth, str):
            _checks.choice(self.depth, (AUTO,), "depth (or a number from 1 on)")
            if time < math.inf:
                raise InputError(
                    f"expected time=math.inf with depth='auto', got {time:.6g}: what is left out has a closed form for "
                    f"networks trained to convergence only; give a depth, or search with GridSearchCV"
                )
            self.depth_, self.fitted_ = self._chosen_depth(fitted, len(X))
        else:
            self.depth_ = _checks.one_depth(self.depth)
            self.fitted_ = fitted(self.depth_, callers=2)
        self.family_, self.solver_ = family, self.fitted_.method

    def _chosen_depth(self, fitted: Callable[..., FittedRegression], rows: int) -> tuple[float, FittedRegression]:
        """The depth of the least leave-one-out error; of equals the one that is listed first."""
        if rows < 2:
            raise InputError("expected at least two rows to choose a depth by leaving one out, got 1 sample; add some")
        if isinstance(self.depths, str) or not np.iterable(self.depths):
            raise InputError(f"expected depths as numbers from 1 on, got {_checks.shown(self.depths)}; list some")
        depths = [_checks.one_depth(depth) for depth in self.depths]
        if not depths:
            raise InputError("expected at least one of depths to choose from, got none; list some")
        best, errors, refusal = None, [], None
        for depth in depths:
            try:
                model = fitted(depth, callers=3)
                errors.append(float(np.sqrt(np.mean(model.leave_one_out() ** 2))))
            except NotPositiveDefiniteError as error:
                refusal = error
                errors.append(math.inf)
                continue
            if best is None or errors[-1] < min(errors[:-1]):
                best = depth, model
        self.depths_, self.leave_one_out_errors_ = np.array(depths), np.array(errors)
        if best is None:
            assert refusal is not None
            raise refusal
        return best

    def _chosen_radius(self, X: np.ndarray) -> float:
        """The length that is lifted onto the equator."""
        auto = isinstance(self.radius, str) and self.radius == AUTO
        if self.projection != "stereographic":
            if not auto:
                raise InputError(
                    f"expected no radius with projection={self.projection!r}, which has none, got "
                    f"{_checks.shown(self.radius)}; leave it out, or use projection='stereographic'"
                )
            return 1.0
        if not auto:
            return _checks.number(self.radius, "radius", above=0.0, remedy="or 'auto'")
        lengths = sphere.lengths(X)
        largest = float(lengths.max())
        return largest * float(np.sqrt(np.mean((lengths / largest) ** 2))) if largest > 0 else 1.0

    def _rows(self, X: np.ndarray, family: KernelFamily) -> Rows:
        """Raw rows on the sphere, or with their lengths."""
        if self.projection == "euclidean":
            family.check_homogeneous()
        lengths, directions = sphere.placed(X, self.projection, self.radius_)
        return Rows(directions, lengths)

    def _of_rows(self, X: Any, *functions: Callable[[Rows], np.ndarray]) -> list[np.ndarray]:
        """Functions of test rows, some rows at a time."""
        check_is_fitted(self)
        X = checked(self, X, reset=False)
        step = max(1, _MOST_ENTRIES // len(self.fitted_.y))
        parts = [self._rows(X[start : start + step], self.family_) for start in range(0, len(X), step)]
        return [np.concatenate([function(rows) for rows in parts]) for function in functions]

    def __getstate__(self) -> dict[str, Any]:
        """What is saved, with the version that does it."""
        return super().__getstate__() | {_SAVED_BY: __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A saved model, whose family must be one that this version has.

        Raises:
            InputError: a family, or a parameter of it, that this version does not know.
        """
        state = dict(state)
        saved = state.pop(_SAVED_BY, "an unknown version")
        if "family_" in state and isinstance(state.get("family"), str):
            try:
                chosen_family(state["family"], state.get("parameters"))
            except InputError as error:
                raise InputError(
                    f"expected a model that roughntk {__version__} knows, got one saved by roughntk {saved} ({error}); "
                    f"load it with that version, or fit it again"
                ) from None
        super().__setstate__(state)

    def _outputs(self, X: Any) -> np.ndarray:
        """f_t at test rows, shape (m, k)."""
        return self._of_rows(X, lambda rows: self.fitted_.predict(rows))[0]


class DeepKernelRegressor(RegressorMixin, _DeepKernel):
    """Regression by an infinitely wide network of any depth.

    Args:
        family: a kernel family, its name (`rn.kernels.FAMILIES`), or an architecture, whose tangent kernel is taken.
        depth: L >= 1, whole, real or infinite where the family allows it; "auto" takes the one of `depths` with the
            least leave-one-out error (root mean square), which has a closed form.
        ridge: R >= 0, added to the diagonal of the kernel, which is 1 on the sphere. With the default, 1e-6, rows may
            be repeated; with 0 they must be distinct, and the targets are met exactly.
        time: of training, t >= 0; infinity trains to convergence.
        projection: "stereographic" (`rn.sphere.lift` of x/radius, which keeps lengths), "canonical" (x/|x|), "none"
            (rows have norm 1), or "euclidean" (a homogeneous family on rows as they are, |x| |z| K(x/|x|, z/|z|)).
            Columns of different units want a StandardScaler before it.
        radius: the length of rows that are lifted onto the equator; "auto" is the root mean square of the lengths of
            the training rows.
        parameters: of a family that is given by its name, {"weight_variance": 2.0}.
        depths: those that "auto" tries.
        solver: how the linear system is solved: "cholesky" stores and factors the kernel matrix; "iterative" takes
            conjugate gradients and stores none of it; "auto" is the latter for more than 10,000 rows.
        devices: a number of JAX's devices, or "all", on which "iterative" multiplies by the kernel matrix, and which
            "auto" takes it for; None is this host's processors.
        output_scale: what the standard deviation of the network before training is on the sphere, in units of the
            targets; "auto" is their root mean square. It matters for `return_std` only.

    Attributes:
        depth_: the depth.
        leave_one_out_errors_, depths_: root mean squares of residuals, where depth was "auto", infinite where a kernel
            matrix was singular.
        solver_: the solver that was taken.
        fitted_, family_, radius_, output_scale_, n_features_in_, feature_names_in_: what was fitted.

    >>> import roughntk as rn
    >>> X = rn.sphere.uniform(20, 3, 0)
    >>> model = rn.DeepKernelRegressor("relu-ntk", depth="auto").fit(X, X[:, 0] ** 2)
    >>> model.predict(X[:2]).shape, model.depth_ in model.depths_
    ((2,), True)
    """

    def __init__(
        self,
        family="relu-ntk",
        depth=3,
        *,
        ridge=1e-6,
        time=math.inf,
        projection="stereographic",
        radius=AUTO,
        parameters=None,
        depths=DEPTHS,
        solver=AUTO,
        devices=None,
        output_scale=AUTO,
    ):
        super().__init__(
            family, depth, ridge=ridge, time=time, projection=projection, radius=radius, parameters=parameters,
            depths=depths, solver=solver, devices=devices,
        )  # fmt: skip
        self.output_scale = output_scale

    def fit(self, X, y, **refused):
        """Factor the kernel matrix of the rows.

        Args:
            X: rows, shape (n, columns).
            y: targets, shape (n,) or (n, k).

        Returns:
            The estimator.

        Raises:
            InputError: bad parameters or data, sample weights.
            NotPositiveDefiniteError: the kernel matrix plus ridge is singular to rounding.
        """
        refuse_weights(self, refused)
        X, y = checked(self, X, y, multi_output=True, y_numeric=True)
        y = _checks.real_array(y, "y")
        targets = y.reshape(len(y), -1)
        auto = isinstance(self.output_scale, str) and self.output_scale == AUTO
        scale = 1.0 if auto else _checks.number(self.output_scale, "output_scale", above=0.0, remedy="or 'auto'")
        self._fit(X, targets)
        self._trailing = y.shape[1:]
        lengths = self.fitted_.kernel.rows.lengths
        self.output_scale_ = np.full(targets.shape[1], scale)
        if auto and lengths.any():
            self.output_scale_ = np.sqrt(np.mean(targets**2, axis=0) / np.mean(lengths**2))
        return self

    def predict(self, X, return_std=False):
        """Predictions at rows.

        Args:
            X: rows, shape (m, columns).
            return_std: also give standard deviations, in units of the targets: of f_t over initialisations of the
                network, of its prediction that is, not of a new target. For a covariance (a family that is no tangent
                kernel) trained to convergence it is that of the Gaussian process given targets with noise of the
                variance ridge output_scale^2. It is as right as `output_scale` is.

        Returns:
            f_t, shape (m,) or (m, k); with `return_std` a pair of that shape.
        """
        _checks.flag(return_std, "return_std")
        if not return_std:
            return self._shaped(self._outputs(X))
        mean, variance = self._of_rows(
            X, lambda rows: self.fitted_.predict(rows), lambda rows: self.fitted_.variance(rows)
        )
        return self._shaped(mean), self._shaped(np.outer(np.sqrt(variance), self.output_scale_))

    def _shaped(self, values: np.ndarray) -> np.ndarray:
        return values.reshape(len(values), *self._trailing)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class DeepKernelClassifier(ClassifierMixin, _DeepKernel):
    """Classification by an infinitely wide network of any depth.

    One output for each class is trained on 1 for its rows and 0 for others, and the largest decides. There are no
    probabilities: outputs of least squares are none. CalibratedClassifierCV of scikit-learn makes some, from rows that
    were left out.

    Args:
        family, depth, ridge, time, projection, radius, parameters, depths, solver, devices: as for
            `DeepKernelRegressor`; "auto" goes by the residuals of these outputs.

    Attributes:
        classes_: the labels, sorted.
        depth_, leave_one_out_errors_, depths_, solver_, fitted_, family_, radius_, n_features_in_, feature_names_in_:
            as for `DeepKernelRegressor`.

    >>> import roughntk as rn
    >>> X = rn.sphere.uniform(40, 3, 0)
    >>> model = rn.DeepKernelClassifier(depth=4).fit(X, ["up" if z > 0 else "down" for z in X[:, 2]])
    >>> model.predict([[0.0, 0.1, 1.0], [0.1, 0.0, -1.0]]).tolist()
    ['up', 'down']
    """

    def fit(self, X, y, **refused):
        """Factor the kernel matrix of the rows.

        Args:
            X: rows, shape (n, columns).
            y: labels, shape (n,).

        Returns:
            The estimator.

        Raises:
            InputError: bad parameters or data, one class, numbers that are no labels, sample weights.
            NotPositiveDefiniteError: the kernel matrix plus ridge is singular to rounding.
        """
        refuse_weights(self, refused)
        X, y = checked(self, X, y)
        try:
            check_classification_targets(y)
        except ValueError as error:
            raise InputError(
                f"expected class labels in y, got numbers that are none ({_words(error)}); use DeepKernelRegressor"
            ) from None
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(
                f"expected at least two classes in y, got one class, {_checks.shown(self.classes_.tolist()[0])}; add "
                f"rows of another"
            )
        self._fit(X, np.eye(len(self.classes_))[codes])
        return self

    def decision_function(self, X):
        """The outputs of the network at rows, shape (m, classes); of two classes second less first, shape (m,)."""
        values = self._outputs(X)
        return values[:, 1] - values[:, 0] if values.shape[1] == 2 else values

    def predict(self, X):
        """The label of the largest output at rows, shape (m,); of those that only rounding tells apart the first."""
        columns = decided(self._outputs(X))  # which says so where nothing was fitted
        return self.classes_[columns]


def chosen_family(family: Any, parameters: Any) -> KernelFamily:
    """The family that is meant by a name with parameters, a family or an architecture.

    Raises:
        InputError: an unknown name or parameter, parameters beside an object that has its own.
    """
    if parameters is not None and not isinstance(parameters, dict):
        raise InputError(f"expected parameters as a dictionary, got {_checks.shown(parameters)}; write {{name: value}}")
    if isinstance(family, str):
        return family_of_name(family, **(parameters or {}))
    if parameters:
        raise InputError(
            f"expected no parameters beside a family that has its own, got {', '.join(map(str, parameters))}; give "
            f"them to the family, or name it"
        )
    return as_family(family.ntk if isinstance(family, Architecture) else family)


def check_apart(rows: Rows) -> None:
    """Refuse rows that make the kernel matrix singular without a ridge."""
    zero = np.flatnonzero(rows.lengths == 0)
    if zero.size:
        raise InputError(
            f"expected non-zero rows in X without a ridge, got zeros in {_checks.name_rows(zero)}; a homogeneous "
            f"kernel is 0 on them: remove them, or give a ridge"
        )
    pairs = sphere.coincident_rows(rows.directions)
    if pairs:
        raise InputError(
            f"expected distinct points on the sphere without a ridge, got one point of {_checks.name_pairs(pairs)} of "
            f"X; their kernel matrix is singular: give a ridge, or leave out all but one of each"
        )


def refuse_weights(estimator: BaseEstimator, given: dict[str, Any]) -> None:
    """Refuse sample weights, and anything else that `fit` does not know."""
    if given.get("sample_weight") is not None:
        raise InputError(
            f"expected no sample weights for {type(estimator).__name__}, got sample_weight; leave it out: all rows "
            f"count alike"
        )
    others = sorted(set(given) - {"sample_weight"})
    if others:
        raise TypeError(f"{type(estimator).__name__}.fit() got an unexpected keyword argument {others[0]!r}")


def checked(estimator: BaseEstimator, X: Any, *y: Any, **options: Any) -> Any:
    """What scikit-learn checks of data, with our errors: numbers, shapes, names and number of the columns."""
    _checks.check_mask(X, "X")
    for targets in y:
        _checks.check_mask(targets, "y")
    try:
        return validate_data(estimator, X, *y, dtype=np.float64, **options)
    except (TypeError, ValueError) as error:
        for targets in y:
            if isinstance(estimator, RegressorMixin) and np.asarray(targets).dtype.kind in "OUS":
                first = _checks.shown(np.asarray(targets).reshape(-1)[0])
                raise InputError(
                    f"expected numbers in y, got {first} ({_words(error)}); use DeepKernelClassifier for labels"
                ) from None
        if hasattr(X, "columns") or hasattr(X, "toarray"):
            _checks.float64_array(X, "X")  # names columns that hold no numbers, and what to do with a sparse matrix
        if isinstance(error, TypeError):  # which scikit-learn wants for objects that are no numbers
            raise
        raise InputError(f"expected data that an estimator can take, got: {_words(error)}; correct them") from None


def _words(error: Exception) -> str:
    """The message of an error of scikit-learn in one line."""
    return " ".join(str(error).split()).rstrip(".")


__all__ = ["DEPTHS", "PROJECTIONS", "DeepKernelClassifier", "DeepKernelRegressor"]
