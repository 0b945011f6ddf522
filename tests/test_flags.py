"""Truth values: every public function that takes one takes True and False of Python and NumPy, and nothing else."""

import inspect
import types
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import roughntk as rn
from roughntk import linalg, rough, sphere, transport
from roughntk.study.config import StudyConfig

NTK = rn.kernels.ReluNTK()
X, x = sphere.uniform(3, 4, 0), sphere.uniform(1, 4, 1)
PATH = np.array([[0.0, 0.0], [1.0, 0.5], [0.5, 1.0]])
ENDS = [np.asarray(NTK(*points, depth=depth)) for points in ((X,), (X, x)) for depth in (2, 3)]
TRIANGLE = np.abs(np.subtract.outer(np.arange(3.0), np.arange(3.0)))


def field(y):
    return jnp.stack([y, -y], axis=-1)


MATRICES = np.stack([np.eye(2), np.zeros((2, 2))])
CALLS: dict[str, dict[str, Callable]] = {
    "solve": {"indefinite": lambda flag: linalg.solve(MATRICES[0], MATRICES[0], indefinite=flag)},
    "solve_deflated": {
        "indefinite": lambda flag: linalg.solve_deflated(MATRICES[0], MATRICES[0], 0.1, indefinite=flag)
    },
    "solve_bordered": {
        "indefinite": lambda flag: linalg.solve_bordered(
            *linalg.bordered_system(MATRICES[0], MATRICES[0], 0.1), indefinite=flag
        )
    },
    "run": {
        name: lambda flag, name=name: rn.study.run("sphere", out=None, **{name: flag})
        for name in ("drop_duplicates", "standardise", "header", "resume")
    },
    "compare": {
        name: lambda flag, name=name: rn.study.compare("sphere", ("relu-ntk", "sigmoid"), out=None, **{name: flag})
        for name in ("drop_duplicates", "standardise", "header", "resume")
    },
    "audit": {"resume": lambda flag: rn.study.audit(["proposition-2"], out=None, resume=flag)},
    "store": {
        name: lambda flag, name=name: rn.study.store("rows.csv", "rows.npy", **{name: flag})
        for name in ("standardise", "distinct")
    },
    "covariance": {
        "unshaped": lambda flag: rn.networks.covariance(
            [[1.0, 0.5], [0.5, 1.0]], 0.5, unshaped=flag, width=50 if flag is True else None, key=jax.random.key(0)
        ),
    },
    "train": {
        "keep_parameters": lambda flag: rn.networks.train(
            rn.networks.FiniteNetwork(1, 4), X, X[:, 0], x, jax.random.key(0), time=0.1, keep_parameters=flag
        )
    },
    "sequence": {"real_depth": lambda flag: rn.kernels.sequence(lambda c, depth: c, real_depth=flag)},
    "project": {"distinct": lambda flag: sphere.project(X, distinct=flag)},
    "lift": {"distinct": lambda flag: sphere.lift(X, distinct=flag)},
    "p_variation_levels": {"root": lambda flag: rough.p_variation_levels(PATH, 1.0, root=flag)},
    "p_variation": {"root": lambda flag: rough.p_variation(PATH, 1.0, root=flag)},
    "p_variation_levels_of_increments": {
        "root": lambda flag: rough.p_variation_levels_of_increments([TRIANGLE], 1.0, root=flag)
    },
    "control": {"table": lambda flag: rough.control(PATH, 1.0, table=flag)},
    "lift_from_steps": {"geometric": lambda flag: rough.lift_from_steps(PATH, 2, 1, geometric=flag)},
    "solve_rde": {
        "throw": lambda flag: rough.solve_rde(field, rough.lift(PATH, 2), [1.0], estimate=False, throw=flag),
    },
    "ito_lyons": {
        name: lambda flag, name=name: rough.ito_lyons(
            field, rough.lift(PATH, 2), [1.0], **{"estimate": False, name: flag}
        )
        for name in ("joint", "throw")
    },
    "solve_linear": {"throw": lambda flag: rough.solve_linear(MATRICES, PATH, [1.0, 0.0], throw=flag)},
    "across_segment": {"throw": lambda flag: transport.across_segment(*ENDS, throw=flag)},
    "between_depths": {"throw": lambda flag: transport.between_depths(NTK, X, x, depth=2, throw=flag)},
    "to_depth": {"throw": lambda flag: transport.to_depth(NTK, X, x, start=3, stop=4, throw=flag)},
}
FLAGS = [pytest.param(name, flag, call, id=f"{name}-{flag}") for name in CALLS for flag, call in CALLS[name].items()]


def public_flags() -> Iterator[tuple[str, str]]:
    """(function, parameter) of each truth value that a public function of a room takes."""
    for room in (rn, rn.kernels, rn.depth, rn.networks, sphere, rough, transport, rn.study):
        for name in room.__all__:
            found = getattr(room, name)
            for function in vars(found).values() if isinstance(found, types.ModuleType) else [found]:
                if inspect.isfunction(function) and not function.__name__.startswith("_"):
                    for parameter in inspect.signature(function).parameters.values():
                        if isinstance(parameter.default, bool) or "bool" in str(parameter.annotation):
                            yield function.__name__, parameter.name


def test_every_truth_value_of_a_public_function_is_tried_here():
    listed = {(name, flag) for name in CALLS for flag in CALLS[name]}
    assert set(public_flags()) == listed


@pytest.mark.parametrize(("name", "flag", "call"), FLAGS)
def test_what_is_no_truth_value_is_refused(name, flag, call):
    for value in ("no", "", 0, 1, 1.0, [True], np.array([True, False])):
        with pytest.raises(rn.InputError, match=f"^expected {flag} to be True or False, got .*; write one of these$"):
            call(value)


@pytest.mark.parametrize(
    ("name", "flag", "call"),
    [each for each in FLAGS if each.id.split("-")[0] in ("coefficients", "project", "control")],
)
def test_truth_values_of_numpy_are_taken(name, flag, call):
    assert type(call(np.True_)) is type(call(True))
    assert type(call(np.False_)) is type(call(False))


@pytest.mark.parametrize("name", ["drop_duplicates", "standardise", "header"])
def test_a_study_refuses_what_is_no_truth_value(name):
    with pytest.raises(rn.InputError, match=f"expected {name} to be True or False, got 'no'"):
        StudyConfig(**{name: "no"})
