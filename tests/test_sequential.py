"""`Sequential`: layers, shapes, weights, compile, predictions, summary, config."""

from __future__ import annotations

import gc
import io
import json
import threading
import weakref

import numpy as np
import pytest

import nncore
from nncore import reference
from nncore.layers import Activation, Dense, Dropout, Flatten, Input, ReLU
from nncore.models import Sequential, model_from_json
from nncore.optimizers import SGD, Adam

from .helpers import tolerance

X = np.linspace(-1, 1, 24).reshape(8, 3).astype("float32")
Y = X[:, :2].copy()


def small(**options):
    return Sequential(
        [
            Dense(4, activation="relu", input_shape=(3,), name="hidden"),
            Dense(2, name="out"),
        ],
        **options,
    )


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


# ---- building ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first",
    [
        {"input_shape": (3,)},
        {"input_dim": 3},
        {"batch_input_shape": (None, 3)},
        {"input_shape": 3},
    ],
    ids=str,
)
def test_the_first_layer_may_tell_the_shape(first):
    model = Sequential()
    assert not model.built
    model.add(Dense(4, **first))
    model.add(Dense(2))
    assert model.built
    assert (model.input_shape, model.output_shape) == ((None, 3), (None, 2))
    assert [w.shape for w in model.get_weights()] == [(3, 4), (4,), (4, 2), (2,)]


def test_an_input_may_tell_the_shape():
    model = Sequential([Input((3,)), Dense(2)])
    assert [layer.name for layer in model.layers] == [model.layers[0].name]
    assert model.count_params() == 8
    assert model.inputs[0].shape == (None, 3)
    assert model.outputs[0].shape == (None, 2)


@pytest.mark.parametrize("shape", [(None, 3), (3,), 3, (8, 3)])
def test_build_tells_the_shape(shape):
    model = Sequential([Dense(2)])
    model.build(shape)
    assert model.input_shape == (None, 3)
    model.build()
    with pytest.raises(ValueError, match=r"known one, \(None, 3\)"):
        model.build((None, 4))


@pytest.mark.parametrize("verb", ["fit", "evaluate", "call", "train"])
def test_the_first_data_tell_the_shape(verb):
    model = Sequential([Dense(2)])
    model.compile("sgd", "mse")
    assert model.get_weights() == []
    {
        "fit": lambda: model.fit(X, Y, verbose=0),
        "evaluate": lambda: model.evaluate(X, Y, verbose=0),
        "call": lambda: model(X),
        "train": lambda: model.train_on_batch(X, Y),
    }[verb]()
    assert model.input_shape == (None, 3)


