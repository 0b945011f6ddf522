"""What every test shares: no screen for figures, the package before JAX is used, repeatable examples, a cache."""

import gc
import os
import shutil
from pathlib import Path

import pytest
from compilation_cache import CACHE, LIMIT, folder, give_back, resident, write_entries_whole

os.environ["MPLBACKEND"] = "Agg"
# Two workers fill two processors: threads of linear algebra would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# A second run of the tests takes two thirds of the time of the first. A folder that somebody else names is theirs.
os.environ["JAX_COMPILATION_CACHE_DIR"] = folder(os.environ)
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.05"
# Three quarters of the time of these tests is compiling. So optimised less, and by XLA's older emitters of fused loops,
# a function compiles in half the time, and rounds differently. What users get is what `make test-portable` runs.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=0")
os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")
os.environ["JAX_NUMPY_DTYPE_PROMOTION"] = "strict"

import roughntk  # noqa: I001  first, so that 64 bit is on before anything makes a JAX array

import jax
from hypothesis import settings

# Types of numbers are not mixed unseen: JAX raises where an integer meets a float, or a real a complex number, in every
# test and in the processes that it starts, but in these files, each for its reason. Ranks may differ: values at
# correlations and depths broadcast, as NumPy's do, so rank promotion raises nowhere.
NOT_STRICT = {
    "kernels/test_sequence.py": "sequences as users write them, which divide by a whole depth",
}

write_entries_whole()
# Tracing makes very many objects that live long: look for unreachable ones less often, and not among those of imports.
gc.freeze()
gc.set_threshold(50_000, 20, 20)

settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("repeatable")

assert roughntk.__version__


# Numerical tests that `make test-portable` runs again under other instruction sets, each of which rounds differently:
# classification, coefficients, kernels at the edges of their parameters, signatures, variation, transport.
PORTABLE = (
    "certify/test_float64_is_certified.py",
    "maps/test_relu_flow.py",
    "maps/test_relu_flow_derivatives.py",
    "maps/test_leaky_flow.py",
    "depth/test_infinite.py",
    "kernels/test_table.py",
    "kernels/test_activation.py",
    "depth/test_classify.py",
    "kernels/test_composition.py",
    "depth/test_criteria.py",
    "kernels/test_edges.py",
    "kernels/test_families.py",
    "kernels/test_reference_data.py",
    "kernels/test_residual.py",
    "rough/test_lift.py",
    "rough/test_linear.py",
    "rough/test_rde.py",
    "rough/test_regularity.py",
    "laws/test_backends.py",
    "laws/test_paths.py",
    "rough/test_signature.py",
    "rough/test_homogeneous_distance.py",
    "rough/test_variation.py",
    "rough/test_variation_1d.py",
    "rough/test_variation_ranges.py",
    "study/test_classify_command.py",
    "test_sphere.py",
    "regression/test_coefficients.py",
    "regression/test_deep_coefficients.py",
    "regression/test_prediction_digits.py",
    "transport/test_deflated.py",
    "depth/test_depth_needed.py",
    "transport/test_equation.py",
    "transport/test_along_depth.py",
)


# Those of them that `.ci/run` runs again: where rounding decided once, and a file of each other room, in a few minutes.
PORTABLE_FEW = (
    "depth/test_calibration_limits.py",
    "depth/test_classify.py",
    "kernels/test_edges.py",
    "rough/test_linear.py",
    "rough/test_signature.py",
    "rough/test_homogeneous_distance.py",
    "rough/test_variation.py",
    "rough/test_variation_ranges.py",
    "study/test_classify_command.py",
    "test_sphere.py",
    "regression/test_coefficients.py",
    "transport/test_deflated.py",
)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Strict promotion of types, but where it is listed."""
    path = item.path.relative_to(Path(__file__).parent).as_posix()
    jax.config.update("jax_numpy_dtype_promotion", "standard" if path in NOT_STRICT else "strict")


MOST_RESIDENT = 6 * 2**30
"""Bytes of a worker from which on it lets go of compiled functions after each file: two fit a machine of 16 GB."""


@pytest.fixture(autouse=True, scope="module")
def compiled_functions_are_let_go():
    yield
    if resident() > MOST_RESIDENT:
        jax.clear_caches()
        give_back()


# Files that take longest, beginning with the longest. Workers get files in this order, so that neither is left with a
# long one at the end.
LONGEST = (
    "laws/test_laws_of_families.py",
    "study/test_study.py",
    "test_process.py",
    "fuzz/test_fuzz_arguments.py",
    "depth/test_classify.py",
    "test_single_precision.py",
    "test_arguments.py",
    "test_docstrings.py",
    "laws/test_kernels.py",
    "kernels/test_deep.py",
    "study/test_other_studies.py",
    "transport/test_along_depth.py",
    "transport/test_contract.py",
    "transport/test_equation.py",
    "test_contributing.py",
    "test_compilation.py",
    "study/test_summary.py",
    "browser/test_explorer_numbers.py",
    "browser/test_explorer_by_hand.py",
    "browser/test_explorer_elsewhere.py",
    "study/test_cli.py",
    "study/test_deflated_study.py",
    "study/test_output_of_commands.py",
    "rough/test_rde.py",
    "rough/test_ito_lyons.py",
    "transport/test_deflated.py",
    "transport/test_paper_driver.py",
    "regression/test_deep_coefficients.py",
    "rough/test_calibration.py",
    "kernels/test_residual.py",
    "kernels/test_activation.py",
    "rough/test_lift.py",
    "fuzz/test_fuzz_kernels.py",
)


def place(path: str) -> int:
    """Where a file comes in the order: the longest first, then what lies in folders, what is left last."""
    return LONGEST.index(path) if path in LONGEST else len(LONGEST) + ("/" not in path)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put them in order, and mark what is listed above, before `-m portable` selects."""
    tests = Path(__file__).parent
    items.sort(key=lambda item: place(item.path.relative_to(tests).as_posix()))
    for item in items:
        path = item.path.relative_to(tests).as_posix()
        if path in PORTABLE:
            item.add_marker("portable")
        if path in PORTABLE_FEW:
            item.add_marker("portable_few")


NO_PAGES = ("no browser tests", "no axe-core")
"""How the reasons of `page_fixtures` begin."""


def pytest_configure(config: pytest.Config) -> None:
    """Begin with an empty cache where it has grown too large."""
    if "PYTEST_XDIST_WORKER" in os.environ or not CACHE.is_dir():
        return
    if sum(path.stat().st_size for path in CACHE.rglob("*") if path.is_file()) > LIMIT:
        shutil.rmtree(CACHE, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once, whatever the options, why pages were not loaded, and what to install."""
    reasons = [str(report.longrepr[2]) for report in terminalreporter.getreports("skipped")]
    for reason in sorted({text.removeprefix("Skipped: ") for text in reasons}):
        if reason.startswith(NO_PAGES):
            count = sum(text.endswith(reason) for text in reasons)
            terminalreporter.write_line(f"{count} tests skipped, {reason}")
