"""Metrics: which accuracy is meant, names in logs, values called by hand."""

from __future__ import annotations

import functools
import json

import numpy as np
import pytest

from nncore import losses, metrics


@pytest.mark.parametrize(
    ("target_columns", "n_out", "sparse", "kind"),
    [
        (1, 1, False, "binary_accuracy"),
        (1, 1, True, "binary_accuracy"),
        (3, 3, False, "categorical_accuracy"),
        (1, 3, True, "sparse_categorical_accuracy"),
        (1, 3, False, "sparse_categorical_accuracy"),
        (2, 2, False, "categorical_accuracy"),
    ],
)
def test_accuracy_is_resolved_by_shapes(target_columns, n_out, sparse, kind):
    assert metrics.resolve_accuracy(target_columns, n_out, sparse) == kind
    for word in ("accuracy", "acc", "Accuracy"):
        metric = metrics.get(word)._resolve(target_columns, n_out, sparse)
        assert metric._spec()["kind"] == kind
        assert metric.name == word


@pytest.mark.parametrize("name", metrics._NAMES)
def test_a_name_is_what_the_log_shows(name):
    assert metrics.get(name).name == name


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        (losses.mse, "mean_squared_error"),
        (metrics.mae, "mean_absolute_error"),
        (metrics.binary_accuracy, "binary_accuracy"),
        (functools.partial(metrics.binary_accuracy, threshold=0.3), "binary_accuracy"),
        (functools.partial(losses.huber, delta=2.0), "huber"),
        (losses.Huber(), "huber_loss"),
        (losses.Poisson, "poisson"),
        (metrics.BinaryAccuracy(), "binary_accuracy"),
        (metrics.BinaryAccuracy, "binary_accuracy"),
        (metrics.LogCoshError(), "logcosh"),
        (metrics.BinaryAccuracy(name="hits"), "hits"),
    ],
)
def test_functions_classes_and_instances_have_their_keras_names(identifier, name):
    assert metrics.get(identifier).name == name


def test_a_partial_keeps_its_arguments():
    metric = metrics.get(functools.partial(metrics.binary_accuracy, threshold=0.3))
    assert metric._spec()["threshold"] == 0.3
    metric = metrics.get(functools.partial(losses.huber, delta=2.0))
    assert metric._spec()["loss"]["delta"] == 2.0


@pytest.mark.parametrize("name", losses._NAMES)
def test_every_loss_is_a_metric(name):
    metric = metrics.get(name)
    if name in ("dice", "tversky"):  # of all rows together
        assert metric._streams
        return
    spec = metric._spec()
    assert spec["kind"] == "loss_value"
    loss = losses.get(name)._spec()
    # The metric of this name is the cosine, the loss its negative.
    if name == "cosine_similarity":
        loss["weight"] = -1
    assert spec["loss"] == loss


# What has no default.
NEEDED = {
    "SensitivityAtSpecificity": {"specificity": 0.3},
    "SpecificityAtSensitivity": {"sensitivity": 0.3},
    "PrecisionAtRecall": {"recall": 0.3},
    "RecallAtPrecision": {"precision": 0.3},
    "MeanRelativeError": {"normalizer": [1.0, 2.0]},
    "MeanMetricWrapper": {"fn": losses.tweedie, "power": 2.0},
    "IoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "MeanIoU": {"num_classes": 3},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "OneHotMeanIoU": {"num_classes": 3},
}


@pytest.mark.parametrize("cls", metrics._CLASSES)
def test_a_configuration_makes_the_same_metric(cls):
    metric = cls(name="mine", **NEEDED.get(cls.__name__, {}))
    written = json.loads(json.dumps(metrics.serialize(metric)))
    again = metrics.deserialize(written)
    assert type(again) is cls
    assert again.get_config() == metric.get_config()
    if not metric._streams:
        assert again._spec() == metric._spec()


@pytest.mark.parametrize("name", NEEDED)
def test_a_metric_without_defaults_is_asked_for_as_an_instance(name):
    with pytest.raises(ValueError, match="as an instance"):
        metrics.get(name)


@pytest.mark.parametrize(
    "identifier",
    [
        *("mse", "huber", losses.log_cosh, losses.Poisson, losses.Huber(2.0)),
        *(losses.CategoricalCrossentropy(label_smoothing=0.1), losses.kld),
        *("msle", losses.Quantile([0.1, 0.9]), losses.Tweedie(power=1.2)),
        *(losses.CosineSimilarity, losses.CategoricalFocalCrossentropy([0.5, 0.1])),
    ],
)
def test_a_loss_shown_as_a_metric_can_be_written_down(identifier):
    metric = metrics.get(identifier)
    again = metrics.deserialize(json.loads(json.dumps(metrics.serialize(metric))))
    assert again.name == metric.name
    assert again._spec() == metric._spec()


@pytest.mark.parametrize("word", ["accuracy", "acc"])
def test_accuracy_is_written_down_as_a_word(word):
    assert metrics.serialize(metrics.get(word)) == word


def test_binary_accuracy_counts_above_the_threshold():
    t, p = [[0], [1], [1], [0]], [[0.5], [0.5], [0.9], [0.2]]
    assert metrics.BinaryAccuracy()(t, p) == 0.75
    assert metrics.BinaryAccuracy(threshold=0.4)(t, p) == 0.75
    assert metrics.BinaryAccuracy(threshold=0.95)(t, p) == 0.5


def test_categorical_accuracies_agree():
    p = [[0.3, 0.7], [0.6, 0.4], [0.9, 0.1]]
    labels = [1, 0, 1]
    one_hot = np.eye(2)[labels]
    np.testing.assert_array_equal(metrics.categorical_accuracy(one_hot, p), [1, 1, 0])
    np.testing.assert_array_equal(
        metrics.sparse_categorical_accuracy(labels, p), [1, 1, 0]
    )
    assert metrics.get("acc")(one_hot, p) == metrics.get("acc")(labels, p) == 2 / 3


def test_a_metric_is_a_running_mean_until_it_is_reset():
    metric = metrics.MeanSquaredError()
    assert metric.result() == 0.0
    assert metric([[0.0]], [[1.0]]) == 1.0
    metric.update_state([[0.0], [0.0]], [[0.0], [2.0]])
    assert metric.result() == pytest.approx(5 / 3)
    metric.reset_state()
    assert metric.result() == 0.0


def test_weights_divide_by_their_sum():
    metric = metrics.MeanSquaredError()
    assert metric([[0.0], [0.0]], [[1.0], [2.0]], [1, 3]) == 13 / 4
    with pytest.raises(ValueError, match="one number per row"):
        metric([[0.0]], [[1.0]], [1, 2])


@pytest.mark.parametrize(
    "call",
    [
        lambda: metrics.BinaryAccuracy(threshold=2),
        lambda: metrics.BinaryAccuracy(name=""),
        lambda: metrics.BinaryAccuracy(dtype="int8"),
        lambda: metrics.BinaryAccuracy()([[0, 1, 1]], [[0.5]]),
        lambda: metrics.SparseCategoricalAccuracy()([2], [[0.5, 0.5]]),
        lambda: metrics.get(lambda t, p: np.zeros(3))([[0.0]], [[0.0]]),
        lambda: metrics.Metric()([[0.0]], [[0.0]]),
    ],
)
def test_bad_arguments_are_refused(call):
    with pytest.raises(ValueError, match="must"):
        call()
