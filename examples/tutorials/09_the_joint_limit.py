r"""When data grow with depth: the joint limit.

With a fixed number $n$ of points, a very deep network predicts the same number everywhere. You will see where the shape
of its prediction goes, and how it comes back when $n$ grows in proportion to the depth $L$: the network becomes a ridge
regression with a kernel that no longer depends on $L$, and what it does to a target can be written down.

Claim: with $n = L/2$ uniform points on $S^4$ the prediction of the coordinate $x_1$ is multiplied by about 0.119 at
depth 100 and at depth 400; with 20 points the same factor falls like $1/L$.

    python examples/tutorials/09_the_joint_limit.py [FIGURE.png]
"""

import math

import matplotlib
import numpy as np

import roughntk as rn
from roughntk.files.drawing import COLOURS, LIMIT_STYLE, STYLE, canvas

D, FEW, TESTS = 5, 20, 400
NTK = rn.kernels.ReluNTK()


def points(n, seed):
    """n training points and TESTS test points, uniform on the sphere in five dimensions."""
    return rn.sphere.uniform(n, D, 2 * seed), rn.sphere.uniform(TESTS, D, 2 * seed + 1)


def slope(n, depth, seed):
    """Slope of the prediction of x_k in x_k itself, by least squares with an intercept: the mean over k."""
    X, x = points(n, seed)
    predicted = rn.predict(NTK, X, X, x, depth=depth)  # five targets at once: the five coordinates
    fit = np.linalg.lstsq(np.column_stack([x, np.ones(TESTS)]), predicted, rcond=None)[0]
    return np.diag(fit[:D]).mean()


def measured(n, depth, samples=6):
    """Mean slope over independent samples of points, and its standard error."""
    slopes = [slope(n, depth, seed) for seed in range(samples)]
    return np.mean(slopes), np.std(slopes, ddof=1) / math.sqrt(samples)


