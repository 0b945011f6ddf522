"""Rough paths in one hour.

You will learn what p-variation measures, why the points of a path do not always say what the path does to an equation,
what a lift adds to them, and what the universal limit theorem promises. The example is a car: the two channels of the
path are how far it drives and how far it steers.

Claim: the circles $(\\cos n^2 t, \\sin n^2 t)/n$ shrink to a point, and the car that they steer moves sideways all the
same, by $2 \\pi n J_1(1/n)$, which tends to $\\pi$. In the rough path metric the circles do not converge to the point;
they converge to the pure-area path, and along that path the car ends at exactly $-\\pi$.

    python examples/tutorials/05_rough_paths.py [FIGURE.png]
"""

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from scipy.special import j1

import roughntk as rn
from roughntk.files.drawing import COLOURS, STYLE, canvas


def car(y):
    """The two fields at (position, position, heading): drive ahead, and turn on the spot."""
    ahead = jnp.stack([jnp.cos(y[2]), jnp.sin(y[2]), 0.0 * y[2]])
    return jnp.stack([ahead, jnp.array([0.0, 0.0, 1.0])], axis=1)


def circles(n, times):
    """(cos n^2 t, sin n^2 t)/n, shape (times, 2)."""
    return np.stack([np.cos(n**2 * times), np.sin(n**2 * times)], axis=1) / n