def test_data_that_do_not_fit_leave_the_shape_open():
    model = Sequential([Dense(2)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="`y` must"):
        model.fit(X, X, verbose=0)
    assert not model.built
    model.fit(np.ones((4, 7)), np.ones((4, 2)), verbose=0)
    assert model.input_shape == (None, 7)


def test_what_needs_the_shape_says_so_before_it_is_known():
    model = Sequential([Dense(2)])
    with pytest.raises(ValueError, match="must be built"):
        model.count_params()
    with pytest.raises(ValueError, match=r"input shape .* must be known"):
        model.build()
    with pytest.raises(ValueError, match=r"input shape .* must be known"):
        model.set_weights([])
    for predict in (model.predict, model.predict_classes, model.predict_on_batch):
        with pytest.raises(ValueError, match=r"input shape .* must be known"):
            predict(X)
    assert not model.built
    for attribute in ("input_shape", "output_shape"):
        with pytest.raises(AttributeError, match="must be built"):
            getattr(model, attribute)
    with pytest.raises(ValueError, match="must have layers"):
        Sequential().predict(X)
    with pytest.raises(ValueError, match="must have layers"):
        Sequential().build((None, 3))


@pytest.mark.parametrize("wrong", [Dense, "dense", None, 3])
def test_only_layers_can_be_added(wrong):
    with pytest.raises(ValueError, match=r"`layer` must be a layer.*Received"):
        Sequential().add(wrong)


def test_names_are_unique_and_inputs_come_first():
    model = small()
    with pytest.raises(ValueError, match="second layer named 'out'"):
        model.add(Dense(1, name="out"))
    with pytest.raises(ValueError, match="first layer"):
        model.add(Input((3,)))
    with pytest.raises(ValueError, match="first layer"):
        Sequential([Input((3,)), Input((3,))])


def test_a_layer_belongs_to_one_model():
    first = small()
    with pytest.raises(ValueError, match="'hidden', which is in model"):
        Sequential([first.layers[0]])
    layer = first.pop()
    assert Sequential([Input((4,)), layer]).count_params() == 10
    del first


def test_layers_see_their_weights_and_shapes():
    model = small()
    hidden = model.get_layer("hidden")
    assert model.get_layer(index=-1).name == "out"
    assert hidden.built
    assert equal(hidden.get_weights(), model.get_weights()[:2])
    hidden.set_weights([np.ones((3, 4)), np.zeros(4)])
    assert (model.get_weights()[0] == 1).all()
    assert (hidden.input_shape, hidden.output_shape) == ((None, 3), (None, 4))
    with pytest.raises(ValueError, match=r"Received: name='hiden'.*hidden, out"):
        model.get_layer("hiden")
    with pytest.raises(ValueError, match="`index`"):
        model.get_layer(index=5)
    with pytest.raises(ValueError, match="Either"):
        model.get_layer()


def test_nothing_keeps_a_model_alive():
    gc.disable()
    try:
        model = small()
        model.compile("adam", "mse", metrics=["mae"])
        history = model.fit(X, Y, epochs=2, verbose=0, validation_split=0.5)
        layers, optimizer = model.layers, model.optimizer
        gone = weakref.ref(model)
        del model
        assert gone() is None
        assert not layers[0].built
        assert optimizer.iterations == 0
        assert len(history.epoch) == 2
    finally:
        gc.enable()


# ---- how layers become the core's ----------------------------------------------------


def by_reference(model, x):
    """The outputs that the reference gives for the model's planned layers."""
    plan = model._make_plan()
    net = reference.Network(int(np.prod(plan.input_shape)), plan.specs)
    for variable, value in zip(net.variables, model.get_weights(), strict=True):
        variable[...] = value
    return net.predict(x.reshape(len(x), -1))


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([Dense, "tanh"], [(2, "tanh", 0)]),
        ([Dense, "tanh", 0.5], [(2, "tanh", 0.5)]),
        ([Dense, 0.5, "tanh"], [(2, "linear", 0.5), (0, "tanh", 0)]),
        ([0.5, Dense], [(0, "linear", 0.5), (2, "linear", 0)]),
        ([Dense, "tanh", "relu"], [(2, "tanh", 0), (0, "relu", 0)]),
        ([Dense, "linear", 0.0], [(2, "linear", 0)]),
        ([0.5, 0.25], [(0, "linear", 0.5), (0, "linear", 0.25)]),
        (["tanh", Dense, Dense], [(0, "tanh", 0), (2, "linear", 0), (2, "linear", 0)]),
        (["linear"], [(0, "linear", 0)]),
        ([Flatten], [(0, "linear", 0)]),
        ([Flatten, Dense, ReLU], [(2, "relu", 0)]),
    ],
    ids=str,
)
def test_layers_are_merged_into_the_cores(layers, expected):
    made = {str: Activation, float: Dropout}
    model = Sequential([Input((3,))], seed=1)
    for layer in layers:
        if isinstance(layer, (str, float)):
            model.add(made[type(layer)](layer))
        else:
            model.add(layer(2) if layer is Dense else layer())
    specs = model._make_plan().specs
    assert [(s["units"], s["activation"], s["dropout"]) for s in specs] == expected
    atol = tolerance("float32", 16)
    np.testing.assert_allclose(model.predict(X), by_reference(model, X), 0, atol)


