"""The gateway for arguments on its own: what counts as a number, as an array of numbers, as fitting into memory."""

import collections
import datetime
import math
from decimal import Decimal
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
import xarray as xr

import roughntk as rn
from roughntk import _checks, rough, sphere
from roughntk._checks import InputError, capacity
from roughntk.files import tables

WHOLE = [
    3, np.int8(3), np.int16(3), np.int64(3), np.uint8(3), np.uint64(3), jnp.int8(3), jnp.asarray(3), np.array(3),
    np.array(3, dtype=object), xr.DataArray(3), pd.Series([3])[0],
]  # fmt: skip
REAL = [3.0, np.float16(3), np.float32(3), np.float64(3), np.longdouble(3), jnp.float32(3), jnp.bfloat16(3),
        jnp.float16(3), jnp.asarray(3.0), np.array(3.0), Decimal(3), Fraction(3), np.array(Fraction(3))]  # fmt: skip
NO_NUMBERS = [
    True, np.True_, jnp.asarray(True), np.array(False), "3", b"3", np.str_("3"), None, object(), 3 + 0j, [3], (3,),
    np.array([3]), jnp.ones(1), float, np.ma.masked, np.datetime64("2020"), np.timedelta64(3), pd.NA, Decimal("sNaN"),
    math.nan,
]  # fmt: skip


@pytest.mark.parametrize("value", WHOLE, ids=lambda value: type(value).__name__)
def test_whole_numbers_of_every_kind_are_one_thing(value) -> None:
    assert _checks.integer(value, "points", least=1) == 3
    assert type(_checks.integer(value, "points", least=1)) is int
    assert _checks.integer_depth(value) == _checks.one_depth(value) == _checks.number(value, "time") == 3


@pytest.mark.parametrize("value", REAL, ids=lambda value: type(value).__name__)
def test_real_numbers_of_every_kind_are_one_thing_and_no_whole_numbers(value) -> None:
    assert _checks.one_depth(value) == _checks.number(value, "time") == _checks.exponent(value) == 3
    assert type(_checks.number(value, "time")) is float
    assert _checks.integer_depth(value) == 3  # a depth may be real, so 3.0 is one that is whole
    with pytest.raises(InputError, match="expected points to be a whole number, got"):
        _checks.integer(value, "points", least=1)


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: type(value).__name__)
def test_what_is_no_number_is_refused_with_the_usual_message(value) -> None:
    for check in (
        lambda: _checks.integer(value, "points", least=1),
        lambda: _checks.number(value, "time", least=0),
        lambda: _checks.exponent(value),
        lambda: _checks.one_depth(value),
        lambda: _checks.integer_depth(value),
    ):
        with pytest.raises(InputError, match="^expected .*, got .*; "):
            check()
    assert math.isnan(_checks.real_number(value))


@pytest.mark.parametrize(
    "value",
    [10**400, 10**5000, np.longdouble("1e4000"), Decimal("1e5000"), Fraction(10**400)],
    ids=lambda v: type(v).__name__,
)
def test_numbers_beyond_float64_are_refused_by_their_size(value) -> None:
    with pytest.raises(InputError, match=r"within float64 .*got .*(E|e|0000).*math\.inf"):
        _checks.one_depth(value)
    with pytest.raises(InputError, match="beyond float64"):
        _checks.number(value, "time", least=0, infinite=True)
    if isinstance(value, int):
        with pytest.raises(InputError, match=r"points from 1 to 2\^63 - 1, got (about )?1e\+"):
            _checks.integer(value, "points", least=1)
    with pytest.raises(InputError, match="depth of at least 1, got -inf"):
        _checks.one_depth(-value)


@pytest.mark.parametrize("value", [math.inf, np.float32(np.inf), jnp.asarray(np.inf), Decimal("Infinity")])
def test_infinity_is_a_number_only_where_it_is_asked_for(value) -> None:
    assert _checks.one_depth(value) == _checks.number(value, "time", least=0, infinite=True) == math.inf
    for check in (_checks.integer_depth, _checks.exponent, lambda v: _checks.number(v, "gamma", above=0)):
        with pytest.raises(InputError, match="finite"):
            check(value)


def test_a_whole_depth_ends_where_64_bit_counting_does() -> None:
    assert _checks.integer_depth(2**63 - 1) == 2**63 - 1
    for deep in (2**63, 1e300):
        with pytest.raises(InputError, match=r"below 2\^63.*math\.inf"):
            _checks.integer_depth(deep)


