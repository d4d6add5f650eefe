"""Metrics that NumPy computes: formulas, states, and what `compile` makes of them."""

from __future__ import annotations

import numpy as np
import pytest

import nncore
from nncore import callbacks, layers, losses, metrics

from .helpers import Break, core_network, layer, same_bits, train, variables_of

RNG = np.random.default_rng(11)
T = RNG.integers(0, 2, (200, 3)).astype(float)
P = np.clip(0.3 * T + RNG.uniform(0, 0.7, T.shape), 0, 1).round(3)
W = RNG.uniform(0.2, 2, 200)


def counts(t, p, limit, weights):
    """TP, FP, TN, FN by the definition."""
    yes, said = t == 1, p > limit
    w = np.broadcast_to(weights[:, None], t.shape)
    return tuple(
        w[a & b].sum()
        for a, b in ((yes, said), (~yes, said), (~yes, ~said), (yes, ~said))
    )


def all_counts(limits, weights):
    return np.array([counts(T, P, limit, weights) for limit in limits]).T


@pytest.mark.parametrize("weights", [None, W], ids=["plain", "weighted"])
@pytest.mark.parametrize("limits", [None, 0.3, [0.7, 0.1, 0.5]], ids=str)
def test_counts_and_rates_are_those_of_the_definition(limits, weights):
    w = np.ones(200) if weights is None else weights
    tp, fp, tn, fn = all_counts(np.atleast_1d(0.5 if limits is None else limits), w)
    for metric, expected in (
        (metrics.TruePositives(limits), tp),
        (metrics.FalsePositives(limits), fp),
        (metrics.TrueNegatives(limits), tn),
        (metrics.FalseNegatives(limits), fn),
        (metrics.Precision(limits), tp / (tp + fp)),
        (metrics.Recall(limits), tp / (tp + fn)),
    ):
        for part in np.array_split(np.arange(200), 7):
            given = None if weights is None else w[part]
            metric.update_state(T[part], P[part], given)
        np.testing.assert_allclose(metric.result(), np.squeeze(expected), rtol=1e-12)
        if weights is None and metric._kind.endswith("tives"):
            np.testing.assert_array_equal(metric.result(), np.squeeze(expected))
        metric.reset_state()
        assert np.all(np.asarray(metric.result()) == 0)


def test_columns_are_chosen_by_class_or_by_rank():
    one = metrics.Precision(class_id=1)(T, P)
    assert one == metrics.Precision()(T[:, 1:2], P[:, 1:2])
    best = np.zeros_like(P)
    best[np.arange(200), P.argmax(axis=1)] = 1
    assert metrics.Recall(top_k=1)(T, P) == metrics.Recall()(T, best)
    both = metrics.Precision(top_k=2, class_id=0)
    kept = np.argsort(-P, axis=1, kind="stable")[:, :2]
    said = (kept == 0).any(axis=1)
    assert both(T, P) == T[said, 0].mean()


def roc(column=None):
    """The exact area: the share of pairs in order, equal ones a half."""
    t, p = (x.ravel() if column is None else x[:, column] for x in (T, P))
    yes, no = p[t == 1][:, None], p[t == 0]
    return ((yes > no) + 0.5 * (yes == no)).mean()


def test_the_area_under_roc_is_the_share_of_pairs_in_order():
    # Predictions have three digits: with a threshold at each the area is exact.
    every = np.arange(1, 1000) / 1000
    assert metrics.AUC(thresholds=every)(T, P) == pytest.approx(roc(), abs=1e-12)
    areas = [roc(j) for j in range(3)]
    by_column = metrics.AUC(thresholds=every, multi_label=True)
    assert by_column(T, P) == pytest.approx(np.mean(areas))
    weighted = metrics.AUC(thresholds=every, multi_label=True, label_weights=[1, 2, 5])
    assert weighted(T, P) == pytest.approx(np.average(areas, weights=[1, 2, 5]))


@pytest.mark.parametrize("curve", ["ROC", "PR", "PRGAIN"])
def test_sums_from_below_and_above_enclose_the_area(curve):
    low, mid, high = (
        metrics.AUC(50, curve, method)(T, P, W)
        for method in ("minoring", "interpolation", "majoring")
    )
    assert low < mid < high


