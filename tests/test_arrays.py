"""Whatever a person calls data becomes rows, or is refused with its place."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nncore import _arrays as arrays

DTYPES = ["?", "i1", "u2", "i4", "u8", "f2", "f4", "f8", ">f4", ">i4", ">f8"]


@st.composite
def laid_out(draw):
    """An array of small whole numbers in any dtype and layout, with its values."""
    rows, columns = draw(st.integers(0, 9)), draw(st.integers(1, 9))
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    values = np.arange(rows * columns).reshape(rows, columns) % 100
    if dtype.kind == "b":
        values %= 2
    step, skip = draw(st.sampled_from([1, 2, 3, -1])), draw(st.integers(1, 3))
    offset = draw(st.integers(0, 3))
    order = draw(st.sampled_from("CF"))
    tall, wide = rows * abs(step), columns * skip
    memory = np.zeros(tall * wide * dtype.itemsize + offset, np.uint8)
    whole = memory[offset:].view(dtype).reshape(tall, wide, order=order)
    array = whole[::step, ::skip]
    array[...] = values
    array.flags.writeable = draw(st.booleans())
    return array, values


@given(laid_out(), st.sampled_from(["float32", "float64"]))
def test_any_layout_and_dtype_gives_the_same_rows(data, dtype):
    array, values = data
    rows = arrays.as_inputs(array, values.shape[1:], dtype)
    assert rows.dtype == dtype and rows.flags.aligned
    assert rows.shape == values.shape
    assert rows.shape[0] <= 1 or rows.strides[0] >= rows.shape[1] * rows.itemsize
    assert rows.size <= rows.shape[0] or rows.strides[1] == rows.itemsize
    np.testing.assert_array_equal(rows, values)


@given(laid_out())
def test_nested_lists_equal_arrays(data):
    array, values = data
    if len(array):
        rows = arrays.as_inputs(array.tolist(), values.shape[1:], "float32")
        np.testing.assert_array_equal(rows, values)


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a,
        lambda a: a[2:5],
        lambda a: a[::2],
        lambda a: a[:, 1:4],
        lambda a: a[:0],
    ],
    ids=["whole", "rows", "every second row", "columns", "no rows"],
)
def test_rows_that_fit_are_not_copied(view):
    x = view(np.arange(60, dtype=np.float32).reshape(10, 6))
    x.flags.writeable = False
    rows = arrays.as_inputs(x, x.shape[1:], "float32")
    assert rows.__array_interface__["data"] == x.__array_interface__["data"]
    assert rows.strides == x.strides


def test_memory_maps_are_not_copied(tmp_path):
    np.arange(20, dtype=np.float32).tofile(tmp_path / "x")
    x = np.memmap(tmp_path / "x", np.float32, "r", shape=(5, 4))
    rows = arrays.as_inputs(x, (4,), "float32")
    assert type(rows) is np.ndarray
    assert np.shares_memory(rows, x)


def test_images_become_rows_without_a_copy():
    x = np.arange(3 * 2 * 64, dtype=np.float32).reshape(3, 2, 8, 8)[:, 1]
    rows = arrays.as_inputs(x, (8, 8), "float32")
    assert rows.shape == (3, 64) and np.shares_memory(rows, x)
    np.testing.assert_array_equal(rows, x.reshape(3, 64))


def test_overlapping_and_repeated_rows_are_copied():
    series = np.arange(10, dtype=np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(series, 4)
    repeated = np.broadcast_to(series, (3, 10))
    for x in (windows, repeated):
        rows = arrays.as_inputs(x, x.shape[1:], "float32")
        assert not np.shares_memory(rows, series)
        np.testing.assert_array_equal(rows, x)


def test_anything_with_dunder_array_is_taken():
    class Tensor:
        def __array__(self, dtype=None, copy=None):
            return np.ones((2, 3), np.float16)

    np.testing.assert_array_equal(
        arrays.as_inputs(Tensor(), (3,), "float64"), np.ones((2, 3))
    )


def test_one_axis_serves_one_column_only():
    assert arrays.as_inputs([1, 2, 3], (1,), "float32").shape == (3, 1)
    with pytest.raises(ValueError, match=r"x\.reshape\(1, 3\)"):
        arrays.as_inputs(np.zeros(3), (3,), "float32")


@pytest.mark.parametrize("convert", [np.asfortranarray, pd.DataFrame], ids=str)
def test_conversion_allocates_the_result_only(convert):
    x = convert(np.zeros((100_000, 10)))
    tracemalloc.start()
    rows = arrays.as_inputs(x, (10,), "float32")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < rows.nbytes + (1 << 20)


BAD_INPUTS = [
    (np.zeros((3, 7)), r"shape \(n, 2\) for layer 'dense'.*\(3, 7\)"),
    (np.zeros((3, 2, 1)), r"\(3, 2, 1\); x\.reshape\(-1, 2\) would fit"),
    (np.zeros(2), r"shape \(2,\); for a single row, give x\.reshape\(1, 2\)"),
    (3.0, r"shape \(\)"),
    ([], r"shape \(0,\)"),
    ([[1, 2], [3]], r"row 0 with 2 numbers, row 1 with 1 numbers"),
    ([[1, 2], 3], r"row 1 with a single number"),
    ([[1, "low"]], r"a list with 'low' in row 0, column 1; turn text"),
    ([[1, None]], r"None in row 0, column 1"),
    (np.array([["1", "2"]]), r"dtype <U1 with '1' in row 0, column 0"),
    (np.array([[1, 2]], object), r"each of its values is a number; x\.astype"),
    (np.array([[1, {}]], object), r"dtype object with \{\} in row 0, column 1"),
    (np.zeros((2, 2), complex), r"dtype complex128"),
    (np.zeros((2, 2), "M8[s]"), r"dtype datetime64"),
    (np.zeros(2, [("a", "f4"), ("b", "f4")]), r"structured array.*'a', 'b'"),
    (np.ma.masked_array([[1, 2]], mask=[[0, 1]]), r"masked values"),
]


@pytest.mark.parametrize(("x", "message"), BAD_INPUTS, ids=range(len(BAD_INPUTS)))
def test_bad_inputs_are_told(x, message):
    with pytest.raises(ValueError, match=message):
        arrays.as_inputs(x, (2,), "float32", layer="dense")


@pytest.mark.parametrize("x", [None, "abc", {"a": [1]}, {1, 2}, (i for i in "ab")])
def test_what_is_no_array_is_a_type_error(x):
    with pytest.raises(
        TypeError, match="`x` must be an array, nested lists or a frame"
    ):
        arrays.as_inputs(x, (2,), "float32")


def test_sparse_matrices_are_told_how():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match=r"csr_matrix; \.toarray\(\)"):
        arrays.as_inputs(sparse.csr_matrix(np.eye(2)), (2,), "float32")


def frame(**columns):
    index = [f"r{i}" for i in range(3)]
    return pd.DataFrame({k: pd.Series(v, index) for k, v in columns.items()}, index)


NUMBERS = [
    np.array([1, 0, 1], bool),
    np.array([1, 0, 1], "u1"),
    np.array([1, 0, 1], "f2"),
    pd.array([1, 0, 1], dtype="Int64"),
    pd.array([1, 0, 1], dtype="UInt8"),
    pd.array([1, 0, 1], dtype="Float32"),
    pd.array([True, False, True], dtype="boolean"),
    pd.arrays.SparseArray([1, 0, 1]),
]


def test_frames_convert_column_by_column():
    x = frame(**{f"c{i}": values for i, values in enumerate(NUMBERS)})
    rows = arrays.as_inputs(x, (len(NUMBERS),), "float32")
    np.testing.assert_array_equal(rows, np.repeat([[1], [0], [1]], len(NUMBERS), 1))


@pytest.mark.parametrize("values", NUMBERS, ids=lambda v: str(v.dtype))
def test_columns_are_taken_bare_and_as_series(values):
    for column in (values, pd.Series(values), pd.Series(values).iloc[::-1]):
        rows = arrays.as_targets(column, 3, 1, "float64")
        np.testing.assert_array_equal(rows, [[1], [0], [1]])


def test_a_frame_of_many_rows_converts_in_blocks():
    n = 100_000
    x = pd.DataFrame({"a": np.arange(n), "b": pd.array(np.arange(n), dtype="Int64")})
    rows = arrays.as_inputs(x, (2,), "float64")
    np.testing.assert_array_equal(rows[:, 0], np.arange(n))
    np.testing.assert_array_equal(rows[:, 1], np.arange(n))


BAD_COLUMNS = [
    (["x", "y", "z"], r"column 'bad' of dtype (str|object), with 'x' .*index 'r0'"),
    (pd.Categorical([1, 2, 1]), r"column 'bad' of dtype category, with 1"),
    (pd.array([1, None, 2], dtype="Int64"), r"dtype Int64, with a missing.*'r1'"),
    (pd.array([None, True, True], dtype="boolean"), r"dtype boolean, with a missing"),
    (np.array([1, 2.5, "q"], object), r"dtype object, with 'q' .*index 'r2'"),
    (np.array([1, 2.5, 3], object), r"dtype object; \.astype\(float\)"),
    (pd.date_range("2020", periods=3), r"dtype datetime64.*with Timestamp"),
    (np.array([1, 2, 3j]), r"dtype complex128"),
]


@pytest.mark.parametrize(
    ("values", "message"), BAD_COLUMNS, ids=range(len(BAD_COLUMNS))
)
def test_a_column_that_is_no_number_is_named(values, message):
    x = frame(good=[1, 2, 3], bad=list(values) if isinstance(values, list) else values)
    with pytest.raises(ValueError, match=message):
        arrays.as_inputs(x, (2,), "float32")


def test_column_names_are_those_that_a_person_gave():
    assert arrays.column_names(frame(a=[1, 2, 3], b=[1, 2, 3])) == ("a", "b")
    assert arrays.column_names(pd.DataFrame(np.eye(3))) is None
    assert arrays.column_names(pd.DataFrame(np.eye(2), columns=[2010, 2011])) == (
        2010,
        2011,
    )
    assert arrays.column_names(np.eye(3)) is None
    assert arrays.column_names(pd.Series([1], name="a")) == ("a",)


@pytest.mark.parametrize(
    ("got", "message"),
    [
        (("a", "c", "b"), r"another order: 'c' where 'b' was \(column 1\), 'b'"),
        (("a", "b"), r"missing 'c'$"),
        (("a", "b", "c", "d"), r"unexpected 'd'$"),
        (("a", "B", "c"), r"missing 'b'; unexpected 'B'"),
        (("a", "a", "b", "c"), r"repeated 'a'"),
        (tuple(range(30)), r"and 22 more"),
    ],
)
def test_differences_of_columns_are_listed(got, message):
    expected = ("a", "b", "c")
    with pytest.raises(ValueError, match=message):
        arrays.check_columns(expected, got)
    arrays.check_columns(expected, expected)
    arrays.check_columns(None, got)
    arrays.check_columns(expected, None)


def test_inputs_compare_columns_before_shapes():
    with pytest.raises(ValueError, match="missing 'b'"):
        arrays.as_inputs(frame(a=[1, 2, 3]), (2,), "float32", columns=("a", "b"))


def test_a_model_is_built_from_the_shape_of_its_data():
    assert arrays.input_shape(np.zeros((5, 3))) == (3,)
    assert arrays.input_shape([[1, 2], [3, 4]]) == (2,)
    assert arrays.input_shape(np.zeros((5, 8, 8))) == (8, 8)
    assert arrays.input_shape(frame(a=[1, 2, 3], b=[1, 2, 3])) == (2,)
    assert arrays.input_shape(pd.Series([1, 2], name="a")) == (1,)
    for x in (np.zeros(8), np.zeros((3, 0)), 5.0):
        with pytest.raises(ValueError, match="must have rows and columns"):
            arrays.input_shape(x)


def test_targets_of_one_column_come_with_one_axis_or_two():
    for y in ([0, 1, 1], [[0], [1], [1]], pd.DataFrame({"y": [0, 1, 1]})):
        rows = arrays.as_targets(y, 3, 1, "float32")
        np.testing.assert_array_equal(rows, np.float32([[0], [1], [1]]))


EYE = np.eye(3)
BAD_TARGETS = [
    ([0, 1], {}, r"same number of rows.*x with 3, y with 2"),
    ([[0, 1, 2]], {}, r"y\.reshape\(-1, 1\) would fit"),
    (5, {}, r"a single value"),
    (EYE, {}, r"shape \(3, 1\) or \(3,\).*last layer of 3 units"),
    (np.zeros((3, 2)), {"n_columns": 3}, r"shape \(3, 3\).*'out'.*shape \(3, 2\)$"),
    (np.zeros((3, 2, 2)), {"n_columns": 4}, r"shape \(3, 2, 2\)$"),
    (
        [0, 1, 2],
        {"n_columns": 3, "loss": "categorical_crossentropy"},
        r"use loss='sparse_categorical_crossentropy', or.*to_categorical\(y, 3\)",
    ),
    ([[0.5], [1], [2]], {"n_columns": 3}, r"shape \(3, 1\)$"),
    ([0, 1, 2], {"n_columns": 3, "loss": "mean_squared_error"}, r"shape \(3,\)$"),
    (EYE, {"sparse": True, "n_classes": 3}, r"use loss='categorical_crossentropy'"),
    ([0, 3, 1], {"sparse": True, "n_classes": 3}, r"from 0 to 2.*3 in row 1$"),
    ([0, 1, -1], {"sparse": True, "n_classes": 3}, r"-1 in row 2$"),
    ([0, 1, 0.5], {"sparse": True, "n_classes": 3}, r"0\.5 in row 2$"),
    ([0, np.nan, 1], {"sparse": True, "n_classes": 3}, r"nan in row 1$"),
    ([0, np.inf, 1], {"sparse": True, "n_classes": 3}, r"inf in row 1$"),
    (["a", "b", "c"], {}, r"'a' in row 0; turn text into numbers"),
    (pd.Series(["u", "v", "w"], name="k"), {}, r"column 'k' of dtype .*'u'"),
]


@pytest.mark.parametrize(
    ("y", "options", "message"), BAD_TARGETS, ids=range(len(BAD_TARGETS))
)
def test_bad_targets_are_told(y, options, message):
    with pytest.raises(ValueError, match=message):
        arrays.as_targets(
            y, 3, **{"n_columns": 1, "layer": "out", **options}, dtype="f4"
        )


def test_labels_far_down_are_found():
    y = np.zeros(200_000, np.int64)
    y[-2] = 10
    with pytest.raises(ValueError, match=r"10 in row 199998$"):
        arrays.as_targets(y, len(y), 1, "float32", sparse=True, n_classes=10)


def test_row_weights_have_one_number_per_row():
    for w in ([1, 2, -3], [[1], [2], [-3]], pd.Series([1, 2, -3])):
        weights = arrays.as_weights(w, 3, "float32")
        assert weights.flags.c_contiguous and weights.dtype == np.float32
        np.testing.assert_array_equal(weights, np.float32([1, 2, -3]))
    with pytest.raises(ValueError, match=r"one weight per row, shape \(3,\)"):
        arrays.as_weights([1, 2], 3, "float32")
    with pytest.raises(ValueError, match="nan in row 1"):
        arrays.as_weights([1, np.nan, 1], 3, "float32")


def test_classes_weigh_one_unless_they_are_named():
    labels = np.float32([[0], [2], [1], [2]])
    one_hot = np.eye(3, dtype=np.float32)[[0, 2, 1, 2]]
    for y in (labels, one_hot, one_hot * 0.9 + 0.1 / 3):
        weights = arrays.class_weights({2: 5, np.int64(0): np.float32(0.5)}, y)
        assert weights.dtype == np.float32
        np.testing.assert_array_equal(weights, np.float32([0.5, 5, 1, 5]))
    hinge = np.float64([[-1], [1]])
    np.testing.assert_array_equal(arrays.class_weights({-1: 3}, hinge), [3.0, 1.0])
    np.testing.assert_array_equal(arrays.class_weights({}, hinge), [1.0, 1.0])


@pytest.mark.parametrize(
    ("class_weight", "y", "error", "message"),
    [
        ({0: 1}, [[1.0, 1.0]], ValueError, r"one class per row.*1\.0, 1\.0 in row 0"),
        ({0: 1}, [[0.0, 0.0]], ValueError, "one class per row"),
        ({0: 1}, [[2.0, -1.0]], ValueError, "one class per row"),
        ({0: 1}, [[0.0], [0.3]], ValueError, r"0\.3 in row 1"),
        ({2: 1}, [[1.0, 0.0]], ValueError, "keys from 0 to 1"),
        ({"a": 1}, [[0.0]], TypeError, "whole numbers.*'a'"),
        ({0.5: 1}, [[0.0]], TypeError, r"whole numbers.*0\.5"),
        ({0: "a"}, [[0.0]], ValueError, "finite numbers.*'a' for class 0"),
        ({0: np.nan}, [[0.0]], ValueError, "finite numbers"),
        ("balanced", [[0.0]], TypeError, "must be a dictionary"),
        ([1, 2], [[0.0]], TypeError, "must be a dictionary"),
    ],
)
def test_bad_class_weights_are_told(class_weight, y, error, message):
    with pytest.raises(error, match=message):
        arrays.class_weights(class_weight, np.array(y))


def test_class_and_row_weights_exclude_each_other():
    with pytest.raises(ValueError, match="must not be given together"):
        arrays.class_weights({0: 1}, np.zeros((2, 1)), sample_weight=[1, 1])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 1, 70_000, 99_999])
def test_the_first_value_that_is_not_finite_is_named(value, row):
    x = np.zeros((100_000, 3), np.float32)
    x[row, 2] = value
    x[row + 1 :, 0] = value
    for array in (x, np.asfortranarray(x)):
        with pytest.raises(ValueError, match=rf"{value} in row {row}, column 2;"):
            arrays.check_finite(array, "x")
    with pytest.raises(ValueError, match=rf"`y`.*{value} in row {row};"):
        arrays.check_finite(x[:, 2], "y")


def test_sums_that_overflow_are_finite_data():
    arrays.check_finite(np.full((1000, 2), 3e38, np.float32), "x")
    arrays.check_finite(np.zeros((0, 2), np.float32), "x")


def test_a_frame_names_its_own_row_and_column():
    x = frame(age=[1, 2, 3], income=[1, np.inf, 2])
    rows = arrays.as_inputs(x, (2,), "float32")
    with pytest.raises(ValueError, match=r"inf in column 'income', .*index 'r1'"):
        arrays.check_finite(rows, "x", source=x)
    y = pd.Series([0, np.nan], ["p", "q"])
    with pytest.raises(ValueError, match=r"nan in .*index 'q'"):
        arrays.check_finite(arrays.as_targets(y, 2, 1, "float32"), "y", source=y)


def test_numbers_too_large_for_float32_are_told_from_infinities():
    x = np.array([[1.0, 2.0], [3.0, 1e39]])
    for source in (x, x.tolist(), pd.DataFrame(x)):
        rows = arrays.as_inputs(source, (2,), "float32")
        with pytest.raises(ValueError, match=r"1e\+39, too large for float32"):
            arrays.check_finite(rows, "x", source=source)


def test_the_last_rows_are_kept_for_validation():
    assert arrays.split_at(768, 0.25) == 576
    assert arrays.split_at(10, 0.33) == 6
    assert arrays.split_at(10, 0) == 10
    x, y = np.arange(20.0).reshape(10, 2), np.arange(10.0)
    train, validation = arrays.split([x, y, None], 7)
    assert train[2] is None and validation[2] is None
    np.testing.assert_array_equal(train[0], x[:7])
    np.testing.assert_array_equal(validation[1], y[7:])
    assert np.shares_memory(train[0], x) and np.shares_memory(validation[0], x)


@pytest.mark.parametrize("share", [1, 1.5, -0.1, 0.99, 0.01, np.nan])
def test_a_share_outside_zero_and_one_or_without_rows_is_refused(share):
    with pytest.raises(ValueError, match="`validation_split` must"):
        arrays.split_at(20, share) if share != 0.01 else arrays.split_at(0, share)


@pytest.mark.parametrize("share", ["0.2", None, [0.2]])
def test_a_share_is_a_number(share):
    with pytest.raises(TypeError, match="`validation_split` must be a number"):
        arrays.split_at(20, share)


def test_a_list_of_one_array_is_that_array():
    x, y = np.arange(6.0).reshape(3, 2), np.arange(3.0)
    for given_x in ([x], (x,), [pd.DataFrame(x)]):
        np.testing.assert_array_equal(arrays.as_inputs(given_x, (2,), "float64"), x)
        assert arrays.input_shape(given_x) == (2,)
    for given_y in ([y], [y[:, np.newaxis]], (pd.Series(y),)):
        targets = arrays.as_targets(given_y, 3, 1, "float64")
        np.testing.assert_array_equal(targets, y[:, np.newaxis])


def test_a_list_of_one_row_stays_a_row():
    x = np.arange(6.0).reshape(3, 2)
    one = arrays.as_inputs([x[0]], (2,), "float64")
    np.testing.assert_array_equal(one, x[:1])
    assert arrays.as_inputs([x], (3, 2), "float64").shape == (1, 6)
    one = arrays.as_targets([x[0]], 1, 2, "float64")
    np.testing.assert_array_equal(one, x[:1])