@pytest.mark.parametrize("transform", [jax.jit, jax.grad, jax.vmap], ids=["jit", "grad", "vmap"])
def test_a_tracer_in_place_of_a_known_number_is_named_as_one(transform) -> None:
    checks = (
        lambda v: _checks.integer(v, "points", least=1), lambda v: _checks.number(v, "time"), _checks.exponent,
        _checks.one_depth, _checks.real_depth, _checks.integer_depth, lambda v: _checks.real_array(v, "X"),
        lambda v: _checks.real_array([[v, 1.0]], "X"), lambda v: _checks.real_depth([v, 2.0]),
    )  # fmt: skip

    def run(value):
        for check in checks:
            with pytest.raises(InputError, match="JAX is tracing"):
                check(value)
        return value

    transform(run)(jnp.ones(2) if transform is jax.vmap else 1.0)


@pytest.mark.parametrize(
    ("depths", "shown"),
    [([2.0, 3.0], "2 of them"), (np.array([2.0]), "1 of them"), ([], "0 of them"), ((3, 4), "2 of them")],
)
def test_one_depth_is_not_several(depths, shown) -> None:
    with pytest.raises(InputError, match=f"expected one depth, got {shown}"):
        _checks.one_depth(depths)


def test_unequal_numbers_are_shown_with_the_digits_that_tell_them_apart() -> None:
    assert _checks.apart(1.0, 2.5) == ("1", "2.5")
    assert _checks.apart(1704067200.0, 1704067200.5) == ("1704067200", "1704067200.5")
    assert len(set(_checks.apart(1.0, 1 + 2.0**-52, math.nan))) == 3
    assert _checks.apart(1.0, 1.0) == ("1", "1")


def frame() -> pd.DataFrame:
    return pd.DataFrame({"a": [1, 2], "b": [0.5, -3.0], "c": [True, False]})


@pytest.mark.parametrize(
    "value",
    [
        frame(), pl.from_pandas(frame()), pa.Table.from_pandas(frame()), frame().to_numpy(dtype=float),
        [[1, 0.5, True], [2, -3.0, False]], ((1, 0.5, 1), (2, -3, 0)), xr.DataArray(frame().to_numpy(dtype=float)),
        jnp.asarray([[1, 0.5, 1], [2, -3, 0]], dtype=jnp.bfloat16), frame().astype({"a": "Int64", "b": "Float32"}),
        [[Fraction(1), Decimal("0.5"), 1], [2, -3, 0]], np.ma.array([[1, 0.5, 1], [2, -3, 0]]),
        np.array([[1, 0.5, 1], [2, -3, 0]], dtype=np.longdouble), frame().astype({"b": "float32[pyarrow]"}),
    ],
    ids=lambda value: type(value).__module__ + "." + type(value).__name__,
)  # fmt: skip
def test_every_holder_of_numbers_gives_the_same_matrix(value) -> None:
    found = _checks.matrix(value, "X")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [[1, 0.5, 1], [2, -3, 0]])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (frame().assign(label=["x", "y"]), "the column 'label' of type String; drop it, give it as the target"),
        (pl.DataFrame({"when": [datetime.date(2020, 1, 1)]}), "the column 'when'"),
        (pl.DataFrame({"a": [[1], [2]]}), "the column 'a' of type List"),
        (pl.DataFrame({"a": [1, None, 2], "b": [1, 2, 3]}), r"1 in column 'a' of type Int64 \(row 1\)"),
        (frame().assign(a=pd.array([1, None], dtype="Int64")), r"column 'a' of type Int64 \(row 1\)"),
        (pd.Series(["a"]), "a series of type String"),
        (pl.LazyFrame({"a": [1]}), "collect"),
        (xr.Dataset({"a": ("x", [1])}), "to_dataarray"),
        (np.ma.array([[1, 2], [3, 4], [5, 6]], mask=[[0, 0], [0, 1], [1, 0]]), "masked entries, got 2 in rows 1 and 2"),
        (np.array([1, "1e4000"], dtype=np.longdouble), r"within float64 .*X\[1\]"),
        ([[1, 2], [3, 10**400]], r"within float64.*X\[1, 1\] = 1e\+400"),
        ([[1, None]], r"X\[0, 1\] = None"),
        ([["a", 1]], r"text \(X\[0, 0\] = 'a'\)"),
        (np.array([1j]), "complex"),
        (np.zeros(2, [("a", float)]), "structured_to_unstructured"),
        (np.array(["2020"], "M8[s]"), "dates"),
        (scipy.sparse.csr_array(np.eye(2)), "toarray"),
        ([[1, 2], [3]], "unequal length"),
        (None, "X = None"),
        ({1: 2}, "X = "),
    ],
    ids=map(str, range(20)),
)
def test_what_holds_no_real_numbers_is_refused_by_name_or_row(value, message) -> None:
    with pytest.raises(InputError, match=f"^expected .*{message}"):
        _checks.real_array(value, "X")


