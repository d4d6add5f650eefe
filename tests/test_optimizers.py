"""Optimizers as descriptions: arguments, defaults, what the core is told."""

from __future__ import annotations

import copy
import inspect
import math
import pickle

import numpy as np
import pytest

from nncore import callbacks, constraints, layers, models, optimizers

CLASSES = [
    *(optimizers.SGD, optimizers.RMSprop, optimizers.Adagrad, optimizers.Adadelta),
    *(optimizers.Adam, optimizers.AdamW, optimizers.Adamax, optimizers.Nadam),
    *(optimizers.Lion, optimizers.Ftrl),
    *(optimizers.Lamb, optimizers.Adafactor, optimizers.Muon),
]
EACH = pytest.mark.parametrize("cls", CLASSES)
DEFAULTS = {
    "SGD": {"learning_rate": 0.01, "momentum": 0.0, "nesterov": False},
    "RMSprop": {"learning_rate": 0.001, "rho": 0.9, "epsilon": 1e-7, "centered": False},
    "Adagrad": {"learning_rate": 0.001, "initial_accumulator_value": 0.1},
    "Adadelta": {"learning_rate": 0.001, "rho": 0.95},
    "Adam": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
    "AdamW": {"learning_rate": 0.001, "weight_decay": 0.004, "amsgrad": False},
    "Adamax": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999},
    "Nadam": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999},
    "Lion": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.99},
    "Ftrl": {
        "learning_rate": 0.001,
        "learning_rate_power": -0.5,
        "initial_accumulator_value": 0.1,
        "l1_regularization_strength": 0.0,
        "l2_regularization_strength": 0.0,
        "l2_shrinkage_regularization_strength": 0.0,
        "beta": 0.0,
    },
    "Lamb": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
    "Adafactor": {
        "learning_rate": 0.001,
        "beta_2_decay": -0.8,
        "epsilon_1": 1e-30,
        "epsilon_2": 1e-3,
        "clip_threshold": 1.0,
        "relative_step": True,
    },
    "Muon": {
        "learning_rate": 0.001,
        "adam_beta_1": 0.9,
        "adam_beta_2": 0.999,
        "adam_weight_decay": 0.004,
        "epsilon": 1e-7,
        "weight_decay": 0.004,
        "exclude_embeddings": True,
        "muon_a": 3.4445,
        "muon_b": -4.775,
        "muon_c": 2.0315,
        "adam_lr_ratio": 1.0,
        "momentum": 0.95,
        "ns_steps": 5,
        "nesterov": True,
        "rms_rate": 0.2,
    },
}


@EACH
def test_defaults_are_keras_3s(cls):
    config = cls().get_config()
    assert {k: config[k] for k in DEFAULTS[cls.__name__]} == DEFAULTS[cls.__name__]


@EACH
def test_every_argument_is_in_the_configuration(cls):
    own = DEFAULTS[cls.__name__] | {"learning_rate": 0.5}
    optimizer = cls(**own, clipnorm=2.0, decay=0.25)
    assert set(optimizer.get_config()) == set(inspect.signature(cls).parameters)
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()


@EACH
def test_the_core_takes_what_an_optimizer_says(cls):
    model = models.Sequential([layers.Dense(1, input_dim=2)])
    model.compile(cls(clipvalue=1.0, weight_decay=0.1), "mse")
    before = model.get_weights()[0]
    model.train_on_batch(np.ones((4, 2)), np.full(4, 5.0))
    assert (model.get_weights()[0] != before).all()


@EACH
@pytest.mark.parametrize(
    "rate", [1, 0, 0.5, np.float32(0.5), np.int64(2), np.float64(1)]
)
def test_any_number_is_a_learning_rate(cls, rate):
    optimizer = cls(learning_rate=rate)
    assert optimizer.learning_rate == float(rate)
    assert isinstance(optimizer.learning_rate, float)


@EACH
@pytest.mark.parametrize("rate", [-0.1, math.nan, math.inf, "0.1", None, True, [0.1]])
def test_what_is_no_learning_rate_is_refused(cls, rate):
    optimizer = cls()
    with pytest.raises(ValueError, match="`learning_rate` must be"):
        cls(learning_rate=rate)
    with pytest.raises(ValueError, match="`learning_rate` must be"):
        optimizer.learning_rate = rate
    assert optimizer.learning_rate == cls().learning_rate


