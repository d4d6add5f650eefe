"""Frames as they are, in; answers in kind, out; and all of it through a file."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, time, timedelta

import numpy as np
import pytest

import nncore
from nncore import tabular
from nncore.saving import ModelFileError, _json, _nnc
from nncore.tabular import _columns, _frames, _load, _rows

pd = pytest.importorskip("pandas")

QUICK = {"epochs": 3, "seed": 1, "hidden": [8]}


def shop(n=400, seed=0):
    """Customers with texts, gaps, dates, booleans, wild numbers and useless columns."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "town": rng.choice(["Ulm", "Bonn", "Kiel"], n),
            "size": pd.Categorical(rng.choice(["S", "L"], n)),
            "income": np.exp(rng.normal(10, 3, n)),
            "age": np.where(rng.random(n) < 0.2, np.nan, rng.integers(18, 90, n)),
            "member": rng.random(n) < 0.4,
            "since": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(rng.integers(0, 900, n), "D"),
            "planet": "Earth",
            "id": [f"customer {k}" for k in range(n)],
        },
        index=[f"row {k}" for k in range(n)],
    )
    frame.loc[frame.index[::17], "town"] = None
    likes = (frame["town"] == "Bonn") | frame["member"]
    frame["buys"] = np.where(likes, "yes", "no")
    return frame


def test_every_kind_of_column_is_recognised():
    model = tabular.Classifier(**QUICK).fit(shop(), "buys")
    kinds = {column.name: column.kind for column in model.columns_}
    assert kinds == {
        "town": "category",
        "size": "category",
        "income": "number",
        "age": "number",
        "member": "number",
        "since": "date",
        "planet": "dropped",
        "id": "dropped",
    }
    text = model.summary()
    assert "category with 3 levels, missing is one more" in text
    assert "left out: one value" in text
    assert "left out: another text in each row" in text
    assert "2 classes: no, yes" in text
    assert "on 60 held-out rows: accuracy" in text
    assert repr(model) == text


def test_a_raw_frame_is_learnt_and_answered_with_labels_and_probabilities():
    train, test = shop(800), shop(200, seed=1)
    model = tabular.Classifier(seed=1).fit(train, "buys")
    answers = model.predict(test.drop(columns="buys"))
    assert list(answers.columns) == ["buys", "p(no)", "p(yes)"]
    assert list(answers.index) == list(test.index)
    assert (answers["buys"] == test["buys"]).mean() > 0.95
    np.testing.assert_allclose(answers["p(no)"] + answers["p(yes)"], 1, rtol=1e-6)
    scores = model.evaluate(test)
    assert scores["accuracy"] == (answers["buys"] == test["buys"]).mean()
    assert set(scores) == {"accuracy", "log_loss", "auc"}


def test_what_training_did_not_have_is_no_error():
    model = tabular.Classifier(**QUICK).fit(shop(), "buys")
    strange = shop(5, seed=2)
    strange["town"] = ["Atlantis", None, "Ulm", "Ulm", "Bonn"]
    strange["size"] = ["XXL", "S", None, "L", "S"]
    strange["income"] = [np.nan, np.inf, -1e300, 0, 5]
    strange["since"] = pd.NaT
    strange["member"] = pd.array([None, True, False, True, True], "boolean")
    assert np.isfinite(model.predict_proba(strange)).all()


def test_the_same_seed_gives_the_same_bits():
    first = tabular.Classifier(**QUICK).fit(shop(), "buys").predict_proba(shop())
    again = tabular.Classifier(**QUICK, threads=1).fit(shop(), "buys")
    np.testing.assert_array_equal(first, again.predict_proba(shop()))


def test_scores_are_those_of_scikit_learn(rng):
    metrics = pytest.importorskip("sklearn.metrics")
    frame = shop(300)
    model = tabular.Classifier(**QUICK).fit(frame, "buys")
    scores, chances = model.evaluate(frame), model.predict_proba(frame)
    assert scores["auc"] == pytest.approx(
        metrics.roc_auc_score(frame["buys"], chances[:, 1])
    )
    assert scores["log_loss"] == pytest.approx(metrics.log_loss(frame["buys"], chances))
    y = rng.standard_normal(300)
    numbers = tabular.Regressor(**QUICK).fit(frame, y)
    found = numbers.predict(frame)["prediction"]
    scores = numbers.evaluate(frame, y)
    assert scores["r2"] == pytest.approx(metrics.r2_score(y, found))
    assert scores["mae"] == pytest.approx(metrics.mean_absolute_error(y, found))


