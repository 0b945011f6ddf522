"""Predictions in many digits, from the definitions: recursions of kernels, and eigenvectors, of mpmath."""

import json
import math
from pathlib import Path

import mpmath as mp
import numpy as np
from digits import exact_angle
from exact_networks import erf_network, relu_network

SERIES = json.loads((Path(__file__).parent / "data" / "relu_series.json").read_text(encoding="utf-8"))


def sigmoid(correlation, depth):
    for _ in range(depth - 1):
        correlation = (1 + mp.exp(-correlation)) ** -2
    return correlation


def network(kind, weight, noise, correlation, depth):
    """(covariance, tangent kernel) of a network with |x|^2/n0 = 1: noise is the variance of the biases."""
    if kind == "erf":
        return erf_network(weight, noise, 1, correlation, depth)
    return relu_network(0, weight, noise, 1, correlation, depth)


def deep_relu_covariance(theta, depth, counted=100):
    """rho_L of the bias-free ReLU network far down: some layers one by one, then the Abel function by its series."""
    for _ in range(counted - 1):
        theta = mp.acos(relu_network(0, 2, 0, 1, mp.cos(theta), 2)[0])
    series = [mp.mpf(a) for a in SERIES["abel: 3pi/theta + 1.5 log theta + sum a_k theta^k, k=1..10"]]

    def rest(t):
        return 1.5 * mp.log(t) + sum(a * t**k for k, a in enumerate(series, start=1))

    wanted = 3 * mp.pi / theta + rest(theta) + depth - counted
    for _ in range(20):  # each step gains the factor 1.5/depth
        theta = 3 * mp.pi / (wanted - rest(theta))
    return 1 - 2 * mp.sin(theta / 2) ** 2


def matrices(kernel, X, x):
    """K(X, X) and K(X, x) of a kernel of the angle."""
    n = len(X)
    K = mp.matrix(n)
    for i in range(n):
        for j in range(i + 1):
            K[i, j] = K[j, i] = kernel(exact_angle(X[i], X[j]) if i != j else mp.mpf(0))
    return K, mp.matrix([[kernel(exact_angle(row, test)) for test in x] for row in X])


def phi(k, t):
    if t == mp.inf:
        return 1 / k
    return t if k == 0 else -mp.expm1(-k * t) / k


def flow(K, B, r, time, ridge=0, weight=phi):
    """B^T phi_t(K + ridge) r as an array (m, k); time and ridge may be numbers of mpmath."""
    time = mp.inf if time == math.inf else mp.mpf(time)
    spectrum, Q = mp.eigsy(K)
    parts = Q.T * mp.matrix(np.reshape(r, (len(r), -1)).tolist())
    for i in range(len(spectrum)):
        factor = weight(spectrum[i] + mp.mpf(ridge), time)
        for j in range(parts.cols):
            parts[i, j] *= factor
    values = B.T * Q * parts
    return np.array([[float(values[i, j]) for j in range(values.cols)] for i in range(values.rows)])


def exact_prediction(kernel, X, y, x, time, ridge=0, digits=100):
    """f_t(x) for a kernel of the angle, from f_0 = 0, in the shape of the targets."""
    with mp.workdps(digits):
        values = flow(*matrices(kernel, X, x), y, time, ridge)
    return values.reshape(len(x), *np.shape(y)[1:])