def test_flatten_takes_rows_of_any_shape(dtype):
    x = np.arange(24.0, dtype=dtype).reshape(2, 3, 4)
    model = Sequential([Flatten(input_shape=(3, 4)), Dense(2)], dtype=dtype)
    model.compile("sgd", "mse")
    y = model.predict(x)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(y, x.reshape(2, 12) @ kernel + bias, rtol=1e-4)
    model.fit(x, np.zeros((2, 2)), verbose=0)
    with pytest.raises(ValueError, match=r"\(n, 3, 4\)"):
        model.predict(x.reshape(2, 12))


def test_rows_that_are_not_flat_keep_their_shape_through_activations():
    x = np.linspace(-1, 1, 12).reshape(2, 3, 2).astype("float32")
    model = Sequential([Activation("relu", input_shape=(3, 2))])
    np.testing.assert_array_equal(model.predict(x), np.maximum(x, 0))
    assert model.output_shape == (None, 3, 2)
    with pytest.raises(ValueError, match=r"Flatten\(\)"):
        Sequential([Input((3, 2)), Activation("softmax")])


@pytest.mark.parametrize("where", ["model", "layer", "input", "floatx"])
def test_dtype_is_the_first_one_named(where):
    if where == "model":
        model = small(dtype="float64")
    elif where == "layer":
        model = Sequential([Dense(2, input_dim=3), Dense(2, dtype="float64")])
    elif where == "input":
        model = Sequential([Input((3,), dtype="float64"), Dense(2, dtype="float32")])
    else:
        nncore.backend.set_floatx("float64")
        try:
            model = small()
            model.build()
        finally:
            nncore.backend.set_floatx("float32")
        model.add(Dense(2))  # a new network, still of the model's own dtype
        assert model.get_weights()[0].dtype == np.float64
    assert model.dtype == "float64"
    assert model.predict(X).dtype == np.float64


# ---- weights -------------------------------------------------------------------------


def test_weights_come_and_go_as_copies(dtype):
    model = small(dtype=dtype)
    weights = model.get_weights()
    assert [w.shape for w in weights] == [(3, 4), (4,), (4, 2), (2,)]
    assert all(w.dtype == dtype for w in weights)
    weights[0][...] = 7
    assert not (model.get_weights()[0] == 7).any()
    model.set_weights([w.tolist() for w in weights])
    assert equal(model.get_weights(), weights)
    assert equal(model.weights, weights)
    with pytest.raises(ValueError, match="read-only"):
        model.weights[0][...] = 7


def test_a_starting_value_that_does_not_fit_names_its_layer():
    model = small()
    weights = model.get_weights()
    model.add(Dense(2, kernel_initializer=np.ones((9, 9)), name="last"))
    with pytest.raises(ValueError, match=r"^Layer 'last'.*\(2, 2\).*\(9, 9\)"):
        model.predict(X)
    model.pop()
    assert equal(model.get_weights(), weights)


@pytest.mark.parametrize("wrong", ["few", "shape", "text"])
def test_weights_that_do_not_fit_change_nothing(wrong):
    model = small()
    before = model.get_weights()
    new = [np.ones_like(w) for w in before]
    if wrong == "few":
        new.pop()
    elif wrong == "shape":
        new[2] = new[2].T
    else:
        new[3] = np.array(["a", "b"])
    with pytest.raises(ValueError, match="`weights` must"):
        model.set_weights(new)
    assert equal(model.get_weights(), before)


def test_frozen_layers_keep_their_weights_in_training():
    model = small()
    model.layers[0].trainable = False
    model.compile("adam", "mse")
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    after = model.get_weights()
    assert equal(before[:2], after[:2])
    assert not np.array_equal(before[2], after[2])
    assert equal(model.non_trainable_weights, after[:2])
    assert equal(model.trainable_weights, after[2:])


def test_thawing_waits_for_compile_and_keeps_the_weights():
    model = small()
    model.trainable = False
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.trainable = True
    model.fit(X, Y, verbose=0)
    assert equal(before, model.get_weights())
    model.compile("sgd", "mse")
    assert equal(before, model.get_weights())
    model.fit(X, Y, verbose=0)
    assert not np.array_equal(before[0], model.get_weights()[0])