@pytest.mark.parametrize("labels", [[0, 1], [3, 7, 9], [False, True], [0.5, 1.5]])
def test_labels_come_back_as_they_went_in(labels):
    y = pd.Series(labels * 20, name="answer")
    x = {"x": np.arange(len(y)) % len(labels), "z": np.arange(len(y))}
    found = tabular.Classifier(seed=1, epochs=60).fit(x, y).predict(x)["answer"]
    assert (found == y.to_numpy()).mean() > 0.9
    assert found.dtype == y.dtype


def test_true_and_false_come_back_from_a_file_and_a_frame(tmp_path):
    frame = shop(100).drop(columns="buys").assign(buys=np.arange(100) % 3 > 0)
    model = tabular.Classifier(**QUICK).fit(frame, "buys")
    model.save(tmp_path / "m.nnc")
    answers = tabular.load(tmp_path / "m.nnc").predict(frame)
    assert answers["buys"].dtype == bool
    assert list(answers.columns) == ["buys", "p(False)", "p(True)"]
    assert (
        model.evaluate(frame)["accuracy"] == (answers["buys"] == frame["buys"]).mean()
    )


def test_no_rows_and_names_that_are_numbers(rng):
    frame = pd.DataFrame(rng.random((30, 3)))
    model = tabular.Regressor(**QUICK).fit(frame[[0, 1]], frame[2])
    assert list(model.predict(frame).columns) == ["2"]
    assert model.predict(frame[:0]).shape == (0, 1)
    plain = tabular.Regressor(**QUICK).fit(frame.to_numpy(), "x2")
    assert list(plain.predict(frame.to_numpy())) == ["x2"]


def test_a_skewed_target_is_learnt_through_its_logarithm(rng):
    x = rng.random(2000) * 8
    y = np.exp(x + rng.normal(0, 0.5, 2000))
    model = tabular.Regressor(seed=1).fit({"x": x}, y)
    assert "skewed: its logarithm" in model.summary()
    found = model.predict({"x": x})["prediction"]
    # Means, not medians: exp of the mean logarithm would be 12 % too low.
    assert found.sum() == pytest.approx(y.sum(), rel=0.06)
    with pytest.raises(ValueError, match=r"must be positive.* in row 1"):
        model.fit({"x": x}, y, validation_data=({"x": [1.0, 2.0]}, [1.0, -1.0]))
    plain = tabular.Regressor(**QUICK).fit({"x": x}, x)
    assert "skewed" not in plain.summary()


@pytest.mark.parametrize("refit", [False, True])
def test_scores_of_a_skewed_target_are_those_of_the_predictions(refit, rng):
    x = rng.random(500) * 4
    y = np.exp(x + rng.normal(0, 1.5, 500))
    held = {"x": x[400:]}, y[400:]
    model = tabular.Regressor(**QUICK, refit=refit)
    model.fit({"x": x[:400]}, y[:400], validation_data=held)
    assert "skewed" in model.summary()
    assert model._smear != 1
    scores = model.evaluate(*held)
    for name, score in model.held_out_scores_.items():
        assert score == pytest.approx(scores[name], rel=1e-5), name


def test_a_refit_on_all_rows_has_the_mean_of_all(rng):
    x = rng.random(500) * 4
    y = np.exp(x + rng.normal(0, 1.5, 500))
    model = tabular.Regressor(**QUICK, refit=True).fit({"x": x}, y)
    assert "skewed" in model.summary()
    assert model.predict({"x": x})["prediction"].mean() == pytest.approx(y.mean())


def test_rows_without_a_target_are_left_out_with_a_warning():
    frame = shop(100)
    frame.loc[frame.index[:3], "buys"] = None
    with pytest.warns(UserWarning, match="3 rows without one are left out"):
        model = tabular.Classifier(**QUICK).fit(frame, "buys")
    with pytest.raises(ValueError, match="none in row 0"):
        model.evaluate(frame)


def test_own_rows_are_held_out():
    train, test = shop(300), shop(50, seed=1)
    model = tabular.Classifier(**QUICK).fit(
        train, "buys", validation_data=(test, "buys")
    )
    assert model.held_out_rows_ == 50
    scores = model.evaluate(test)
    assert model.held_out_scores_["accuracy"] == pytest.approx(scores["accuracy"])


def test_labels_of_columns_may_be_numbers(rng):
    array = np.column_stack([rng.random(60), rng.random(60) > 0.5])
    frame = pd.DataFrame(array).astype({1: bool})
    for data in (frame, {0: array[:, 0], 1: array[:, 1] > 0}):
        model = tabular.Classifier(**QUICK).fit(data, "1")
        assert model.classes_.tolist() == [False, True]