def test_weights_count_as_repetitions_do():
    times = RNG.integers(0, 4, 200)
    t, p = np.repeat(T, times, axis=0), np.repeat(P, times, axis=0)
    for metric in (
        *(metrics.AUC(), metrics.AUC(curve="PR"), metrics.AUC(multi_label=True)),
        *(metrics.Precision(), metrics.SensitivityAtSpecificity(0.6)),
        *(metrics.F1Score("macro"), metrics.FBetaScore("weighted", 2.0, 0.4)),
        *(metrics.R2Score(), metrics.RootMeanSquaredError(), metrics.BinaryIoU()),
        *(metrics.TopKCategoricalAccuracy(2), metrics.ConcordanceCorrelation()),
    ):
        by_element = isinstance(metric, metrics.BinaryIoU)
        weighted = metric(T, P, np.repeat(times, 3) if by_element else times)
        metric.reset_state()
        assert metric(t, p) == pytest.approx(weighted, rel=1e-12), metric


@pytest.mark.parametrize("level", [0.2, 0.5, 0.9])
def test_the_best_rate_where_another_is_high_enough(level):
    tp, fp, tn, fn = all_counts(np.arange(200) / 199, np.ones(200))
    precision = np.divide(tp, tp + fp, out=np.zeros(200), where=tp + fp > 0)
    recall, specificity = tp / (tp + fn), tn / (tn + fp)
    for metric, enough, wanted in (
        (metrics.SensitivityAtSpecificity(level), specificity, recall),
        (metrics.SpecificityAtSensitivity(level), recall, specificity),
        (metrics.PrecisionAtRecall(level), recall, precision),
        (metrics.RecallAtPrecision(level), precision, recall),
    ):
        expected = wanted[enough >= level].max(initial=0)
        assert metric(T, P) == pytest.approx(expected, rel=1e-12)


def test_f_scores_are_those_of_the_definition():
    said = P.max(axis=1, keepdims=True) == P
    tp = (said & (T == 1)).sum(axis=0)
    wrong, missed = (said & (T == 0)).sum(axis=0), (~said & (T == 1)).sum(axis=0)
    f1 = 2 * tp / (2 * tp + wrong + missed)
    np.testing.assert_allclose(metrics.F1Score()(T, P), f1, rtol=1e-6)
    assert metrics.F1Score("macro")(T, P) == pytest.approx(f1.mean(), rel=1e-6)
    assert metrics.F1Score("weighted")(T, P) == pytest.approx(
        np.average(f1, weights=T.sum(axis=0)), rel=1e-6
    )
    micro = 2 * tp.sum() / (2 * tp.sum() + wrong.sum() + missed.sum())
    assert metrics.F1Score("micro")(T, P) == pytest.approx(micro, rel=1e-6)
    three = (1 + 9) * tp / ((1 + 9) * tp + wrong + 9 * missed)
    np.testing.assert_allclose(metrics.FBetaScore(beta=3)(T, P), three, rtol=1e-6)


def test_r2_is_that_of_the_definition_also_far_from_0():
    t, p = T + 1e8, P + 1e8
    r2 = 1 - ((T - P) ** 2).sum(axis=0) / ((T - T.mean(axis=0)) ** 2).sum(axis=0)
    np.testing.assert_allclose(metrics.R2Score(None)(t, p), r2, rtol=1e-6)
    assert metrics.R2Score()(T, P) == pytest.approx(r2.mean(), rel=1e-12)
    adjusted = 1 - (1 - r2.mean()) * (600 - 1) / (600 - 2 - 1)
    assert metrics.R2Score(num_regressors=2)(T, P) == pytest.approx(adjusted)
    with pytest.warns(UserWarning, match="num_regressors"):
        metrics.R2Score(num_regressors=9)(T[:2], P[:2])


