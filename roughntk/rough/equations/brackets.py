"""Derivatives of vector fields along themselves: iterated fields, Lie brackets, contraction with a tensor.

V = (V_1, ..., V_d), given as y -> array (state, channels), are first-order differential operators; for a word
w = i1 ... ik the iterated field is F_w(y) = V_{i1} ... V_{ik} Id (y), so F_{i} = V_i, F_{i w} = D F_w V_i. Since
w -> V_{i1} ... V_{ik} turns the product of words into composition, sum_w l^w F_w = sum_u c_u V_[u] for a Lie
element l = sum_u c_u [u] (u Lyndon words, V_[u] the brackets of vector fields): the second derivatives of the
state cancel. Derivatives are forward-mode (jvp), nested; none is approximated.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from roughntk.rough.algebra import tensor
from roughntk.rough.algebra.lyndon import standard_factorisation

Field = Callable[[jax.Array], jax.Array]


def lie_bracket(v: Field, w: Field) -> Field:
    """[v, w](y) = Dw(y) v(y) - Dv(y) w(y), the commutator v w - w v of the two differential operators.

    For linear fields v = A y, w = B y it is (B A - A B) y; for right multiplications R A, R B it is R [A, B].
    """

    def bracket(y: jax.Array) -> jax.Array:
        return jax.jvp(w, (y,), (v(y),))[1] - jax.jvp(v, (y,), (w(y),))[1]

    return bracket


def lyndon_fields(vector_field: Field, channels: int, level: int) -> tuple[Field, ...]:
    """The brackets V_[u] over the Lyndon words u of length <= `level` (order of `tensor.lyndon_words`), by the
    standard factorisation [u] = [[a], [b]]. One closure for each; their cost grows fast with the level, and
    `contracted_field` computes their sums together."""
    fields: dict[tensor.Word, Field] = {}
    for word in tensor.lyndon_words(channels, level):
        if len(word) == 1:
            fields[word] = _column(vector_field, word[0] - 1)
        else:
            a, b = standard_factorisation(word)
            fields[word] = lie_bracket(fields[a], fields[b])
    return tuple(fields.values())


def _column(vector_field: Field, i: int) -> Field:
    return lambda y: vector_field(y)[:, i]


def iterated_fields(vector_field: Field, level: int) -> Callable[[jax.Array], tuple[jax.Array, ...]]:
    """y -> (F^1, ..., F^level), F^k of shape (state, channels^k): F_w for the words of length k in lexicographic
    order. One evaluation costs about (1 + channels)^{level - 1} evaluations of V."""
    if level == 1:
        return lambda y: (vector_field(y),)
    lower = iterated_fields(vector_field, level - 1)

    def fields(y: jax.Array) -> tuple[jax.Array, ...]:
        def along(direction: jax.Array) -> tuple[Any, jax.Array]:
            values, derivatives = jax.jvp(lower, (y,), (direction,))
            return values, derivatives[-1]

        directions = vector_field(y).T
        values, derivatives = jax.vmap(along, out_axes=(None, 0))(directions)
        return *values, jnp.moveaxis(derivatives, 0, 1).reshape(y.shape[0], -1)

    return fields


def contracted_field(vector_field: Field, level: int) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """(flat, y) -> sum over words w of length 1..level of flat^w F_w(y), shape (state,).

    With flat = log X_{s,t} (a Lie element) it is the vector field of the log-ODE; with flat = X_{s,t} itself the
    increment of the Davie (Taylor) scheme.
    """
    fields = iterated_fields(vector_field, level)

    def field(flat: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.concatenate(fields(y), axis=1) @ flat

    return field