@pytest.mark.parametrize(
    ("weight", "received"),
    [(-1.0, r"-1\.0 in row 7"), (math.nan, "nan in row 7"), (math.inf, "inf in row 7")],
)
def test_weights_that_weigh_nothing_are_refused(weight, received):
    x, y = {"x": np.arange(20.0)}, [0, 1] * 10
    weights = np.ones(20)
    weights[7] = weight
    message = rf"`sample_weight` must be finite.*Received: {received}"
    with pytest.raises(ValueError, match=message):
        tabular.Classifier(**QUICK).fit(x, y, sample_weight=weights)
    for constant in (-1.0, 0.0):
        with pytest.raises(ValueError, match="`sample_weight` must"):
            tabular.Classifier(**QUICK).fit(x, y, sample_weight=[constant] * 20)


def test_rows_of_no_weight_are_left_out():
    frame = shop(200)
    counts = np.arange(200) % 3 > 0
    model = tabular.Classifier(**QUICK).fit(frame, "buys", sample_weight=counts)
    alone = tabular.Classifier(**QUICK)
    alone.fit(frame[counts], "buys", sample_weight=np.ones(counts.sum()))
    assert model.held_out_scores_ == alone.held_out_scores_
    pd.testing.assert_frame_equal(model.predict(frame), alone.predict(frame))
    with pytest.raises(ValueError, match="at least two rows"):
        model.fit(frame, "buys", sample_weight=np.arange(200) == 5)


def test_held_out_rows_have_their_weights(rng):
    x, y = rng.random(100), rng.random(100)
    z = (y - y.mean()) / y.std()
    model = tabular.Regressor(**{**QUICK, "epochs": 1}, refit=False)
    model.fit({"x": x}, y, sample_weight=np.where(y > 0.5, 1.0, 1e-6))
    held = model._drawn_held_out(_rows.Rows(x, z[:, None], None), 1)
    error = model.predict({"x": x})["prediction"] - y
    weights = (y > 0.5) / (y > 0.5).mean()
    wanted = (weights * error**2)[held].mean() / y.var()
    assert model.history_.history["val_loss"] == pytest.approx([wanted], rel=1e-3)


def test_weights_of_rows_count():
    x = {"x": [0.0, 1.0] * 50}
    y = ["a", "a"] * 25 + ["b", "b"] * 25
    heavy = np.repeat([1.0, 20.0], 50)
    model = tabular.Classifier(seed=1, epochs=30).fit(x, y, sample_weight=heavy)
    assert set(model.predict(x)["prediction"]) == {"b"}


# ---- categories of many levels -------------------------------------------------------


def streets(n=2000, seed=0):
    """Prices by one of 100 streets, and another by where their number stands."""
    rng = np.random.default_rng(seed)
    number = rng.integers(0, 100, n)
    frame = pd.DataFrame(
        {
            "size": rng.random(n),
            "street": np.char.add("street ", number.astype(str)),
            "code": 10_000 + 7 * number,
        }
    )
    level = np.random.default_rng(9).normal(size=100)
    return frame, pd.Series(level[number] + frame["size"], name="price")


def test_a_category_of_many_levels_is_embedded(tmp_path):
    X, y = streets()
    model = tabular.Regressor(seed=1).fit(X.drop(columns="code"), y)
    assert "category with 100 levels, embedded" in model.summary()
    # A vector for each level and one for others, beside the size and its intervals.
    table = model.model_.layers[0]
    assert (table.input_dim, table.numbers) == (101, 7)
    assert model.model_.input_shape == (None, 8)
    X_new, y_new = streets(500, seed=1)
    assert model.evaluate(X_new, y_new)["r2"] > 0.95
    model.save(tmp_path / "m.nnc")
    again = tabular.load(tmp_path / "m.nnc")
    assert again.summary() == model.summary()
    pd.testing.assert_frame_equal(again.predict(X_new), model.predict(X_new))


def test_unknown_levels_of_many_are_answered_like_the_middle_one():
    X, y = streets()
    model = tabular.Regressor(seed=1).fit(X.drop(columns="code"), y)
    new = pd.DataFrame({"size": [0.5] * 3, "street": ["elsewhere", None, ""]})
    found = model.predict(new)["price"]
    assert (found == found[0]).all()
    assert abs(found[0] - y.mean()) < y.std()