def test_a_layer_keeps_its_weights_when_its_model_is_gone():
    model = Sequential([Dense(8, input_dim=3), Dense(2), Dense(1)], seed=1)
    weights = model.build() or model.get_weights()
    kept = model.layers[:2]
    del model
    for k, layer in enumerate(kept):
        assert all(map(np.array_equal, layer.get_weights(), weights[2 * k : 2 * k + 2]))
    other = Sequential([*kept, Dense(1)], seed=2)
    assert all(map(np.array_equal, other.get_weights()[:4], weights))
    other.set_weights([w + 1 for w in other.get_weights()])
    assert np.array_equal(kept[0].get_weights()[0], weights[0] + 1)


@pytest.mark.parametrize("is_used_between", [False, True])
def test_a_layer_that_was_taken_off_keeps_its_weights(is_used_between):
    model = Sequential([Dense(8, input_dim=3), Dense(2), Dense(1)], seed=1)
    weights = model.build() or model.get_weights()
    layer = model.pop()
    if is_used_between:
        model.predict(np.zeros((1, 3)), verbose=0)
    assert np.array_equal(layer.get_weights()[0], weights[4])
    model.add(layer)
    assert all(map(np.array_equal, model.get_weights(), weights))


def test_a_layer_that_goes_through_models_has_the_weights_of_the_last():
    first = Sequential([Dense(8, input_dim=3), Dense(2)], seed=1)
    first.build()
    layer = first.pop()
    unused = Sequential([Dense(8, input_dim=3), layer])
    unused.pop()
    second = Sequential([Dense(8, input_dim=3), layer])
    second.build()
    layer.set_weights([np.full((8, 2), 3.0), np.full(2, 7.0)])
    second.pop()
    assert layer.get_weights()[1].tolist() == [7, 7]
    first.add(layer)
    first.build()
    assert layer.get_weights()[1].tolist() == [7, 7]


def test_a_layer_for_another_width_begins_anew():
    model = Sequential([Dense(8, input_dim=3), Dense(2)], seed=1)
    model.build()
    layer = model.pop()
    layer._left_with[1][:] = 5
    Sequential([Dense(9, input_dim=3), layer]).build()
    assert layer.get_weights()[1].tolist() == [0, 0]


def test_adding_and_popping_keep_the_other_weights():
    model = small(seed=1)
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    trained = model.get_weights()
    model.add(Dense(3, name="more"))
    assert equal(model.get_weights()[:4], trained)
    assert model.output_shape == (None, 3)
    model.fit(X, X, verbose=0)
    after = model.get_weights()
    model.pop()
    assert equal(model.get_weights(), after[:4])
    model.pop()
    model.pop()
    with pytest.raises(IndexError, match="layer to take off"):
        model.pop()
    model.add(Dense(1, input_dim=9))
    assert model.input_shape == (None, 9)


def test_starting_weights_follow_the_seed_and_the_place():
    assert equal(small(seed=4).get_weights(), small(seed=4).get_weights())
    one, two = small(seed=4).get_weights(), small(seed=5).get_weights()
    assert not np.array_equal(one[0], two[0])
    longer = small(seed=4)
    longer.add(Dense(5))
    assert equal(longer.get_weights()[:4], one)
    twins = Sequential([Dense(3, input_dim=3), Dense(3)], seed=4).get_weights()
    assert not np.array_equal(twins[0], twins[2])


@pytest.mark.parametrize("by", ["set_random_seed", "np.random.seed"])
def test_a_seed_for_everything_repeats_a_run(by, monkeypatch):
    monkeypatch.setattr("nncore._random._fixed_seed", None)
    monkeypatch.setattr("nncore._random._seeds_taken", {})
    state = np.random.get_state()
    seed = nncore.utils.set_random_seed if by == "set_random_seed" else np.random.seed

    def run():
        seed(7)
        models = [small(), small()]
        for model in models:
            model.compile("adam", "mse")
            model.fit(X, Y, batch_size=2, epochs=2, verbose=0)
        return [model.get_weights()[0] for model in models]

    try:
        first = run()
        assert equal(first, run())
        assert not np.array_equal(*first)
    finally:
        np.random.set_state(state)


