"""Half a layer: depth as a real number

A network has depth 2, or 3. Its kernel need not care: there is one natural way to let the depth be 2.5, and it costs
the same at depth 2.5 as at depth a million. You will find half a layer, the clock in which all layers are alike, and
the one place where real depth needs care.

Claim, which the script asserts: half a layer done twice is one layer, the kernel at real depth is the recursion at
whole depths, and below depth 2 the kernel matrix of some points is not positive definite.

    python examples/tutorials/02_half_a_layer.py [FIGURE.png]
"""

import math
import warnings

import matplotlib
import numpy as np

import roughntk as rn
from roughntk.files.drawing import COLOURS, STYLE, canvas


def main():
    # %%
    # ## A layer is a map of angles
    #
    # Two inputs at the angle $\theta$ leave one ReLU layer (of infinite width) at the angle
    #
    # $$f(\theta) = \arccos \frac{\sin\theta + (\pi - \theta)\cos\theta}{\pi} .$$
    #
    # Orthogonal inputs, $\theta = \pi/2$, come out with the correlation $1/\pi$. Half a layer should be a map $g$
    # with $g(g(\theta)) = f(\theta)$. Which correlation do orthogonal inputs have after half a layer? Half of
    # $1/\pi$ is $0.159$. Is it more or less than that? Think of it before you run the cell.
    flow = rn.maps.relu_flow
    right_angle = math.pi / 2
    half = float(flow.flow(right_angle, 0.5))
    whole = float(flow.flow(half, 0.5))
    print(f"after half a layer:  angle {half:.12f}, correlation {math.cos(half):.12f}")
    print(f"after another half:  angle {whole:.12f}, correlation {math.cos(whole):.12f}")
    print(f"after one layer:     angle {math.acos(1 / math.pi):.12f}, correlation {1 / math.pi:.12f}")
    assert abs(math.cos(whole) - 1 / math.pi) < 1e-14

    # %%
    # It is more: the first half does more than the second, because a layer moves large angles more than small ones.
    #
    # ## The clock in which all layers are alike
    #
    # There are many maps $g$ with $g(g(\theta)) = f(\theta)$. To find the natural one, look for a clock: a function
    # $\alpha$ of the angle to which every layer adds 1. This is Abel's equation,
    #
    # $$\alpha(f(\theta)) = \alpha(\theta) + 1, \qquad
    #   \alpha(\theta) = w - \tfrac32 \log w + o(1), \quad w = \frac{3\pi}{\theta} .$$
    #
    # The behaviour near $\theta = 0$ makes $\alpha$ unique: another solution differs from it by a function that
    # repeats with every layer, and that does not die out as $\theta \to 0$ unless it is zero. Now $t$ layers add
    # $t$, for every real $t$: they are the map $\theta \mapsto \alpha^{-1}(\alpha(\theta) + t)$. Follow an angle
    # and watch the clock:
    _angle = right_angle
    for _layers in range(5):
        print(f"{_layers} layers: angle {_angle:.6f}, Abel time {float(flow.abel(_angle)):.12f}")
        _angle = float(flow.relu_angle_step(_angle))
    start = float(flow.abel(right_angle))
    assert abs(float(flow.abel(half)) - start - 0.5) < 1e-12
    # Whether one goes 0.3 and 0.7 of a layer or a whole one does not matter:
    in_parts = float(flow.flow(flow.flow(1.0, 0.3), 0.7))
    assert abs(in_parts - float(flow.relu_angle_step(1.0))) < 1e-14

    # %%
    # ## The kernel at real depth
    #
    # The tangent kernel follows with the angle. Families take a real `depth` as they take a whole one. Compare with
    # what one might do instead: draw straight lines between the whole depths.
    family = rn.kernels.ReluNTK()
    at_two, at_middle, at_three = (float(family.at_correlation(0.0, depth)) for depth in (2, 2.5, 3))
    print(f"orthogonal inputs: K_2 = {at_two:.6f}, K_2.5 = {at_middle:.6f}, K_3 = {at_three:.6f}")
    print(f"the straight line would give {(at_two + at_three) / 2:.6f} in the middle")
    for _depth in (10, 10.5, 1e6, 1e6 + 0.5, 1e12):
        print(f"depth {_depth:>15}: K = {float(family.at_correlation(0.0, _depth)):.14f}")

    # %%
    # At whole depths nothing is interpolated: the numbers are those of the recursion
    # $S_{L+1} = S_L (1 - \theta_L/\pi) + \cos\theta_{L+1}$ with $K_L = S_L/L$. Check that by hand for 200 layers:
    angles, sums = [right_angle], [0.0]
    for _layers in range(199):
        angles.append(float(flow.relu_angle_step(angles[-1])))
        sums.append(sums[-1] * (1 - angles[-2] / math.pi) + math.cos(angles[-1]))
    by_recursion = np.array(sums) / np.arange(1, 201)
    by_flow = np.asarray(flow.ntk_kernel(right_angle, np.arange(200.0)))
    print(f"largest difference over depths 1 to 200: {np.abs(by_flow - by_recursion).max():.0e}")
    assert np.abs(by_flow - by_recursion).max() < 1e-13

    # %%
    # ## The place that needs care
    #
    # Between depth 1 and depth 2 there is no network, and the kernel need not be positive definite there. Take nine
    # points, evenly spaced on a circle, and the smallest eigenvalue of their kernel matrix:
    turns = 2 * np.pi * np.arange(9) / 9
    circle = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    real_depths = np.linspace(1.05, 3, 40)
    smallest = [np.linalg.eigvalsh(np.asarray(family(circle, depth=depth)))[0] for depth in real_depths]
    for _depth in (1.25, 1.5, 1.75, 2, 2.25):
        print(f"depth {_depth}: {np.linalg.eigvalsh(np.asarray(family(circle, depth=_depth)))[0]:+.3f}")
    assert np.linalg.eigvalsh(np.asarray(family(circle, depth=1.5)))[0] < -0.1
    assert np.linalg.eigvalsh(np.asarray(family(circle, depth=2)))[0] > 0.04
    # The package still solves the equations there, and warns that this is no covariance:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rn.coefficients(family, circle, circle[:1], depth=1.5)
    print([each.category.__name__ for each in caught])
    assert caught

    # %%
    # At depth 2 no eigenvalue is negative, for any points; it can be zero, as for eight such points. From depth 3
    # on, at whole depths, the matrix of distinct points is positive definite. At real depths beyond 2 no negative
    # eigenvalue has ever been seen. So start at depth 2, or better at 3.
    #
    # Left: the angle of orthogonal inputs over real depth. The dots are networks, the curve is what lies between.
    # Right: the smallest eigenvalue of the nine points.
    layers = np.linspace(0, 8, 200)
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(1, 2, (9.6, 3.8))
        left, right = axes[0]
        left.plot(1 + layers, np.asarray(flow.flow(right_angle, layers)), color=COLOURS[0])
        left.plot(np.arange(1, 10), angles[:9], "o", color=COLOURS[0], label="networks")
        left.plot(1.5, half, "D", color=COLOURS[1], label="half a layer further")
        left.set(title="The angle of two orthogonal inputs", xlabel="depth", ylabel="angle $\\theta$")
        left.legend()
        right.plot(real_depths, smallest, color=COLOURS[1])
        right.axhline(0, color="black", linewidth=0.8)
        right.axvspan(1, 2, color=COLOURS[1], alpha=0.08)
        right.set(title="Nine points of a circle", xlabel="depth", ylabel="smallest eigenvalue of $K$", xlim=(1, 3))
    rn.teaching.keep(figure)


if __name__ == "__main__":
    main()