def test_numbers_that_are_names_are_categories_where_it_is_said():
    X, y = streets()
    X = X.drop(columns="street")
    plain = tabular.Regressor(**QUICK).fit(X, y)
    assert plain.columns_[1].kind == "number"
    said = tabular.Regressor(**QUICK, categories=["code"]).fit(X, y)
    assert said.columns_[1].kind == "embedded"
    typed = X.astype({"code": "category"})
    by_dtype = tabular.Regressor(**QUICK).fit(typed, y)
    for given in (X, typed, X.astype({"code": float})):
        np.testing.assert_array_equal(
            by_dtype.predict(given)["price"], said.predict(X)["price"]
        )
    with pytest.raises(ValueError, match=r"`categories` must be columns.*'cod'"):
        tabular.Regressor(categories="cod").fit(X, y)


def test_two_embedded_columns_do_not_share_vectors():
    X, y = streets()
    model = tabular.Regressor(**QUICK, categories=["code"]).fit(X, y)
    encoded = model._encoded(_frames.table_of(X).columns, len(X))
    first, second = encoded[:, -2], encoded[:, -1]
    assert (first.min(), first.max()) == (0, 99)
    assert (second.min(), second.max()) == (101, 200)
    assert model.model_.layers[0].input_dim == 202


# ---- frames of other kinds -----------------------------------------------------------


def test_polars_and_dicts_give_the_bits_of_pandas():
    pl = pytest.importorskip("polars")
    frame = shop(200).reset_index(drop=True)
    wanted = tabular.Classifier(**QUICK).fit(frame, "buys")
    columns = {k: v.tolist() for k, v in frame.drop(columns="since").items()}
    columns["since"] = frame["since"].to_numpy()
    columns = {name: columns[name] for name in frame.columns}
    columns["age"] = [None if math.isnan(v) else v for v in columns["age"]]
    columns["town"] = [v if isinstance(v, str) else None for v in columns["town"]]
    other = pl.DataFrame(columns)
    model = tabular.Classifier(**QUICK).fit(other, "buys")
    answers = model.predict(other)
    assert isinstance(answers, pl.DataFrame)
    np.testing.assert_array_equal(
        answers["p(yes)"].to_numpy(), wanted.predict(frame)["p(yes)"]
    )
    plain = tabular.Classifier(**QUICK).fit(columns, "buys")
    np.testing.assert_array_equal(
        plain.predict(columns)["p(yes)"], wanted.predict(frame)["p(yes)"]
    )


def test_anything_with_the_arrow_interface_is_read():
    pa = pytest.importorskip("pyarrow")

    class Stream:
        def __init__(self, table):
            self.table = table

        def __arrow_c_stream__(self, requested_schema=None):
            return self.table.__arrow_c_stream__(requested_schema)

    frame = shop(100).reset_index(drop=True)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    wanted = tabular.Classifier(**QUICK).fit(frame, "buys").predict_proba(frame)
    for given in (table, Stream(table)):
        model = tabular.Classifier(**QUICK).fit(given, "buys")
        np.testing.assert_array_equal(model.predict_proba(given), wanted)


def test_time_zones_and_texts_of_dates():
    moments = ["2024-03-01T12:00:00+02:00", "2024-03-02 00:00:00", None, "2024-03-03"]
    column = _columns.learn("t", np.array(moments, object), 0)
    assert column.kind == "date"
    utc = pd.to_datetime(pd.Series(["2024-03-01T12:00:00+02:00"]), utc=True)
    out = np.empty((1, column.width), np.float32)
    same = np.empty_like(out)
    column.encode(np.array(moments[:1], object), out)
    column.encode(_frames.column_of(utc.dt.tz_convert("Asia/Tokyo"))[0], same)
    np.testing.assert_array_equal(out, same)
    held = _frames.column_of([datetime(2024, 3, 1, 10, tzinfo=UTC)])[0]
    assert held.dtype.kind == "M"


def test_durations_and_times_are_seconds_and_periods_are_dates():
    hours = [1.0, 2.5, math.nan]
    wanted = [3600.0, 9000.0, math.nan]
    spans = pd.Series(pd.to_timedelta(hours, unit="h"))
    moments = [time(1), time(2, 30), None]
    found = [spans, spans.to_numpy(), [timedelta(hours=1), timedelta(hours=2.5), None]]
    found += [moments, pd.Series(moments)]
    pl = pytest.importorskip("polars")
    found += [pl.Series(found[2]), pl.Series(moments)]
    for values in found:
        np.testing.assert_array_equal(_frames.column_of(values)[0], wanted)
    months = pd.Series(pd.PeriodIndex(["2024-01", None, "2024-03"], freq="M"))
    dates = np.array(["2024-01-01", "NaT", "2024-03-01"], "M8[us]")
    np.testing.assert_array_equal(_frames.column_of(months)[0], dates)


