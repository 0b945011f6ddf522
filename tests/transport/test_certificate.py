"""The certificate of a transport: never below the truth, close to it, made as it says, and what overturns a verdict."""

import dataclasses
import itertools
import math
import re

import diffrax
import equinox as eqx
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
import random_transports as cases
import scipy.integrate
import scipy.linalg

import roughntk as rn
from roughntk import _display
from roughntk.linalg import enclosures
from roughntk.transport import (
    Certificate,
    CoefficientPath,
    Segment,
    TransportError,
    across_segment,
    between_depths,
    certificate_of,
    equation,
    systems,
    to_depth,
    vector_field,
)
from roughntk.transport import (
    certificate as certificates,
)

EPS = np.finfo(np.float64).eps
NTK, NNGP = rn.kernels.ReluNTK(), rn.kernels.ReluNNGP()
X, x = rn.sphere.uniform(3, 5, 0), rn.sphere.uniform(2, 5, 1)
COARSE = {"rtol": 1e-4, "atol": 1e-6, "throw": False}
FEW = {name: cases.SOLVERS[name] for name in ("Dopri8",)}


def never_below_and_close(case, seen):
    """The ratio of bound to truth, which is checked."""
    result = case.call()
    of_numbers, of_data = cases.true_errors(case, result, seen.last)
    certificate = result.certificate
    assert np.all(of_numbers <= certificate.bound), case.words
    assert np.all(of_numbers <= certificate.gronwall), case.words
    if of_data is not None:
        assert np.all(of_data <= certificate.total), case.words
    return certificate.bound.max() / of_numbers.max() if of_numbers.max() else 1.0


@pytest.fixture
def seen(monkeypatch):
    keeper = cases.Seen()
    monkeypatch.setattr(equation, "certified", keeper)
    return keeper


@pytest.mark.parametrize("way", ["whole_depth", "along_depth", "given_matrices"])
def test_the_bound_is_never_below_the_truth_and_close_to_it_on_random_cases(way, seen):
    """A few of those of benchmarks/certificates.py."""
    rng, kinds = np.random.default_rng(20), ("generic", "on the data")
    make = {
        "whole_depth": lambda: cases.whole_depth(rng, 3, 2, cases.FAMILIES, FEW),
        "along_depth": lambda: cases.along_depth(rng, 3, 2, ("relu-ntk", "relu-nngp"), FEW, kinds),
        "given_matrices": lambda: cases.given_matrices(rng, 3, 2, FEW),
    }[way]
    ratios = []
    while len(ratios) < (4 if way == "along_depth" else 12):
        try:
            ratios.append(never_below_and_close(make(), seen))
        except rn.regression.NotPositiveDefiniteError:
            continue
    # where the closed form, and u with it, are right to some units of rounding the bound is, too
    assert max(ratios) < 1.1


@pytest.mark.parametrize(("solver", "rtol"), [("Dopri8", 1e-5), ("Tsit5", 1e-3), ("Heun", 1e-3)])
def test_it_is_close_for_every_solver_at_any_tolerance(solver, rtol, seen):
    given = {"rtol": rtol, "atol": rtol / 100, "solver": cases.SOLVERS[solver], "throw": False}
    case = cases.Case({}, lambda: to_depth(NTK, X, x, start=2, stop=40, **given), (X, x), cases.relu(40, True))
    assert never_below_and_close(case, seen) < 1.001
    certificate = case.call().certificate
    assert 1e-15 < certificate.relative < 0.1
    # by Gronwall's inequality alone some ten times as much
    assert certificate.parts["gronwall"] < 100 * certificate.relative