# ---- compile -------------------------------------------------------------------------


def test_compiling_again_keeps_weights_and_restarts_the_optimizer():
    model = small()
    model.compile("adam", "mse")
    model.fit(X, Y, epochs=3, verbose=0)
    weights = model.get_weights()
    assert model.optimizer.iterations == 3
    model.compile(Adam(0.1), "mae", metrics=["mse"])
    assert equal(weights, model.get_weights())
    assert model.optimizer.iterations == 0
    assert model.metrics_names == ["loss", "mse"]


@pytest.mark.parametrize(
    ("metrics", "weighted", "names"),
    [
        (None, None, ["loss"]),
        ("accuracy", None, ["loss", "accuracy"]),
        (["acc", "mse"], None, ["loss", "acc", "mse"]),
        (["mse", "mse"], None, ["loss", "mse", "mse_1"]),
        ([["mse"]], None, ["loss", "mse"]),
        ({"out": ["mae"]}, None, ["loss", "mae"]),
        (["mse"], ["mse", "mae"], ["loss", "mse", "weighted_mse", "mae"]),
        ([nncore.metrics.MeanSquaredError(name="error")], None, ["loss", "error"]),
        ([nncore.losses.huber], None, ["loss", "huber"]),
        (["MeanAbsoluteError"], None, ["loss", "MeanAbsoluteError"]),
    ],
    ids=str,
)
def test_log_keys_are_the_strings_passed(metrics, weighted, names):
    model = small()
    model.compile("sgd", "mse", metrics=metrics, weighted_metrics=weighted)
    assert model.metrics_names == names
    assert list(model.fit(X, Y, verbose=0).history) == names
    assert list(model.evaluate(X, Y, return_dict=True)) == names


@pytest.mark.parametrize(
    ("units", "loss", "kind"),
    [
        (1, "mse", "binary_accuracy"),
        (1, "binary_crossentropy", "binary_accuracy"),
        (3, "binary_crossentropy", "categorical_accuracy"),
        (3, "categorical_crossentropy", "categorical_accuracy"),
        (3, "sparse_categorical_crossentropy", "sparse_categorical_accuracy"),
    ],
)
def test_accuracy_is_resolved_from_shapes(units, loss, kind):
    model = Sequential([Dense(units, activation="sigmoid", input_dim=3)])
    model.compile("sgd", loss, metrics=["accuracy"])
    _, specs, _ = model._compiled.specs(model._make_plan())
    assert [spec["kind"] for spec in specs] == [kind]


def test_metrics_must_take_the_losss_targets():
    model = small()
    for loss, metric in (
        ("mse", "sparse_categorical_accuracy"),
        ("sparse_categorical_crossentropy", "mse"),
    ):
        with pytest.raises(ValueError, match=f"'{metric}' must take the same targets"):
            model.compile("sgd", loss, metrics=[metric])
    assert not model.compiled


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("adm", "mse"), "adam"),
        (("adam", "mean_square_error"), "mean_squared_error"),
        (("adam", "mse", None, ["acuracy"]), "accuracy"),
    ],
)
def test_unknown_names_are_refused_at_compile(arguments, named):
    with pytest.raises(ValueError, match=f"Known, nearest first: .*{named}"):
        small().compile(*arguments)


def test_a_failed_compile_leaves_the_old_one():
    model = small()
    model.compile(SGD(0.5), "mse")
    model.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="loss"):
        model.compile("adam", "nothing")
    assert model.optimizer.learning_rate == 0.5
    assert model.optimizer.iterations == 1
    model.fit(X, Y, verbose=0)


@pytest.mark.parametrize(
    "options", [{"on_nan": "stay"}, {"check_finite": 1}, {"loss_weights": "a"}]
)
def test_impossible_arguments_of_compile_are_refused(options):
    with pytest.raises(ValueError, match=f"`{next(iter(options))}` must.*Received"):
        small().compile("sgd", "mse", **options)


