"""Families by name: parameters, functions by name, settings that rebuild a family, and families at criticality."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import roughntk as rn
from roughntk.kernels import named, registry
from roughntk.maps import hermite as _hermite

EPS = np.finfo(np.float64).eps


@pytest.mark.parametrize("name", [name for name in rn.kernels.FAMILIES if "activation" not in name])
def test_settings_rebuild_the_family(name):
    family = rn.kernels.family(name)
    assert set(family.settings) <= set(registry.parameters(name))
    again = rn.kernels.family(name, **family.settings)
    assert jax.tree.structure(again) == jax.tree.structure(family) and again.settings == family.settings


def test_functions_are_found_by_name_and_in_files(tmp_path):
    source = tmp_path / "mine.py"
    source.write_text("import jax.numpy as jnp\n\ndef halved(c):\n    return c / 2 + 0.25\n")
    family = rn.kernels.family("composition", h=f"{source}:halved")
    assert family.fixed_point == pytest.approx(0.5, abs=EPS) and family.settings == {"h": "halved"}
    assert rn.kernels.family("composition", h="roughntk.kernels.named:cubic").multiplier == 0.5
    assert named.activation("jax.numpy:tanh").__wrapped__ is jnp.tanh


@pytest.mark.parametrize(
    ("name", "values", "match"),
    [
        ("erf-ntk", {"weight_varianc": 2.0}, "did you mean 'weight_variance'"),
        ("relu-ntk", {"slope": 0.1}, "no parameters"),
        ("activation-ntk", {"phi": "tahn"}, "did you mean 'tanh'"),
        ("activation-ntk", {"phi": "nowhere.py:f"}, "FileNotFoundError"),
        ("composition", {"h": "nosuchmodule:f"}, "ModuleNotFoundError"),
        ("composition", {"h": "jax.numpy:nosuchname"}, "AttributeError"),
        ("residual-relu-ntk", {"scaling": "stabel"}, "did you mean 'stable'"),
    ],
)
def test_bad_names_and_places_are_refused(name, values, match):
    with pytest.raises(rn.InputError, match=match):
        rn.kernels.family(name, **values)


def test_critical_families_have_multiplier_one_at_an_attracting_variance():
    tanh = rn.kernels.TanhNTK.critical()
    # of sigma_w^2 E[tanh'^2] = 1 and q = E[tanh^2]/E[tanh'^2] + 0.1, by a trapezoidal rule of its own
    z = np.linspace(-12, 12, 2401)
    weights = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    q = 1.0
    for _ in range(200):  # a contraction near the solution
        q = 0.1 + weights @ np.tanh(np.sqrt(q) * z) ** 2 / (weights @ np.cosh(np.sqrt(q) * z) ** -4.0)
    assert float(tanh.weight_variance) == pytest.approx(1 / (weights @ np.cosh(np.sqrt(q) * z) ** -4.0), rel=1e-12)
    with pytest.raises(rn.InputError, match=r"variance, got 0.1; the least that has one is about 0.17"):
        rn.kernels.GeluNTK.critical(0.1)
    with pytest.raises(rn.InputError, match="bias_variance above 0"):
        rn.kernels.TanhNTK.critical(0.0)


@pytest.mark.parametrize("at_once", [True, False])
def test_power_series_in_blocks_is_the_power_series(at_once, monkeypatch):
    monkeypatch.setattr(_hermite, "_AT_ONCE", 100 if at_once else 0)
    rng = np.random.default_rng(0)
    terms, p = rng.random((37, 2, 2)), np.append(rng.random(6), [0.0, 1.0])
    found = _hermite.power_series(jnp.asarray(terms), jnp.asarray(p))
    expected = np.polynomial.polynomial.polyval(p, terms)
    # positive terms: some roundings of each
    np.testing.assert_allclose(found, expected, rtol=64 * EPS)


def test_duals_that_are_kept_give_the_kernel_of_duals_computed_anew():
    family = rn.kernels.TanhNTK()
    theta = jnp.asarray([0.0, 1e-6, 0.5, 2.0, np.pi])
    path = np.asarray(family.trajectory(theta, 200))
    for depth in (1, 2, 30, 200):
        # the variance is held within 4 eps: 200 layers of a few roundings
        np.testing.assert_allclose(path[depth - 1], family.at_angle(theta, depth), rtol=0, atol=200 * EPS)