MASKED = np.ma.array([0, 0.0], mask=[0, 1])


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ([MASKED, [1, 2]], "1 in row 0"),
        (([1, 2], MASKED), "1 in row 1"),
        ([[1, 2], [np.ma.masked, 3], [4, np.ma.masked]], "2 in rows 1 and 2"),
        ([[1, 2], (np.ma.array(3.0, mask=True), 3)], "1 in row 1"),
        (collections.deque([[1, 2], MASKED]), "1 in row 1"),
        ([[MASKED, [1, 2]], [[1, 2], [3, 4]]], "1 in row 0"),
        ([np.array([1, np.ma.masked], dtype=object), [1, 2]], "1 in row 0"),
        ([np.ma.masked_all((0, 2)), MASKED], "1 in row 1"),
    ],
    ids=range(8),
)
def test_masked_entries_inside_of_sequences_are_refused_by_row(value, named) -> None:
    for use in (lambda: _checks.float64_array(value, "X"), lambda: rough.p_variation(value, 1.0)):
        with pytest.raises(InputError, match=f"without masked entries, got {named}; remove or fill"):
            use()


def test_a_masked_array_inside_of_a_list_whose_mask_is_empty_is_read() -> None:
    assert rough.p_variation([np.ma.array([0, 0.0], mask=False), [3, 4]], 1.0, norm="l2") == 5.0
    inside: list = [1.0]
    inside.append(inside)
    with pytest.raises(InputError):
        _checks.real_array(inside, "X")
    with pytest.raises(InputError, match=r"X\[0, 1\] = <NA>"):
        _checks.real_array([[1, pd.NA], [1, 2]], "X")


def test_a_dataset_is_refused_with_what_makes_an_array_of_it() -> None:
    data = xr.Dataset({"a": ("i", [0.0, 3.0]), "b": ("i", [0.0, 4.0])})
    uses = rough.p_variation, rough.PiecewiseLinear, sphere.project, tables.memory_table
    for use, rest in zip(uses, ([1.0], [], [], ["X"]), strict=True):
        with pytest.raises(InputError, match=r"got a Dataset of the variables a, b; .*\.to_dataarray\(\)\.T"):
            use(data, *rest)
    assert rough.p_variation(data.to_dataarray().T, 1.0, norm="l2") == 5.0  # the remedy: from (0, 0) to (3, 4)


def test_work_beyond_the_free_memory_is_refused_with_need_limit_and_remedy(monkeypatch) -> None:
    monkeypatch.setattr(capacity, "available_memory", lambda: 2.0**30)
    _checks.memory(0.8 * 2**30, "a kernel", "use fewer rows")
    with pytest.raises(InputError, match="expected a kernel to fit in memory, got a need of 2 GiB where 922 MiB are f"):
        _checks.memory(2.0**31, "a kernel", "use fewer rows")
    with pytest.raises(InputError, match=r"more than 1e12 TiB where .*; use fewer rows"):
        _checks.memory(math.inf, "a kernel", "use fewer rows")


def test_limits_of_control_groups_count(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(capacity, "_control_groups", lambda: [5e8])
    assert _checks.available_memory() <= 5e8
    monkeypatch.setattr(capacity, "_address_space", lambda: 3e8)
    assert _checks.available_memory() <= 3e8
    monkeypatch.undo()
    assert 0 < _checks.available_memory() < math.inf


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (10**17 - 1, "99999999999999999"), (10**17, "1e+17"), (10**20, "1e+20"), (10**20 - 1, "about 1e+20"),
        (10**20 + 1, "about 1e+20"), (99994 * 10**15, "about 9.999e+19"), (99995 * 10**15, "about 1e+20"),
        (2**63, "about 9.223e+18"), (-(10**20) + 1, "about -1e+20"), (9999 * 10**30, "9.999e+33"),
        (10**400 - 1, "about 1e+400"),
    ],
)  # fmt: skip
def test_large_whole_numbers_are_rounded_and_say_so(value, text) -> None:
    assert _checks.whole(value) == _checks.shown(value) == text


