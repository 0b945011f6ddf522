"""Kernels of infinitely wide networks in many digits, written from the formulas of the literature."""

import math

import mpmath as mp


def cosine(theta: float) -> mp.mpf:
    """cos theta; the float nearest to pi stands for pi."""
    return mp.mpf(-1) if theta == math.pi else mp.cos(mp.mpf(theta))


def turned(correlation: mp.mpf) -> tuple[mp.mpf, mp.mpf, mp.mpf]:
    """(c, theta, sin theta) of c = cos theta, of which rounding may have left more than 1."""
    c = max(min(correlation, mp.mpf(1)), mp.mpf(-1))
    return c, mp.acos(c), mp.sqrt((1 - c) * (1 + c))


def erf_network(weight, noise, size, correlation, depth):
    """(covariance, tangent kernel), normalised: Williams (1998) and the recursion of Jacot et al. (2018)."""
    weight, noise = mp.mpf(weight), mp.mpf(noise)
    q = total = weight * size + noise
    s = kernel = weight * size * correlation + noise
    for _ in range(depth - 1):
        on, off = (4 / mp.pi * weight / mp.sqrt((1 + 2 * q) ** 2 - 4 * part**2) for part in (q, s))
        q, s = (weight * 2 / mp.pi * mp.asin(2 * part / (1 + 2 * q)) + noise for part in (q, s))
        total, kernel = total * on + q, kernel * off + s
    return s / q, kernel / total


def relu_network(slope, weight, noise, size, correlation, depth):
    """(covariance, tangent kernel), normalised, of a network of (leaky) ReLUs: the duals of Cho and Saul (2009)."""
    slope, weight, noise = mp.mpf(slope), mp.mpf(weight), mp.mpf(noise)
    half, kappa = (1 + slope**2) / 2, (1 - slope) ** 2 / (1 + slope**2)
    q = total = weight * size + noise
    s = kernel = weight * size * correlation + noise
    for _ in range(depth - 1):
        c, theta, sine = turned(s / q)
        h = c + kappa * (sine - theta * c) / mp.pi
        total, kernel = total * weight * half, kernel * weight * half * (1 - kappa * theta / mp.pi)
        q, s = weight * half * q + noise, weight * half * q * h + noise
        total, kernel = total + q, kernel + s
    return s / q, kernel / total


def residual_network(weight, branch, correlation, blocks):
    """(covariance, tangent kernel), normalised, of so many blocks x + branch."""
    gain = mp.mpf(weight) * branch / 2
    q = total = mp.mpf(1)
    s = kernel = correlation
    for _ in range(blocks):
        c, theta, sine = turned(s / q)
        h, slope = c + (sine - theta * c) / mp.pi, 1 - theta / mp.pi
        total, kernel = total * (1 + gain) + gain * q, kernel * (1 + gain * slope) + gain * q * h
        q, s = q * (1 + gain), s + gain * q * h
    return s / q, kernel / total
