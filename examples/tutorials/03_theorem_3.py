r"""Theorem 3 by hand on 2 points, then by diffrax on 50

How do the coefficients of an infinitely wide network change from one depth to the next? Theorem 3 of the paper on which
this package is built says: they solve a controlled differential equation. You will solve it with pencil and paper for
two points, see what the driver of the equation is, and let diffrax solve it for fifty.

Claim, which the script asserts: the equation carries the coefficients of depth $L$ to those of depth $L + 1$, its
driver is a matrix logarithm, and the length of the driver falls with depth like $\log L / L^2$.

    python examples/tutorials/03_theorem_3.py [FIGURE.png]
"""

import diffrax
import jax.numpy as jnp
import matplotlib
import numpy as np

import roughntk as rn
from roughntk.files.drawing import COLOURS, STYLE, canvas


def integrate(A0, dA, b0, db, steps, order):
    """u(1) of u' = A^{-1} (b' - A' u), in equal steps of Euler's (order 1) or Heun's method (order 2)."""

    def slope(s, u):
        return np.linalg.solve(A0 + s * dA, db - dA @ u)

    u, length = np.linalg.solve(A0, b0), 1 / steps
    for start in np.arange(steps) / steps:
        first = slope(start, u)
        second = slope(start + length, u + length * first)
        u = u + length * (first if order == 1 else (first + second) / 2)
    return u