def main():
    # %%
    # ## 1. How to measure a zigzag
    #
    # The $p$-variation of a path is
    #
    # $$\|x\|_p = \Big( \sup \sum_i |x_{t_{i+1}} - x_{t_i}|^p \Big)^{1/p},$$
    #
    # the supremum running over all partitions. At $p = 1$ it is the length. A larger $p$ makes small steps cheap.
    # The path below goes up by 1, dips by 1/2, and goes up by 1 again. **Predict:** should a partition stop at the
    # dip? Stopping gives $2 + 2^{-p}$, passing over it gives $1.5^p$.
    zigzag = np.array([0.0, 1.0, 0.5, 1.5])
    for _p in (1.0, 1.5, 3.0):
        _best = rn.rough.p_variation_partition(zigzag, _p)
        print(f"p = {_p}: p-variation {rn.rough.p_variation(zigzag, _p):.4f}, the partition stops at {zigzag[_best]}")
    assert np.isclose(rn.rough.p_variation(zigzag, 1.5, root=False), 2 + 2**-1.5)
    assert np.isclose(rn.rough.p_variation(zigzag, 3.0), 1.5)

    # %%
    # ## 2. Brownian motion has no length
    #
    # Sample one Brownian path ever more finely. Its increments over a time $h$ have size $\sqrt h$, so that the
    # length grows like $h^{-1/2}$: four times as many samples, twice the length. **Predict:** for which $p$ does
    # the $p$-variation settle? An equation $dY = V(Y)\,dX$ is classical for $p < 2$ (Young). Brownian motion is
    # just beyond.
    finest = rn.rough.brownian(jax.random.key(0), 2**16 + 1).values[:, 0]
    samples = [2**k for k in (4, 8, 12, 16)]
    for _p in (1.0, 2.0, 2.5, 3.0):
        _sizes = [rn.rough.p_variation(finest[:: 2**16 // _m], _p) for _m in samples]
        print(f"p = {_p}: " + ", ".join(f"{_size:.2f}" for _size in _sizes) + f" with {samples} steps")
    longer, settled = (rn.rough.p_variation(finest, p) / rn.rough.p_variation(finest[::16], p) for p in (1.0, 3.0))
    assert 3.9 < longer < 4.2 and 1 <= settled < 1.03

    # %%
    # ## 3. Small circles
    #
    # Now a car. It drives by $dX^1$ in the direction of its heading and turns by $dX^2$:
    #
    # $$dY = V_1(Y)\,dX^1 + V_2(Y)\,dX^2, \qquad V_1 = (\cos\theta, \sin\theta, 0), \quad V_2 = (0, 0, 1).$$
    #
    # It is steered by the circle of radius $1/n$, which is run through $n^2$ times. As $n$ grows, both controls
    # tend to rest, uniformly. **Predict** where the car is at time $2\pi$. It cannot slide sideways: or can it?
    times = np.linspace(0, 2 * np.pi, 48 * 64 + 1)
    tracks = {}
    for _n in (1, 2, 4, 8):
        _solution = rn.rough.solve_rde(car, circles(_n, times), jnp.zeros(3), level=1, estimate=False)
        tracks[_n] = np.asarray(_solution.values)
        _exact = -2 * np.pi * _n * j1(1 / _n)
        print(f"n = {_n}: the car ends at ({tracks[_n][-1, 0]:+.4f}, {tracks[_n][-1, 1]:+.4f}); "
              f"-2 pi n J_1(1/n) = {_exact:.4f}")  # fmt: skip
        assert abs(tracks[_n][-1, 0]) < 1e-6 and abs(tracks[_n][-1, 1] / _exact - 1) < 4e-3

    # %%
    # This is how one parks: left, back, right, forward. Driving and turning do not commute, and what is left after
    # a small circle is its area times the bracket
    # $[V_1, V_2] = DV_2 V_1 - DV_1 V_2 = (\sin\theta, -\cos\theta, 0)$, a move to the side. There are $n^2$ circles
    # of area $\pi/n^2$: the areas add up to $\pi$, whatever $n$ is. (The last digits are those of polygons: an
    # inscribed polygon misses a little of the area of its circle.)
    #
    # ## 4. The lift remembers the area
    #
    # So the limit needs more than the limit of the points. A **rough path** carries, beside its increments
    # $X^1_{s,t}$, its iterated integrals $X^2_{s,t} = \int_s^t X^1_{s,r} \otimes dX_r$. For a smooth path they are
    # no news. In a limit they are: the circles tend to the **pure-area path**, which has no increments at all and
    # the area $(t-s)/2$ over $[s,t]$. It is no path in the plane, but it can drive an equation. **Predict** where
    # it takes the car.
    half = np.array([[0.0, 0.5], [-0.5, 0.0]])
    area = rn.rough.pure_area_lift(half, np.linspace(0, 2 * np.pi, 9))
    whole = area.between(0.0, 2 * np.pi)
    parked = rn.rough.solve_rde(car, area, jnp.zeros(3))
    print(f"level 1: {np.round(whole[:2], 4)}; level 2: {np.round(whole[2:], 4)} for the words 11, 12, 21, 22")
    print(f"the car ends at {np.round(np.asarray(parked.values[-1]) + 0.0, 6)}")
    assert np.allclose(parked.values[-1], [0, -np.pi, 0], atol=1e-9)

    # %%
    # ## 5. The distance in which it is a limit
    #
    # Two rough paths are near if all their levels $k \le p$ are:
    #
    # $$d_p(X, Y) = \max_{k \le p} \Big( \sup \sum_i |X^k_{t_i,t_{i+1}} - Y^k_{t_i,t_{i+1}}|^{p/k} \Big)^{k/p}.$$
    #
    # **Predict** for $p = 2.5$: to which of the two, the point or the pure-area path, do the circles converge? At level
    # 1 there are $n^2$ turns, each of size $1/n$: the sum is of order $n^{2-p}$, the distance of order
    # $n^{2/p-1} = n^{-0.2}$.
    grid = np.linspace(0, 2 * np.pi, 40 * 36 + 1)
    sizes = range(2, 7)
    driven = [circles(n, grid) for n in sizes]
    to_point = rn.rough.convergence(driven, np.zeros((len(grid), 2)), 2.5, scale=sizes)
    to_area = rn.rough.convergence(driven, rn.rough.pure_area_lift(half, grid), 2.5, scale=sizes)
    for _name, _found in (("the point", to_point), ("the pure-area path", to_area)):
        for _level in (1, 2):
            print(f"distance to {_name}, level {_level}: {np.round(_found.distances[:, _level - 1], 2)}, "
                  f"rate n^-{_found.rates[_level - 1]:.2f}: {_found.verdicts[_level - 1]}")  # fmt: skip
    assert to_point.verdicts == ("converges", "does not converge") and to_area.verdicts == ("converges", "converges")

    # %%
    # ## 6. The universal limit theorem
    #
    # Lyons' theorem: for fields $V$ that are smooth enough, the solution of $dY = V(Y)\,dX$ is a *continuous*
    # function of the rough path $X$ in $d_p$, for every $p$, with levels up to $\lfloor p \rfloor$. So the limit of
    # the cars is the car of the limit. It is not continuous in the uniform distance of the points: those tend to
    # rest, and the car does not. Nothing here is random. Tutorial 6 does the same with Brownian motion, where
    # nature chooses the second level.
    gaps = {n: float(np.hypot(tracks[n][:, 0], tracks[n][:, 1] + times / 2).max()) for n in tracks}
    print("largest distance from the way of the limit:", ", ".join(f"{gap:.3f} (n = {n})" for n, gap in gaps.items()))
    assert gaps[8] < gaps[4] < gaps[2] < gaps[1]

    # %%
    # What to see: on the left the controls shrink to a point. In the middle the cars zigzag ever more narrowly
    # along the dotted way of the pure-area path. On the right the distance at level 2 to the point stays near
    # $2\pi$, the area counted in both orders, while the distances to the pure-area path fall at both levels.
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(1, 3, (11.5, 3.9))
        left, middle, right = axes[0]
        for _n, _colour in zip(tracks, COLOURS, strict=False):
            left.plot(*circles(_n, np.linspace(0, 2 * np.pi / _n**2, 100)).T, color=_colour)
            left.text(0, 1 / _n - 0.08, f"$n = {_n}$", ha="center", va="center", fontsize=7)
            middle.plot(*tracks[_n][:, :2].T, color=_colour, linewidth=0.9, label=f"$n = {_n}$")
        left.set(title="The controls shrink to a point ...", xlabel="drive $X^1$", ylabel="steer $X^2$")
        middle.plot([0, 0], [0, -np.pi], ":", color="black", linewidth=1.6, label="pure area")
        middle.set(title="... and the car moves sideways", xlabel="position ahead", ylabel="position to the side")
        for _axis in (left, middle):
            _axis.set_aspect("equal", adjustable="datalim")
        middle.legend(loc="lower left")
        right.plot(sizes, to_point.distances[:, 1], "s--", color=COLOURS[0], label="level 2, to the point")
        right.plot(sizes, to_area.distances[:, 1], "o-", color=COLOURS[1], label="level 2, to pure area")
        right.plot(sizes, to_area.distances[:, 0], "^-", color=COLOURS[2], label="level 1, to either")
        right.set(title="Distance, $p = 2.5$", xlabel="$n$", xticks=list(sizes), ylim=(0, None))
        right.legend(loc="lower left")
    rn.teaching.keep(figure)


if __name__ == "__main__":
    main()
