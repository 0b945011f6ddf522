"""One step of a rough differential equation from a flat group element X_{s,t}: the log-ODE and Davie schemes,
and many steps one after another."""

from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from roughntk import _checks
from roughntk.rough.algebra import tensor
from roughntk.rough.equations.brackets import contracted_field

METHODS = ("log-ode", "davie")

LEAST_RTOL = 1e-13
"""The least relative tolerance that inner solves are tightened to."""


class Scheme(eqx.Module):
    """How a step is taken: `method`, the level N of the steps, and the inner diffrax solve of the log-ODE."""

    method: str = eqx.field(static=True)
    channels: int = eqx.field(static=True)
    level: int = eqx.field(static=True)
    solver: Any
    rtol: Any
    atol: Any
    max_steps: int = eqx.field(static=True)
    adjoint: Any

    def step(
        self, vector_field: Any, y: jax.Array, element: jax.Array, tighter: jax.Array
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        """(Y_t, whether the inner solve succeeded, its number of steps) from Y_s = y and flat X_{s,t}; the tolerances
        are multiplied by `tighter`.

        "davie": Y_t = y + sum_{|w| <= N} F_w(y) X_{s,t}^w. "log-ode": Y_t = z(1) of
        z' = sum_{|w| <= N} (log X_{s,t})^w F_w(z), z(0) = y, by diffrax.
        """
        field = contracted_field(vector_field, self.level)
        if self.method == "davie":
            return y + field(element, y), jnp.array(True), jnp.array(1)
        logarithm = tensor.flatten(tensor.log(tensor.unflatten(element, self.channels, self.level)))
        # A tighter tolerance stays above rounding.
        rtol = jnp.minimum(self.rtol, jnp.maximum(tighter * self.rtol, LEAST_RTOL))
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(lambda _, z, flat: field(flat, z)),
            self.solver,
            t0=0.0,
            t1=1.0,
            dt0=1.0,
            y0=y,
            args=logarithm,
            stepsize_controller=diffrax.PIDController(rtol=rtol, atol=tighter * self.atol),
            max_steps=self.max_steps,
            adjoint=self.adjoint,
            throw=False,
        )
        success = solution.result == diffrax.RESULTS.successful
        return solution.ys[0], success, solution.stats["num_steps"]


def take_steps(
    scheme: Scheme,
    vector_field: Any,
    y0: jax.Array,
    elements: Any,
    restart: Any,
    tighter: Any,
    fresh: int = 0,
) -> tuple[Any, Any, Any]:
    """Y at the ends of the steps with flat X, shape (m, size), from Y = y0: values (m, state), which steps succeeded
    (m,), their inner steps (m,).

    Before a step that `restart` marks, shape (m,), Y is set to y0 again: one compiled loop for several solutions.
    `tighter`: factors of the tolerances, shape (m,). The last `fresh` entries of the state start from y0 on every step.

    Known steps are filled up to a number of few digits with steps along which nothing moves, so that most other numbers
    of steps compile nothing; the results are then NumPy arrays.
    """
    if _checks.is_traced(y0, elements, restart, tighter):
        return _steps(scheme, vector_field, y0, elements, restart, tighter, fresh)
    count = len(elements)
    missing = -count % (1 << max(0, count.bit_length() - 4))
    elements, restart, tighter = (
        np.concatenate([np.asarray(part), np.full((missing, *part.shape[1:]), rest, part.dtype)])
        for part, rest in ((elements, 0), (restart, False), (tighter, 1))
    )
    results = _steps(scheme, vector_field, y0, elements, restart, tighter, fresh)
    if _checks.is_traced(*results):  # what the vector field closes over
        return tuple(part[:count] for part in results)  # type: ignore[return-value]
    return tuple(np.asarray(part)[:count] for part in results)  # type: ignore[return-value]


@eqx.filter_jit
def _steps(
    scheme: Scheme, vector_field: Any, y0: jax.Array, elements: Any, restart: Any, tighter: Any, fresh: int
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The loop of `take_steps`."""
    kept = jnp.arange(y0.shape[0]) < y0.shape[0] - fresh

    def step(y: jax.Array, inputs: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, Any]:
        element, again, factor = inputs
        y, success, inner = scheme.step(vector_field, jnp.where(again | ~kept, y0, y), element, factor)
        return y, (y, success, inner)

    return lax.scan(step, y0, (elements, restart, tighter))[1]