def test_mean_sum_and_wrapped_functions():
    mean, total = metrics.Mean(), metrics.Sum()
    assert mean([1, 3], [3, 1]) == 1.5
    assert total([1, 3], [3, 1]) == 6
    assert mean([[1, 2], [3, 4]]) == (1.5 * 4 + 5) / 6
    mean.reset_state()
    assert mean.result() == 0
    largest = metrics.MeanMetricWrapper(
        lambda t, p, power: np.abs(t - p).max(axis=-1) ** power, "largest", power=2
    )
    assert largest(T, P) == pytest.approx((np.abs(T - P).max(axis=1) ** 2).mean())
    known = metrics.MeanMetricWrapper(losses.huber, delta=0.1)
    assert not known._streams
    assert known(T, P) == pytest.approx(losses.Huber(0.1)(T, P))


def test_intersections_over_unions():
    labels, said = RNG.integers(0, 3, 100), RNG.integers(0, 3, 100)
    share = [
        ((labels == c) & (said == c)).sum() / ((labels == c) | (said == c)).sum()
        for c in range(3)
    ]
    assert metrics.MeanIoU(3)(labels, said) == pytest.approx(np.mean(share))
    assert metrics.IoU(3, [0, 2])(labels, said) == pytest.approx(
        np.mean([share[0], share[2]])
    )
    one_hot = metrics.OneHotMeanIoU(3)
    assert one_hot(np.eye(3)[labels], np.eye(3)[said]) == pytest.approx(np.mean(share))
    kept = labels != 1
    ignoring = metrics.MeanIoU(3, ignore_class=1)(labels, said)
    assert ignoring == metrics.MeanIoU(3)(labels[kept], said[kept])


@pytest.mark.parametrize(
    "call",
    [
        lambda: metrics.AUC(1),
        lambda: metrics.AUC(curve="LIFT"),
        lambda: metrics.AUC(summation_method="best"),
        lambda: metrics.AUC(num_labels=3),
        lambda: metrics.AUC(thresholds=[0.1, 2]),
        lambda: metrics.AUC(multi_label=True, num_labels=2)(T, P),
        lambda: metrics.Precision(1.5),
        lambda: metrics.Precision([]),
        lambda: metrics.Precision(class_id=3)(T, P),
        lambda: metrics.Precision()(T, P[:5]),
        lambda: metrics.Precision()(T, P, W[:5]),
        lambda: metrics.SensitivityAtSpecificity(2),
        lambda: metrics.F1Score("mean"),
        lambda: metrics.FBetaScore(beta=0),
        lambda: metrics.F1Score(threshold=0),
        lambda: metrics.R2Score("mean"),
        lambda: metrics.TopKCategoricalAccuracy(0),
        lambda: metrics.IoU(2, [2]),
        lambda: metrics.MeanMetricWrapper("no such function"),
        lambda: metrics.MeanRelativeError([1.0])(T, P),
    ],
)
def test_bad_arguments_are_refused(call):
    with pytest.raises(ValueError, match="must"):
        call()


# ---- In compile ----------------------------------------------------------------------


def model(n_out=1, seed=3, **options):
    net = nncore.Sequential(
        [
            layers.Dense(5, activation="tanh", input_dim=4),
            layers.Dense(n_out, activation="sigmoid"),
        ],
        seed=seed,
    )
    net.compile("sgd", "binary_crossentropy", **options)
    return net


def rows(n=90, n_out=1):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(n, 4)).astype(np.float32)
    y = (x @ rng.normal(size=(4, n_out)) > 0).astype(np.float32)
    return x, y, rng.uniform(0.2, 2, n).astype(np.float32)


def watching():
    return ["AUC", metrics.Precision(), metrics.R2Score(), "accuracy", "recall", "mse"]


def test_keys_are_keras_own():
    given = [metrics.AUC(), metrics.AUC(curve="PR"), "AUC", "f1_score"]
    net = model(metrics=given, weighted_metrics=[metrics.AUC()])
    expected = ["loss", "auc", "auc_1", "AUC", "f1_score", "weighted_auc"]
    assert net.metrics_names == expected


