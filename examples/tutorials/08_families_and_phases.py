"""Families and phases: which kernels have a limit worth having.

You will learn what one layer does to a correlation, how the slope at 1 sorts families into three phases, why most
limits of infinite depth know nothing of the data, and which do.

Claim: on a function on the sphere the infinitely deep ReLU network is no better than a constant, with all layers
trained or the last one alone, and a chaotic network is no better by theory; while two families keep most of what they
knew: ReLU with biases, in the ordered phase, whose kernel matrix becomes singular, and stable residual networks, whose
kernel matrix does not.

    python examples/tutorials/08_families_and_phases.py [FIGURE.png]
"""

import math

import matplotlib
import numpy as np

import roughntk as rn
from roughntk.files.drawing import COLOURS, DASHES, STYLE, canvas

DEPTHS = [3, 10, 100, math.inf]


def target(points):
    """A function on the sphere that has to be learnt."""
    return points[:, 0] + points[:, 1] * points[:, 2]


def iterated(family, correlation, layers):
    """The correlations 1, 2, ..., layers + 1 of a pair of inputs."""
    found = [correlation]
    for _ in range(layers):
        found.append(float(family.correlation_map(found[-1])))
    return np.array(found)


def main():
    # %%
    # ## 1. One layer moves a correlation
    #
    # In an infinitely wide network all that a layer does to two inputs of the same norm is to move their
    # correlation, $c \mapsto h(c)$, with $h(1) = 1$ for two equal ones. Depth iterates $h$. What happens is decided
    # by the slope $\chi = h'(1)$: if $\chi < 1$, near inputs come nearer, and all end at 1 (**ordered**). If
    # $\chi > 1$, near inputs are torn apart, and all end at some $c^* < 1$ (**chaotic**). At $\chi = 1$ the network
    # is **critical**.
    # **Predict** for erf networks with a small bias: which of the weight variances 1.2 and 2.5 is which? Large
    # weights saturate erf, and it becomes a step.
    erf = {"ordered": rn.kernels.ErfNTK(weight_variance=1.2), "critical": rn.kernels.ErfNTK.critical(),
           "chaotic": rn.kernels.ErfNTK(weight_variance=2.5)}  # fmt: skip
    curves = {}
    for _phase, _family in erf.items():
        curves[_phase] = [iterated(_family, c, 30) for c in (0.0, 0.9)]
        _slope = (1 - float(_family.correlation_map(1 - 1e-7))) / 1e-7
        _ends = f"0 becomes {curves[_phase][0][-1]:.3f}, 0.9 becomes {curves[_phase][1][-1]:.3f}"
        print(f"weight variance {float(_family.architecture.weight_variance):.4f}: slope at 1 {_slope:.3f}, {_ends}")
        assert (_slope < 0.99) == (_phase == "ordered") and (_slope > 1.01) == (_phase == "chaotic")

    # %%
    # ## 2. The ratio that decides
    #
    # Let $r$ be the limit of the kernel off the diagonal, over that on it. If $r < 1$, the kernel matrix tends to
    # $(1 - r) I + r J$, which knows nothing but the number of points. **Predict** the coefficients of a new point:
    # all are equal, and $u = K^{-1} k$ gives each of them $r/(1 + (n-1) r)$. `rn.classify` measures the phase and
    # the ratio.
    families = {
        "ReLU NTK": rn.kernels.ReluNTK(),
        "ReLU NNGP": rn.kernels.ReluNNGP(),
        "ReLU NTK with biases": rn.kernels.BiasedReluNTK(weight_variance=1.0),
        "stable residual ReLU NTK": rn.kernels.ResidualReluNTK(scaling="stable"),
    }
    for _family in ("relu-ntk", "relu-nngp", "biased-relu-ntk", erf["chaotic"]):
        _found = rn.classify(_family)
        print(f"{_found.headline}; ratio {_found.ratio:.4f}")

    # %%
    # ## 3. A test that a limit has to pass
    #
    # Learn $f(z) = z_1 + z_2 z_3$ on the sphere from 40 points, and look at 100 others. The error is measured in
    # units of the standard deviation of $f$: a constant has error 1. **Predict** the last column.
    X, x = rn.sphere.uniform(40, 3, seed=0), rn.sphere.uniform(100, 3, seed=1)
    solved, errors = {}, {}
    for _name, _family in families.items():
        solved[_name] = [rn.regression.solve(_family, X, x, depth=depth) for depth in DEPTHS]
        _missed = [np.asarray(each.coefficients).T @ target(X) - target(x) for each in solved[_name]]
        errors[_name] = np.sqrt(np.mean(np.square(_missed), axis=1)) / target(x).std()
        print(f"{_name}: " + ", ".join(f"{e:.2f} at {d}" for e, d in zip(errors[_name], DEPTHS, strict=True)))
    last = np.array([each[-1] for each in errors.values()])
    assert (last[:2] > 0.99).all() and (last[2:] < 0.25).all()

    # %%
    # ## 4. Two ways to reach 1
    #
    # If $r = 1$ the matrix becomes singular, and the coefficients are a limit of $0/0$. How 1 is reached decides.
    # Like a power of $L$, at criticality: every correlation forgets where it came from, and each coefficient tends
    # to $1/n$. Like $\lambda^L$, in the ordered phase: the distance of the kernel from its limit is about
    # $\lambda^L g(c_1)$, and the function $g$ of the pair, which comes from the **Koenigs function** of the map,
    # survives. The coefficients then solve a system with $g$ in the place of the kernel, under the condition
    # $\sum_i u_i = 1$ (statisticians know it as kriging). **Predict** which of these coefficients differ from one
    # point to the next.
    for _name in families:
        _u = np.asarray(solved[_name][-1].coefficients)[:, 0]
        print(f"{_name}: coefficients {_u[:4].round(3)} ..., sum {_u.sum():.4f}")
    assert np.allclose(solved["ReLU NTK"][-1].coefficients, 1 / (40 + 3))
    assert np.allclose(solved["ReLU NNGP"][-1].coefficients, 1 / 40)
    assert np.allclose(np.asarray(solved["ReLU NTK with biases"][-1].coefficients).sum(axis=0), 1)

    # %%
    # ## 5. Another kind of depth
    #
    # A residual network whose branches shrink like $L^{-1/2}$ is another network at every depth: the more layers,
    # the less each of them does. Its kernel tends to the solution of an ordinary equation in depth time, which is a
    # function of the angle and no constant. **Predict** the condition number of its matrix at infinite depth:
    # infinite, or not?
    conditions = [each.condition_number for each in solved["stable residual ReLU NTK"]]
    print("condition numbers of the residual network:", ", ".join(f"{each:.0f}" for each in conditions), "at", DEPTHS)
    assert conditions[-1] < 1e4

    # %%
    # ## 6. Which limit is worth having
    #
    # A limit is worth having if it still depends on the data. Critical tangent kernels and chaotic networks pay for
    # $r < 1$, a well conditioned matrix, with coefficients that are the same for all data of that number. Ordered
    # networks keep a limit that depends on the data, and pay with a singular matrix: a computer needs the deflated
    # form, from which the common value of all entries has been taken out. A stable residual network has both,
    # because it is not the same layer over and over again. The others are not useless: at depth 3 the network whose
    # last layer alone is trained is the best of the four, and if the number of data grows with depth, something is
    # left in the limit (tutorial 9).
    #
    # What to see: on the left the two correlations of the ordered and of the critical network both go to 1, slowly
    # at criticality, and those of the chaotic one meet far below. On the right the errors of two families climb to
    # that of a constant, and those of two others level off.
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(1, 2, (10.5, 4.0))
        left, right = axes[0]
        for _k, (_phase, (_low, _high)) in enumerate(curves.items()):
            left.plot(range(1, 32), _low, color=COLOURS[_k], label=f"erf, {_phase}")
            left.plot(range(1, 32), _high, color=COLOURS[_k], linestyle="--")
        left.set(title="Correlations from 0 and from 0.9", xlabel="layer", ylabel="correlation", ylim=(-0.02, 1.02))
        left.legend(loc="lower right")
        for _k, (_name, _values) in enumerate(errors.items()):
            right.plot(range(4), _values, "o", linestyle=DASHES[_k], color=COLOURS[_k], label=_name)
        right.axhline(1.0, color="#999999", linewidth=0.8)
        right.set(title="Error on new points", xlabel="depth $L$", ylabel="error; a constant has 1", ylim=(0, 1.1))
        right.set_xticks(range(4), ["3", "10", "100", "$\\infty$"])
        right.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    rn.teaching.keep(figure)


if __name__ == "__main__":
    main()
