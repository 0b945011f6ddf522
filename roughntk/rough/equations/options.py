"""How a rough differential equation is solved, apart from what the equation is: one immutable object."""

import dataclasses
from typing import Any

import diffrax

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.paths.arguments import check_adjoint, check_solver


@dataclasses.dataclass(frozen=True)
class RDEOptions:
    """Options of `solve_rde` and `ito_lyons`; immutable, `dataclasses.replace` makes another one.

    Attributes:
        solver: an adaptive diffrax solver; None is `diffrax.Tsit5()`.
        rtol, atol: tolerances of the diffrax solves, above 0 and below 1.
        max_steps: bound on the number of steps of each of them, at least 1.
        adjoint: a diffrax adjoint; None is `diffrax.RecursiveCheckpointAdjoint()`, for reverse mode
            (`diffrax.ForwardMode()` for jvp).
        p: the p of the driver as a p-rough path, at least 1: its level must be at least floor(p).
        threshold: with p, take the steps of `greedy_partition(rough_path, p, threshold)`; above 0, in units of |X|^p.
        estimate: whether to compute the error estimate: 2.5 times as much work again, 6 times for "davie".

    Raises:
        InputError: values out of range, a class in place of an instance, a solver without an error estimate, a
            threshold without p.

    >>> import roughntk as rn
    >>> quick = rn.rough.RDEOptions(rtol=1e-6, atol=1e-8, estimate=False)
    >>> rn.rough.solve_rde(lambda y: y[:, None], [[0.0], [1.0]], [1.0], options=quick).error_estimate is None
    True
    """

    solver: diffrax.AbstractSolver | None = None
    rtol: float = 1e-9
    atol: float = 1e-11
    max_steps: int = 4096
    adjoint: diffrax.AbstractAdjoint | None = None
    p: float | None = None
    threshold: float | None = None
    estimate: bool = True

    def __post_init__(self) -> None:
        def keep(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        keep("solver", diffrax.Tsit5() if self.solver is None else self.solver)
        check_solver(self.solver)
        keep("adjoint", diffrax.RecursiveCheckpointAdjoint() if self.adjoint is None else self.adjoint)
        check_adjoint(self.adjoint)
        for name in ("rtol", "atol"):
            keep(name, _checks.number(getattr(self, name), name, above=0, below=1, remedy="1e-9 is a good start"))
        keep("max_steps", _checks.integer(self.max_steps, "max_steps", least=1))
        keep("estimate", _checks.flag(self.estimate, "estimate"))
        if self.p is not None:
            keep("p", _checks.exponent(self.p))
        elif self.threshold is not None:
            raise InputError("expected threshold together with p, got p=None; the greedy partition needs both")

    @classmethod
    def of(cls, options: "RDEOptions | None", settings: dict[str, Any]) -> "RDEOptions":
        """The options, with some of them given by name.

        Raises:
            InputError: `options` of another type, or a name that is none of its attributes (with the nearest one).
        """
        if options is not None and not isinstance(options, RDEOptions):
            raise InputError(
                f"expected options to be RDEOptions, got {_checks.shown(options)}; write RDEOptions(rtol=1e-6)"
            )
        names = tuple(field.name for field in dataclasses.fields(cls))
        for name in settings:
            _checks.choice(name, names, "the name of an option")
        return dataclasses.replace(options or cls(), **settings)
