"""What is audited: the objects of the paper as this package has them, each of which can be replaced.

An examination takes its objects from a `Subject` and from nowhere else, so that a wrong one changes what comes out. A
`Watched` subject writes down which of them were taken; on those the verdict rests, and `roughntk.audit.grounds` checks
each against what the paper defines, by another route.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roughntk import rough
from roughntk.audit import ingredients

Numbers = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Subject:
    """The ingredients of the paper's statements.

    Attributes:
        correlation_map: h(z), of one ReLU layer, elementwise on [-1, 1].
        slope: h'(z).
        covariance: (rho, depth) -> rho_L, elementwise, whole depths.
        tangent: (rho, depth) -> K_L, the normalised NTK.
        sigmoid: (rho, depth) -> eta_L, the paper's second family.
        biased: (rho, depth) -> K_L of the network with biases of Appendix A, beta = 1, sigma_w^2 = 1, |x|^2 = n0.
        clock: (z, d) -> psi_d(z), z in (-1, 1).
        driver_rate: (A, A') -> A^{-1} A', what the driver of Theorem 3 grows by.
        transport: (K_L, K_{L+1}, b_L, b_{L+1}, driver_rate) -> u(1), by integrating the equation of Theorem 3.
        lifts: by the name of what computes it, (path, level) -> signature, levels 1 to `level`, flat.
        projective_norm: (level of a tensor, flat, channels, "l1" or "l2" on them) -> its projective norm.
        variation_distance: (path, path, p, level) -> their p-variation distance at that level in l1; None: the largest.
        criteria: (kernel, deepest) -> verdicts on the conditions of Section 6 by name, for kernels (rho, depth) -> k.
        networks: draws of random networks; see `roughntk.audit.ingredients.Networks`.
        project: rows -> x/|x|, whether or not some become equal (case b).
        lift: rows -> (2x, |x|^2 - 1)/(|x|^2 + 1), one dimension more (case c).
        predict: (X, y, x, depth, time, (f_0(X), f_0(x))) -> f_t(x) of the ReLU NTK trained for a time.
    """

    correlation_map: Callable[[Numbers], Numbers] = ingredients.correlation_map
    slope: Callable[[Numbers], Numbers] = ingredients.slope
    covariance: Callable[[Any, int], Numbers] = ingredients.covariance
    tangent: Callable[[Any, int], Numbers] = ingredients.tangent
    sigmoid: Callable[[Any, int], Numbers] = ingredients.sigmoid
    biased: Callable[[Any, int], Numbers] = ingredients.biased
    clock: Callable[[Numbers, float], Numbers] = ingredients.clock
    driver_rate: Callable[[Numbers, Numbers], Numbers] = ingredients.driver_rate
    transport: Callable[..., Numbers] = ingredients.transport
    lifts: Mapping[str, Callable[[Numbers, int], Numbers]] = dataclasses.field(
        default_factory=lambda: {
            name: functools.partial(ingredients.lifted, backend=name) for name in rough.available_backends()
        }
    )
    projective_norm: Callable[[Numbers, int, str], float] = ingredients.projective_norm
    variation_distance: Callable[..., float] = ingredients.variation_distance
    criteria: Callable[..., dict[str, Any]] = ingredients.criteria
    networks: Any = dataclasses.field(default_factory=ingredients.Networks)
    project: Callable[[Numbers], Numbers] = ingredients.project
    lift: Callable[[Numbers], Numbers] = ingredients.lift
    predict: Callable[..., Numbers] = ingredients.predict

    @classmethod
    def made_of(cls, correlation_map=None, slope=None, recursion=None, **more: Any) -> "Subject":
        """The subject whose kernels are iterated, layer by layer, from another layer or another recursion.

        Args:
            correlation_map: h in place of the ReLU network's.
            slope: h'.
            recursion: (K_L, rho_L, rho_{L+1}, h'(rho_L), L) -> K_{L+1}.
            more: other ingredients.
        """
        layer = correlation_map or ingredients.correlation_map
        derivative = slope or ingredients.slope
        step = recursion or ingredients.recursion
        layers = ingredients.Layered(layer, derivative, step)
        given: dict[str, Any] = dict(more)
        if correlation_map is not None:
            given |= {"correlation_map": layer, "covariance": lambda rho, depth: layers(rho, depth)[0]}
        if slope is not None:
            given["slope"] = derivative
        given["tangent"] = lambda rho, depth: layers(rho, depth)[1]
        return cls(**given)


class Watched:
    """A subject that writes down what is taken from it.

    >>> watched = Watched(Subject())
    >>> float(watched.slope(np.array(1.0))), watched.taken
    (1.0, {'slope'})
    """

    def __init__(self, subject: Subject):
        self._subject = subject
        self.taken: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._subject, name)
        self.taken.add(name)
        return value


__all__ = ["Numbers", "Subject", "Watched"]
