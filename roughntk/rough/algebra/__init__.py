"""The truncated tensor algebra T^N(R^d): `tensor` on tuples of levels, `flat` on flat vectors with batch axes.

layout      levels and flat vectors, `signature_size`
operations  product, bracket, exp, log, inverse, antipode, dilations
norms       of a level, projective, homogeneous
lyndon      Lyndon words and brackets, coordinates of Lie elements
bases       the Hall basis of other packages, conversions
shuffle     shuffle and half-shuffle products, group-like and Lie tests
"""
