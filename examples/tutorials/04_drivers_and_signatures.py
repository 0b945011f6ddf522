"""What a driver is: from kernel matrices to a path to its signature.

You will learn how two kernel matrices make a path, what the path has to do with the coefficients of the network, and
how one finds out whether a sequence of such paths converges, with signatures that esig and iisignature compute: two
packages that know nothing of this one.

Claim: the signatures agree to rounding; level $k$ of the drivers of the ReLU NTK falls like $(\\log L/L^2)^k$, so that
the drivers vanish; those of the sigmoid composition settle at a path that is not zero; and those of a kernel that
swings go forth and back, each undoing the one before.

    python examples/tutorials/04_drivers_and_signatures.py [FIGURE.png]
"""

import matplotlib
import numpy as np
import scipy.linalg

import roughntk as rn
from roughntk.files.drawing import COLOURS, STYLE, canvas

X, x = rn.sphere.uniform(3, 4, seed=0), rn.sphere.uniform(1, 4, seed=1)  # three training points and a test point
N = len(X)
PACKAGES = [name for name in ("esig", "iisignature") if name in rn.rough.available_backends()] or ["jax"]


def swinging(c, depth):
    """A kernel that sways between even and odd depths."""
    return c * (0.7 + 0.1 * (-1) ** depth) + c**3 * (0.3 - 0.1 * (-1) ** depth)


def driver(family, depth):
    """The driver from depth to depth + 1 at 33 positions, shape (33, N (N + 1))."""
    matrices = [family(X, depth=int(each)) for each in (depth, depth + 1)]
    columns = [family(X, x, depth=int(each)) for each in (depth, depth + 1)]
    segment = rn.transport.Segment(*matrices, *columns)
    return np.asarray(rn.transport.segment_driver(segment).sample(np.linspace(0, 1, 33)))


def level_sizes(signatures):
    """The l2 norms of the levels 1 and 2 of flat signatures, on the last axis."""
    levels = np.split(np.asarray(signatures), [N * (N + 1)], axis=-1)
    return np.stack([np.linalg.norm(level, axis=-1) for level in levels], axis=-1)