def test_the_mantissa_of_a_whole_number_is_right_beside_every_power_of_ten() -> None:
    for exponent in range(17, 330):
        for off in (-(10 ** (exponent - 5)), -1, 0, 1, 10 ** (exponent - 5)):
            number = 10**exponent + off
            shown = Decimal(_checks.whole(number).removeprefix("about "))
            assert abs(shown - number) <= Decimal(number) / 1999 and 1 <= shown.scaleb(-shown.adjusted()) < 10
            assert _checks.whole(number).startswith("about ") == (shown != number)


class Silent(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError(), "ValueError"), (ValueError("\n\n"), "ValueError"), (ValueError(" a \n b"), "ValueError: a"),
        (ValueError("\x1b[2Jx"), r"ValueError: \x1b[2Jx"), (Silent(), "Silent"), (SystemExit(0), "SystemExit: 0"),
        (ValueError("x" * 300), f"ValueError: {'x' * 200} ..."), (KeyError("k"), "KeyError: 'k'"),
    ],
)  # fmt: skip
def test_the_reason_of_a_foreign_error_is_one_printable_line(error, text) -> None:
    assert _checks.reason(error) == text


def test_a_number_just_outside_its_range_is_shown_with_the_digits_that_tell() -> None:
    X, x = rn.sphere.uniform(3, 4, 0), rn.sphere.uniform(1, 4, 1)
    ntk = rn.kernels.ReluNTK()
    below = math.nextafter(1.0, 0)
    for call, message in (
        (lambda: rn.depth_needed(ntk, X, x, 1e-13 * below), r"at least 1e-13, got 9\.99+[0-9]*e-14, which"),
        (lambda: rn.transport.to_depth(ntk, X, x, stop=4, depths=[4.0000000001]), r"2 and 4, got 4\.0000000001; "),
        (lambda: rn.study.run(p=below), r"from 1 to below 4 in a study, .* got 0\.9{16,}; "),
    ):
        with pytest.raises(InputError, match=message):
            call()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5", 1.5), ("inf", math.inf), ("-Infinity", -math.inf), ("0", 0.0), ("-0.0e-999", 0.0), ("0e999", 0.0),
        ("1.7976931348623157e308", math.nextafter(math.inf, 0)), ("5e-324", math.nextafter(0, 1)), ("1_0", 10.0),
    ],
)  # fmt: skip
def test_the_number_of_a_text_is_the_one_that_it_writes(text, value) -> None:
    assert _checks.number_of_text(text, "depth") == value


@pytest.mark.parametrize("text", ["1e400", "-1e400", "1" + "0" * 309, "1.8e308", "1e-400", "-0.003e-330"])
def test_text_beyond_float64_is_neither_infinite_nor_zero(text) -> None:
    with pytest.raises(InputError, match="^expected depth within float64, got '.*, which is .*; write a "):
        _checks.number_of_text(text, "depth")


def test_increasing_times_are_told_from_all_others():
    assert _checks.increasing_times([0, 1.5, 2]).tolist() == [0.0, 1.5, 2.0]
    assert _checks.increasing_times(np.arange(3), 3).dtype == np.float64
    refused = {
        r"repeated times\[1\] = 1, times\[2\] = 1": [0.0, 1.0, 1.0],
        r"decreasing times\[0\] = 2, times\[1\] = 1": [2.0, 1.0],
        r"at least two, got shape \(1,\)": [0.0],
        r"got shape \(1, 2\)": [[0.0, 1.0]],
        "NaN or infinite": [0.0, math.nan],
    }
    for message, times in refused.items():
        with pytest.raises(InputError, match=message):
            _checks.increasing_times(times)
    with pytest.raises(InputError, match=r"one for each point, got shape \(3,\)"):
        _checks.increasing_times([0.0, 1.0, 2.0], 2)
    with pytest.raises(InputError, match="concrete knots"):
        jax.jit(lambda t: _checks.increasing_times(t, name="knots"))(np.arange(3.0))
    days = np.array(["2024-01-01", "2024-01-03", "2024-01-02"], dtype="M8[D]")
    assert _checks.first_not_increasing(days) == 1
    assert _checks.first_not_increasing(np.array([0.0, np.nan])) == 0
