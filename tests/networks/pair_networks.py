"""Random ReLU networks at two inputs, simulated for the tests: from their weights, or row by row from their law.

h_l = sqrt(2/n) relu(W_l h_{l-1}), f = a . h_L, weights N(0, 1), |h_0| = 1. Nothing here is shared with the package.
"""

import numpy as np


def angle_between(u, v):
    """Of unit vectors along the last axis; keeps its digits for small angles."""
    return 2 * np.arcsin(np.minimum(np.linalg.norm(u - v, axis=-1) / 2, 1))


def layer(theta, width, rng):
    """One layer's preactivations at two unit vectors at those angles, (samples, width) each, and their outputs."""
    first, second = rng.standard_normal((2, theta.size, width))
    other = np.cos(theta)[:, None] * first + np.sin(theta)[:, None] * second
    outputs = np.sqrt(2 / width) * np.maximum(first, 0), np.sqrt(2 / width) * np.maximum(other, 0)
    return first, second, *outputs


def angles(theta, width, layers, samples, seed):
    """theta_L and log |h_L|^2 of the first input: each row of W sees two normals whose correlation is cos theta."""
    rng = np.random.default_rng(seed)
    theta = np.full(samples, float(theta))
    log_norm = np.zeros(samples)
    for _ in range(layers):
        a, b = layer(theta, width, rng)[2:]
        lengths = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
        log_norm += 2 * np.log(lengths[0])
        theta = angle_between(a / lengths[0][:, None], b / lengths[1][:, None])
    return theta, log_norm


def root(gram):
    """Lower triangular factors of 2 x 2 matrices that may be singular: early on both masks are often the same."""
    factor = np.zeros_like(gram)
    factor[:, 0, 0] = np.sqrt(gram[:, 0, 0])
    factor[:, 1, 0] = gram[:, 1, 0] / factor[:, 0, 0]
    factor[:, 1, 1] = np.sqrt(np.maximum(gram[:, 1, 1] - factor[:, 1, 0] ** 2, 0))
    return factor


def tangent_kernels(theta, width, layers, samples, seed):
    """Theta, shape (samples, 2, 2), of the hidden weights, without n x n matrices.

    Backward, W^T u has W e_k . u along the basis e_1, e_2 of the two h's, known from the forward pass, and is normal
    across it, with the Gram matrix of the u's as covariance.
    """
    rng = np.random.default_rng(seed)
    angle = np.full(samples, float(theta))
    scale = np.zeros((2, samples))  # log |h|
    kept = []
    for _ in range(layers):
        first, second, a, b = layer(angle, width, rng)
        kept.append((first, second, angle, scale.copy()))
        lengths = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
        scale += np.log(np.array(lengths))
        unit = a / lengths[0][:, None], b / lengths[1][:, None]
        angle = angle_between(*unit)
    back = np.tile(rng.standard_normal((samples, width)), (2, 1, 1))
    total = np.zeros((samples, 2, 2))
    for place in reversed(range(layers)):
        first, second, angle, scale = kept[place]
        other = np.cos(angle)[:, None] * first + np.sin(angle)[:, None] * second
        active = back * np.stack([first > 0, other > 0])
        gram = np.einsum("isn,jsn->sij", active, active)
        norms = np.exp(scale)
        cosine = np.where(np.eye(2, dtype=bool), 1.0, np.cos(angle)[:, None, None])
        total += 2 / width * gram * cosine * np.einsum("is,js->sij", norms, norms)
        if place == 0:
            break
        before = kept[place - 1]
        u = np.maximum(before[0], 0)
        v = np.maximum(np.cos(before[2])[:, None] * before[0] + np.sin(before[2])[:, None] * before[1], 0)
        u, v = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (u, v))
        across = (v - u) - np.sum((v - u) * u, axis=1, keepdims=True) * u
        basis = np.stack([u, across / np.linalg.norm(across, axis=1, keepdims=True)])
        fresh = np.einsum("sij,jsn->isn", root(gram), rng.standard_normal((2, samples, width)))
        fresh -= np.einsum("iks,ksn->isn", np.einsum("ksn,isn->iks", basis, fresh), basis)
        known = np.einsum("ksn,isn->iks", np.stack([first, second]), active)
        back = np.sqrt(2 / width) * (fresh + np.einsum("iks,ksn->isn", known, basis))
    return total


def grams(start, width, layers, samples, seed):
    """Gram matrices of h_L for any number of inputs, (samples, N, N), scaled to diagonals near 1, and log |h_L|^2."""
    rng = np.random.default_rng(seed)
    gram, log_norm = np.tile(np.asarray(start, dtype=float), (samples, 1, 1)), np.zeros(samples)
    for _ in range(layers):
        z = rng.standard_normal((samples, width, gram.shape[1])) @ np.linalg.cholesky(gram).swapaxes(1, 2)
        h = np.sqrt(2 / width) * np.maximum(z, 0)
        gram = h.swapaxes(1, 2) @ h
        log_norm += np.log(gram[:, 0, 0])
        gram /= gram[:, :1, :1]
    return gram, log_norm


def kernels_from_weights(inputs, width, layers, samples, seed):
    """The same from weight matrices and backpropagation, for the rows of `inputs`, whose length is 1."""
    rng = np.random.default_rng(seed)
    h, weights, below, masks = np.tile(inputs.T, (samples, 1, 1)), [], [], []
    for _ in range(layers):
        W = rng.standard_normal((samples, width, h.shape[1]))
        below.append(h)
        z = W @ h
        weights.append(W)
        masks.append(z > 0)
        h = np.sqrt(2 / width) * np.maximum(z, 0)
    b = np.repeat(rng.standard_normal((samples, width, 1)), len(inputs), axis=2)
    total = np.zeros((samples, len(inputs), len(inputs)))
    for W, h, mask in zip(weights[::-1], below[::-1], masks[::-1], strict=True):
        u = mask * b
        total += 2 / width * (u.swapaxes(1, 2) @ u) * (h.swapaxes(1, 2) @ h)
        b = np.sqrt(2 / width) * W.swapaxes(1, 2) @ u
    return total