# ---- columns -------------------------------------------------------------------------


def test_texts_like_dates_that_are_no_days_are_texts():
    dates = [f"2024-02-{day:02}" for day in range(1, 30)] * 2
    for bad in ("0000-00-00", "2024-02-30"):
        values = np.array([*dates, bad], object)
        assert _columns.learn("since", values, 6).kind == "category"


def test_a_number_is_squeezed_and_cut_into_intervals(rng):
    values = np.append(rng.standard_normal(10_000), [1e30, -1e30])
    column = _columns.learn("x", values, 4)
    out = np.empty((len(values), column.width), np.float32)
    column.encode(values, out)
    z = (values - column.median) / column.scale
    np.testing.assert_allclose(out[:, 0], z / np.sqrt(1 + (z / 3) ** 2), rtol=1e-6)
    assert np.abs(out).max() <= 3
    # Each interval has as many rows between its ends, all but 2 % together.
    inside = (np.abs(out[:, 1:]) < np.abs(out[:, 1:]).max()).mean(axis=0)
    np.testing.assert_allclose(inside, 0.98 / 4, atol=0.001)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2.5", None, "-3e2"], "number"),
        (["1", "2", "x"], "category"),
        (["nan", "inf", "1"], "category"),
        (["2024-01-01", "2024-02-01"], "date"),
        ([1.0, math.nan, 1.0], "category"),
        ([1.0, 1.0], "dropped"),
        ([math.nan, math.nan], "dropped"),
        ([None, None], "dropped"),
        ([None, "a", "a"], "category"),
        ([f"name {k}" for k in range(30)], "dropped"),
    ],
)
def test_what_a_column_is_follows_from_its_values(values, kind):
    assert _columns.learn("x", _frames.column_of(values)[0], 4).kind == kind


def test_rare_levels_of_many_share_one_column():
    levels = ["common"] * 300 + [f"rare {k}" for k in range(300)]
    column = _columns.learn("x", np.array(levels, object), 0)
    assert column.levels == ["common"]
    out = np.empty((3, column.width), np.float32)
    column.encode(np.array(["common", "rare 7", "new"], object), out)
    np.testing.assert_array_equal(out, [[1, 0], [0, 1], [0, 1]])


def test_written_columns_come_back_the_same(rng):
    frame = shop()
    table = _frames.table_of(frame)
    for name, values in table.columns.items():
        column = _columns.learn(name, values, 5)
        again = _columns.from_config(json.loads(json.dumps(column.config())))
        shape = (len(frame), column.width)
        one, two = np.empty(shape, np.float32), np.empty(shape, np.float32)
        column.encode(values, one)
        again.encode(values, two)
        np.testing.assert_array_equal(one, two)
        assert again.note == column.note


# ---- errors --------------------------------------------------------------------------


def test_what_does_not_fit_is_named():
    model = tabular.Classifier(**QUICK).fit(shop(), "buys")
    with pytest.raises(ValueError, match=r"without 'town', 'age'"):
        model.predict(shop().drop(columns=["town", "age"]))
    with pytest.raises(_columns.CellError, match=r"'age' must hold numbers.*row 1"):
        model.predict(shop(3).assign(age=["1", "old", "3"]))
    with pytest.raises(_columns.CellError, match=r"'since' must hold dates.*row 2"):
        model.predict(shop(3).assign(since=["2020-01-01", None, "soon"]))
    with pytest.raises(ValueError, match=r"must be a column.*y='sells'"):
        tabular.Classifier().fit(shop(), "sells")
    with pytest.raises(ValueError, match="at least two classes"):
        tabular.Classifier().fit({"x": [1, 2, 3]}, ["a", "a", "a"])
    with pytest.raises(ValueError, match="a Regressor learns numbers"):
        tabular.Classifier().fit({"x": np.arange(100)}, np.arange(100) / 7)
    with pytest.raises(ValueError, match="a Classifier learns classes"):
        tabular.Regressor().fit({"x": [1, 2, 3]}, ["a", "b", "c"])
    with pytest.raises(ValueError, match="a column that says something"):
        tabular.Classifier().fit({"x": [1, 1, 1]}, ["a", "b", "a"])
    with pytest.raises(ValueError, match="a value for each of 3 rows"):
        tabular.Classifier().fit({"x": [1, 2, 3]}, ["a", "b"])
    with pytest.raises(ValueError, match="must be fitted"):
        tabular.Classifier().predict(shop())
    with pytest.raises(ValueError, match="'x' more than once"):
        tabular.Classifier().fit(pd.DataFrame(np.eye(2), columns=["x", "x"]), [0, 1])
    with pytest.raises(ValueError, match="'1' more than once"):
        tabular.Classifier().fit({1: [0, 1], "1": [1, 0]}, [0, 1])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"epochs": 0}, "`epochs` must be a positive integer. Received: epochs=0"),
        ({"batch_size": 0}, "`batch_size` must be a positive integer"),
        ({"batch_size": 2.5}, "`batch_size` must be a positive integer"),
        ({"seed": -1}, "`seed` must be an integer from 0"),
        ({"seed": 2**64}, "`seed` must be an integer from 0"),
    ],
)
def test_arguments_that_are_no_counts_are_refused(words, message):
    with pytest.raises(ValueError, match=message):
        tabular.Classifier(**words)