def main():
    # %%
    # ## The equation
    #
    # The coefficients of a point $x$ at depth $L$ solve $K_L(X,X)\, u_L = K_L(X,x)$. Between depth $L$ and depth
    # $L + 1$ move both sides along a straight line, for $s$ from 0 to 1:
    #
    # $$A(s) = (1 - s)\, K_L(X,X) + s\, K_{L+1}(X,X), \qquad b(s) = (1 - s)\, K_L(X,x) + s\, K_{L+1}(X,x) .$$
    #
    # Differentiate $A u = b$:
    #
    # $$u' = A^{-1}(b' - A' u), \qquad u(0) = u_L, \quad u(1) = u_{L+1} .$$
    #
    # With the *drivers* $dv_A = A^{-1} dA$ (a matrix) and $dv_b = A^{-1} db$ (a vector) this reads
    # $du = dv_b - dv_A\, u$: a linear equation, driven by a path. Note what it says and what not: its solution is
    # $A(s)^{-1} b(s)$ by construction. What is new is the driver, a path that can be studied by itself.

    # %%
    # ## Two points, by hand
    #
    # Two points with kernel value $k$ at depth $L$ and $k'$ at depth $L + 1$ have
    # $A = \begin{pmatrix} 1 & k_s \\ k_s & 1 \end{pmatrix}$ with $k_s = k + s\,(k' - k)$. All these matrices have
    # the eigenvectors $(1, 1)$ and $(1, -1)$, with the eigenvalues $1 + k_s$ and $1 - k_s$. So $A^{-1}A'$ has the
    # eigenvalues $k_s'/(1 + k_s)$ and $-k_s'/(1 - k_s)$, and the driver is their integral:
    #
    # $$v_A(1)\,(1, 1)^\top = \log\frac{1 + k'}{1 + k}\;(1, 1)^\top, \qquad
    #   v_A(1)\,(1, -1)^\top = \log\frac{1 - k'}{1 - k}\;(1, -1)^\top .$$
    #
    # In general $v_A(1) = \log(K_L^{-1} K_{L+1})$. Compare with the package, at depth 2:
    family, depth = rn.kernels.ReluNTK(), 2
    pair, new = rn.sphere.uniform(2, 3, seed=4), rn.sphere.uniform(1, 3, seed=5)
    A_now, A_next = (np.asarray(family(pair, depth=each)) for each in (depth, depth + 1))
    b_now, b_next = (np.asarray(family(pair, new, depth=each)) for each in (depth, depth + 1))
    k_now, k_next = A_now[0, 1], A_next[0, 1]
    along, across = np.log((1 + k_next) / (1 + k_now)), np.log((1 - k_next) / (1 - k_now))
    by_hand = np.array([[along + across, along - across], [along - across, along + across]]) / 2
    driver_of_pair = rn.transport.segment_driver(rn.transport.Segment(A_now, A_next, b_now, b_next))
    matrix_part = np.asarray(driver_of_pair.evaluate(0.0, 1.0))[:, :2]
    print(f"k = {k_now:.6f}, k' = {k_next:.6f}")
    print("driver by hand:\n", by_hand.round(9), "\nby the package:\n", matrix_part.round(9))
    assert np.abs(by_hand - matrix_part).max() < 1e-12

    # %%
    # Now the equation itself. Euler's method has order 1, Heun's method order 2. By which factor will each error
    # fall when there are ten times as many steps? Write down two numbers.
    exact = np.linalg.solve(A_next, b_next)
    print("closed form:", exact[:, 0].round(9))
    steps, errors = np.array([1, 10, 100, 1000]), {}
    for order in (1, 2):
        ends = [integrate(A_now, A_next - A_now, b_now, b_next - b_now, each, order) for each in steps]
        errors[order] = np.array([np.abs(end - exact).max() for end in ends])
        print(f"order {order}: errors", ", ".join(f"{error:.0e}" for error in errors[order]), f"with {steps} steps")
    assert 9 < errors[1][-2] / errors[1][-1] < 11 and errors[2].max() < 1e-13

    # %%
    # The first number is 10. The second surprises: Heun's error is rounding from the first step on. This is no bug,
    # and no sign of a good solver: when $A$ and $b$ are straight lines in $s$, one step of Heun is exact (exercise
    # 3.3 asks why). So a tiny error proves nothing about the integration here. On curved paths, as over real depth,
    # it would.
    #
    # ## Fifty points, by diffrax
    #
    # The same equation in `diffrax`, in your own words: `diffeqsolve` needs the right-hand side, a solver and a
    # start. Compare it with four steps of Euler's method.
    X, x = rn.sphere.uniform(50, 10, seed=0), rn.sphere.uniform(1, 10, seed=1)
    K0, K1 = (jnp.asarray(family(X, depth=each)) for each in (5, 6))
    B0, B1 = (jnp.asarray(family(X, x, depth=each)) for each in (5, 6))

    def field(s, u, args):
        return jnp.linalg.solve(K0 + s * (K1 - K0), B1 - B0 - (K1 - K0) @ u)

    u5 = jnp.linalg.solve(K0, B0)
    u6 = diffrax.diffeqsolve(diffrax.ODETerm(field), diffrax.Tsit5(), 0.0, 1.0, 0.25, u5).ys[-1]
    by_euler = integrate(np.asarray(K0), np.asarray(K1 - K0), np.asarray(B0), np.asarray(B1 - B0), 4, 1)
    closed = rn.coefficients(family, X, x, depth=6)
    print(f"4 steps of Euler: error {np.abs(by_euler - closed).max():.1e}")
    print(f"4 steps of Tsit5: error {np.abs(u6 - closed).max():.1e}")
    assert np.abs(u6 - closed).max() < 1e-12

    # %%
    # ## The paper's clock
    #
    # The paper does not move at constant speed. It puts $s = \psi_D(2t - 1)$ with a smooth step $\psi_D$, whose
    # width is about $D = \det K_L \det K_{L+1}$. The path stays the same, only its timetable changes. But look at
    # $D$ for fifty points:
    by_psi = rn.transport.between_depths(family, X, x, depth=5, clock="psi")
    print(f"D is about 10^{float(by_psi.clock.log_d) / np.log(10):.1f}")
    print(f"the package in the paper's clock: error {np.abs(by_psi.coefficients - closed).max():.1e}")
    assert np.abs(by_psi.coefficients - closed).max() < 1e-9

    # %%
    # That is less than the distance of two floating-point numbers at $t = 1/2$: a solver with steps in $t$ sees
    # nothing move, and may report success. The package integrates in $\tau = \log\frac{s}{1 - s}$ instead, in which
    # the step has the same width for every $D$.
    #
    # ## The driver vanishes
    #
    # Deeper networks change less from layer to layer. The length of the driver, $\int_0^1 |v'(s)|\, ds$, falls like
    # $\log L / L^2$. This is summable, and so the coefficients converge. Which slope do you expect in a picture
    # with two logarithmic axes? (Minus two, a bit flatter for the logarithm.)
    depths = np.array([10, 20, 40, 80, 160, 320, 640])
    segments = [[np.asarray(family(X, z, depth=each + more)) for z in (X, x) for more in (0, 1)] for each in depths]
    drivers = [rn.transport.segment_driver(rn.transport.Segment(*matrices)) for matrices in segments]
    lengths = np.array([driver.one_variation().value for driver in drivers])
    reference = np.log(depths) / depths**2
    for _depth, _length, _ratio in zip(depths, lengths, lengths / reference, strict=True):
        print(f"depth {_depth:>3}: length {_length:.3e}, over log L / L^2: {_ratio:.2f}")
    slope = float(np.polyfit(np.log(depths[-3:]), np.log(lengths[-3:]), 1)[0])
    expected = float(np.polyfit(np.log(depths[-3:]), np.log(reference[-3:]), 1)[0])
    print(f"slope from depth 160 on: {slope:.2f}; that of log L / L^2: {expected:.2f}")
    assert abs(slope - expected) < 0.1

    # %%
    # Left: the errors of both methods on two points. Right: the length of the driver of fifty points.
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(1, 2, (9.6, 3.8))
        left, right = axes[0]
        left.loglog(steps, errors[1], "o-", color=COLOURS[0], label="Euler")
        left.loglog(steps, np.maximum(errors[2], 1e-17), "s--", color=COLOURS[1], label="Heun: exact up to rounding")
        left.set(title="Two points, depth 2 to 3", xlabel="steps", ylabel="error of $u$", ylim=(1e-18, 1))
        left.legend()
        right.loglog(depths, lengths, "o-", color=COLOURS[2], label="length of the driver")
        right.loglog(depths, reference * lengths[-1] / reference[-1], "k--", label="$\\log L / L^2$")
        right.set(title="Fifty points", xlabel="depth $L$", ylabel="length of the driver")
        right.legend()
    rn.teaching.keep(figure)


if __name__ == "__main__":
    main()
