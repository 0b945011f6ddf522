r"""How deep is a finite network: width and depth together.

A real network has a width $n$ and a number of layers $L$, and the order of limits matters: first wide, then deep is not
the same as both at once. You will see that only $t = L/n$ counts, that at $t = 1$ the tangent kernel of an infinitely
wide network is the average of networks of which hardly one is like it, and that a network with $L$ layers acts like an
infinitely wide one of a *random* real depth, whose law is known.

Claim: the second moment of the tangent kernel of simulated networks is the exact one, and the real depths of simulated
networks follow the law of `rn.networks.effective_depth`: of networks with 100 layers of width 100, about one in fifteen
is shallower than 50 layers, and about one in eleven deeper than 900.

    python examples/tutorials/10_width_and_depth.py [FIGURE.png]
"""

import math

import jax
import matplotlib
import numpy as np

import roughntk as rn
from roughntk.files.drawing import COLOURS, LIMIT_STYLE, STYLE, canvas
from roughntk.networks import FiniteNetwork, effective_depth, simulate_kernels, tangent_moments

ANGLE, NARROW, WIDE, NETWORKS = math.pi / 3, 32, 100, 1200


def tangent_kernels(layers, networks):
    """Theta(x, x)/L of random networks of width 32: all their hidden weights are drawn, and the mean is 1."""
    network = FiniteNetwork(layers=layers, width=NARROW)
    return simulate_kernels(network, [[1.0, 0.0]], jax.random.key(0), networks).tangent_kernel[:, 0, 0] / layers


def real_depths(layers):
    """Real depths of random networks of width 100, by the angle between two inputs after that many layers.

    A row of weights gives two normal numbers of correlation cos(theta), so that no weight matrix is needed.
    """
    rng, theta = np.random.default_rng(layers), np.full(NETWORKS, ANGLE)
    for _ in range(layers):
        first, second = rng.standard_normal((2, NETWORKS, WIDE))
        a = np.maximum(first, 0)
        b = np.maximum(np.cos(theta)[:, None] * first + np.sin(theta)[:, None] * second, 0)
        apart = a / np.linalg.norm(a, axis=1, keepdims=True) - b / np.linalg.norm(b, axis=1, keepdims=True)
        theta = 2 * np.arcsin(np.linalg.norm(apart, axis=1) / 2)
    return 1 + np.asarray(rn.maps.relu_flow.abel(theta)) - float(rn.maps.relu_flow.abel(ANGLE))


