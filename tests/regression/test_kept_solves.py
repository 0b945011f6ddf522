"""A solve that was ended goes on with the same bits, and one that was finished is not solved again."""

import numpy as np
import pytest
from typer.testing import CliRunner

import roughntk as rn
from roughntk.cli import app
from roughntk.commands.answers import predictions
from roughntk.files import checkpoints
from roughntk.linalg import iterative

X, x = rn.sphere.uniform(60, 4, 0), rn.sphere.uniform(2, 4, 1)
FAMILY = rn.kernels.ReluNTK()


class Ended(BaseException):
    """What ends a run."""


@pytest.fixture
def steps(monkeypatch):
    """Counts the steps of conjugate gradients, and ends the run after so many; every step is saved."""
    counted, run = {"steps": 0, "last": 10**9}, iterative._Kept.offer

    def offer(self, *values):
        run(self, *values)
        counted["steps"] += 1
        if counted["steps"] == counted["last"]:
            raise Ended

    monkeypatch.setattr(iterative._Kept, "offer", offer)
    monkeypatch.setattr(checkpoints.Checkpoint, "is_due", True)
    return counted


def solve(**more):
    return rn.regression.solve(FAMILY, X, x, **{"depth": 3, "method": "iterative"} | more)


def ended(steps, last, work):
    steps |= {"steps": 0, "last": last}
    with pytest.raises(Ended):
        work()
    steps |= {"steps": 0, "last": 10**9}


def test_an_ended_solve_goes_on_with_the_same_bits(steps, tmp_path):
    whole = solve()
    count = steps["steps"]
    assert count > 4
    folder = tmp_path / "kept"
    for last in (2, count - 3):  # the second end counts from the first
        ended(steps, last, lambda: solve(checkpoint=folder))
    resumed = solve(checkpoint=folder)
    assert steps["steps"] == count - 2 - (count - 3)
    again = solve(checkpoint=folder)
    assert steps["steps"] == 1  # nothing more
    for each in (resumed, again):
        assert each.coefficients.tobytes() == whole.coefficients.tobytes()
        assert each.forward_error.tobytes() == whole.forward_error.tobytes()
        assert (each.iterations, each.residual, each.condition_number) == (
            whole.iterations, whole.residual, whole.condition_number,
        )  # fmt: skip


def test_a_restarted_run_goes_on_with_the_same_bits(steps):
    """Where the true residual lags behind, what is left is solved for again; the state says which run it was."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(30, 30)))[0]
    A, B = basis @ np.diag(np.geomspace(1, 1e7, 30)) @ basis.T, np.asfortranarray(rng.normal(size=(30, 2)))
    restart, kept = {}, []

    class States:
        def offer(self, state):
            kept.append(state())

        def recall(self):
            return restart.get("from")

    whole = iterative.conjugate_gradients(lambda V: A @ V, B, tolerance=1e-13, states=States())
    assert {state["run"] for state in kept} >= {0, 1} and len(kept) == whole.iterations
    for number in (0, whole.iterations // 2, whole.iterations - 2):
        restart["from"] = kept[number]
        resumed = iterative.conjugate_gradients(lambda V: A @ V, B, tolerance=1e-13, states=States())
        assert resumed.solution.tobytes() == whole.solution.tobytes() and resumed.iterations == whole.iterations
        assert (resumed.smallest, resumed.largest) == (whole.smallest, whole.largest)


def test_another_problem_is_refused_by_what_differs(steps, tmp_path):
    folder = tmp_path / "kept"
    ended(steps, 2, lambda: solve(checkpoint=folder))
    for change, words in (
        (lambda: solve(checkpoint=folder, depth=4), r"depth \(3 there, 4 here\), values of the family"),
        (lambda: solve(checkpoint=folder, method="cholesky"), r"method \(iterative there, cholesky here\)"),
        (lambda: solve(checkpoint=folder, devices=1), r"devices \(none there, 1 \(cpu\) here\)"),
        (
            lambda: rn.regression.solve(FAMILY, X[::-1], x, depth=3, method="iterative", checkpoint=folder),
            "X;",
        ),
    ):
        with pytest.raises(rn.InputError, match=rf"checkpoint of this problem, got .*: it differs in {words}"):
            change()
    assert solve(checkpoint=folder).coefficients.tobytes() == solve().coefficients.tobytes()


def test_a_family_is_known_by_what_its_functions_give(tmp_path):
    def solved(power):
        family = rn.kernels.sequence(lambda c, depth: c**power, name="powers", real_depth=True)
        return rn.regression.solve(family, X[:4], x, depth=3, checkpoint=tmp_path / "kept")

    first = solved(3)
    assert solved(3).coefficients.tobytes() == first.coefficients.tobytes()
    with pytest.raises(rn.InputError, match="it differs in values of the family; go on with the other one"):
        solved(5)


def test_predict_goes_on_at_the_depth_and_step_where_it_was(steps, tmp_path, monkeypatch):
    table = tmp_path / "rows.csv"
    table.write_text("a,b,c,y\n" + "".join(f"{a},{b},{c},{a * b}\n" for a, b, c in X[:50, :3].tolist()))
    arguments = ["predict", str(table), "--target", "y", "--depth", "2,3", "--out", str(tmp_path / "out.csv")]
    built, fit = [], predictions.FittedRegression
    monkeypatch.setattr(
        predictions, "FittedRegression",
        lambda *given, **more: built.append(more["depth"]) or fit(*given, **more | {"solver": "iterative"}),
    )  # fmt: skip
    runner, folder = CliRunner(), tmp_path / "kept"
    assert runner.invoke(app, arguments).exit_code == 0
    whole, count = (tmp_path / "out.csv").read_bytes(), steps["steps"]
    (tmp_path / "out.csv").unlink()
    steps |= {"steps": 0, "last": count - 2}
    with pytest.raises(Ended):
        runner.invoke(app, [*arguments, "--checkpoint", str(folder)])
    steps |= {"steps": 0, "last": 10**9}
    built.clear()
    result = runner.invoke(app, [*arguments, "--checkpoint", str(folder)])
    assert result.exit_code == 0 and built == [3.0] and steps["steps"] == 2
    assert f"Resuming {folder}: 1 of 2 depths were done, and one was begun." in " ".join(result.output.split())
    assert (tmp_path / "out.csv").read_bytes() == whole and not folder.exists()


def test_several_processes_are_refused(monkeypatch, tmp_path):
    import jax

    monkeypatch.setattr(jax, "process_count", lambda: 2)
    with pytest.raises(rn.InputError, match="expected one process with a checkpoint, got 2; leave the checkpoint out"):
        solve(checkpoint=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
