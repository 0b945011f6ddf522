"""Conjugate gradients in blocks of right-hand sides, and matrices that are never stored."""

import numpy as np
import pytest

from roughntk._checks import InputError
from roughntk.linalg import NotPositiveDefiniteError, operator
from roughntk.linalg.iterative import StagnationError, conjugate_gradients
from roughntk.linalg.operator import BlockOperator

CHANCE = np.random.default_rng(0)
TURN = np.linalg.qr(CHANCE.normal(size=(40, 40)))[0]
VALUES = np.geomspace(1, 100, 40)
A = (TURN * VALUES) @ TURN.T
B = CHANCE.normal(size=(40, 3))


def test_the_solution_is_that_of_a_factored_matrix():
    found = conjugate_gradients(lambda V: A @ V, B, tolerance=1e-13)
    np.testing.assert_allclose(found.solution, np.linalg.solve(A, B), rtol=0, atol=1e-11)
    true = np.linalg.norm(B - A @ found.solution, axis=0) / np.linalg.norm(B, axis=0)
    np.testing.assert_allclose(found.residual, true, rtol=1e-6, atol=1e-15)
    assert 30 < found.iterations < 90


def test_the_ritz_values_are_within_the_spectrum_and_reach_its_ends():
    found = conjugate_gradients(lambda V: A @ V, B, tolerance=1e-13)
    assert 1 - 1e-9 <= found.smallest < 1.001 and 99 < found.largest <= 100 + 1e-9


def test_a_perfect_preconditioner_needs_one_step():
    found = conjugate_gradients(lambda V: A @ V, B, precondition=lambda V: np.linalg.solve(A, V), tolerance=1e-11)
    assert found.iterations <= 2 and found.condition_number == pytest.approx(1, abs=1e-6)


def test_a_zero_right_hand_side_is_solved_by_zero():
    right = B.copy()
    right[:, 1] = 0
    found = conjugate_gradients(lambda V: A @ V, right)
    assert (found.solution[:, 1] == 0).all() and np.abs(found.solution[:, 0]).max() > 0


def test_an_indefinite_matrix_is_noticed():
    indefinite = A - 50 * np.eye(40)
    with pytest.raises(NotPositiveDefiniteError, match=r"the kernel.*p\^T A p = -.*raise the ridge"):
        conjugate_gradients(lambda V: indefinite @ V, B, what="the kernel")


def test_what_cannot_be_reached_is_said():
    with pytest.raises(StagnationError, match=r"residual of .* after 5 steps.*raise tolerance"):
        conjugate_gradients(lambda V: A @ V, B, most=5)
    noisy = np.random.default_rng(1)
    with pytest.raises(StagnationError, match="residual"):
        conjugate_gradients(lambda V: A @ V * (1 + 1e-3 * noisy.normal(size=V.shape)), B, tolerance=1e-12, most=400)


def test_an_operator_multiplies_block_by_block():
    asked, told = [], []

    def rows(part):
        asked.append(part)
        return A[part]

    operator = BlockOperator(A.shape, rows, block_entries=40 * 12)
    np.testing.assert_allclose(operator.apply(B, lambda done, most: told.append((done, most))), A @ B, rtol=1e-13)
    assert [part.stop - part.start for part in asked] == [12, 12, 12, 4]
    assert told == [(12, 40), (24, 40), (36, 40), (40, 40)]
    np.testing.assert_allclose(operator @ B[:, 0], A @ B[:, 0], rtol=1e-13)
    np.testing.assert_allclose(operator.columns(np.array([3, 7])), A[:, [3, 7]], rtol=0, atol=1e-15)
    with pytest.raises(InputError, match="expected 40 rows to multiply"):
        operator.apply(B[:-1])


def test_a_symmetric_operator_makes_half_of_its_entries_once_and_is_pickled_without_them(monkeypatch):
    monkeypatch.setattr(operator, "KEPT_ROWS", 12)
    asked, told = [], []

    def entries(rows, columns):
        asked.append((rows.start, columns.stop))
        return A[rows, columns]

    kept = BlockOperator(A.shape, lambda part: A[part], entries=entries)
    for vectors in (B, B[:, 0]):
        product = kept.apply(vectors, lambda done, most: told.append(done))
        np.testing.assert_allclose(product, A @ vectors, rtol=1e-12)
    assert asked == [(0, 12), (12, 24), (24, 36), (36, 40)] and told == [12, 24, 36, 40, 40]
    assert kept.__getstate__()["_kept"] is None
    kept.forget()
    np.testing.assert_allclose(kept @ B, A @ B, rtol=1e-12)
    assert len(asked) == 8