def main():
    # %%
    # ## One network is not the average
    #
    # $\Theta(x, x)$ is the squared length of the gradient of a network in its hidden weights, at an input of length
    # 1. Its mean is $L$ at every width. So draw 1,000 networks with $L = 32$ layers of width $n = 32$ and divide by
    # $L$: the mean is 1.
    #
    # Guess before you run this: what is the *median*?
    square = tangent_kernels(32, 1000)
    print(f"mean   {square.mean():.2f} +- {square.std(ddof=1) / math.sqrt(1000):.2f}")
    print(f"median {np.median(square):.2f}")
    _share = np.sort(square)[-10:].sum() / square.sum()
    print(f"share of the sum that the largest ten networks have: {_share:.2f}")

    # %%
    # ## The second moment, exactly
    #
    # Half of the networks have less than about an eighth of the mean, and ten of them a large share of the sum. How
    # heavy is the tail? One more layer maps six expectations linearly to six, so that
    # $\mathbb{E}\,\Theta^2/(\mathbb{E}\,\Theta)^2$ is known exactly at every width and depth, and tends, for
    # $L/n \to t$, to
    #
    # $$e^{5t} \left(\frac13 + \frac{2}{9t}\Big(1 - \frac{1 - e^{-6t}}{6t}\Big)\right) = 1 + \frac{11}{3} t + O(t^2).$$
    #
    # A simulation agrees where the tail still lets it: at $L = 8$. At $L = 32$ a thousand networks are far too few.
    gentle = tangent_kernels(8, 1500)
    for _layers, _sample in ((8, gentle), (32, square)):
        _exact = tangent_moments(_layers, NARROW)
        _error = np.std(_sample**2, ddof=1) / math.sqrt(len(_sample))
        print(f"L = {_layers:2d}: exact {_exact.ratio:7.4f}, limit law {_exact.limit:7.4f},", end=" ")
        print(f"simulated {np.mean(_sample**2):5.2f} +- {_error:.2f}")
    second, spread = np.mean(gentle**2), np.std(gentle**2, ddof=1) / math.sqrt(len(gentle))
    assert abs(second - tangent_moments(8, NARROW).ratio) < 4 * spread

    # %%
    # ## A random real depth
    #
    # What has become of the *shape* of the kernel? In an infinitely wide network the angle $\theta$ between two
    # inputs shrinks by a fixed map, and its Abel time $\alpha(\theta)$ grows by 1 a layer: it counts layers. In a
    # finite network the angle shrinks with noise. Read its clock, and you have the depth at which an infinitely wide
    # network has the same angle:
    #
    # $$L_{\mathrm{eff}} = 1 + \alpha(\theta_L) - \alpha(\theta_1).$$
    #
    # In the limit $L_{\mathrm{eff}}/n$ is the integral of a geometric Brownian motion up to the time $t = L/n$. Guess
    # how far apart the 5 % and 95 % quantiles are for 100 layers of width 100.
    simulated = {_layers: real_depths(_layers) for _layers in (20, 100)}
    levels = np.array([0.05, 0.5, 0.95])
    for _layers, _depths in simulated.items():
        _law = effective_depth(_layers, WIDE, angle=ANGLE)
        _found, _known = np.quantile(_depths, levels), _law.quantile(levels)
        print(f"{_layers:3d} layers: simulated quantiles {np.round(_found, 1)}, law {np.round(_known, 1)}")
        assert (np.abs(_found - _known) < 2 + 0.15 * _known).all()  # the law is that of wide and deep networks
    for _depth in (50, 900):
        _share, _expected = (
            np.mean(simulated[100] < _depth),
            effective_depth(100, WIDE, angle=ANGLE).probability(_depth),
        )
        print(
            f"share of the networks of 100 layers that are shallower than {_depth}: {_share:.3f}, law {_expected:.3f}"
        )
        assert abs(_share - _expected) < 0.02 + 3 * math.sqrt(_expected * (1 - _expected) / NETWORKS)

    # %%
    # ## Only layers over width count
    #
    # Double the layers and the width, and nothing changes but the unit. This is the limit law, from any angle:
    print("layers  width     t    5 %  median   95 %   of L_eff/L     sd of Theta over its mean")
    for _layers, _width in ((10, 1000), (50, 1000), (500, 1000), (1000, 1000), (50, 50), (100, 50)):
        _quantiles = effective_depth(_layers, _width).quantile(levels) / _layers
        _moments = tangent_moments(_layers, _width)
        print(f"{_layers:6d} {_width:6d} {_layers / _width:5.2f}", *(f"{each:6.2f}" for each in _quantiles), end=" ")
        print(f"{math.sqrt(_moments.ratio - 1):25.2f}")

    # %%
    # ## How wide is wide enough
    #
    # Ask for a standard deviation of $\Theta(x, x)$ of 10 %: then $11t/3 = 0.01$, some 370 units *for each layer*. A
    # network of 10 layers of width 1,000 is still twice as far away. The depth is kinder: at $t = 0.01$ nine networks
    # in ten are within 15 % of their layers. So infinite width says well *where on the way* a finite network is, and
    # less well how large its gradients are.
    narrow = effective_depth(10, 1000).quantile(levels) / 10
    needed = next(width for width in range(1000, 10_000, 10) if tangent_moments(10, width).ratio < 1.01)
    print(f"10 layers: a width of about {needed} makes the standard deviation 10 %")
    print(f"10 layers of width 1,000: L_eff/L is between {narrow[0]:.2f} and {narrow[2]:.2f} in nine networks of ten")

    # %%
    # ## Both laws in one figure
    #
    # Left: the distribution function of $\Theta(x, x)/L$; all these networks have the mean 1. Right: that of the real
    # depth, simulated (steps) and by the law (lines). First wide, then deep would be a jump at 1 in both.
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(1, 2, (10, 4))
        left, right = axes[0]
        for _place, (_sample, _label) in enumerate(((gentle, "$L/n = 1/4$"), (square, "$L/n = 1$"))):
            left.ecdf(_sample, color=COLOURS[_place], label=_label)
        left.axvline(1, label="mean", **LIMIT_STYLE)
        left.set(title=f"Tangent kernel, width {NARROW}", xlabel=r"$\Theta(x, x)/L$", ylabel="share of networks")
        left.set(xscale="log", xlim=(1e-3, 30))
        left.legend(loc="upper left")
        for _place, (_layers, _depths) in enumerate(simulated.items()):
            _grid = np.geomspace(0.3, 30, 200)
            right.ecdf(
                _depths / _layers, color=COLOURS[_place], lw=2.5, alpha=0.5, label=f"{_layers} layers, simulated"
            )
            right.plot(_grid, effective_depth(_layers, WIDE, angle=ANGLE).probability(_grid * _layers), "--",
                       color=COLOURS[_place], lw=1.2, label=f"{_layers} layers, law")  # fmt: skip
        right.axvline(1, **LIMIT_STYLE)
        right.set(title=f"Real depth, width {WIDE}", xlabel=r"$L_{\mathrm{eff}}/L$", ylabel="share of networks")
        right.set(xscale="log", xlim=(0.3, 30), xticks=(_ticks := [0.5, 1, 2, 5, 10, 20]), xticklabels=_ticks)
        right.minorticks_off()
        right.legend(loc="lower right")
    rn.teaching.keep(figure)


if __name__ == "__main__":
    main()