def main():
    # %%
    # ## 1. Two matrices, one segment
    #
    # A network of infinite width and depth $L$ predicts with the coefficients $u_L = K_L(X,X)^{-1} K_L(X,x)$. To go
    # from depth $L$ to $L + 1$ without a second inversion, move the matrix along the segment
    # $A(s) = K_L + s\,(K_{L+1} - K_L)$ and the right-hand side $b(s)$ along its own. Differentiate $A u = b$:
    #
    # $$u' = A^{-1} b' - A^{-1} A' u.$$
    #
    # So $u$ follows an equation that is linear in $u$. What drives it is $A^{-1}A'$ and $A^{-1}b'$.
    relu = rn.kernels.ReluNTK()
    here, there = (np.asarray(relu(X, depth=depth)) for depth in (3, 4))
    print("K_3 =", np.round(here, 4), "K_4 =", np.round(there, 4), sep="\n")
    print("u_3 =", np.round(rn.coefficients(relu, X, x, depth=3)[:, 0], 4))
    print("u_4 =", np.round(rn.coefficients(relu, X, x, depth=4)[:, 0], 4))

    # %%
    # ## 2. The driver
    #
    # The **driver** is the path $v$ in $\mathbb{R}^{n(n+1)}$ with $v' = A^{-1}[A', b']$, with a channel for each
    # entry of an $n \times (n+1)$ matrix. Here $n = 3$. All values of $A^{-1}A'$ commute, so that the matrix part
    # has a closed form, $v_A(s) = \log(I + sM)$ with $M = K_L^{-1}(K_{L+1} - K_L)$. (`rn.transport.between_depths`,
    # which solves the equation, returns the same path as `drivers`.) **Predict** the trace of $v_A(1)$ from two
    # determinants.
    path = driver(relu, 3)
    matrix_part = (path[-1] - path[0]).reshape(N, N + 1)[:, :N]
    closed = scipy.linalg.logm(np.linalg.solve(here, there))
    ratio = np.linalg.slogdet(there)[1] - np.linalg.slogdet(here)[1]
    print(f"the driver at {path.shape[0]} positions, {path.shape[1]} channels")
    print(f"distance to log(K_3^-1 K_4): {np.abs(matrix_part - closed).max():.0e}")
    print(f"trace {np.trace(matrix_part):.6f}, log det K_4 - log det K_3 = {ratio:.6f}")
    assert np.abs(matrix_part - closed).max() < 1e-10 and abs(np.trace(matrix_part) - ratio) < 1e-10

    # %%
    # ## 3. Its signature, by strangers
    #
    # The **signature** of a path is the list of its iterated integrals
    # $\int_{s_1 < \dots < s_k} dv^{i_1} \cdots dv^{i_k}$, level by level. It does not see how fast the path is run
    # through, so that it does not see the paper's clock $\psi_D$ either. Level 1 is the increment. At level 2 the
    # antisymmetric part is the area. **Predict** whether a driver, which starts as a straight segment of matrices,
    # has any.
    found = {name: np.asarray(rn.rough.signature(path, 2, backend=name)) for name in ["jax", *PACKAGES]}
    for _name, _signature in found.items():
        print(
            f"{_name}: levels of size {level_sizes(_signature)}, off by {np.abs(_signature - found['jax']).max():.0e}"
        )
        assert np.abs(_signature - found["jax"]).max() < 1e-12
    print(f"largest area between two channels: {np.abs(np.asarray(rn.rough.levy_area(path))).max():.1e}")

    # %%
    # ## 4. From the signature back to the network
    #
    # A linear equation $du = \sum_k A_k u\, dv^k$ is solved by its signature, $u(1) = \sum_w A_w\, S^w u(0)$, the
    # sum running over all words $w$. The constant 1 is appended to $u$, so that the column $v_b$ is linear, too.
    # **Predict:** how many levels for four digits? The terms of level $k$ are at most $|v|^k/k!$.
    generators = np.zeros((N * (N + 1), N + 1, N + 1))
    for _i in range(N):
        generators[_i * (N + 1) + np.arange(N), _i, np.arange(N)] = -1.0
        generators[_i * (N + 1) + N, _i, N] = 1.0
    start = np.append(rn.coefficients(relu, X, x, depth=3)[:, 0], 1.0)
    goal = rn.coefficients(relu, X, x, depth=4)[:, 0]
    for _level in (1, 2, 3, 4):
        _solved = rn.rough.solve_linear(generators, path, start, level=_level, tolerance=None)
        _error, _bound = np.abs(_solved.values[-1, :N] - goal).max(), _solved.error_estimate
        print(f"levels 1 to {_level}: u_4 is missed by {_error:.1e}, proven: at most {_bound:.1e}")
        assert _error <= _bound < 0.1**_level

    # %%
    # ## 5. Do the drivers converge?
    #
    # Now one driver for each depth. The signature is continuous in the $p$-variation distance, so that signatures
    # which do not converge prove that the drivers do not. **Predict** the outcome for three kernels: the ReLU NTK,
    # whose matrix comes to rest at $\frac34 I + \frac14 J$; the sigmoid composition, all of whose entries tend to
    # one value at the rate $\lambda^L$; and a kernel that sways for ever, where $K_{L+2} = K_L$.
    families = {"ReLU NTK": relu, "sigmoid": rn.kernels.SigmoidComposition(), "swinging": rn.kernels.sequence(swinging)}
    doubling = 2 ** np.arange(3, 11)
    depths = {"ReLU NTK": doubling, "sigmoid": np.arange(1, 9), "swinging": doubling}
    drivers, sizes = {}, {}
    print("size of level 1 (change to the next depth) at depth L:")
    for _name, _family in families.items():
        drivers[_name] = np.array([[driver(_family, _depth + later) for later in (0, 1)] for _depth in depths[_name]])
        for _package in PACKAGES:
            _signatures = np.asarray(rn.rough.signature(drivers[_name], 2, backend=_package))
            sizes[_name, _package] = level_sizes(_signatures[:, 0])
            _change = level_sizes(_signatures[:, 1] - _signatures[:, 0])[:, 0]
            _rows = zip(depths[_name], sizes[_name, _package][:, 0], _change, strict=True)
            _told = ", ".join(f"{size:.2g} ({later:.1g}) at {depth}" for depth, size, later in list(_rows)[1::2])
            print(f"{_name}, {_package}: {_told}")
    scale = np.log(doubling) / doubling**2
    for _level in (1, 2):
        _logarithms = np.log(np.stack([sizes["ReLU NTK", PACKAGES[0]][:, _level - 1], scale**_level], axis=1))
        _measured, _theory = np.polyfit(np.log(doubling), _logarithms, 1)[0]
        print(f"ReLU NTK, level {_level}: slope {_measured:.2f} in L, that of (log L/L^2)^{_level} is {_theory:.2f}")
        assert abs(_measured / _theory - 1) < 0.1

    # %%
    # ## 6. The verdict
    #
    # The ReLU drivers vanish, so fast that their sizes have a finite sum, and the coefficients settle: that is
    # Theorem 3. The sigmoid drivers converge, but not to zero: the increments of their matrix parts tend to
    # $\log(\lambda)$ times a projection of rank $n - 1$, so that their traces tend to $(n - 1) \log \lambda$,
    # $\lambda = 0.2839$. The swinging drivers do not converge: each is the one before, run backwards, and the two
    # signatures are inverse to each other. A vanishing signature alone would prove nothing (a path that goes out
    # and back has none), so for the yes we ask for the $p$-variation distance.
    last = drivers["sigmoid"][-1, 0, -1].reshape(N, N + 1)[:, :N]
    limit = (N - 1) * np.log(families["sigmoid"].architecture.multiplier)
    print(f"sigmoid, L = 8: trace {np.trace(last):.5f}, 2 log(lambda) = {limit:.5f}")
    assert abs(np.trace(last) - limit) < 1e-3 and np.abs(np.diff(drivers["sigmoid"][-1], axis=0)).max() < 1e-3
    forth, back = np.asarray(rn.rough.signature(drivers["swinging"][-1], 2))
    undone = np.abs(rn.rough.flat.product(forth, back, N * (N + 1))).max()
    print(f"swinging: the product of two successive signatures is 1 up to {undone:.0e}")
    zero = np.zeros((33, N * (N + 1)))
    verdict = rn.rough.convergence(list(drivers["ReLU NTK"][1:, 0]), zero, 2.0, scale=doubling[1:])
    print(f"ReLU NTK to zero in 2-variation: {verdict.verdict}, rates {verdict.rates.round(2)}")
    assert undone < 1e-9 and verdict.verdict == "converges"

    # %%
    # What to see: on the left the channels are nearly straight lines, for the matrices of depths 3 and 4 are close
    # to each other. On the right esig (crosses) and iisignature (circles) agree at every depth; level 2 falls along
    # the dotted line for the ReLU NTK, and stays where it is for the other two.
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(1, 2, (10, 4.0))
        left, right = axes[0]
        for _k, _index in enumerate(("11", "12", "13", "1b")):
            left.plot(np.linspace(0, 1, 33), path[:, _k], color=COLOURS[_k], label=f"$v_{{{_index}}}$")
        left.set(title="Four channels of the driver from depth 3 to 4", xlabel="position $s$", ylabel="$v(s)$")
        left.legend()
        for (_name, _package), _values in sizes.items():
            _look = {"color": COLOURS[list(families).index(_name)], "fillstyle": "none", "markersize": 8}
            _mark = "+" if _package == "esig" else "o"
            right.loglog(depths[_name], _values[:, 1], _mark, label=f"{_name}, {_package}", **_look)
        theory = sizes["ReLU NTK", PACKAGES[0]][-1, 1] * (scale / scale[-1]) ** 2
        right.loglog(doubling, theory, ":", color="black", label="$(\\log L/L^2)^2$")
        right.set(title="Size of level 2 of the signature", xlabel="depth $L$", ylabel="$|S^2|$")
        right.legend(loc="lower left")
    rn.teaching.keep(figure)


if __name__ == "__main__":
    main()