def test_what_keras_takes_is_taken():
    model = small()
    model.compile(
        *("sgd", "mse"), run_eagerly=True, jit_compile=False, steps_per_execution=10
    )
    # Keras 1 and 2 had metrics in third place.
    model.compile("sgd", "mse", ["accuracy"])
    assert model.metrics_names == ["loss", "accuracy"]
    model.compile(SGD, nncore.losses.MeanSquaredError)
    assert model.loss is nncore.losses.MeanSquaredError
    with pytest.warns(DeprecationWarning, match="class_mode"):
        model.compile("sgd", "mse", class_mode="binary")


def test_training_needs_compile_and_a_loss():
    model = small()
    verbs = (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch)
    for verb in verbs:
        with pytest.raises(ValueError, match=r"must call `compile\(\)`"):
            verb(X, Y)
    assert (model.optimizer, model.loss, model.metrics_names) == (None, None, [])
    model.compile("sgd")
    for verb in verbs:
        with pytest.raises(ValueError, match="given a loss"):
            verb(X, Y)
    assert model.predict(X).shape == (8, 2)


# ---- evaluate and predict ------------------------------------------------------------


def test_evaluate_returns_what_keras_does():
    model = small()
    model.compile("sgd", "mse")
    loss = model.evaluate(X, Y)
    assert type(loss) is float
    assert model.test_on_batch(X, Y) == loss
    model.compile("sgd", "mse", metrics=["mae"])
    both = model.evaluate(X, Y, batch_size=3)
    assert type(both) is list
    assert both[0] == loss
    assert model.evaluate(X, Y, return_dict=True) == dict(
        zip(["loss", "mae"], both, strict=True)
    )
    assert model.evaluate(X, Y, steps=2, batch_size=2) == model.evaluate(X[:4], Y[:4])


def test_train_on_batch_returns_the_values_before_its_update():
    model = small()
    model.compile("sgd", "mse", metrics=["mae"])
    before = model.evaluate(X, Y)
    assert model.train_on_batch(X, Y) == before
    after = model.evaluate(X, Y)
    assert after != before
    assert model.train_on_batch(X, Y, return_dict=True) == dict(
        zip(["loss", "mae"], after, strict=True)
    )


def test_predictions_of_a_row_do_not_depend_on_the_others(dtype):
    model = small(dtype=dtype)
    whole = model.predict(X)
    assert whole.dtype == dtype
    for index, row in enumerate(X):
        np.testing.assert_array_equal(model(row), whole[index])
        np.testing.assert_array_equal(model(row[np.newaxis]), whole[[index]])
    np.testing.assert_array_equal(model.predict_on_batch(X), whole)
    np.testing.assert_array_equal(model.predict_proba(X), whole)
    np.testing.assert_array_equal(model.predict(X, batch_size=3, steps=2), whole[:6])
    np.testing.assert_array_equal(model.predict(X[::2]), whole[::2])
    np.testing.assert_array_equal(model(X.tolist()), whole)


def test_a_nan_in_one_row_leaves_the_others():
    model = small()
    x = X.copy()
    x[3, 1] = np.nan
    whole, holed = model.predict(X), model.predict(x)
    np.testing.assert_array_equal(np.delete(holed, 3, 0), np.delete(whole, 3, 0))
    assert np.isnan(holed[3]).all()


def test_no_rows_give_no_predictions():
    assert small().predict(np.empty((0, 3))).shape == (0, 2)


def test_classes_are_predicted_as_in_keras_1():
    model = small()
    classes = model.predict_classes(X)
    assert classes.dtype == np.int64
    np.testing.assert_array_equal(classes, model.predict(X).argmax(axis=1))
    one = Sequential([Dense(1, activation="sigmoid", input_dim=3)])
    classes = one.predict_classes(X)
    assert classes.dtype == np.int32
    np.testing.assert_array_equal(classes, one.predict(X) > 0.5)


