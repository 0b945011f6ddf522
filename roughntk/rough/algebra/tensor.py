"""The truncated tensor algebra T^N(R^d) = R + R^d + ... + (R^d)^{(x)N}, under one name.

A *tensor* is a tuple of N + 1 arrays, level k being flat, of shape (d**k,), in lexicographic word order;
level 0 has shape (1,). A *flat* signature is levels 1..N joined end to end, without the leading 1; the
functions of `rough.flat` take it as it is, with any leading batch axes. The functions here are written for
one tensor, in `jax.numpy`; `jax.vmap` gives the batched ones.

layout      signature_size, flatten, unflatten, identity
algebra     product, bracket, exp, log, inverse, antipode, dilate
shuffle     shuffle and half-shuffle of words and functionals, pairings, group-like and Lie tests
norms       norm, projective_norm, homogeneous_norm
lyndon      Lyndon words and brackets, coordinates of Lie elements
bases       the Hall basis of esig and iisignature ("DH"), conversions between bases (`convert_basis`)

Sources: Reutenauer1993; LyonsCaruanaLevy2007
(Chen's identity, tensor norms).
"""

from roughntk.rough.algebra.bases import convert_basis, hall_brackets
from roughntk.rough.algebra.layout import (
    Tensor,
    Word,
    flatten,
    identity,
    signature_size,
    unflatten,
)
from roughntk.rough.algebra.lyndon import (
    lyndon_brackets,
    lyndon_to_tensor,
    lyndon_words,
    tensor_to_lyndon,
    witt_dimension,
)
from roughntk.rough.algebra.norms import homogeneous_norm, norm, projective_norm
from roughntk.rough.algebra.operations import antipode, bracket, dilate, exp, inverse, log, product
from roughntk.rough.algebra.shuffle import (
    dynkin,
    group_like_error,
    half_shuffle_pairing,
    half_shuffle_product,
    half_shuffle_words,
    is_group_like,
    is_lie,
    lie_error,
    pairing,
    shuffle_pairing,
    shuffle_product,
    shuffle_words,
)

__all__ = [
    "Tensor",
    "Word",
    "antipode",
    "bracket",
    "convert_basis",
    "dilate",
    "dynkin",
    "exp",
    "flatten",
    "group_like_error",
    "half_shuffle_pairing",
    "half_shuffle_product",
    "half_shuffle_words",
    "hall_brackets",
    "homogeneous_norm",
    "identity",
    "inverse",
    "is_group_like",
    "is_lie",
    "lie_error",
    "log",
    "lyndon_brackets",
    "lyndon_to_tensor",
    "lyndon_words",
    "norm",
    "pairing",
    "product",
    "projective_norm",
    "shuffle_pairing",
    "shuffle_product",
    "shuffle_words",
    "signature_size",
    "tensor_to_lyndon",
    "unflatten",
    "witt_dimension",
]