def gronwall(nodes, rows):
    """The inequality with mpmath, from systems (A, b) and what was carried: the bound of each |e_i|, and V."""
    with mp.workdps(40):
        matrices = [mp.matrix(A.tolist()) for A, _, _ in nodes]
        residuals = [
            A * mp.matrix(u.tolist()) - mp.matrix(b.tolist()) for A, (_, b, u) in zip(matrices, nodes, strict=True)
        ]

        def energy(A, d, k):
            return mp.sqrt(sum(d[i, k] * e for i, e in enumerate(mp.lu_solve(A, d[:, k]))))

        steps = []
        for A, following in zip(matrices[:-1], matrices[1:], strict=True):
            L = mp.inverse(mp.cholesky(following))
            steps.append(max(abs(mp.log(v)) for v in mp.eigsy(L * A * L.T, eigvals_only=True)))
        columns = []
        for k in range(residuals[0].cols):
            total = energy(matrices[0], residuals[0], k)
            for j, step in enumerate(steps):
                change = residuals[j + 1] - residuals[j]
                total = mp.exp(step / 2) * total + energy(matrices[j + 1], change, k)
            last = mp.inverse(matrices[-1])
            columns.append([float(mp.sqrt(last[i, i]) * total) for i in range(rows)])
        return np.array(columns).T, float(sum(steps))


def test_gronwalls_bound_is_that_of_the_inequality():
    """Back along depth with a coarse solver: start, steps and growth by mpmath from the kernels at those depths."""
    result = to_depth(NTK, X, x, start=40, stop=2, depths=[40, 12, 5, 2], solver=diffrax.Heun(), **COARSE)
    depths = {float(t): float(depth) for t, depth in zip(result.times, result.depths, strict=True)}
    certificate = certificate_of(result.path, result.times, result.values)
    assert list(depths.values()) == [40, 12, 5, 2]
    nodes = [
        (np.asarray(NTK(X, depth=depth)), np.asarray(NTK(X, x, depth=depth)), u)
        for depth, u in zip(result.depths, result.values, strict=True)
    ]
    bound, variation = gronwall(nodes, 3)
    # the path is the interpolated kernel, off by some eps, and these errors are 1e-5
    np.testing.assert_allclose(certificate.gronwall, bound, rtol=1e-8)
    assert certificate.one_variation == pytest.approx(variation, rel=1e-10)
    assert certificate.growth == pytest.approx(math.exp(variation / 2), rel=1e-10)
    np.testing.assert_allclose(certificate.start + certificate.steps + certificate.rounding, certificate.gronwall)
    assert certificate.start.max() < 1e-9 * certificate.steps.max()  # it starts at the closed form
    assert certificate.rounding.max() < 1e-9 * certificate.steps.max()


@pytest.mark.parametrize("clock", ["arc", "psi"])
def test_the_1_variation_is_the_length_of_the_driver_in_the_energy_norm(clock):
    """|A^{-1} A'|_A = max |lambda|, lambda the eigenvalues of A' over those of A, integrated over the segment."""
    certificate = between_depths(NTK, X, x, depth=2, clock=clock).certificate
    K0, K1 = (np.asarray(NTK(X, depth=depth)) for depth in (2, 3))

    def speed(s):
        return np.abs(scipy.linalg.eigh(K1 - K0, K0 + s * (K1 - K0), eigvals_only=True)).max()

    length = scipy.integrate.quad(speed, 0, 1)[0]
    chords = np.abs(scipy.linalg.eigh(K1, K0, eigvals_only=True, driver="gvd"))
    assert np.abs(np.log(chords)).max() * (1 - 1e-12) <= certificate.one_variation <= length * (1 + 1e-9)
    assert certificate.one_variation == pytest.approx(length, rel=0.02)
    assert length > 0.1


