"""Ito, Stratonovich, and what Wong and Zakai saw.

You will learn why one Brownian path gives two integrals, how the second level of a lift keeps them apart, to which of
the two the solutions along polygons converge and how fast, and which of the two a neural network computes.

Claim: along the Stratonovich lift a point turned by Brownian motion stays on the sphere, along the Ito lift of the same
samples it is $e^t$ times as far out; polygons lead to the Stratonovich solution with strong order 1/2; and a linear
network is the solution along the Ito lift of its own weights, to rounding.

    python examples/tutorials/06_ito_and_stratonovich.py [FIGURE.png]
"""

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from scipy.spatial.transform import Rotation

import roughntk as rn
from roughntk.files.drawing import COLOURS, STYLE, canvas, plain_log_labels


def turned(y):
    """The three fields A_i y = e_i x y: rotations about the axes, one a column."""
    return jnp.stack([jnp.cross(axis, y) for axis in np.eye(3)], axis=1)


def product_of_rotations(increments):
    """Apply exp(sum_i A_i dW^i) of every step to (0, 0, 1), the first step first; increments (paths, steps, 3)."""
    place = np.tile([0.0, 0.0, 1.0], (len(increments), 1))
    for step in np.moveaxis(increments, 1, 0):
        place = Rotation.from_rotvec(step).apply(place)
    return place