def test_evaluate_measures_what_the_metric_does_alone():
    x, y, w = rows()
    net = model(metrics=watching(), weighted_metrics=[metrics.AUC(), "mae"])
    found = net.evaluate(x, y, sample_weight=w, return_dict=True, verbose=0)
    p = net.predict(x, verbose=0)
    assert found["AUC"] == metrics.AUC()(y, p)
    assert found["precision"] == metrics.Precision()(y, p)
    assert found["r2_score"] == metrics.R2Score()(y, p)
    assert found["recall"] == metrics.Recall()(y, p)
    assert found["auc"] == metrics.AUC()(y, p, w)
    assert list(found) == net.metrics_names
    plain = model(metrics=["accuracy", "mse"], weighted_metrics=["mae"])
    same = plain.evaluate(x, y, sample_weight=w, return_dict=True, verbose=0)
    for key, value in same.items():
        assert found[key] == value


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("size", [7, 90, 200])
def test_fit_measures_before_each_update_and_changes_no_bit(shuffle, size):
    x, y, w = rows()
    options = {"epochs": 3, "batch_size": size, "shuffle": shuffle, "verbose": 0}
    options |= {"sample_weight": w, "validation_data": (x[:40], y[:40])}
    net = model(metrics=watching(), weighted_metrics=[metrics.AUC()])
    plain, by_hand = model(metrics=["accuracy", "mse"]), model()
    watched = net.fit(x, y, **options).history
    without = plain.fit(x, y, **options).history
    for a, b in zip(net.get_weights(), plain.get_weights(), strict=True):
        assert same_bits(a, b)
    for key, value in without.items():
        assert watched[key] == value
    area, weighted = metrics.AUC(), metrics.AUC()
    order = np.arange(90)
    seed = by_hand._ready_network().counters["seed"]
    for epoch in range(3):
        if shuffle:
            order = nncore.reference.shuffled(90, seed, epoch)
        p = np.empty_like(y)
        for first in range(0, 90, size):
            batch = order[first : first + size]
            p[batch] = by_hand.predict(x[batch], verbose=0)
            by_hand.train_on_batch(x[batch], y[batch], sample_weight=w[batch])
        for metric in (area, weighted):
            metric.reset_state()
        assert watched["AUC"][epoch] == area(y, p)
        assert watched["auc"][epoch] == weighted(y[order], p[order], w[order])
    val = net.evaluate(x[:40], y[:40], verbose=0, return_dict=True)
    assert watched["val_AUC"][-1] == val["AUC"]


class ByBatch(callbacks.Callback):
    """Collects a metric after each batch."""

    def __init__(self):
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(logs["auc"])


def test_batches_show_what_was_measured_so_far():
    x, y, w = rows()
    seen = ByBatch()
    options = {"epochs": 2, "batch_size": 16, "verbose": 0, "sample_weight": w}
    one, other = (model(weighted_metrics=[metrics.AUC()]) for _ in range(2))
    history = one.fit(x, y, callbacks=seen, **options).history
    assert history == other.fit(x, y, **options).history
    assert len(seen.seen) == 12
    assert seen.seen[5::6] == history["auc"]


def test_blocks_of_outputs_do_not_show(monkeypatch):
    x, y, _ = rows()
    options = {"epochs": 2, "batch_size": 16, "verbose": 0}
    given = {"metrics": [metrics.TruePositives(), metrics.AUC()]}
    one, other = model(**given), model(**given)
    whole = one.fit(x, y, **options).history, one.evaluate(x, y, verbose=0)
    monkeypatch.setattr("nncore._watched._NUMBERS", 20)
    parts = other.fit(x, y, **options).history, other.evaluate(x, y, verbose=0)
    assert whole == parts


def test_single_batches_add_up_unless_reset():
    x, y, _ = rows()
    net = model(metrics=[metrics.TruePositives(0.0), "mse"])
    parts = [
        net.train_on_batch(x[i : i + 30], y[i : i + 30], reset_metrics=i == 0)[1]
        for i in (0, 30, 60)
    ]
    expected = [y[:30].sum(), y[:60].sum(), y.sum()]
    assert parts == expected
    assert net.train_on_batch(x[:30], y[:30])[1] == expected[0]
    tested = [
        net.test_on_batch(x[i : i + 30], y[i : i + 30], reset_metrics=i == 0)[1]
        for i in (0, 30, 60)
    ]
    assert tested == expected
    net.reset_metrics()
    assert net.test_on_batch(x[:30], y[:30])[1] == expected[0]