def test_a_function_is_no_learning_rate():
    with pytest.raises(ValueError, match="LearningRateSchedule"):
        optimizers.SGD(lambda step: 0.1)


@EACH
def test_only_one_way_to_clip_may_be_given(cls):
    for name in ("clipnorm", "clipvalue", "global_clipnorm"):
        assert cls(**{name: 1})._spec()[name] == 1.0
    with pytest.raises(ValueError, match="Only one of"):
        cls(clipnorm=1.0, clipvalue=1.0)


@EACH
@pytest.mark.parametrize(
    "words",
    [
        {"clipnorm": 0},
        {"clipvalue": -1},
        {"global_clipnorm": "1"},
        {"weight_decay": -0.1},
        {"decay": -0.1},
        {"use_ema": 1},
        {"ema_momentum": 1.5},
        {"ema_overwrite_frequency": 0},
        {"loss_scale_factor": 0},
        {"gradient_accumulation_steps": 1},
        {"name": ""},
        {"name": 3},
    ],
)
def test_common_arguments_are_checked(cls, words):
    own = {k: v for k, v in DEFAULTS[cls.__name__].items() if k not in words}
    with pytest.raises(ValueError, match=f"`{next(iter(words))}` must be"):
        cls(**own, **words)


@pytest.mark.parametrize(
    ("cls", "words"),
    [
        (optimizers.SGD, {"momentum": 1.5}),
        (optimizers.SGD, {"momentum": -0.1}),
        (optimizers.SGD, {"nesterov": 1}),
        (optimizers.RMSprop, {"rho": 1.0}),
        (optimizers.RMSprop, {"epsilon": -1e-7}),
        (optimizers.RMSprop, {"centered": None}),
        (optimizers.Adagrad, {"initial_accumulator_value": -1}),
        (optimizers.Adadelta, {"rho": -0.1}),
        (optimizers.Adam, {"beta_1": 1.0}),
        (optimizers.Adam, {"beta_2": "0.9"}),
        (optimizers.Adam, {"amsgrad": "yes"}),
        (optimizers.Adamax, {"beta_2": 2}),
        (optimizers.Nadam, {"beta_1": -1}),
        (optimizers.Lion, {"beta_1": 0}),
        (optimizers.Lion, {"beta_2": 1}),
        (optimizers.Ftrl, {"learning_rate_power": 0.5}),
        (optimizers.Ftrl, {"initial_accumulator_value": -0.1}),
        (optimizers.Ftrl, {"l1_regularization_strength": -1}),
        (optimizers.Ftrl, {"l2_regularization_strength": "1"}),
        (optimizers.Ftrl, {"l2_shrinkage_regularization_strength": -1}),
        (optimizers.Ftrl, {"beta": -1}),
        (optimizers.Lamb, {"beta_1": 1.0}),
        (optimizers.Lamb, {"beta_2": -0.1}),
        (optimizers.Lamb, {"epsilon": -1}),
        (optimizers.Adafactor, {"beta_2_decay": 0.8}),
        (optimizers.Adafactor, {"epsilon_1": -1e-30}),
        (optimizers.Adafactor, {"epsilon_2": "1"}),
        (optimizers.Adafactor, {"clip_threshold": 0}),
        (optimizers.Adafactor, {"relative_step": 1}),
        (optimizers.Muon, {"adam_beta_1": 1}),
        (optimizers.Muon, {"adam_beta_2": -1}),
        (optimizers.Muon, {"adam_weight_decay": -1}),
        (optimizers.Muon, {"exclude_embeddings": None}),
        (optimizers.Muon, {"muon_a": math.nan}),
        (optimizers.Muon, {"adam_lr_ratio": -1}),
        (optimizers.Muon, {"momentum": 1.5}),
        (optimizers.Muon, {"ns_steps": 0}),
        (optimizers.Muon, {"nesterov": 0}),
        (optimizers.Muon, {"rms_rate": 0}),
    ],
)
def test_own_arguments_are_checked(cls, words):
    with pytest.raises(ValueError, match=f"`{next(iter(words))}` must be"):
        cls(**words)


