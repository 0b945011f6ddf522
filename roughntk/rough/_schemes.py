"""One step of a rough differential equation from a flat group element X_{s,t}: the log-ODE and Davie schemes,
and the march over many steps."""

from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax

from roughntk.rough import tensor
from roughntk.rough._brackets import contracted_field

METHODS = ("log-ode", "davie")


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

    def at_level(self, level: int) -> "Scheme":
        """The same scheme with another level."""
        return Scheme(
            self.method, self.channels, level, self.solver, self.rtol, self.atol, self.max_steps, self.adjoint
        )

    def step(self, vector_field: Any, y: jax.Array, element: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """(Y_t, whether the inner solve succeeded, its number of steps) from Y_s = y and flat X_{s,t}.

        "davie": Y_t = y + sum_{|w| <= N} F_w(y) X_{s,t}^w. "log-ode": Y_t = z(1) of
        z' = sum_{|w| <= N} (log X_{s,t})^w F_w(z), z(0) = y, by diffrax.
        """
        field = contracted_field(vector_field, self.level)
        if self.method == "davie":
            return y + field(element, y), jnp.array(True), jnp.array(1)
        logarithm = tensor.flatten(tensor.log(tensor.unflatten(element, self.channels, self.level)))
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(lambda _, z, flat: field(flat, z)),
            self.solver,
            t0=0.0,
            t1=1.0,
            dt0=1.0,
            y0=y,
            args=logarithm,
            stepsize_controller=diffrax.PIDController(rtol=self.rtol, atol=self.atol),
            max_steps=self.max_steps,
            adjoint=self.adjoint,
            throw=False,
        )
        success = solution.result == diffrax.RESULTS.successful
        return solution.ys[0], success, solution.stats["num_steps"]


@eqx.filter_jit
def march(
    scheme: Scheme, vector_field: Any, y0: jax.Array, elements: jax.Array, again: int = 0, fresh: int = 0
) -> tuple[Any, ...]:
    """Y at the ends of the steps with flat X, shape (m, size), from Y = y0: values (m + 1, state), which steps
    succeeded (m,), their inner steps (m,).

    With `again` > 0 the last `again` elements are a second march, from y0 again, and a fourth result holds its
    values, shape (again + 1, state): one compiled loop for a solution and its coarser companion. The last `fresh`
    entries of the state start from y0 on every step.
    """
    count = elements.shape[0] - again
    kept = jnp.arange(y0.shape[0]) < y0.shape[0] - fresh

    def step(y: jax.Array, inputs: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, Any]:
        element, restart = inputs
        y, success, inner = scheme.step(vector_field, jnp.where(restart | ~kept, y0, y), element)
        return y, (y, success, inner)

    restart = jnp.arange(elements.shape[0]) == count
    values, success, inner = lax.scan(step, y0, (elements, restart))[1]
    first = jnp.concatenate([y0[None], values[:count]])
    if not again:
        return first, success, inner
    return first, success[:count], inner[:count], jnp.concatenate([y0[None], values[count:]])
