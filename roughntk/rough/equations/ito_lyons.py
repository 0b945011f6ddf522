"""The Ito-Lyons map: the solution of a rough differential equation as a rough path of its own.

The lift of Y solves an equation along the same driver, d S = S (x) dY = S (x) V(Y) dX in the truncated tensor
algebra, S = 1 at the start of every step. The scheme is applied to (Y, S) together; the S of the steps, joined by
Chen's identity, are the lift. At level 2 a step has S^2 = V(Y_s) (x) V(Y_s) X^2_{s,t} + higher order terms, the
compensated sums of the rough integral. Along a geometric driver the exact S are group-like and the computed ones
up to the error of the scheme; their logarithms are projected onto the Lie algebra (right-normed bracketing), so the
lift is geometric to rounding. Along an Ito lift nothing is projected: it is the Ito lift of Y.
Source: LyonsCaruanaLevy2007, definition 5.1 and theorem 5.3.
"""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from roughntk import _checks
from roughntk.rough.algebra import tensor
from roughntk.rough.equations import rde
from roughntk.rough.equations.options import RDEOptions
from roughntk.rough.equations.schemes import METHODS
from roughntk.rough.paths.arguments import check_driver, check_field
from roughntk.rough.paths.lifts import Lift, lift_from_steps
from roughntk.rough.paths.perturbed import bracketed
from roughntk.rough.paths.products import exponential, in_portions


class ItoLyons(eqx.Module):
    """`solution`: the `RDESolution` of the path Y. `lift`: the `Lift` of Y on the same times (or of (X, Y), if it
    was asked for), channels = state (or channels of X + state), at the level of the driver."""

    solution: rde.RDESolution
    lift: Lift


def ito_lyons(
    vector_field: Any,
    rough_path: Any,
    y0: Any,
    *,
    joint: bool = False,
    method: str = "auto",
    level: int | None = None,
    partition: Any = None,
    throw: bool = True,
    options: RDEOptions | None = None,
    **settings: Any,
) -> ItoLyons:
    """Solve dY = V(Y) dX and lift the solution to the level of the driver.

    `joint` False gives the lift of Y, True that of (X, Y), whose first channels are those of X. Everything else is
    as for `solve_rde` (methods "auto", "log-ode", "davie"); the error estimate is that of Y. The extended state has
    state + sum_k state^k entries (state + channels of X in place of state if joint).
    Raises as `solve_rde` does, and `InputError` where one lift exceeds the memory that is free.

    >>> import roughntk as rn
    >>> import jax.numpy as jnp
    >>> result = rn.rough.ito_lyons(lambda y: y[:, None], [[0.0], [1.0]], [1.0])
    >>> bool(jnp.abs(result.solution.values[-1, 0] - jnp.e) < 1e-6), result.lift.level
    (True, 2)
    """
    _checks.require_x64("ito_lyons")
    joint, throw = _checks.flag(joint, "joint"), _checks.flag(throw, "throw")
    options = RDEOptions.of(options, settings)
    method = _checks.choice(method, ("auto", *METHODS), "method")
    y0 = rde.state_array(y0)
    check_driver(rough_path)
    driver = rde.prepared(rough_path, level, options.p)
    check_field(vector_field, y0, driver.channels)
    method = rde.chosen_method(method, driver)
    base = driver
    driver = rde.on_partition(driver, partition, options)
    d, start = driver.channels, y0
    if joint:
        start = jnp.concatenate([jnp.zeros(d, y0.dtype), y0])
    state, field = start.shape[0], _JointField(vector_field, d) if joint else vector_field
    size = tensor.signature_size(state, driver.level)
    _checks.memory(
        8.0 * (driver.points) * (state + size) * tensor.signature_size(d, driver.level),
        f"the lift to level {driver.level} of a solution of {state} channels at {driver.points} points",
        "take fewer steps, lower the level, or use a smaller state",
    )
    scheme = rde.make_scheme(method, d, driver.level, options)
    extended = _ExtendedField(field, state, driver.level)
    whole = rde.solved(
        scheme, extended, jnp.concatenate([start, jnp.zeros(size, start.dtype)]), base, driver,
        estimate=options.estimate, throw=throw, fresh=size,
    )  # fmt: skip
    table = whole.values if _checks.is_traced(whole.values) else np.asarray(whole.values)
    values, steps = jnp.asarray(table[:, state - y0.shape[0] : state]), table[1:, state:]
    solution = eqx.tree_at(lambda s: s.values, whole, values)
    if driver.geometric:
        if _checks.is_traced(steps):
            steps = _projected(steps, state, driver.level)
        else:
            steps = in_portions(lambda part: _projected(part, state, driver.level), np.asarray(steps))
    lifted = lift_from_steps(steps, state, driver.level, times=driver.times, geometric=driver.geometric)
    return ItoLyons(solution, lifted)


@functools.partial(jax.jit, static_argnums=(1, 2))
def _projected(steps: jax.Array, channels: int, level: int) -> jax.Array:
    """exp of the Lie part of log S for each row."""

    def project(step: jax.Array) -> jax.Array:
        logarithm = tensor.log(tensor.unflatten(step, channels, level))
        lie = (bracketed(part, channels, k) / k for k, part in enumerate(logarithm[1:], start=1))
        return tensor.flatten(exponential((logarithm[0], *lie)))

    return jax.vmap(project)(steps)


class _JointField(eqx.Module):
    """(x, y) -> (I; V(y)), the field of d(X, Y)."""

    vector_field: Any
    channels: int = eqx.field(static=True)

    def __call__(self, z: jax.Array) -> jax.Array:
        below = self.vector_field(z[self.channels :])
        return jnp.concatenate([jnp.eye(self.channels, dtype=below.dtype), below])


class _ExtendedField(eqx.Module):
    """(y, S) -> (V(y), S (x) V(y)), S flat with scalar part 1; column i belongs to dX^i."""

    vector_field: Any
    state: int = eqx.field(static=True)
    level: int = eqx.field(static=True)

    def __call__(self, z: jax.Array) -> jax.Array:
        columns = self.vector_field(z[: self.state])
        below = tensor.unflatten(z[self.state :], self.state, self.level)[:-1]
        products = [jnp.einsum("a,bi->abi", part, columns).reshape(-1, columns.shape[1]) for part in below]
        return jnp.concatenate([columns, *products])
