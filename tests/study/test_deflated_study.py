"""Studies of families that collapse, and the range of p: numbers against 60 digits and plain routes."""

import json

import mpmath
import numpy as np
import pytest

import roughntk as rn
from roughntk.files import drawing
from roughntk.study import summary
from roughntk.study.analysis import transport
from roughntk.study.config import StudyConfig
from roughntk.transport import segments

EPS = np.finfo(np.float64).eps


def silent(stage, steps):
    del stage, steps


def digits_60(data, depth):
    """K(X, X) and K(X, x) of the sigmoid family, and u, in 60 digits, from the rows themselves."""
    with mpmath.workdps(60):
        rows = [[mpmath.mpf(float(v)) for v in row] for row in np.vstack([data.X, data.x])]
        rows = [[v / mpmath.sqrt(mpmath.fsum(w * w for w in row)) for v in row] for row in rows]
        n, count = len(data.X), len(rows)
        K = mpmath.matrix(count, count)
        for i in range(count):
            for j in range(i + 1):
                rho = mpmath.mpf(1) if i == j else mpmath.fsum(a * b for a, b in zip(rows[i], rows[j], strict=True))
                for _ in range(depth - 1):
                    rho = (1 + mpmath.exp(-rho)) ** -2
                K[i, j] = K[j, i] = rho
        A = K[:n, :n]
        u = [mpmath.lu_solve(A, K[:n, n + k]) for k in range(len(data.x))]
        eigenvalues = mpmath.eigsy(A, eigvals_only=True)
        log_det = mpmath.log(mpmath.det(A))
        return np.array([[float(u[k][i]) for k in range(len(u))] for i in range(n)]), eigenvalues, log_det


@pytest.fixture(scope="module")
def deep():
    return rn.study.run("sphere", out=None, points=5, test_points=2, dimension=6, depths="17:26", family="sigmoid")


def test_every_depth_has_accurate_coefficients_condition_and_determinant(deep):
    for depth in (17, 26):  # condition 1e11 and 1e16
        u, eigenvalues, log_det = digits_60(deep.data, depth)
        how = deep.kernels.solved[depth]
        found = how.coefficients
        assert how.method == "deflated" and np.abs(found - u).max() <= how.forward_error.max() < 1e-12
        condition = float(eigenvalues[len(eigenvalues) - 1] / eigenvalues[0])
        assert deep.kernels.condition[depth] == pytest.approx(condition, rel=1e-10)
        assert deep.kernels.log_det[depth] == pytest.approx(float(log_det), rel=1e-12)


def test_every_transport_is_carried_and_within_its_own_bound(deep):
    assert len(deep.transport) == 36
    for row in deep.transport:
        assert row["system"] == "deflated" and row["converged"]
        assert row["error"] <= row["error_bound"] <= 1e-9 and row["residual"] <= 1e-9
        exact, _, _ = (deep.kernels.coefficients_at(row["depth"] + 1), None, None)
        np.testing.assert_allclose(row["coefficients"], exact, atol=row["error_bound"] * max(1, np.abs(exact).max()))


def test_the_distance_to_the_limit_is_that_of_60_digits(deep):
    limit, _, _ = digits_60(deep.data, 45)  # 19 layers deeper than the last depth: 1e-10 of its distance is left
    for depth in (17, 26):
        distance = np.abs(digits_60(deep.data, depth)[0] - limit).max()
        known = deep.kernels.solved[depth].forward_error.max()
        found = np.abs(deep.kernels.coefficients_at(depth) - deep.kernels.limit_coefficients).max()
        assert abs(found - distance) <= 2 * known < 1e-12
    # 6e-15 is below what 64 bit knows, and the summary says so
    sentence = summary._distance_to_limit(deep)
    assert "64 bit leaves unknown" in sentence
    assert distance <= float(sentence.split("within ")[1].split(" ")[0])