def test_rows_to_stop_by_that_do_not_fit_are_named():
    frame = shop(50)
    model = tabular.Classifier(**QUICK)
    with pytest.raises(ValueError, match=r"`validation y` must be a column.*y='z'"):
        model.fit(frame, "buys", validation_data=(frame, "z"))
    with pytest.raises(ValueError, match=r"`validation y` must .* 50 rows.*: 3"):
        model.fit(frame, "buys", validation_data=(frame, ["no"] * 3))
    with pytest.raises(ValueError, match=r"`y` must have a value for each of 50 rows"):
        model.fit(frame, "buys").evaluate(frame, ["no"] * 3)


def test_a_fit_that_fails_leaves_no_half_of_a_model():
    frame = shop(50)
    model = tabular.Classifier(**QUICK).fit(frame, "buys")
    before = model.predict(frame)
    with pytest.raises(ValueError, match="must be a column"):
        model.fit(frame, "sells")
    pd.testing.assert_frame_equal(model.predict(frame), before)
    with pytest.raises(ValueError, match=r"must be one of .*'green'"):
        model.fit(
            {"x": [1.0, 2.0, 3.0]},
            ["red", "blue", "red"],
            validation_data=({"x": [1.0]}, ["green"]),
        )
    with pytest.raises(ValueError, match="must be fitted"):
        model.predict(frame)


# ---- files ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Classifier", "Regressor"])
def test_a_file_holds_all_of_it(kind, tmp_path):
    frame = shop()
    target = "buys" if kind == "Classifier" else "income"
    model = getattr(tabular, kind)(**QUICK).fit(frame, target)
    model.save(tmp_path / "shop.nnc")
    again = tabular.load(tmp_path / "shop.nnc")
    assert type(again) is type(model)
    assert again.summary() == model.summary()
    pd.testing.assert_frame_equal(again.predict(frame), model.predict(frame))
    # The network alone, for those who have encoded rows.
    network = nncore.load_model(tmp_path / "shop.nnc")
    assert network.input_shape == model.model_.input_shape


def test_a_network_alone_is_no_table_s_model(tmp_path):
    model = nncore.Sequential([nncore.layers.Dense(1, input_dim=2)])
    model.save(tmp_path / "m.nnc")
    with pytest.raises(_load.NoTableError, match=r"for nncore\.load_model"):
        tabular.load(tmp_path / "m.nnc")


SPOILT = {
    "no dict": lambda w: [],
    "another word": lambda w: w | {"code": "import os"},
    "kind": lambda w: w | {"kind": "os.system"},
    "kind as a list": lambda w: w | {"kind": ["classifier"]},
    "columns": lambda w: w | {"columns": "all"},
    "a column's kind": lambda w: w | {"columns": [{"kind": "lambda"}]},
    "a column's kind as a list": lambda w: w | {"columns": [{"kind": []}]},
    "fewer columns": lambda w: w | {"columns": w["columns"][1:]},
    "edges that fall": lambda w: edited(w, "age", edges=[2.0, 1.0, 3.0, 4.0]),
    "edges of text": lambda w: edited(w, "age", edges=["a", "b"]),
    "a scale of 0": lambda w: edited(w, "age", scale=0.0),
    "a scale that is infinite": lambda w: edited(w, "age", scale=math.inf),
    "levels of numbers": lambda w: edited(w, "town", levels=[1, 2, 3]),
    "a level twice": lambda w: edited(w, "town", levels=["Ulm", "Ulm", "Kiel"]),
    "no days": lambda w: edited(w, "since", days=0.0),
    "a cycle": lambda w: edited(w, "since", cycles=["moon"]),
    "classes": lambda w: w | {"target_config": {"classes": ["yes", "no"]}},
    "one class": lambda w: w | {"target_config": {"classes": ["no"]}},
    "classes of lists": lambda w: w | {"target_config": {"classes": [[1], [2]]}},
    "fewer streets": lambda w: edited(w, "street", levels=["a"]),
    "a street that is one-hot": lambda w: edited(w, "street", kind="category"),
    "scores": lambda w: w | {"held_out_scores": {"accuracy": "good"}},
    "rows": lambda w: w | {"held_out_rows": -1},
    "target": lambda w: w | {"target": 5},
}


