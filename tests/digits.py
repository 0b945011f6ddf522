"""Angles of float64 rows with the working precision of mpmath, for the independent routes of these tests."""

import mpmath


def exact_angle(x, z):
    """2 atan2(|x - z|, |x + z|) of two rows."""
    x, z = ([mpmath.mpf(float(v)) for v in row] for row in (x, z))
    minus = mpmath.sqrt(sum((a - b) ** 2 for a, b in zip(x, z, strict=True)))
    plus = mpmath.sqrt(sum((a + b) ** 2 for a, b in zip(x, z, strict=True)))
    return 2 * mpmath.atan2(minus, plus)