def test_a_model_with_one_column_takes_a_vector_as_rows():
    model = Sequential([Dense(1, kernel_initializer="ones", input_shape=(1,))])
    np.testing.assert_array_equal(model([1.0, 2.0]), [[1.0], [2.0]])
    np.testing.assert_array_equal(model.predict([1.0, 2.0]), [[1.0], [2.0]])


def test_training_calls_are_refused():
    with pytest.raises(ValueError, match="`training` must be False"):
        small()(X, training=True)
    assert small()(X, training=False).shape == (8, 2)


def test_many_threads_predict_at_once():
    model = small()
    rows = np.concatenate([X] * 500)
    expected = model.predict(rows)
    wrong = []

    def work():
        for _ in range(20):
            if not np.array_equal(model.predict(rows), expected):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# ---- bad data ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X[:, :2], Y, r"\(n, 3\) for layer 'hidden'.*\(8, 2\)"),
        (X[0], Y, r"\(n, 3\)"),
        (X[:5], Y, "x with 5, y with 8"),
        (X, Y[:, 0], r"\(8, 2\), the output's of layer 'out'"),
        (X, np.ones((8, 3)), r"\(8, 2\)"),
        (X[:0], Y[:0], "at least one row"),
        (X, None, "`y` must be given"),
        (None, Y, "`x` must be an array"),
        (X.astype(str), Y, "`x` must hold numbers"),
        (X.astype(object), Y, "`x` must be an array of numbers"),
    ],
)
def test_data_that_do_not_fit_are_refused(x, y, message):
    model = small()
    model.compile("sgd", "mse")
    before = model.get_weights()
    with pytest.raises((TypeError, ValueError), match=message):
        model.fit(x, y, verbose=0)
    with pytest.raises((TypeError, ValueError), match=message):
        model.evaluate(x, y, verbose=0)
    assert equal(before, model.get_weights())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(value):
    x, y = X.copy(), Y.copy()
    x[3, 1] = value
    y[5, 0] = value
    model = small()
    model.compile("sgd", "mse")
    for verb in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match=r"`x` must .* row 3, column 1"):
            verb(x, Y, verbose=0)
        with pytest.raises(ValueError, match=r"`y` must .* row 5, column 0"):
            verb(X, y, verbose=0)
    with pytest.raises(ValueError, match=r"`validation x` must"):
        model.fit(X, Y, validation_data=(x, Y), verbose=0)
    model.compile("sgd", "mse", check_finite=False)
    assert not np.isfinite(model.evaluate(X, y, verbose=0))


def test_labels_out_of_range_are_refused():
    model = small()
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=r"from 0 to 1.*Received: 2 in row 4"):
        model.fit(X, [0, 1, 1, 0, 2, 1, 0, 0], verbose=0)


def test_column_names_are_remembered_and_compared():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    model = small()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="`y` must"):
        model.fit(frame, X, verbose=0)
    model.fit(frame[["c", "b", "a"]], Y, verbose=0)
    other = frame.rename(columns={"b": "d"})
    for verb in (
        lambda: model.predict(frame),
        lambda: model(frame),
        lambda: model.evaluate(frame, Y),
        lambda: model.fit(frame, Y, verbose=0),
        lambda: model.fit(
            frame[["c", "b", "a"]], Y, verbose=0, validation_data=(frame, Y)
        ),
    ):
        with pytest.raises(ValueError, match="another order"):
            verb()
    with pytest.raises(ValueError, match="missing 'b'; unexpected 'd'"):
        model.predict(other)
    model.predict(X)


# ---- summary and configuration -------------------------------------------------------

TABLE = """\
Model: "tiny"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━┓
┃ Layer (type)             ┃ Output Shape      ┃   Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━┩
│ hidden (Dense)           │ (None, 4)         │        16 │
├──────────────────────────┼───────────────────┼───────────┤
│ out (Dense)              │ (None, 2)         │        10 │
└──────────────────────────┴───────────────────┴───────────┘
 Total params: 26 (104.00 B)
 Trainable params: 26 (104.00 B)
 Non-trainable params: 0 (0.00 B)"""


