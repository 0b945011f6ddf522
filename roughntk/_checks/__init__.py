"""Eager validation of what a user hands in, in one place.

Whatever can be known before any tracing (shape, rank, range, NaN, unknown names) is checked here and
raised as an :class:`InputError`, whose message always has the form "expected ..., got ...; do ...":
it names the offending rows or values and the remedy.
"""

from roughntk._checks.arrays import (
    check_columns,
    check_mask,
    float64_array,
    frame_or_series,
    is_traced,
    matrix,
    path_points,
    real_array,
    real_depth,
)
from roughntk._checks.capacity import available_memory, memory, size_in_words
from roughntk._checks.errors import (
    InputError,
    MissingBackendError,
    NotInMemoryError,
    apart,
    blamed,
    choice,
    first_line,
    name_pairs,
    name_rows,
    reason,
    shown,
    traced,
    traced_array,
    whole,
)
from roughntk._checks.maps import pieces, stored
from roughntk._checks.scalars import (
    exponent,
    flag,
    integer,
    integer_depth,
    known_number,
    level,
    number,
    number_of_text,
    one_depth,
    real_number,
    require_x64,
    seed,
    training_time,
)
from roughntk._checks.times import first_not_increasing, increasing_times, wrong_number_of_times

__all__ = [
    "InputError", "MissingBackendError", "NotInMemoryError", "apart", "available_memory", "blamed", "check_columns",
    "check_mask", "choice", "exponent", "first_line", "first_not_increasing", "flag", "float64_array",
    "frame_or_series", "increasing_times", "integer", "integer_depth", "is_traced", "known_number", "level", "matrix",
    "memory", "name_pairs", "name_rows", "number", "number_of_text", "one_depth", "path_points", "pieces",
    "real_array", "real_depth", "real_number", "reason", "require_x64", "seed", "shown", "size_in_words", "stored",
    "traced", "traced_array", "training_time", "whole", "wrong_number_of_times",
]  # fmt: skip
