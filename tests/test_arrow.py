"""Arrow's PyCapsule interface: what it hands out comes over, value for value."""

from __future__ import annotations

import datetime
import gc
import math

import numpy as np
import pytest

from nncore import _arrow
from nncore.layers import Dense
from nncore.models import Sequential

pa = pytest.importorskip("pyarrow")


class Stream:
    """Has the interface and nothing else."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def came_over(array):
    """One column that went through the interface, in two batches with an offset."""
    table = pa.table({"x": array})
    table = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    frame = _arrow.read(Stream(table))
    assert frame.columns == ["x"]
    assert frame.shape == (len(array), 1)
    return np.asarray(frame[:, 0])


KINDS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")


@pytest.mark.parametrize("kind", [*KINDS, "float16", "float32", "float64"])
def test_numbers_keep_their_dtype(kind):
    values = np.array([0, 1, 7, 100, 3], kind)
    found = came_over(pa.array(values))
    assert found.dtype == kind
    np.testing.assert_array_equal(found, values)
    gaps = came_over(pa.array([1, None, 3], pa.from_numpy_dtype(kind)))
    assert gaps.dtype.kind == "f"
    np.testing.assert_array_equal(gaps, [1, math.nan, 3])


def test_booleans_are_bits_at_any_offset():
    values = [bool(k * k % 3) for k in range(29)]
    assert came_over(pa.array(values)).tolist() == values
    table = pa.table({"x": values}).slice(5, 17)
    assert np.asarray(_arrow.read(Stream(table))[:, 0]).tolist() == values[5:22]
    np.testing.assert_array_equal(came_over(pa.array([True, None])), [1, math.nan])


@pytest.mark.parametrize("kind", ["string", "large_string", "string_view"])
def test_texts_short_and_long(kind):
    values = ["a", None, "", "ä" * 5, "longer than twelve bytes", "another long text"]
    assert came_over(pa.array(values, getattr(pa, kind)())).tolist() == values
    assert came_over(pa.array(values).dictionary_encode()).tolist() == values


def test_dates_and_times():
    moment = datetime.datetime(2024, 3, 1, 12, 30)
    for unit in ("s", "ms", "us", "ns"):
        found = came_over(pa.array([moment, None, moment], pa.timestamp(unit, "UTC")))
        assert found[0] == np.datetime64(moment)
        assert np.isnat(found[1])
    found = came_over(pa.array([moment.date()], pa.date32()))
    assert found[0] == np.datetime64("2024-03-01")


def test_nothing_but_nulls_and_no_rows():
    assert np.isnan(came_over(pa.nulls(3))).all()
    frame = _arrow.read(Stream(pa.table({"x": pa.array([], pa.float64())})))
    assert frame.shape == (0, 1)


def test_a_nested_column_is_named():
    table = pa.table({"x": [1], "pair": [[1, 2]]})
    with pytest.raises(TypeError, match=r"column 'pair' of Arrow's format '\+l'"):
        _arrow.read(Stream(table))


def test_what_is_read_outlives_its_source():
    table = pa.table({"x": np.arange(1000.0), "s": ["text"] * 1000})
    frame = _arrow.read(Stream(table))
    before = pa.total_allocated_bytes()
    del table
    gc.collect()
    assert pa.total_allocated_bytes() < before
    np.testing.assert_array_equal(frame[:, 0], np.arange(1000.0))


def test_an_error_of_the_stream_is_reported():
    def batches():
        yield pa.record_batch({"x": [1.0]})
        raise OSError("the disk is gone")

    schema = pa.schema({"x": pa.float64()})
    reader = pa.RecordBatchReader.from_batches(schema, batches())
    with pytest.raises(RuntimeError, match="the disk is gone"):
        _arrow.read(reader)


# ---- models --------------------------------------------------------------------------


def network():
    model = Sequential([Dense(4, "relu"), Dense(1, "sigmoid")], seed=1)
    model.compile("adam", "binary_crossentropy")
    return model


def test_models_take_streams_with_the_bits_of_arrays(rng):
    x = rng.standard_normal((40, 3))
    y = (x[:, 0] > 0).astype(int)
    wanted = network()
    wanted.fit(x, y, epochs=2, verbose=0, validation_data=(x, y))
    table = pa.table({name: x[:, k] for k, name in enumerate("abc")})
    column = pa.chunked_array([y[:7], y[7:]])
    model = network()
    model.fit(
        Stream(table),
        Stream(column),
        epochs=2,
        verbose=0,
        validation_data=(table, column),
    )
    # A reader can be read once only.
    found = model.predict(table.to_reader(), verbose=0)
    np.testing.assert_array_equal(found, wanted.predict(x, verbose=0))
    assert model.evaluate(Stream(table), column, verbose=0) == wanted.evaluate(
        x, y, verbose=0
    )
    np.testing.assert_array_equal(model(Stream(table)), wanted(x))


def test_names_of_columns_are_compared(rng):
    x = pa.table({"a": [0.0, 1.0], "b": [1.0, 0.0]})
    model = network()
    model.fit(Stream(x), [0, 1], verbose=0)
    with pytest.raises(ValueError, match="unexpected 'c'"):
        model.predict(Stream(x.rename_columns(["a", "c"])))
    with pytest.raises(ValueError, match=r"column 'b' of dtype object, with 'no'"):
        model.predict(Stream(pa.table({"a": [1.0], "b": ["no"]})))
    with pytest.raises(ValueError, match=r"nan in column 'b', row 1"):
        model.fit(pa.table({"a": [1, 2], "b": [1.0, None]}), [0, 1], verbose=0)


def test_polars_comes_with_its_names(rng):
    pl = pytest.importorskip("polars")
    x = rng.standard_normal((20, 2))
    frame = pl.DataFrame(x, schema=["a", "b"])
    model, wanted = network(), network()
    model.fit(frame, pl.Series("y", [0, 1] * 10), verbose=0)
    wanted.fit(x, [0, 1] * 10, verbose=0)
    np.testing.assert_array_equal(model.predict(frame), wanted.predict(x))
    with pytest.raises(ValueError, match="another order"):
        model.predict(frame.select("b", "a"))
    # Through the interface, as a stranger.
    np.testing.assert_array_equal(model.predict(Stream(frame)), wanted.predict(x))