def edited(words, name, **changes):
    columns = [c | changes if c["name"] == name else c for c in words["columns"]]
    return words | {"columns": columns}


@pytest.mark.parametrize("what", SPOILT)
def test_a_file_that_is_not_what_it_must_be_is_refused(what, tmp_path):
    frame = shop().assign(street=[f"street {k % 50}" for k in range(400)])
    model = tabular.Classifier(**QUICK).fit(frame, "buys")
    path = tmp_path / "m.nnc"
    model.save(path)
    words = _json.loads(_nnc.words(memoryview(path.read_bytes()))["tabular"])
    with path.open("wb") as file:
        spoilt = _json.dumps(SPOILT[what](words))
        _nnc.write(
            model.model_, file, include_optimizer=False, words={"tabular": spoilt}
        )
    with pytest.raises(ModelFileError, match="Received"):
        tabular.load(path)


def test_a_target_with_another_text_in_nearly_every_row_is_refused():
    rows = {"a": np.arange(40.0), "id": [f"n{k // 2}" for k in range(40)]}
    tabular.Classifier(seed=1, epochs=1).fit(rows, "id")
    rows["id"][1] = "other"
    with pytest.raises(ValueError) as error:
        tabular.Classifier(seed=1, epochs=1).fit(rows, "id")
    assert str(error.value) == (
        "`y` must be classes that come more than once. Received: column 'id' with 21 "
        "different values in 40 rows"
    )
    with pytest.raises(ValueError, match=r"once\. Received: 21 different"):
        tabular.Classifier(seed=1, epochs=1).fit({"a": rows["a"]}, rows["id"])
    few = {"a": np.arange(19.0), "id": [f"n{k}" for k in range(19)]}
    tabular.Classifier(seed=1, epochs=1).fit(few, "id")


def test_a_column_that_is_missing_is_told_from_those_there_are():
    rows = {"a": [1.0, 2.0], "c": [1.0, 2.0], "y": ["u", "v"]}
    with pytest.raises(ValueError) as error:
        tabular.Classifier().fit(rows, "Y")
    assert str(error.value) == (
        "`y` must be a column, one of 'a', 'c', 'y'. Received: y='Y'"
    )
    with pytest.raises(ValueError, match="some of 'a', 'c'\\. Received: 'Y'"):
        tabular.Classifier(categories=["Y"]).fit(rows, "y")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", [tabular.Classifier, tabular.Regressor])
def test_an_infinite_target_is_named_with_its_row(kind):
    x, y = np.arange(20.0), [0.0, 1.0] * 10
    wrong = [None, *y[1:5], -math.inf, *y[6:]]
    message = r"`{}` must be finite.* Received: -inf in row 5"
    with pytest.raises(ValueError, match=message.format("y")):
        kind(**QUICK).fit({"x": x, "target": wrong}, "target")
    with pytest.raises(ValueError, match=message.format("validation y")):
        kind(**QUICK).fit({"x": x}, y, validation_data=({"x": x}, wrong))
    with pytest.raises(ValueError, match=message.format("y")):
        kind(**QUICK).fit({"x": x}, y).evaluate({"x": x}, wrong)


def test_an_index_of_pandas_is_a_column():
    x, y = {"x": np.arange(20)}, ["p", "q"] * 10
    wanted = tabular.Classifier(**QUICK).fit(x, y).predict_proba(x)
    model = tabular.Classifier(**QUICK).fit(x, pd.Index(y, name="letter"))
    np.testing.assert_array_equal(model.predict_proba(x), wanted)
    assert model.target_ == "letter"
    found, _ = _frames.column_of(pd.Index([1, None, 3], dtype="Int64"))
    np.testing.assert_array_equal(found, [1, math.nan, 3])