def main():
    # %%
    # ## A shape that fades
    #
    # Take $n = 20$ uniform points on the sphere $S^4 \subset \mathbb{R}^5$, and let an infinitely wide ReLU network
    # of depth $L$, trained to convergence, learn the coordinate $x_1$. How much of $x_1$ does it see elsewhere? We
    # fit a line to the predictions at 400 new points: a slope of 1 would be perfect, 0 is a constant.
    #
    # Guess first: what is the slope at depth 1000?
    for _depth in (10, 100, 1000, math.inf):
        print(f"depth {_depth:>6}: slope {slope(FEW, _depth, 0):z8.5f}")
    X, x = points(FEW, 0)
    constant = X[:, 0].sum() / (FEW + 3)
    print("largest distance from sum(y)/(n + 3) at infinite depth:", end=" ")
    print(f"{np.abs(rn.predict(NTK, X, X[:, 0], x, depth=math.inf) - constant).max():.0e}")

    # %%
    # ## Where the shape hides
    #
    # From depth 100 on the slope falls tenfold when the depth grows tenfold: the shape is a term of order $1/L$. We
    # can name it. The angle $\theta$ of two points has an *Abel time* $\alpha(\theta)$, which grows by exactly 1 with
    # each layer. In it the kernel is a straight line: for two different points
    #
    # $$4 L K_L = L + \tfrac32 \log L - \tfrac32 + \alpha(\theta) + O\!\left(\tfrac{\log L}{L}\right),$$
    #
    # and $4L$ on the diagonal, where $K_L = 1$.
    angles = np.array([0.5, 1.0, 2.0, 3.0])
    alpha = np.asarray(rn.maps.relu_flow.abel(angles))
    for _L in (100, 1000, 10_000):
        _line = 4 * _L * np.asarray(NTK.at_angle(angles, _L)) - (_L + 1.5 * math.log(_L) - 1.5)
        print(f"L = {_L:5d}: {np.round(_line, 4)}, largest distance from alpha {np.abs(_line - alpha).max():.4f}")
    print(f"    alpha: {np.round(alpha, 4)}")

    # %%
    # ## The network is a ridge regression
    #
    # Read the matrix $4 L K_L$ again: a large constant, plus the matrix $A$ of the $\alpha(\theta_{ij})$ with zeros
    # on its diagonal, plus about $3L$ on the diagonal. A large constant in a kernel is a free intercept. So the deep
    # network is **kernel ridge regression with the kernel $\alpha$, the ridge $3L$ and a free constant**. The depth
    # is the ridge.
    #
    # If that is right, the relative error should halve when $L$ and $n = L/2$ double.
    distances = []
    for _L in (100, 200, 400):
        _X, _x = points(_L // 2, 0)
        _network = rn.predict(NTK, _X, _X, _x, depth=_L)
        _ridge = rn.depth.ridge_predict(NTK, _X, _X, _x, depth=_L).values
        distances.append(np.linalg.norm(_ridge - _network) / np.linalg.norm(_network))
        print(f"L = {_L}, n = {_L // 2:3d}: the ridge regression is {distances[-1]:.4f} away, relative to the network")
    assert all(1.7 < larger / smaller < 2.3 for larger, smaller in zip(distances, distances[1:], strict=False))

    # %%
    # ## What a ridge does to a harmonic
    #
    # For uniform points $A/n$ tends to an integral operator on the sphere. It commutes with rotations, so its
    # eigenfunctions are the spherical harmonics: the coordinates $x_i$ (degree 1), the products $x_i x_j$ (degree 2),
    # and so on. With $P_k$ the Gegenbauer polynomial, $P_k(1) = 1$, and $\theta$ the angle to a uniform point,
    #
    # $$\lambda_k = \mathbb{E}\, \alpha(\theta) P_k(\cos\theta), \qquad
    # \text{factor} = \frac{n \lambda_k}{n \lambda_k + 3L} \to \frac{\gamma \lambda_k}{\gamma \lambda_k + 3},
    # \quad \frac{n}{L} \to \gamma.$$
    #
    # $P_1(\cos \theta) = \cos \theta$, and $\theta$ has a density proportional to $\sin^3 \theta$: that is one
    # quadrature.
    _nodes, _weights = np.polynomial.legendre.leggauss(60)
    _theta = math.pi * (_nodes + 1) / 2
    _density = _weights * np.sin(_theta) ** 3 / np.sum(_weights * np.sin(_theta) ** 3)
    by_hand = np.sum(_density * np.cos(_theta) * np.asarray(rn.maps.relu_flow.abel(_theta)))
    limit = rn.depth.joint(NTK, D, gamma=0.5)
    print(f"lambda_1: {by_hand:.5f} by hand, {limit.eigenvalues[1]:.5f} by the package")
    print(f"factors at gamma = 1/2, degrees 0 to 3: {np.round(limit.factors, 5)}")
    assert abs(by_hand - limit.eigenvalues[1]) < 1e-5

    # %%
    # ## Measured
    #
    # Now train networks on $n = L/2$ points, six samples of points at each depth. Which way will the slopes move, and
    # how far? At a finite depth the ridge is a little smaller than $3L$, namely $3L - \frac32 \log L - 3 + o(1)$, so
    # they should come down to the limit from above.
    depths = np.array([100, 200, 400])
    growing = np.array([measured(depth // 2, depth) for depth in depths])
    fixed = np.array([measured(FEW, depth) for depth in depths])
    print("depth   slope, n = L/2       slope, n = 20")
    for _L, _grown, _still in zip(depths, growing, fixed, strict=True):
        print(f"{_L:5d}   {_grown[0]:.4f} +- {_grown[1]:.4f}     {_still[0]:.4f} +- {_still[1]:.4f}")
    print(f"limit   {limit.factors[1]:.4f}               0")
    for _L, (_mean, _error) in zip(depths, growing, strict=True):
        _above = limit.factors[1] * (1.5 * math.log(_L) + 3) / (3 * _L)  # what the smaller ridge adds, at most
        assert -3 * _error < _mean - limit.factors[1] < 3 * _error + _above
    assert 3.5 < fixed[0, 0] / fixed[2, 0] < 4.5

    # %%
    # ## Both limits in one figure
    #
    # Left: the slope against depth. Right: predictions at depth 400, of networks trained on 20 and on 200 points.
    # "The limit of depth is trivial" is a statement about $L \gg n$. When data grow in proportion to the layers,
    # depth is a ridge, and the prediction keeps its shape. The argument needs uniform points and dimension $d \ge 4$;
    # it is derived and measured, not proved (see the page on the joint limit).
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(1, 2, (10, 4))
        left, right = axes[0]
        for _values, _label, _place, _mark in ((growing, "$n = L/2$", 0, "o"), (fixed, "$n = 20$", 1, "^")):
            left.errorbar(depths, _values[:, 0], 2 * _values[:, 1], color=COLOURS[_place], marker=_mark, ls="",
                          capsize=2, label=_label)  # fmt: skip
        left.plot(depths, fixed[0, 0] * depths[0] / depths, color=COLOURS[1], lw=1, label="proportional to $1/L$")
        left.axhline(limit.factors[1], label="joint limit", **LIMIT_STYLE)
        left.set(title="Slope of the prediction of $x_1$", xlabel="depth $L$", ylabel="slope", xscale="log")
        left.set(ylim=(0, 0.16), xlim=(90, 445), xticks=depths, xticklabels=depths)
        left.minorticks_off()
        left.legend(ncols=2)
        for _n, _place, _mark in ((200, 0, "o"), (FEW, 1, "^")):
            _X, _x = points(_n, 0)
            _predicted = rn.predict(NTK, _X, _X[:, 0], _x, depth=400)
            right.plot(_x[:, 0], _predicted, _mark, color=COLOURS[_place], ms=2.5, alpha=0.6, label=f"$n = {_n}$")
        right.set(title="Predictions at depth 400", xlabel="target $x_1$", ylabel="prediction")
        right.set(xlim=(-1.05, 1.05), xticks=[-1, -0.5, 0, 0.5, 1])
        right.legend(loc="upper left", markerscale=2)
    rn.teaching.keep(figure)


if __name__ == "__main__":
    main()
