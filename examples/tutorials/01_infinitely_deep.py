"""The kernel of an infinitely deep network in five minutes

Put layer after layer on a network of infinite width: its tangent kernel has a limit, and not the one that most people
guess. You will compute the kernel at depths from 2 to infinity, see why its limit is 1/4, and what the network then
predicts.

Claim, which the script asserts: between distinct inputs the normalised kernel tends to $1/4$, the coefficients of a new
point tend to $1/(n+3)$, and the condition number to $1 + n/3$.

    python examples/tutorials/01_infinitely_deep.py [FIGURE.png]
"""

import math

import jax.numpy as jnp
import matplotlib
import numpy as np

import roughntk as rn
from roughntk.files.drawing import COLOURS, DASHES, LIMIT_STYLE, STYLE, canvas


def main():
    # %%
    # ## A network as a kernel
    #
    # A very wide network that is trained by gradient descent predicts like kernel regression. The kernel is the
    # *neural tangent kernel*. For a ReLU network without biases, with inputs on the unit sphere, it depends on two
    # numbers only: the correlation $\rho_1 = x \cdot x'$ of two inputs, and the depth $L$. We divide it by its
    # value at $x = x'$ and call the result $K_L$. So every input has $K_L(x, x) = 1$.
    #
    # Five random points on the sphere in $\mathbb{R}^3$, and a network with one hidden layer ($L = 2$):
    family = rn.kernels.ReluNTK()
    X = rn.sphere.uniform(5, 3, seed=0)
    print(np.asarray(family(X, depth=2)).round(3))

    # %%
    # ## Predict before you compute
    #
    # Each layer makes any two inputs more alike. Their correlations go through the map
    #
    # $$\rho_{L+1} = h(\rho_L) = \frac{1}{\pi}\left(\sqrt{1 - \rho_L^2} + \rho_L\,(\pi - \arccos \rho_L)\right) ,$$
    #
    # with $h(\rho) > \rho$ for $\rho < 1$, and $\rho_L \to 1$: deep inside, all inputs look the same. What does the
    # kernel matrix tend to? Write your guess down, then look at the smallest and the largest entry off the
    # diagonal, of the correlations and of the kernel.
    pairs = np.triu_indices(len(X), 1)
    for _depth in (2, 10, 100, 10_000, 10**8, math.inf):
        _rho = np.sort(np.asarray(rn.kernels.ReluNNGP()(X, depth=_depth))[pairs])
        _ntk = np.sort(np.asarray(family(X, depth=_depth))[pairs])
        print(f"depth {_depth:>9}: correlation {_rho[0]:.6f} to {_rho[-1]:.6f}, kernel {_ntk[0]:.6f} to {_ntk[-1]:.6f}")
    assert np.all(_ntk == 0.25)

    # %%
    # ## Why one quarter
    #
    # The correlations do tend to 1. The kernel does not, because it is a sum over the layers: with
    # $\theta_L = \arccos \rho_L$, the sum $S_L = L K_L$ obeys
    #
    # $$S_{L+1} = S_L \left(1 - \frac{\theta_L}{\pi}\right) + \cos\theta_{L+1}, \qquad S_1 = \rho_1 .$$
    #
    # Each layer adds about 1, and takes away the share $\theta_L/\pi$ of what is there. The angles fall slowly,
    # $\theta_L \approx 3\pi/L$, so for large $L$ this reads $S' = -\frac{3}{L}\,S + 1$. Its solutions tend to
    # $S = L/4$, since $\frac14 = -\frac34 + 1$. That is all. Here is the recursion by hand, for two inputs with
    # $\rho_1 = 1/2$:
    theta, total, layers = math.pi / 3, 0.5, 1000
    for _ in range(layers - 1):
        _rho_next = (math.sin(theta) + (math.pi - theta) * math.cos(theta)) / math.pi
        total, theta = total * (1 - theta / math.pi) + _rho_next, math.acos(_rho_next)
    by_package = float(family.at_correlation(0.5, layers))
    print(f"depth {layers}: by hand {total / layers:.12f}, by the package {by_package:.12f}")
    print(f"the angle is {theta:.6f}, and 3 pi/L is {3 * math.pi / layers:.6f}")
    assert abs(total / layers - by_package) < 1e-9

    # %%
    # ## What such a network predicts
    #
    # Trained to convergence on targets $y$, from an initial function that is zero on average, the network predicts
    # $u_L(x)^\top y$ on average, with $u_L(x) = K_L(X,X)^{-1} K_L(X,x)$. In the limit the matrix is
    #
    # $$K_\infty(X,X) = \tfrac34 I + \tfrac14\, \mathbf{1}\mathbf{1}^\top ,$$
    #
    # which is far from singular: its eigenvalues are $\frac34$ and $\frac34 + \frac n4$. At a new point every entry
    # of $u_\infty$ is $\frac14 / (\frac34 + \frac n4) = 1/(n+3)$. The network has forgotten where the new point
    # lies. It predicts the sum of the targets over $n + 3$: their mean, shrunk towards 0.
    x = rn.sphere.uniform(1, 3, seed=1)
    for _depth in (2, 100, 10**6, math.inf):
        print(f"depth {_depth:>8}: u =", rn.coefficients(family, X, x, depth=_depth)[:, 0].round(5))
    u_limit = rn.coefficients(family, X, x, depth=math.inf)
    condition = np.linalg.cond(np.asarray(family(X, depth=math.inf)))
    print(f"1/(n+3) = {1 / 8}, condition number {condition:.6f}, 1 + n/3 = {1 + 5 / 3:.6f}")
    assert np.allclose(u_limit, 1 / 8, rtol=1e-12) and math.isclose(condition, 1 + 5 / 3, rel_tol=1e-12)
    # At a point of the data nothing is forgotten: there u is a unit vector, at every depth.
    at_data = rn.coefficients(family, X, X[:1], depth=math.inf)[:, 0]
    print("at the first data point: u =", at_data.round(12))
    assert np.allclose(at_data, [1, 0, 0, 0, 0], atol=1e-12)

    # %%
    # ## How slowly
    #
    # The distance from the limit falls like $\frac38 \log L / L$. Look at the picture before you trust an
    # "infinitely deep" argument for a network of thirty layers. Note also that the curves from below overshoot the
    # limit, and come back.
    depths = np.geomspace(1, 1e6, 400)
    correlations = (0.9, 0.5, 0.0, -0.5, -0.9)
    curves = [np.asarray(family.at_correlation(jnp.asarray(rho), depths)) for rho in correlations]
    coefficients = np.array([rn.coefficients(family, X, x, depth=depth)[:, 0] for depth in depths[depths >= 2][::12]])
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(1, 2, (9.6, 3.8))
        left, right = axes[0]
        for rho, curve, colour, dash in zip(correlations, curves, COLOURS, DASHES, strict=False):
            left.semilogx(depths, curve, color=colour, linestyle=dash, label=f"$\\rho_1 = {rho}$")
        left.axhline(0.25, **LIMIT_STYLE)
        left.set(title="The kernel of two inputs", xlabel="depth $L$", ylabel="$K_L$")
        left.legend()
        for column, colour, dash in zip(coefficients.T, COLOURS, DASHES, strict=False):
            right.semilogx(depths[depths >= 2][::12], column, color=colour, linestyle=dash)
        right.axhline(1 / 8, **LIMIT_STYLE, label="$1/(n+3)$")
        right.set(title="Coefficients of a new point, $n = 5$", xlabel="depth $L$", ylabel="$u_L$")
        right.legend()
    rn.teaching.keep(figure)


if __name__ == "__main__":
    main()