def main():
    # %%
    # ## 1. Left or middle?
    #
    # To integrate $B$ against $dB$, sum the value times the increment over small steps. For a smooth path it does
    # not matter where in the step the value is taken. **Predict** whether it does for a Brownian path: the two sums
    # differ by $\frac12 \sum (\Delta B)^2$, and $(\Delta B)^2$ is about $\Delta t$.
    fine = np.asarray(rn.rough.brownian(jax.random.key(1), 2**16 + 1).values)[:, 0]
    for _steps in (2**8, 2**12, 2**16):
        _b = fine[:: 2**16 // _steps]
        _left, _middle = (_b[:-1] * np.diff(_b)).sum(), ((_b[:-1] + _b[1:]) / 2 * np.diff(_b)).sum()
        print(f"{_steps:5d} steps: left end {_left:+.4f}, middle {_middle:+.4f}, difference {_middle - _left:.4f}")
    square = fine[-1] ** 2
    print(f"limits: (B^2 - 1)/2 = {(square - 1) / 2:+.4f} (Ito), B^2/2 = {square / 2:+.4f} (Stratonovich)")
    assert abs((np.diff(fine) ** 2).sum() - 1) < 6 * np.sqrt(2 / 2**16)

    # %%
    # ## 2. One path, two lifts
    #
    # In the language of tutorial 5 the two are two **lifts** of one path: the same points at level 1, and
    #
    # $$X^2_{\text{Ito}} = X^2_{\text{Stratonovich}} - \tfrac12 (t - s)\, I$$
    #
    # at level 2. Only Stratonovich's obeys the product rule $X^{ij} + X^{ji} = X^i X^j$. **Predict** which of the
    # two is *geometric*, that is, a limit of smooth paths.
    path = rn.rough.brownian(jax.random.key(2), 1025, channels=3)
    lifts = {kind: rn.rough.brownian_lift(path, kind=kind) for kind in ("stratonovich", "ito")}
    levels = {kind: each.signature[3:].reshape(3, 3) for kind, each in lifts.items()}
    print("second level, Stratonovich minus Ito:\n", np.round(levels["stratonovich"] - levels["ito"], 6) + 0.0)
    for _kind, _lift in lifts.items():
        _end = _lift.signature[:3]
        _broken = np.abs(levels[_kind] + levels[_kind].T - np.outer(_end, _end)).max()
        print(f"{_kind}: product rule broken by {_broken:.4f}, geometric: {rn.rough.is_geometric(_lift)}")
    assert np.allclose(levels["stratonovich"] - levels["ito"], np.eye(3) / 2, atol=1e-9)

    # %%
    # ## 3. A point on a sphere
    #
    # Let three independent Brownian motions turn a point about the three axes, $dY = \sum_i A_i Y\, dW^i$. Every
    # $A_i Y$ is tangent to the sphere. **Predict** whether $Y$ stays on it.
    pole = jnp.array([0.0, 0.0, 1.0])
    ways = {kind: rn.rough.solve_rde(turned, each, pole, estimate=False) for kind, each in lifts.items()}
    places = {kind: np.asarray(solved.values) for kind, solved in ways.items()}
    for _kind, _solved in ways.items():
        print(f"{_kind}: |Y_1| = {np.linalg.norm(places[_kind][-1]):.4f}, solved by the method {_solved.method!r}")
    apart = np.abs(places["ito"][-1] - np.e * places["stratonovich"][-1]).max()
    print(f"Y_Ito and e Y_Stratonovich are {apart:.4f} apart, with {path.points - 1} steps")
    assert abs(np.linalg.norm(places["stratonovich"][-1]) - 1) < 1e-6 and apart < 0.02

    # %%
    # In one calculus it does, in the other it does not. A geometric rough path obeys the rules of calculus,
    # $d|Y|^2 = 2\,Y \cdot dY = 0$. Ito's rule adds $\sum_i |A_i Y|^2\,dt = 2\,|Y|^2\,dt$. Since
    # $\frac12 \sum_i A_i^2 = -I$, the two solutions even point in the same direction:
    # $Y_{\text{Ito}} = e^t\, Y_{\text{Stratonovich}}$.
    #
    # ## 4. Wong and Zakai
    #
    # Replace the Brownian path by the polygon through every $k$-th sample, and solve the ordinary equation along
    # it. Polygons are smooth enough for calculus, so that their limit is geometric: Stratonovich. How fast? A
    # polygon has the increments of each step and forgets its area, of size $h$. **Predict** the order: the
    # forgotten areas of $1/h$ steps are independent with mean 0, so that they add up to
    # $h \cdot h^{-1/2} = h^{1/2}$.
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(400, 2048, 3)) / np.sqrt(2048)
    truth = product_of_rotations(noise)
    pieces, gaps = [4, 16, 64, 256], []
    for _pieces in pieces:
        _polygon = noise.reshape(400, _pieces, -1, 3).sum(axis=2)
        gaps.append(np.sqrt(((product_of_rotations(_polygon) - truth) ** 2).sum(axis=1).mean()))
        print(f"{_pieces:3d} pieces: root mean square distance {gaps[-1]:.4f} over 400 paths")
    order = -np.polyfit(np.log(pieces[1:]), np.log(gaps[1:]), 1)[0]
    print(f"order {order:.2f}")
    assert abs(order - 0.5) < 0.1

    # %%
    # ## 5. Which of the two is a network?
    #
    # A layer of a linear network multiplies by random weights. For the triangular factor $M$ of the Gram matrix of
    # two inputs that is $M \mapsto M (I + dX)$, where $dX$ is made of the weights of the layer. **Predict** the
    # lift. The value before the layer is what counts, as in Euler's scheme: so it is Ito's, where a single step has
    # nothing at level 2. Along the polygon through the same points each layer would be $M e^{dX}$, and
    # $\log V^{11}$ comes out too high, by half of the depth time on average.
    inputs = np.array([[1.0, 0.0], [0.6, 0.8]])
    weights = [rng.standard_normal((100, 2 if layer == 0 else 100)) for layer in range(100)]
    driver = rn.networks.network_driver(weights, inputs)
    too_high = {kind: driver.solve(lift=kind).errors[-1, 0] for kind in ("ito", "piecewise-linear")}
    for _kind, _error in too_high.items():
        print(f"100 layers of width 100, {_kind} lift: log V11 off by {_error:+.1e}")
    assert abs(too_high["ito"]) < 1e-11 and too_high["piecewise-linear"] > 0.2

    # %%
    # ## 6. What to take home
    #
    # Neither calculus is right or wrong. The path alone does not say which one is meant; the second level does.
    # What is smooth underneath (polygons, physical noise) is Stratonovich; what is a step that looks at the past
    # only (Euler, a trader, a layer) is Ito.
    #
    # What to see: on the left both solutions, seen along the second axis; the grey disc is the sphere, which
    # Stratonovich's never leaves. In the middle Ito's distance from the centre lies on the dotted $e^t$. On the
    # right the error of polygons falls like the inverse square root of their number.
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(1, 3, (11.5, 3.9))
        left, middle, right = axes[0]
        angle = np.linspace(0, 2 * np.pi, 200)
        left.fill(np.cos(angle), np.sin(angle), color="#e5e5e5")
        for (_kind, _values), _colour in zip(places.items(), COLOURS, strict=False):
            left.plot(_values[:, 0], _values[:, 2], color=_colour, linewidth=0.8, label=_kind.capitalize())
            middle.plot(path.times, np.linalg.norm(_values, axis=1), color=_colour, label=_kind.capitalize())
        left.set(title="One Brownian path, two solutions", xlabel="$Y^1$", ylabel="$Y^3$")
        left.set_aspect("equal", adjustable="datalim")
        middle.plot(path.times, np.exp(path.times), ":", color="black", label="$e^t$")
        middle.set(title="Distance from the centre", xlabel="time $t$", ylabel="$|Y_t|$", ylim=(0.8, None))
        right.loglog(pieces, gaps, "o-", color=COLOURS[0], label=f"polygons: order {order:.2f}")
        right.loglog(pieces, gaps[-1] * np.sqrt(256 / np.array(pieces)), ":", color="black", label="order 1/2")
        right.set(title="Wong and Zakai", xlabel="pieces", ylabel="distance to Stratonovich")
        right.set_xticks(pieces, [str(count) for count in pieces])
        right.set_xticks([], minor=True)
        plain_log_labels(right.yaxis)
        left.legend(loc="lower right")
        middle.legend()
        right.legend()
    rn.teaching.keep(figure)


if __name__ == "__main__":
    main()