def test_batches_from_elsewhere_are_measured():
    x, y, _ = rows()
    batches = [(x[i : i + 30], y[i : i + 30]) for i in (0, 30, 60)]

    def given():
        yield from batches * 2

    one, other = model(metrics=[metrics.AUC()]), model(metrics=[metrics.AUC()])
    options = {"epochs": 2, "verbose": 0}
    a = one.fit(given(), steps_per_epoch=3, **options).history
    b = other.fit(x, y, batch_size=30, shuffle=False, **options).history
    assert a == b
    found = one.evaluate(given(), steps=3, verbose=0)
    assert found == other.evaluate(x, y, verbose=0)


def test_an_evaluation_within_an_epoch_leaves_its_measures():
    x, y, _ = rows()

    class Between(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.evaluate(x[:10], y[:10], verbose=0)

    one, other = model(metrics=["AUC"]), model(metrics=["AUC"])
    options = {"batch_size": 16, "verbose": 0}
    a = one.fit(x, y, callbacks=Between(), **options).history
    assert a == other.fit(x, y, **options).history


def test_stopping_knows_the_better_direction():
    x, y, _ = rows()
    net = model(metrics=["AUC", metrics.RootMeanSquaredError()])
    for key, better in (("AUC", "max"), ("root_mean_squared_error", "min")):
        assert net._metric_direction(key) == better
    stop = callbacks.EarlyStopping("val_AUC", patience=1)
    net.fit(x, y, epochs=5, validation_data=(x, y), callbacks=stop, verbose=0)


def test_losses_take_their_own_columns_of_targets():
    x, _, _ = rows()
    y = x[:, :1] ** 2
    for loss, width in ((losses.Quantile([0.1, 0.5, 0.9]), 3), ("gaussian_nll", 2)):
        net = nncore.Sequential([layers.Dense(width, input_dim=4)], seed=1)
        net.compile("adam", loss, metrics=[loss])
        history = net.fit(x, y, epochs=30, verbose=0).history
        assert history["loss"][-1] < history["loss"][0]
        value = losses.get(loss)(y, net.predict(x, verbose=0))
        assert net.evaluate(x, y[:, 0], verbose=0)[0] == pytest.approx(value, rel=1e-5)
        with pytest.raises(ValueError, match="shape"):
            net.fit(x, np.hstack([y, y]), verbose=0)
        with pytest.raises(ValueError, match="same targets"):
            net.compile("adam", loss, metrics=["mae"])
        net = nncore.Sequential([layers.Dense(5, input_dim=4)])
        with pytest.raises(ValueError, match="columns for each column"):
            net.compile("adam", loss)


def test_quantiles_are_learnt():
    y = np.random.default_rng(2).exponential(size=(4000, 1))
    net = nncore.Sequential([layers.Dense(3, input_dim=1)], seed=1)
    quantiles = [0.1, 0.5, 0.9]
    net.compile(nncore.optimizers.Adam(0.02), losses.Quantile(quantiles))
    net.fit(np.ones_like(y), y, epochs=40, verbose=0)
    found = net.predict(np.ones((1, 1)), verbose=0)[0]
    np.testing.assert_allclose(found, np.quantile(y, quantiles), atol=0.1)


@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("weighs", [False, True])
def test_reductions_are_of_batches(reduction, weighs):
    x, y, w = (values.astype(np.float64) for values in rows())
    w = w if weighs else None
    net = nncore.Sequential([layers.Dense(1, input_dim=4)], seed=1, dtype="float64")
    loss = losses.MeanSquaredError(reduction)
    net.compile("sgd", loss, loss_weights=[0.5])
    p = net.predict(x, verbose=0)
    parts = [
        loss(y[i : i + 40], p[i : i + 40], None if w is None else w[i : i + 40])
        for i in (0, 40, 80)
    ]
    expected = 0.5 * np.average(parts, weights=[40, 40, 10])
    found = net.evaluate(x, y, sample_weight=w, batch_size=40, verbose=0)
    assert found == pytest.approx(expected)
    before, batch = net.get_weights(), slice(0, 40)
    of_rows = np.ones(40) if w is None else w[batch]
    shown = net.train_on_batch(x[batch], y[batch], of_rows if weighs else None)
    assert shown == pytest.approx(0.5 * parts[0])
    divisor = 1 if reduction == "sum" else of_rows.sum()
    slope = 2 * (p[batch] - y[batch]) * of_rows[:, None] / divisor
    np.testing.assert_allclose(
        before[0] - net.get_weights()[0], 0.01 * 0.5 * x[batch].T @ slope
    )


def test_ignored_labels_neither_count_nor_teach():
    x, _, _ = rows()
    y = np.random.default_rng(4).integers(0, 3, 90)
    holes = np.where(np.arange(90) % 3, y, -1)
    kept = holes != -1
    nets = []
    for _ in range(2):
        net = nncore.Sequential(
            [layers.Dense(3, activation="softmax", input_dim=4)], seed=1
        )
        net.compile("sgd", losses.SparseCategoricalCrossentropy(ignore_class=-1))
        nets.append(net)
    a = nets[0].train_on_batch(x, holes)
    b = nets[1].train_on_batch(x[kept], y[kept])
    assert a == pytest.approx(b, rel=1e-5)
    for one, other in zip(*(net.get_weights() for net in nets), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="class labels"):
        nets[0].fit(x, holes - 1, verbose=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": [metrics.Precision([0.1, 0.2])]}, "one number"),
        ({"metrics": [metrics.Mean()]}, "used alone"),
        ({"metrics": [metrics.Precision(class_id=1)]}, "class_id"),
        ({"metrics": [metrics.AUC(multi_label=True, num_labels=2)]}, "columns"),
        ({"metrics": [metrics.PearsonCorrelation(axis=0)]}, "axis"),
        ({"loss": losses.MeanSquaredError(reduction=None)}, "reduction"),
        ({"loss": losses.Dice(axis=0)}, "axis"),
    ],
)
def test_what_cannot_be_measured_is_said_at_compile(options, message):
    net = nncore.Sequential([layers.Dense(1, input_dim=4)])
    with pytest.raises(ValueError, match=message):
        net.compile("sgd", **{"loss": "mse", **options})