@pytest.mark.parametrize(
    "kept", [list, pd.Series, lambda y: pd.Series(y, dtype="boolean"), pd.Categorical]
)
def test_true_and_false_with_gaps_are_true_and_false(kept):
    x, y = {"x": np.arange(21)}, kept([True, False] * 10 + [None])
    with pytest.warns(UserWarning, match="1 rows without one"):
        model = tabular.Classifier(**QUICK).fit(x, y)
    assert model.classes_.tolist() == [False, True]
    assert model.classes_.dtype == bool
    with pytest.warns(UserWarning, match="1 rows without one"):
        model.fit({"x": x["x"], "y": kept([1, 0] * 10 + [None])}, "y")
    assert model.classes_.dtype == (bool if "boolean" in repr(y) else np.int64)


@pytest.mark.parametrize(
    "pair", [[2**53 + 1, 5], [2**53 + 1, 2**53], [2**63 + 1, 5], [-(2**60) - 1, -5]]
)
@pytest.mark.parametrize("gap", [False, True])
@pytest.mark.filterwarnings("ignore:`y` must have a value")
def test_integers_that_are_no_floats_are_exact_labels(pair, gap, tmp_path):
    pl = pytest.importorskip("polars")
    x, y = {"x": np.arange(20)}, [*pair * 9, pair[0], None if gap else pair[1]]
    dtype = "UInt64" if pair[0] > 2**63 else "Int64"
    given = [y, pd.Series(y, dtype=dtype), pd.Series(y, dtype=object)]
    given.append(pl.Series(y, dtype=getattr(pl, dtype)))
    if not gap:
        given += [np.array(y, dtype.lower()), pd.Series(y, dtype=dtype.lower())]
    for values in given:
        model = tabular.Classifier(**QUICK).fit(x, values)
        assert model.classes_.tolist() == sorted(pair)
        model.save(tmp_path / "m.nnc")
        again = tabular.load(tmp_path / "m.nnc")
        answers = again.predict(x)
        assert set(answers["prediction"].tolist()) <= set(pair)
        assert list(answers)[1:] == [f"p({label})" for label in sorted(pair)]
        model.fit(x, y, validation_data=({"x": [1, 2]}, pair))
        assert again.evaluate({"x": [1, 2]}, pair)["accuracy"] >= 0
        with pytest.raises(ValueError, match=rf"Received: {pair[0] + 2} in row 1"):
            again.evaluate({"x": [1, 2]}, [pair[1], pair[0] + 2])


def test_integers_beyond_64_bits_are_texts():
    for high in (2**70 + 1, 2**63):
        y = [high, -5] * 10
        model = tabular.Classifier(**QUICK).fit({"x": range(20)}, y)
        assert model.classes_.tolist() == ["-5", str(high)]
    model.fit({"x": range(20)}, [1e300, 5.0] * 10)
    assert model.classes_.tolist() == [5.0, 1e300]


@pytest.mark.parametrize("first", [10**15 + 1, 2**53 + 1, 2**63 + 1])
@pytest.mark.parametrize("gap", [False, True])
def test_long_numbers_that_are_names_stay_apart(first, gap):
    x = [first, first + 1] * 20 + [None] * gap
    y = [0.0, 1.0] * 20 + [0.5] * gap
    dtype = "UInt64" if first > 2**63 else "Int64"
    given = [x, pd.Series(x, dtype=dtype), pd.Series(x, dtype=dtype).astype("category")]
    found = []
    for values in given:
        model = tabular.Regressor(**QUICK, categories=["id"]).fit({"id": values}, y)
        assert model.columns_[0].levels == [str(first), str(first + 1)]
        found.append(model.predict({"id": list(map(str, x[:2]))})["prediction"])
        np.testing.assert_array_equal(found[-1], found[0])
        np.testing.assert_array_equal(
            model.predict({"id": x[:2]})["prediction"], found[0]
        )
    assert found[0][0] != found[0][1]
    # What are no names are numbers, as all others.
    plain = tabular.Regressor(**QUICK).fit({"id": x, "z": y}, y)
    floats = [math.nan if v is None else float(v) for v in x]
    again = tabular.Regressor(**QUICK).fit({"id": floats, "z": y}, y)
    assert again.columns_[0].note == plain.columns_[0].note
    found = tabular.Regressor(**QUICK).fit({"z": y[:40]}, x[:40]).predict({"z": y})
    np.testing.assert_allclose(found["prediction"], float(first), rtol=1e-9)
