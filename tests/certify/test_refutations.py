"""What the paper states and enclosures refute: verdicts, their numbers by other routes, and that they can change."""

import fractions

import mpmath
import numpy as np
import pytest

import roughntk as rn
from roughntk._checks import InputError
from roughntk.certify import balls, refutations
from roughntk.certify.evidence import power_series, proofs


def wrong_kernel(theta, depth):
    """Increasing in depth, with limit 1, positive definite on a circle: what the paper says of K_L."""
    return (theta.cos() - 1).exp() + (1 - (theta.cos() - 1).exp()) * (1 - balls.flint().arb(1) / depth)


def equispaced(points):
    angles = 2 * np.pi * np.arange(points) / points
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_the_kernel_at_correlation_0_peaks_at_depth_12():
    proof = refutations.theorem_2_is_not_monotone()
    family = rn.kernels.ReluNTK()
    assert proof.proven
    for depth, enclosure in zip((11, 12, 13), proof.evidence, strict=True):
        assert enclosure.error_of(float(family.at_correlation(0.0, depth))) < 1e-14
    assert round(float(proof.evidence[1]), 5) == 0.31644
    assert not refutations.theorem_2_is_not_monotone(peak=11).proven
    assert not refutations.theorem_2_is_not_monotone(peak=13).proven


@pytest.mark.parametrize(("rho", "peak"), [("-0.9", 18), ("-1/2", 17), ("1/4", 7)])
def test_the_peak_at_other_correlations_is_that_of_the_trajectory(rho, peak):
    trajectory = np.asarray(rn.kernels.ReluNTK().trajectory(np.arccos(float(fractions.Fraction(rho))), 60)).ravel()
    assert int(trajectory.argmax()) + 1 == peak
    assert refutations.theorem_2_is_not_monotone(rho, peak).proven


def test_at_positive_correlations_the_kernel_falls_from_the_start():
    proof = refutations.theorem_2_falls_from_the_start()
    assert proof.proven and len(proof.evidence) == 20
    assert proof.evidence[1].text == "0.471165557189"
    assert not refutations.theorem_2_falls_from_the_start(("0", "3/4")).proven


def test_the_kernel_is_negative_at_some_correlations():
    proof = refutations.proposition_4_leaves_the_unit_interval()
    assert proof.proven
    assert proof.evidence[1].error_of(float(rn.kernels.ReluNTK().at_correlation(-0.9, 2))) < 1e-15
    assert not refutations.proposition_4_leaves_the_unit_interval(depths=(3,)).proven


def test_the_second_kernel_is_singular_on_points_with_their_antipodes():
    for points in (6, 8, 12):
        assert refutations.kernel_2_is_singular(points).proven
        values = np.linalg.eigvalsh(rn.kernels.ReluNTK()(equispaced(points), depth=2))
        # eigenvalues of odd harmonics from 3 to n - 3, j and n - j alike: n/2 - 2 of them
        assert (np.abs(values) < 1e-14).sum() == points // 2 - 2
    for points in (7, 4, 9):
        with pytest.raises(rn.InputError, match=f"expected an even number of points, at least 6, got {points}"):
            refutations.kernel_2_is_singular(points)


def test_the_odd_part_of_the_second_kernel_is_half_a_cosine():
    assert refutations.antipodal_difference() == (1, 0, 0)
    family, theta = rn.kernels.ReluNTK(), np.linspace(0.1, 3.0, 7)
    odd = np.asarray(family.at_angle(theta, 2)) - np.asarray(family.at_angle(np.pi - theta, 2))
    np.testing.assert_allclose(odd, np.cos(theta), atol=1e-14)


@pytest.mark.parametrize(("points", "depth"), [(9, 2), (6, 3), (8, 3), (12, 3), (7, 10), (5, 1)])
def test_the_smallest_eigenvalue_on_a_circle_is_that_of_numpy(points, depth):
    enclosure = refutations.smallest_on_a_circle(points, depth)
    values = np.linalg.eigvalsh(rn.kernels.ReluNTK()(equispaced(points), depth=depth))
    assert enclosure.error_of(values.min()) < 50 * points * np.finfo(float).eps


def test_the_third_kernel_is_definite_where_the_second_is_singular():
    proof = refutations.kernel_3_is_definite()
    assert proof.proven and min(each.lower for each in proof.evidence) > fractions.Fraction(8, 100)
    assert not refutations.kernel_3_is_definite((6, 8), kernel=lambda theta, depth: theta.cos()).proven


def test_between_depths_1_and_2_the_kernel_is_indefinite_on_a_circle():
    proof = refutations.real_depth_is_indefinite()
    assert proof.proven
    for depth, enclosure in zip((1.25, 1.5, 1.75), proof.evidence, strict=True):
        values = np.linalg.eigvalsh(rn.kernels.ReluNTK()(equispaced(9), depth=depth))
        assert enclosure.error_of(values.min()) < 1e-12  # the flow in float64 is right to 3e-14
    assert not refutations.real_depth_is_indefinite(depths=("9/4",)).proven