@pytest.mark.parametrize(
    "cls", [optimizers.RMSprop, optimizers.Adam, optimizers.Lamb, optimizers.Muon]
)
def test_no_epsilon_is_the_default_epsilon(cls):
    assert cls(epsilon=None).epsilon == 1e-7


def test_adamw_is_adam_with_weight_decay():
    spec = optimizers.AdamW()._spec()
    assert spec == optimizers.Adam(weight_decay=0.004)._spec()
    assert optimizers.AdamW(0.1, 0.5).weight_decay == 0.5
    assert optimizers.AdamW(weight_decay=None)._spec()["weight_decay"] == 0.0


def test_iterations_count_the_updates_of_the_model():
    optimizer = optimizers.SGD()
    assert optimizer.iterations == 0
    model = models.Sequential([layers.Dense(1, input_dim=2)])
    model.compile(optimizer, "mse")
    model.fit(np.ones((10, 2)), np.ones(10), batch_size=4, epochs=2, verbose=0)
    assert optimizer.iterations == 6


def test_the_learning_rate_can_be_set_while_training():
    model = models.Sequential([layers.Dense(1, input_dim=2)])
    optimizer = optimizers.SGD(0.1)
    model.compile(optimizer, "mse")
    before = []

    def stop_learning(epoch, logs):
        optimizer.learning_rate = 0
        before.append(model.get_weights()[0])

    stop = callbacks.LambdaCallback(on_epoch_end=stop_learning)
    x = np.ones((4, 2))
    model.fit(x, np.ones(4), epochs=3, verbose=0, callbacks=[stop])
    np.testing.assert_array_equal(before[0], before[-1])


def test_an_optimizer_of_ones_own_is_refused():
    class Mine(optimizers.Optimizer):
        pass

    with pytest.raises(ValueError, match="must be one of"):
        Mine()


# ---- Averages, accumulation, exemptions, state ---------------------------------------

X = np.random.default_rng(7).normal(size=(24, 3)).astype("float32")
Y = X.sum(axis=1)