def test_scores_of_many_columns_need_an_average_and_labels_a_metric_of_labels():
    net = nncore.Sequential([layers.Dense(3, activation="softmax", input_dim=4)])
    for metric in (metrics.F1Score(), metrics.R2Score(None)):
        with pytest.raises(ValueError, match="one number"):
            net.compile("sgd", "categorical_crossentropy", metrics=[metric])
    sparse = "sparse_categorical_crossentropy"
    with pytest.raises(ValueError, match="same targets"):
        net.compile("sgd", sparse, metrics=["AUC"])
    best = metrics.SparseTopKCategoricalAccuracy(2)
    net.compile("sgd", sparse, metrics=[best, "accuracy"])
    x, y = np.eye(5, 4), [0, 1, 2, 1, 0]
    p = net.predict(x, verbose=0)
    assert net.evaluate(x, y, verbose=0)[1] == best(y, p)


# ---- What the core leaves ------------------------------------------------------------


@pytest.mark.parametrize("engine", ["tiny", "panel"])
@pytest.mark.parametrize("threads", [1, 3])
def test_the_core_leaves_the_outputs_that_it_measured(
    engine, threads, dtype, isa, monkeypatch
):
    monkeypatch.setenv("NNCORE_ENGINE", engine)
    monkeypatch.setenv("NNCORE_FORCE_THREADS", str(threads))
    rng = np.random.default_rng(1)
    n, size = 1300, 600
    specs = [layer(6, "tanh"), layer(3, "sigmoid")]
    start = [rng.normal(size=s).astype(dtype) for s in [(4, 6), 6, (6, 3), 3]]
    x = rng.normal(size=(n, 4)).astype(dtype)
    y = rng.integers(0, 2, (n, 3)).astype(dtype)
    nets = [core_network(dtype, 4, specs, 9, isa, start) for _ in range(3)]
    rule = {"kind": "adam", "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
    for net in nets:
        net.compile({"kind": "mean_squared_error"}, [], rule)
    out, number = np.empty((2 * n, 3), dtype), np.empty(2 * n, np.uint32)
    options = {"batch_size": size, "shuffle": True, "epochs": 2}
    train(nets[0], x, y, outputs=out, numbers=number, **options)
    assert nets[0].last_run == {"team": threads, "isa": isa, "engine": engine}
    train(nets[1], x, y, **options)
    for a, b in zip(variables_of(nets[0]), variables_of(nets[1]), strict=True):
        assert same_bits(a, b)
    assert sorted(number[:n]) == list(range(n))
    for first in [0, 600, 1200, 1300, 1900, 2500]:
        last = min(first + size, n if first < n else 2 * n)
        batch = number[first:last]
        assert same_bits(out[first:last], nets[2].predict(x[batch]))
        train(nets[2], x[batch], y[batch], batch_size=size)
    for a, b in zip(variables_of(nets[0]), variables_of(nets[2]), strict=True):
        assert same_bits(a, b)


def test_a_call_ends_before_its_room_does(dtype):
    net = core_network(dtype, 1, [layer(1)], variables=[np.ones((1, 1)), np.zeros(1)])
    net.compile({"kind": "mean_squared_error"}, [], {"kind": "sgd"})
    x = np.arange(10, dtype=dtype)[:, None]
    out, number = np.full((7, 1), np.nan, dtype), np.zeros(7, np.uint32)
    _, batches, _, _ = train(
        *(net, x, x), batch_size=3, outputs=out, numbers=number, epochs=5
    )
    assert batches == 2
    assert number[:6].tolist() == [0, 1, 2, 3, 4, 5]
    assert np.isnan(out[6])
    with pytest.raises(ValueError, match="size"):
        train(net, x, x, batch_size=8, outputs=out, numbers=number)
    for bad in (np.empty((7, 2), dtype), out[:5], out.astype(np.float16)):
        with pytest.raises(ValueError, match="must"):
            train(net, x, x, batch_size=3, outputs=bad, numbers=number)
    part = np.empty((4, 1), dtype)
    net.evaluate(x, x, None, 0, 4, outputs=part)
    assert same_bits(part, net.predict(x[:4]))


class Weighed(metrics.Metric):
    """One's own, which keeps an array and a list."""

    def reset_state(self):
        self.sums, self.largest = np.zeros(2), []

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.sums += [y_true.sum(), y_pred.sum()]
        self.largest.append(float(y_pred.max()))

    def result(self):
        return self.sums[0] - self.sums[1] + max(self.largest)


@pytest.mark.parametrize("kept", [1, 20, 10**6], ids=str)
@pytest.mark.parametrize(
    "cut", [{}, {"steps_per_epoch": 9}, {"shuffle": False}], ids=str
)
def test_a_training_goes_on_within_an_epoch(cut, kept, tmp_path, monkeypatch):
    monkeypatch.setattr("nncore._watched._NUMBERS", kept)
    x, y, weights = rows()

    def train(*used):
        given = [
            metrics.AUC(),
            "mae",
            metrics.R2Score(),
            metrics.BinaryIoU(),
            Weighed(),
        ]
        net = model(metrics=given, weighted_metrics=[metrics.F1Score(threshold=0.5)])
        options = {"batch_size": 16, "epochs": 3, "verbose": 0, **cut}
        return net.fit(x, y, callbacks=list(used), sample_weight=weights, **options)

    backup = callbacks.BackupAndRestore(tmp_path, 1)
    for after in (3, 5, 1, 4):
        with pytest.raises(KeyboardInterrupt):
            train(backup, Break(after))
    assert train(backup).history == train().history


def test_the_backup_of_other_metrics_is_refused_within_an_epoch(tmp_path):
    x, y, _ = rows()
    backup = callbacks.BackupAndRestore(tmp_path, 1)
    options = {"batch_size": 16, "verbose": 0}
    with pytest.raises(KeyboardInterrupt):
        model(metrics=["mae"]).fit(x, y, callbacks=[backup, Break(3)], **options)
    with pytest.raises(ValueError, match="same loss and metrics: loss, auc"):
        model(metrics=[metrics.AUC()]).fit(x, y, callbacks=backup, **options)