@pytest.mark.parametrize("scale", ["1", "1/10", "3/1000"])
def test_the_series_of_the_clock_is_that_of_its_formula(scale):
    d = fractions.Fraction(scale)
    with mpmath.workdps(60):

        def psi(z):
            return 1 / (1 + mpmath.exp(-2 * z * d.denominator / (d.numerator * (1 - z**2))))

        expected = [mpmath.diff(psi, 0, order) / mpmath.factorial(order) for order in range(6)]
        for coefficient, value in zip(refutations.clock_series(scale, 6), expected, strict=True):
            size = max(1, abs(value))
            assert abs(mpmath.mpf(coefficient.numerator) / coefficient.denominator - value) < 1e-6 * size
    assert power_series.derivative_at_0(refutations.clock_series(scale), 1) == 1 / (2 * d)


def test_the_slopes_of_the_clocks_grow():
    proof = refutations.proposition_5_derivatives_grow(("1", "1/10", "1/1000000"))
    assert proof.proven and [each.lower for each in proof.evidence] == [fractions.Fraction(1, 2), 5, 500000]


def test_another_clock_is_another_verdict(monkeypatch):
    monkeypatch.setattr(refutations, "logistic", lambda a: tuple(fractions.Fraction(0) for _ in a))
    assert not refutations.proposition_5_derivatives_grow().proven


@pytest.mark.parametrize(("rho", "peak", "deep"), [(0, 12, 100), ("-0.9", 18, 300)])
def test_the_kernel_is_largest_at_its_peak_at_every_depth(rho, peak, deep):
    proof = refutations.theorem_2_stays_below(rho, peak, deep)
    assert proof.proven and proof.evidence[1].lower < fractions.Fraction(7, 100)
    assert not refutations.theorem_2_stays_below(rho, peak + 1, deep).proven
    # too early the bound does not decide
    assert not refutations.theorem_2_stays_below(rho, peak, peak + 2).proven
    assert not refutations.theorem_2_stays_below(rho, peak, deep, kernel=wrong_kernel).proven


def test_the_bound_of_the_limit_falls_with_depth():
    """What `theorem_2_stays_below` says of it."""
    for rho in ("-1", "0", "0.99"):
        values = [rn.certify.limit_bound(rho, depth).value for depth in (1, 2, 3, 5, 9, 30, 31, 100, 1000, 10**6)]
        assert values == sorted(values, reverse=True)


@pytest.mark.parametrize(("points", "rho"), [(2, "0.9"), (5, "1/2"), (12, "1/2")])
def test_the_determinant_stays_above_a_positive_bound(points, rho):
    proof = refutations.determinant_stays_positive(points, rho, 10_000)
    limit, least = (each.lower for each in proof.evidence)
    assert proof.proven and limit == refutations.determinant_of_the_limit(points) > least > 0
    X = rn.sphere.uniform(points, 200, 0)  # correlations are about 200^(-1/2)
    assert np.abs(X @ X.T - np.eye(points)).max() < float(fractions.Fraction(rho))
    for depth in (10_000, 10**6):
        assert np.linalg.det(rn.kernels.ReluNTK()(X, depth=depth)) > float(least)
    assert not refutations.determinant_stays_positive(points, "0.999999", 3).proven


@pytest.mark.parametrize("points", [1, 2, 5, 30])
def test_the_determinant_of_the_limit_is_positive(points):
    expected = fractions.Fraction(3, 4) ** (points - 1) * fractions.Fraction(points + 3, 4)
    assert refutations.determinant_of_the_limit(points) == expected > 0


def test_a_kernel_that_does_what_the_paper_says_is_not_refuted():
    assert not refutations.theorem_2_is_not_monotone(kernel=wrong_kernel).proven
    assert not refutations.theorem_2_falls_from_the_start(kernel=wrong_kernel).proven
    assert not refutations.kernel_2_is_singular(kernel=wrong_kernel).proven


def test_a_proof_says_whether_it_is_one():
    proof = refutations.theorem_2_is_not_monotone(peak=11)
    assert "not proven" in str(proof) and "(proven: " in str(refutations.theorem_2_is_not_monotone())


def test_digits_that_both_ends_share():
    half = fractions.Fraction(1, 2)
    assert proofs.between("x", half, half, 10, 5).digits == 5
    near = proofs.between("x", fractions.Fraction("0.12344"), fractions.Fraction("0.12352"), 10)
    assert (near.text, near.digits) == ("0.12", 2)  # with three digits the ends are 0.123 and 0.124
    with balls.working(60):
        assert proofs.enclosed("pi", balls.flint().arb.pi(), 60).text == "3.14159265358979"


def test_nothing_proves_nothing():
    proofs = (
        refutations.proposition_4_leaves_the_unit_interval("-0.9", ()),
        refutations.theorem_2_falls_from_the_start(()),
        refutations.theorem_2_falls_from_the_start(("1/2",), 1),
        refutations.kernel_3_is_definite(()),
        refutations.real_depth_is_indefinite(9, ()),
        refutations.proposition_5_derivatives_grow(()),
    )
    assert not any(proof.proven for proof in proofs)


def test_correlations_and_depths_out_of_range_are_refused():
    with pytest.raises(InputError, match="expected rho within"):
        refutations.theorem_2_is_not_monotone(2)
    with pytest.raises(InputError, match="depth of at least 1, got 0"):
        refutations.theorem_2_is_not_monotone(0, 1)
    with pytest.raises(InputError, match="depth of at least 1, got '1/2'"):
        refutations.real_depth_is_indefinite(9, ("1/2",))
    with pytest.raises(InputError, match="expected peak from 1 to 5, got 12"):
        refutations.theorem_2_stays_below(0, 12, 5)