def network(optimizer, **options):
    model = models.Sequential(
        [layers.Dense(4, "tanh", input_dim=3), layers.Dense(1)], seed=2
    )
    model.compile(optimizer, "mse", **options)
    return model


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_the_weights_become_their_averages_when_training_ends():
    plain, averaged = network("sgd"), network(optimizers.SGD(use_ema=True))
    averages = None
    for _ in range(5):
        plain.train_on_batch(X, Y)
        weights = plain.get_weights()
        if averages is None:
            averages = weights
        else:
            averages = [
                0.99 * a.astype(float) + 0.01 * w
                for a, w in zip(averages, weights, strict=True)
            ]
    averaged.fit(X, Y, batch_size=24, epochs=5, shuffle=False, verbose=0)
    for a, b in zip(averaged.get_weights(), averages, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    assert not same(plain.get_weights(), averaged.get_weights())


@pytest.mark.parametrize("trained", [False, True])
def test_a_layer_frozen_or_thawed_waits_for_compile_with_averages_too(trained):
    model, alike = (network(optimizers.SGD(0.1)) for _ in range(2))
    for one in (model, alike):
        one.layers[0].trainable = trained
        one.compile(optimizers.SGD(0.1, use_ema=True), "mse")
    model.layers[0].trainable = not trained
    for one in (model, alike):
        one.fit(X, Y, epochs=2, verbose=0)
    assert same(model.get_weights(), alike.get_weights())


def test_accumulated_batches_are_one_batch():
    whole = network(optimizers.Adam())
    parts = network(optimizers.Adam(gradient_accumulation_steps=3))
    whole.fit(X, Y, batch_size=24, epochs=4, shuffle=False, verbose=0)
    parts.fit(X, Y, batch_size=8, epochs=4, shuffle=False, verbose=0)
    for a, b in zip(whole.get_weights(), parts.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    assert parts.optimizer.iterations == whole.optimizer.iterations == 4


def test_a_scale_of_the_loss_saves_gradients_that_vanish():
    def trained(factor):
        model = models.Sequential(
            [
                layers.Dense(1, use_bias=False, kernel_initializer="ones", input_dim=1),
                layers.Dense(1, use_bias=False, kernel_initializer="ones"),
            ]
        )
        model.compile(optimizers.SGD(1.0, loss_scale_factor=factor), "mae")
        x, y = np.ones((4, 1)), np.full(4, 5.0)
        values = model.train_on_batch(x, y, sample_weight=np.full(4, 1e-20))
        return values, model.get_weights()

    lost, kept = trained(None), trained(2.0**30)
    assert lost[0] == kept[0]
    assert [float(w[0, 0]) for w in lost[1]] == [1.0, 1.0]
    assert [float(w[0, 0]) for w in kept[1]] == [1.0, 1.0]

    # Too small to change a weight of 1, but not to be seen by Adam.
    def moved(factor):
        model = models.Sequential([layers.Dense(1, input_dim=1)])
        model.compile(
            optimizers.RMSprop(0.1, epsilon=0, loss_scale_factor=factor), "mae"
        )
        before = model.get_weights()[0]
        model.train_on_batch([[1.0]], [5.0], sample_weight=[1e-19])
        return not np.array_equal(before, model.get_weights()[0])

    assert moved(2.0**40)


@pytest.mark.parametrize(
    ("words", "still"),
    [
        ({}, []),
        ({"var_names": ["bias"]}, [1, 3]),
        ({"var_names": "kernel"}, [0, 2]),
        ({"var_names": ["first/"]}, [0, 1]),
        ({"var_list": "second"}, [2, 3]),
        ({"var_list": "first", "var_names": ["bias"]}, [0, 1, 3]),
    ],
    ids=str,
)
@pytest.mark.parametrize("clip", [{}, {"clipnorm": 1.0}], ids=str)
def test_weight_decay_leaves_some_alone(words, still, clip, tmp_path):
    parts = [
        layers.Dense(3, input_dim=2, bias_initializer="ones", name="first"),
        layers.Dense(1, bias_initializer="ones", name="second"),
    ]
    optimizer = optimizers.SGD(0.5, weight_decay=0.5, **clip)
    words = dict(words)
    if "var_list" in words:
        words["var_list"] = [p for p in parts if p.name == words["var_list"]]
    optimizer.exclude_from_weight_decay(**words)
    model = models.Sequential(parts, seed=1)
    model.compile(optimizer, "mae")
    start = model.get_weights()
    x = np.ones((2, 2))
    model.train_on_batch(x, np.zeros(2), sample_weight=np.zeros(2))
    for i, (a, b) in enumerate(zip(start, model.get_weights(), strict=True)):
        np.testing.assert_array_equal(b, a if i in still else 0.75 * a)
    model.save(tmp_path / "m.nnc")
    loaded = models.load_model(tmp_path / "m.nnc")
    for each in (model, loaded):
        each.train_on_batch(x, np.zeros(2), sample_weight=np.zeros(2))
    assert same(model.get_weights(), loaded.get_weights())


def test_exemptions_are_checked():
    optimizer = optimizers.AdamW()
    for words in ({"var_list": ["dense"]}, {"var_names": [3]}, {"var_names": ["a.*"]}):
        with pytest.raises(ValueError, match=f"`{next(iter(words))}` must hold"):
            optimizer.exclude_from_weight_decay(**words)
    network(optimizer)
    with pytest.raises(ValueError, match="before `compile`"):
        optimizer.exclude_from_weight_decay(var_names=["bias"])


def test_muon_leaves_to_adam_what_it_is_told():
    def left(**words):
        muon = optimizers.Muon(**words)
        paths = ("dense/kernel", "dense/bias", "embedding/embeddings", "last/kernel")
        return muon._of_each(paths, [(2, 3), (3,), (5, 2), (3, 1)])["by_adam"]

    assert left() == [False, True, True, False]
    assert left(exclude_embeddings=False) == [False, True, False, False]
    assert left(exclude_layers=["last/"]) == [False, True, True, True]
    assert left(exclude_layers="kernel") == [True, True, True, True]
    with pytest.raises(ValueError, match="`exclude_layers` must hold parts of names"):
        optimizers.Muon(exclude_layers=["dense.*"])


@pytest.mark.parametrize("name", ["lamb", "adafactor", "muon"])
def test_rules_for_whole_weights_run_in_numpy_and_others_do_not(name):
    model = network(name)
    model.train_on_batch(X, Y)
    assert model._ready_network().last_run["engine"] == "numpy"
    weights = model.get_weights()
    model.compile("sgd", "mse")
    assert same(weights, model.get_weights())
    model.train_on_batch(X, Y)
    assert model._ready_network().last_run["engine"] != "numpy"
    model.optimizer = name
    model.train_on_batch(X, Y)
    assert model._ready_network().last_run["engine"] == "numpy"


def test_adafactor_leaves_weights_without_a_gradient_alone():
    """A column of zeros and a dead unit: where they meet, Keras has NaN."""
    model = models.Sequential([layers.Dense(3, "relu", input_dim=3), layers.Dense(1)])
    model.compile(optimizers.Adafactor(0.1), "mse")
    model.build()
    kernel, bias, *rest = model.get_weights()
    kernel[:, 1] = 0
    bias[1] = -1
    model.set_weights([kernel, bias, *rest])
    x = X.copy()
    x[:, 2] = 0
    model.fit(x, Y, epochs=2, verbose=0)
    after = model.get_weights()
    assert all(np.isfinite(w).all() for w in after)
    np.testing.assert_array_equal(after[0][2], kernel[2])
    np.testing.assert_array_equal(after[0][:, 1], kernel[:, 1])
    assert (after[0][:2, ::2] != kernel[:2, ::2]).all()


STATES = [
    lambda: optimizers.Lamb(0.1, use_ema=True),
    lambda: optimizers.Adafactor(0.1, gradient_accumulation_steps=2),
    lambda: optimizers.Muon(0.1, exclude_layers=["dense_1"], use_ema=True),
    optimizers.SGD,
    lambda: optimizers.Adam(amsgrad=True),
    lambda: optimizers.Nadam(gradient_accumulation_steps=2, use_ema=True),
    lambda: optimizers.Ftrl(0.1),
    lambda: optimizers.RMSprop(centered=True, use_ema=True, ema_momentum=0.5),
]


@pytest.mark.parametrize("make", STATES)
def test_all_that_an_optimizer_keeps_can_be_read_and_set(make):
    first = network(make())
    for i in range(5):
        first.train_on_batch(X[i:], Y[i:])
    second = network(make())
    second.optimizer.learning_rate = 0.5
    second.set_weights(first.get_weights())
    assert not same(first.optimizer.variables[:1], second.optimizer.variables[:1])
    second.optimizer.set_weights(first.optimizer.get_weights())
    assert same(first.optimizer.variables, second.optimizer.variables)
    assert first.optimizer.iterations == second.optimizer.iterations > 0
    for model in (first, second):
        model.train_on_batch(X, Y)
    assert same(first.get_weights(), second.get_weights())


def test_arrays_that_do_not_fit_are_refused():
    optimizer = optimizers.Adam()
    assert optimizer.variables == []
    with pytest.raises(ValueError, match="compiled"):
        optimizer.set_weights([])
    network(optimizer).optimizer  # noqa: B018
    model = network(optimizer)
    before = optimizer.variables
    with pytest.raises(ValueError, match="`weights` must be"):
        optimizer.set_weights(before[:-1])
    assert same(before, optimizer.variables)
    assert model.optimizer is optimizer


def test_an_optimizer_can_be_copied_and_pickled():
    optimizer = optimizers.AdamW(0.5)
    model = network(optimizer)
    for again in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert again.get_config() == optimizer.get_config()
        assert again.iterations == 0
    assert model.optimizer is optimizer


def test_constraints_hold_after_batches_without_an_update_too():
    """As in Keras: with a rate below 1 each batch brings a weight nearer."""
    constraint = constraints.MinMaxNorm(2.0, 3.0, rate=0.5)
    dense = layers.Dense(
        1,
        input_dim=2,
        kernel_initializer=np.array([[0.6], [0.8]]),
        kernel_constraint=constraint,
    )
    model = models.Sequential([dense])
    model.compile(optimizers.SGD(0.0, gradient_accumulation_steps=3), "mse")
    norms = []
    for _ in range(4):
        model.train_on_batch(X[:, :2], Y)
        norms.append(np.linalg.norm(model.get_weights()[0]))
    np.testing.assert_allclose(norms, [1.5, 1.75, 1.875, 1.9375], rtol=1e-6)
