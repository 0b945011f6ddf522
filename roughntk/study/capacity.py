"""How much memory a study takes: one count, by which what cannot fit is refused before anything is computed.

In units of one system, the n (n + m) numbers of K(X, X) and K(X, x):

* drivers: every driver at every sample, starts x samples systems, `DRIVERS` times over at the peak, which is the
  singular value decomposition of all their steps (the paths, the steps, LAPACK's copy, and V^T twice);
* kernels: all layers down to the last depth of a range, or those listed, once computed and once kept; the deflated
  form beside them;
* one system being solved, with its inverse and the bounds of its entries; and the equation along real depth, whose
  path is known at `REAL_DEPTH` depths;
* of each study that is finished and kept beside this one, `KEPT` systems a depth; its drivers are not kept.

The rows that predictions are tried on come on top: their angles with the n points, and what becomes of these, `HELD`
numbers a pair at the peak. So do compiled functions.

Peaks of whole processes above that of a study of 3 points, for relu-ntk and 33 samples:
723 MiB for n = 100, m = 10 and 30 depths, 803 MiB for n = 200, m = 5 and 10 depths, with one copy of the steps more.
"""

from roughntk import _checks
from roughntk.regression.iterative import MOST_FACTORED
from roughntk.study.depths import StudyDepths, depth_words

DRIVERS = 7
SYSTEM = 16
REAL_DEPTH = 300
KEPT = 4
HELD = 6
ACROSS = 2**25
"""Pairs of training and test points that are predicted from together, or those of one test point."""
VECTORS = 400
"""Of n numbers, in conjugate gradients with their preconditioner."""
COMPILED = 160 * 2**20
"""Bytes of the functions that are compiled for new shapes."""


def check_systems(points: int, test_points: int) -> None:
    """Refuse points of which not even one system can be solved."""
    _checks.memory(
        8.0 * SYSTEM * points * (points + test_points),
        f"linear systems of {points} training and {test_points} test points",
        "lower --points or --test-points",
    )


def check_prediction(points: int, test_points: int) -> None:
    """Refuse points of which nothing can be predicted: beyond `MOST_FACTORED` no matrix between them is stored."""
    if points <= MOST_FACTORED:
        check_systems(points, min(test_points, max(1, ACROSS // points)))
        return
    _checks.memory(
        8.0 * (VECTORS * points + SYSTEM * max(points, ACROSS)),
        f"the vectors of a solve with {points} training points",
        "lower --points",
    )


def study_bytes(
    points: int, test_points: int, chosen: StudyDepths, samples: int, held: int = 0, finished: int = 0
) -> float:
    """Bytes at the peak of a study, above what is taken before it.

    Args:
        points, test_points: n and m.
        chosen, samples: of its drivers.
        held: rows that predictions are tried on.
        finished: studies of the same points and depths that are kept.
    """
    count = len(chosen.depths) + len(chosen.following)
    layers = 2.0 * (chosen.depths[-1] if chosen.is_range else count)
    systems = DRIVERS * float(len(chosen.starts)) * samples + layers + 3.0 * count + SYSTEM + REAL_DEPTH
    systems += KEPT * float(finished) * count
    return 8.0 * points * ((points + test_points) * systems + HELD * held) + COMPILED


def check_study(
    points: int, test_points: int, chosen: StudyDepths, samples: int, held: int = 0, finished: int = 0
) -> None:
    """Refuse a study that does not fit in memory.

    Raises:
        InputError: it takes more than is free; with the need, what is free, and what to lower.
    """
    _checks.memory(
        study_bytes(points, test_points, chosen, samples, held, finished),
        f"a study of {points} training and {test_points} test points at {depth_words(chosen.depths)}, "
        f"{samples} samples a driver,",
        f"lower --points, --test-points, --samples or the {'last' if chosen.is_range else 'number'} of --depths",
    )