def test_drivers_of_a_singular_kernel_are_those_of_50_digits(deep):
    """v(1) = log(K_L^{-1} K_{L+1}) in 50 digits, where K_L has condition 1e15."""
    depth, data = 24, deep.data
    with mpmath.workdps(50):
        rows = [[mpmath.mpf(float(v)) for v in row] for row in data.X]
        rows = [[v / mpmath.sqrt(mpmath.fsum(w * w for w in row)) for v in row] for row in rows]
        n = len(rows)

        def kernel(layers):
            K = mpmath.eye(n)
            for i in range(n):
                for j in range(n):
                    rho = mpmath.mpf(1) if i == j else mpmath.fsum(
                        a * b for a, b in zip(rows[i], rows[j], strict=True)
                    )  # fmt: skip
                    for _ in range(layers - 1):
                        rho = (1 + mpmath.exp(-rho)) ** -2
                    K[i, j] = rho
            return K

        exact = mpmath.logm(mpmath.lu_solve_matrix(kernel(depth), kernel(depth + 1))) if hasattr(
            mpmath, "lu_solve_matrix"
        ) else mpmath.logm(kernel(depth) ** -1 * kernel(depth + 1))  # fmt: skip
        expected = np.array([[float(mpmath.re(exact[i, j])) for j in range(n)] for i in range(n)])
    end = deep.drivers.paths[depth][-1].reshape(n, -1)[:, :n]
    np.testing.assert_allclose(end, expected, atol=1e-12 * np.abs(expected).max())
    assert all(error < 1e-12 for error in deep.drivers.closed_form_error.values())


def test_a_transport_beyond_its_bound_has_not_converged(deep, monkeypatch):
    genuine = transport.between_systems

    def off(*arguments, **settings):
        import dataclasses

        found = genuine(*arguments, **settings)
        return dataclasses.replace(found, coefficients=found.coefficients + 6e-6)

    monkeypatch.setattr(transport, "between_systems", off)
    records = transport.transport_records(deep.kernels, [20], silent)
    assert not any(row["converged"] for row in records)
    assert "4 NOT converged" in summary._transport_line(records)


@pytest.mark.parametrize(("p", "levels"), [(1.0, [1]), (2.5, [1, 2]), (3.5, [1, 2, 3])])
def test_every_p_from_1_to_4_has_its_levels(p, levels):
    found = rn.study.run("sphere", out=None, points=5, test_points=2, depths="2:4", p=p, samples=5)
    assert sorted({row["level"] for row in found.variation if row["p"] == p}) == levels
    assert list(found.convergence.measured.levels) == levels
    words = f"levels 1 to {levels[-1]}" if len(levels) > 1 else "level 1"
    assert f"(p = {p:g}, {words})" in found.summary[5]


@pytest.mark.parametrize("p", [0.5, 4.0, 7])
def test_other_p_are_refused_with_the_range(p):
    with pytest.raises(rn.InputError, match="p from 1 to below 4"):
        StudyConfig(p=p)


def test_a_family_itself_is_taken_and_made_once(monkeypatch):
    family = rn.kernels.family("erf-ntk", weight_variance=2.5)
    config = StudyConfig(family=family)
    assert config.member() is family and config.family_name == family.name
    json.dumps(config.as_dict())
    with pytest.raises(rn.InputError, match="no parameters beside"):
        StudyConfig(family=family, parameters=("weight_variance=2",))
    with pytest.raises(rn.InputError, match="got the class ReluNTK"):
        StudyConfig(family=rn.kernels.ReluNTK)
    by_name = StudyConfig(family="erf-ntk", parameters=("weight_variance=2",))
    assert by_name.member() is by_name.member()


def test_short_studies_have_whole_ticks():
    figure, axes = drawing.canvas(1, 2, (8, 3))
    axes[0, 0].plot([2, 3, 4], [0, 1, 2])
    drawing.whole_ticks(axes[0, 0])
    axes[0, 1].loglog([2, 3, 4], [1, 2, 3])
    drawing.plain_log_ticks(axes[0, 1], [2, 3, 4])
    for axis in axes[0]:
        shown = [t for t in axis.get_xticks() if 2 <= t <= 4]
        assert len(shown) >= 2 and all(t == int(t) for t in shown)
    assert segments.relative_difference(np.zeros(2), np.zeros(2)) == 0