def test_summary_prints_keras_table(capsys):
    model = small(name="tiny")
    model.summary(line_length=60)
    assert capsys.readouterr().out == TABLE + "\n"
    lines = []
    model.summary(line_length=60, print_fn=lines.append)
    assert lines == [TABLE]


def test_summary_counts_what_the_optimizer_keeps():
    model = small()
    model.compile("adam", "mse")
    model.layers[1].trainable = False
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    lines = []
    model.summary(print_fn=lines.append, show_trainable=True)
    text = lines[0]
    assert "Total params: 60 (240.00 B)" in text
    assert "Trainable params: 16" in text
    assert "Non-trainable params: 10" in text
    assert "Optimizer params: 34" in text
    assert [
        row.split("│")[-2].strip() for row in text.splitlines() if "(Dense)" in row
    ] == ["Y", "N"]


def test_summary_of_an_unbuilt_model_and_of_long_names():
    lines = []
    Sequential([Dense(3, name="d" * 70)]).summary(40, print_fn=lines.append)
    assert "0 (unbuilt)" in lines[0]
    assert "│ ? " in lines[0]
    assert (
        "".join(
            row.split("│")[1].strip() for row in lines[0].splitlines() if "│" in row
        )
        == "d" * 70 + "(Dense)"
    )
    assert len({len(row) for row in lines[0].splitlines()[1:-3]}) == 1
    Sequential().summary(print_fn=lines.append)
    assert "Total params: 0" in lines[1]


def test_summary_in_ascii_where_stdout_has_no_more(monkeypatch):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", newline="\n")
    monkeypatch.setattr("sys.stdout", stream)
    small(name="tiny").summary(line_length=60)
    stream.flush()
    monkeypatch.undo()
    text = raw.getvalue().decode("ascii")
    assert "| hidden (Dense)           | (None, 4)         |        16 |" in text
    assert "+==========================+" in text


def test_summary_of_some_layers():
    lines = []
    small().summary(print_fn=lines.append, layer_range=("out", "out"))
    assert "hidden" not in lines[0]


def test_a_configuration_makes_the_model_again():
    model = Sequential(
        [
            Dense(
                4,
                activation="relu",
                kernel_regularizer=nncore.regularizers.L2(0.1),
                input_shape=(3,),
            ),
            Dropout(0.25),
            Dense(2, activation="softmax", use_bias=False),
        ],
        name="net",
        dtype="float64",
        seed=11,
    )
    config = model.get_config()
    assert json.loads(json.dumps(config)) == config
    same = Sequential.from_config(config)
    assert same.get_config() == config
    assert same.name == "net"
    assert same._make_plan().specs == model._make_plan().specs
    assert equal(same.get_weights(), model.get_weights())
    assert model_from_json(model.to_json()).get_config() == config
    with pytest.raises(ValueError, match="must be a Sequential"):
        model_from_json('{"class_name": "Forest"}')


@pytest.mark.parametrize("by", ["build", "input", "nothing"])
def test_a_configuration_knows_the_shape(by):
    model = Sequential([Input((3,))] if by == "input" else [])
    model.add(Dense(2))
    if by == "build":
        model.build((None, 3))
    same = Sequential.from_config(model.get_config())
    assert same.built == (by != "nothing")


def test_models_and_layers_are_named_in_order():
    nncore.backend.clear_session()
    models = [Sequential(), Sequential(), Sequential(name="mine")]
    assert [model.name for model in models] == ["sequential", "sequential_1", "mine"]
    assert repr(models[2]) == "<Sequential name=mine, layers=0>"


def test_a_model_without_layers_says_so():
    model = Sequential([Input((3,))])
    assert not model.built
    for verb in (model.build, lambda: model.predict(X), lambda: model.set_weights([])):
        with pytest.raises(ValueError, match=r"must have layers"):
            verb()


def test_rows_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"`x` must have rows of the same length"):
        small()([[1.0, 2.0, 3.0], [4.0]])