WAYS = {
    "arc, joint": lambda **more: between_depths(NTK, X, x, depth=2, **more),
    "psi, paper": lambda **more: between_depths(NTK, X, x, depth=2, clock="psi", rhs="paper", **more),
    "to 5": lambda **more: to_depth(NTK, X, x, stop=5, **more),
    "deflated": lambda **more: between_depths(NNGP, X, x, depth=400, **more),
    "to infinity": lambda **more: to_depth(NTK, X, x, depths=[3, 1e4, math.inf], **more),
    "deflated, back": lambda **more: to_depth(NNGP, X, x, start=math.inf, stop=2, depths=[30, 2], **more),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_result_shows_its_certificate_beside_the_error(way):
    result = WAYS[way]()
    certificate = result.certificate
    assert certificate.holds and result.converged
    assert certificate.bound.shape == certificate.entries.shape == result.coefficients.shape
    assert certificate.along.shape == result.errors.shape == certificate.errors.shape
    known = np.isfinite(result.depths) | (result.depths == math.inf)
    np.testing.assert_array_equal(np.isnan(certificate.along), ~known)
    np.testing.assert_array_equal(certificate.errors, result.errors)
    assert np.all(result.errors[known] <= certificate.along[known] * (1 + 1e-14))
    assert result.error <= certificate.relative <= 1e-11
    rows = dict(result.rows())
    assert list(rows).index("proven error") == list(rows).index("error against the closed form") + 1
    assert re.fullmatch(r"at most \d\.?\d*e-\d\d", rows["proven error"])
    assert float(rows["proven error"].removeprefix("at most ")) >= certificate.relative
    assert "growth" in rows["by Gronwall's inequality"] and "proven: at most" in repr(result)
    assert "proven error" in result._repr_html_() and "proven error" in repr(certificate)


@pytest.mark.parametrize("way", ["arc, joint", "psi, paper", "deflated", "to 5"])
def test_a_solution_that_is_off_is_told_by_its_certificate_and_has_not_converged(way, monkeypatch):
    """u is moved by 1e-6 at the end: the residual says so, whatever the closed form says."""
    genuine = equation.integrate

    def off(*args):
        values, *rest = genuine(*args)
        return (values.at[-1, 0].add(1e-6), *rest)

    monkeypatch.setattr(equation, "integrate", off)
    with pytest.raises(TransportError, match="too far from the closed form"):
        WAYS[way]()
    result = WAYS[way](throw=False)
    assert not result.converged and result.certificate.holds
    assert 1e-6 * (1 - 1e-6) <= result.certificate.bound[0].min() <= result.certificate.bound.max() < 1e-6 * (1 + 1e-4)


@pytest.mark.parametrize("way", ["arc, joint", "psi, paper", "to 5"])
def test_a_closed_form_that_is_off_contradicts_the_certificate(way, monkeypatch):
    """By 1e-11, within what errors are held to: only what is proven tells."""
    genuine, numbers = systems.LinearSystem.solve, itertools.count()

    def off(self, what):
        """That at the end, which is solved after the start."""
        solution = genuine(self, what)
        return dataclasses.replace(solution, coefficients=solution.coefficients + 1e-11 * (next(numbers) % 2))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(systems.LinearSystem, "solve", off)
        patch.setattr(equation, "TransportResult", rn.transport.TransportResult)  # not the one that tests check
        with pytest.raises(TransportError, match=r"proven of their difference .* either .* or the proof is wrong"):
            WAYS[way]()
        result = WAYS[way](throw=False)
    assert not result.certificate.holds and not result.converged
    assert result.error < result.error_bound and "which is exceeded" in dict(result.rows())["proven error"]


def test_a_proof_that_is_wrong_is_contradicted_by_the_closed_form(monkeypatch):
    """Residuals ten times too small, as by a slip in their computation."""
    genuine = enclosures.exact_residual

    def small(*args):
        return enclosures.Known(*(part / 10 for part in genuine(*args)))

    monkeypatch.setattr(certificates, "exact_residual", small)
    monkeypatch.setattr(equation, "TransportResult", rn.transport.TransportResult)
    result = to_depth(NTK, X, x, solver=diffrax.Tsit5(), **COARSE)
    assert not result.certificate.holds and not result.converged
    with pytest.raises(TransportError, match="the proof is wrong"):
        to_depth(NTK, X, x, solver=diffrax.Tsit5())


def test_a_wrong_driver_is_told_by_the_certificate(monkeypatch):
    """b' a thousandth too large: the equation that is solved is another one."""

    class Wrong(Segment):
        def derivative(self, s):
            dA, db = super().derivative(s)
            return dA, db * 1.001

    monkeypatch.setattr(systems.LinearSystem, "segment_type", Wrong)
    result = between_depths(NTK, X, x, depth=2, throw=False)
    assert not result.converged
    assert result.certificate.holds and 1e-6 < result.error <= result.certificate.relative < 1.01 * result.error


def test_an_integration_that_was_cut_short_has_no_certificate():
    result = between_depths(NTK, X, x, depth=2, clock="psi", max_steps=10, throw=False)
    assert np.isinf(result.certificate.bound).all() and not result.converged
    assert np.isinf(result.certificate.growth) and "at most inf" in dict(result.rows())["proven error"]


@pytest.mark.parametrize("exponents", [(-930, -930), (-512, 0), (0, 900), (900, 900)])
def test_a_certificate_scales_with_the_system(exponents):
    scale, right = (2.0**exponent for exponent in exponents)
    K0, K1 = (np.asarray(NTK(X, depth=depth)) for depth in (2, 3))
    B0, B1 = (np.asarray(NTK(X, x, depth=depth)) for depth in (2, 3))
    one = across_segment(K0, K1, B0, B1, clock="psi").certificate
    other = across_segment(K0 * scale, K1 * scale, B0 * right, B1 * right, clock="psi", throw=False)
    certificate = other.certificate
    assert certificate.one_variation == pytest.approx(one.one_variation, rel=1e-12)
    # the tolerance of the integration is absolute, too: errors are not the same, their bounds are those of their own
    exact = np.linalg.solve(K1, B1)
    gap = np.abs(other.coefficients * scale / right - exact).max()
    assert gap * (1 - 1e-2) - 64 * EPS <= (certificate.bound * scale / right).max() <= gap * (1 + 1e-2) + 64 * EPS


def test_matrices_of_scales_far_apart_are_certified_at_the_end():
    """Their energy norms differ by 10^200, and the growth of errors with them; the residual at the end says it all."""
    K, B = np.asarray(NTK(X, depth=2)), np.asarray(NTK(X, x, depth=2))
    result = across_segment(K * 2.0**-600, K, B * 2.0**-600, B, throw=False)
    assert result.certificate.one_variation > 400 and result.certificate.holds
    assert result.certificate.bound.max() < 1e-6 * max(result.certificate.gronwall.max(), 1e-6)


def test_slightly_asymmetric_matrices_are_certified_as_they_are():
    K0, K1 = (np.asarray(NTK(X, depth=depth)) for depth in (2, 3))
    B0, B1 = (np.asarray(NTK(X, x, depth=depth)) for depth in (2, 3))
    K1 = K1 + np.triu(np.full((3, 3), 3e-13), 1)
    certificate = across_segment(K0, K1, B0, B1).certificate
    assert certificate.holds and 1e-15 < certificate.relative < 1e-11


class Curved(CoefficientPath):
    """A path of 2 by 2 systems of one's own."""

    speed: float = eqx.field(static=True, default=1.0)

    def evaluate(self, s):
        c = jnp.sin(self.speed * s)
        return jnp.asarray([[2.0, 0.0], [0.0, 1.0]]) + c * jnp.asarray([[0.0, 1.0], [1.0, 0.5]]), jnp.stack([c, 1 + s])[
            :, None
        ]

    def derivative(self, s):
        c = self.speed * jnp.cos(self.speed * s)
        return c * jnp.asarray([[0.0, 1.0], [1.0, 0.5]]), jnp.stack([c, jnp.ones_like(c)])[:, None]


def test_a_solution_of_ones_own_on_a_path_of_ones_own():
    path, clock = Curved(), rn.transport.across_segment(np.eye(2), np.eye(2), np.eye(2), np.eye(2)).clock
    start = np.linalg.solve(*(np.asarray(part) for part in path.evaluate(0.0)))
    for solver, save in ((diffrax.Heun(), diffrax.SaveAt(t0=True, steps=True)), (diffrax.Dopri5(), None)):
        own = diffrax.diffeqsolve(
            diffrax.ODETerm(vector_field(path, clock)), solver, 0.0, 1.0, 0.125, start, max_steps=8,
            saveat=save or diffrax.SaveAt(t0=True, t1=True),
        )  # fmt: skip
        certificate = certificate_of(path, own.ts, own.ys)
        A, b = (mp.matrix(np.asarray(part).tolist()) for part in path.evaluate(1.0))
        with mp.workdps(40):
            truth = cases.distances(np.asarray(own.ys[-1]), mp.inverse(A) * b)
        assert np.all(truth <= certificate.bound) and certificate.bound.max() <= truth.max() * (1 + 1e-9)
        assert np.all(truth <= certificate.gronwall) and certificate.gronwall.max() <= 30 * truth.max()
        assert len(certificate.along) == len(own.ts) and np.isnan(certificate.errors).all() and certificate.holds
        assert certificate.entries.max() == 0.0
    once = certificate_of(path, [1.0], own.ys[-1:])
    assert once.one_variation == 0.0 and once.growth == pytest.approx(1.0)
    np.testing.assert_allclose(once.direct, certificate.direct, rtol=1e-12)


def test_a_solution_of_ones_own_along_depth_at_the_depths_in_between():
    known = to_depth(NTK, X, x, depths=[2, 5, 100, math.inf])
    own = diffrax.diffeqsolve(
        diffrax.ODETerm(vector_field(known.path, known.clock)), diffrax.Heun(), known.times[0], known.times[-1], 0.02,
        known.values[0], saveat=diffrax.SaveAt(ts=known.times),
    )  # fmt: skip
    certificate = certificate_of(known.path, known.times, own.ys)
    errors = [certificates.distance(np.asarray(u), exact) for u, exact in zip(own.ys, known.values, strict=True)]
    # Heun's errors, about 1e-5 on the way; `known` has errors of 1e-12 itself
    assert np.all(np.array(errors) <= certificate.along + 1e-11) and 1e-7 < certificate.along[-1] < 1e-3


@pytest.mark.parametrize(
    ("positions", "values", "message"),
    [
        (0.5, np.ones((1, 2, 1)), r"shape \(k,\), k >= 1, got shape \(\)"),
        ([], np.ones((0, 2, 1)), r"k >= 1, got shape \(0,\)"),
        ([0.0, 1.0], np.ones((1, 2, 1)), r"values of shape \(2, 2, 1\), .* got \(1, 2, 1\)"),
        ([0.0], np.ones((1, 3, 1)), r"values of shape \(1, 2, 1\)"),
        ([0.0, math.nan], np.ones((2, 2, 1)), "positions.*NaN"),
        ([0.0], np.full((1, 2, 1), math.inf), "values"),
        (["a"], np.ones((1, 2, 1)), "positions"),
    ],
)
def test_bad_solutions_of_ones_own_are_named(positions, values, message):
    with pytest.raises(rn.InputError, match=message):
        certificate_of(Curved(), positions, values)


def test_a_bound_is_never_shown_below_itself():
    for value in (1.2301e-9, 2.0, 9.999, 0.0, 1e-310, 123456.0):
        for digits in (1, 2, 3):
            text = _display.rounded_up(value, digits)
            assert value <= float(text) <= value * (1 + 10.0 ** (1 - digits))
    assert _display.rounded_up(math.inf) == "inf"
    assert isinstance(Certificate.unknown((3, 1), 4), Certificate)
