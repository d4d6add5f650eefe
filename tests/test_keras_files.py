"""Keras's files: those of Keras 1, 2 and 3 are read, those written are read by Keras.

data/keras.zip holds files that real Keras wrote (1.2.2, 2.0.9, 2.2.4 and 2.3.1 on
Theano, 2.12 and 2.15 on TensorFlow, 3.15 on JAX; data/make_keras_files.py), each with
what that Keras predicted and what it predicted after more training: equal only if
weights and the optimizer's arrays and step count all came over. With `-m keras`, an
installed Keras 3 reads what nncore writes, and the other way round.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import nncore
from nncore import saving
from nncore.layers import (
    ELU,
    Activation,
    Dense,
    Dropout,
    Flatten,
    Input,
    LeakyReLU,
    ReLU,
    Softmax,
)
from nncore.optimizers import schedules
from nncore.saving import _h5read, _h5write, _keras_slots, _zip

from .helpers import tolerance

ARCHIVE = Path(__file__).parent / "data" / "keras.zip"
with zipfile.ZipFile(ARCHIVE) as _archive:
    FILES = {name: _archive.read(name) for name in _archive.namelist()}
# Without the optimizer, or without its arrays.
INCOMPLETE = ("k3_forgets.keras", "tf212_adam.keras")
MODELS = [
    name
    for name in FILES
    if name.endswith((".keras", ".h5"))
    and "weights" not in name
    and name not in INCOMPLETE
]
WEIGHTS = [name for name in FILES if "weights" in name]
TEXTS = [n for n in FILES if n.endswith(".json") and "layers" not in n]
LAYERED = [n for n in FILES if n.endswith(".json") and "layers" in n]

# Roundings of a prediction, and of two epochs of training.
ONCE, TRAINED = tolerance("float32", 32), tolerance("float32", 1000)


def unpacked(name, folder):
    path = folder / name
    path.write_bytes(FILES[name])
    return path


def results(name):
    """Rows, targets, predictions as saved, predictions after more training."""
    stem = name.partition(".")[0].removesuffix("_weights")
    return np.load(io.BytesIO(FILES[f"{stem}.npz"]))


def fit(model, data):
    model.fit(
        *(data["x"], data["y"]), epochs=2, batch_size=10, shuffle=False, verbose=0
    )


# ---- Files that Keras wrote ----------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_keras_predicts_and_trains_on(name, tmp_path):
    data = results(name)
    model = nncore.load_model(unpacked(name, tmp_path))
    assert abs(model.predict(data["x"]) - data["before"]).max() <= ONCE
    assert not model.get_layer("b").trainable
    assert model.metrics_names == ["loss", "accuracy"]
    # Without the optimizer's arrays the same training ends elsewhere.
    anew = nncore.load_model(tmp_path / name)
    anew.optimizer = type(anew.optimizer).from_config(anew.optimizer.get_config())
    for trained in (model, anew):
        fit(trained, data)
    assert abs(model.predict(data["x"]) - data["after"]).max() <= TRAINED
    assert abs(anew.predict(data["x"]) - data["after"]).max() > 10 * TRAINED


@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_keras_becomes_one_of_nncore(name, tmp_path):
    model = nncore.load_model(unpacked(name, tmp_path))
    model.save(tmp_path / "m.nnc")
    loaded = nncore.load_model(tmp_path / "m.nnc")
    assert loaded.get_config() == model.get_config()
    assert saving.to_bytes(loaded) == saving.to_bytes(model)


@pytest.mark.parametrize("name", TEXTS)
def test_json_of_keras_describes_the_same_layers(name):
    model = nncore.models.model_from_json(FILES[name].decode())
    assert [type(layer).__name__ for layer in model.layers] == [
        *("Dense", "LeakyReLU", "Dropout", "Dense", "Dense", "Activation", "Dense")
    ]
    assert [layer.units for layer in model.layers if isinstance(layer, Dense)] == [
        *(5, 4, 3, 1)
    ]
    assert model.layers[1].negative_slope == 0.25
    assert model.layers[0].kernel_regularizer.l2 == pytest.approx(0.01)
    assert not model.layers[3].use_bias
    assert not model.layers[4].trainable
    assert model.layers[5].activation.name == "softsign"
    assert model.count_params() == 64


@pytest.mark.parametrize("name", LAYERED)
def test_json_of_keras_describes_many_layers(name):
    model = nncore.models.model_from_json(FILES[name].decode())
    named = {layer.name: layer for layer in model.layers}
    assert (named["z"].momentum in (0.8, 1.0)) and named["z"].trainable
    assert named["y"].kernel_constraint.max_value == pytest.approx(0.9)
    assert type(named["a"]).__name__ == "PReLU"
    assert not named["b"].trainable
    kinds = [type(layer).__name__ for layer in model.layers]
    for kind in ("GaussianNoise", "Reshape", "Permute", "Flatten"):
        assert kind in kinds


@pytest.mark.parametrize("name", [*WEIGHTS, *MODELS, *INCOMPLETE])
def test_weights_of_keras(name, tmp_path):
    data = results(name)
    text = FILES[f"{name.partition('.')[0].removesuffix('_weights')}.json"].decode()
    model = nncore.models.model_from_json(text)
    model.load_weights(unpacked(name, tmp_path))
    assert abs(model.predict(data["x"]) - data["before"]).max() <= ONCE


@pytest.mark.parametrize(
    "name",
    [
        n
        for n in (*WEIGHTS, *MODELS)
        if n.endswith(".h5") and ".w" not in n and "layers" not in n
    ],
)
def test_weights_of_keras_by_name(name, tmp_path):
    whole = nncore.models.model_from_json(FILES["k3_adam.json"].decode())
    whole.load_weights(unpacked(name, tmp_path))
    other = nncore.Sequential(
        [Dense(2, input_dim=3), Dense(3, name="b", input_dim=2), Dense(4, name="x")]
    )
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"'b' must have the shapes"):
        other.load_weights(tmp_path / name, by_name=True)
    with pytest.warns(UserWarning, match="left out"):
        other.load_weights(tmp_path / name, by_name=True, skip_mismatch=True)
    assert all((a == b).all() for a, b in zip(before, other.get_weights(), strict=True))
    other = nncore.Sequential([Dense(4, input_dim=3), Dense(3, name="b"), Dense(1)])
    other.load_weights(tmp_path / name, by_name=True)
    assert (other.get_layer("b").kernel == whole.get_layer("b").kernel).all()


def test_a_file_that_forgot_the_optimizer_says_so(tmp_path):
    data = results("k3_forgets.keras")
    with pytest.warns(UserWarning, match="starts anew"):
        model = nncore.load_model(unpacked("k3_forgets.keras", tmp_path))
    assert model.optimizer.name == "rmsprop"
    assert abs(model.predict(data["x"]) - data["before"]).max() <= ONCE


def test_a_file_that_never_had_the_optimizers_arrays(tmp_path):
    model = nncore.load_model(unpacked("tf212_adam.keras", tmp_path))
    assert model.optimizer.learning_rate == pytest.approx(0.02)
    assert model.optimizer.iterations == 0


def test_hdf5_by_the_name_of_an_archive_is_pointed_out(tmp_path):
    """What `save("m.keras")` wrote until TensorFlow 2.12."""
    (tmp_path / "m.keras").write_bytes(FILES["tf212_adam.h5"])
    with pytest.raises(saving.ModelFileError, match=r"rename it to \.h5"):
        nncore.load_model(tmp_path / "m.keras")


def test_models_of_keras_without_compile(tmp_path):
    for name in ("k3_adam.keras", "k23_adam.h5", "tf212_adam.keras"):
        model = nncore.load_model(unpacked(name, tmp_path), compile=False)
        assert not model.compiled
        data = results(name)
        assert abs(model.predict(data["x"]) - data["before"]).max() <= ONCE


def test_decay_comes_as_it_was_called(tmp_path):
    for name in ("k1_sgd.h5", "k22_sgd.h5", "tf215_oldsgd.h5"):
        optimizer = nncore.load_model(unpacked(name, tmp_path)).optimizer
        assert optimizer.decay == pytest.approx(0.05)
        assert optimizer.learning_rate == pytest.approx(0.1)


def test_a_schedule_comes_as_a_schedule(tmp_path):
    model = nncore.load_model(unpacked("k3_sgd.keras", tmp_path))
    optimizer = model.optimizer
    schedule = optimizer._argument("learning_rate")
    assert isinstance(schedule, nncore.optimizers.schedules.InverseTimeDecay)
    assert schedule.decay_rate == pytest.approx(0.05)
    assert optimizer.learning_rate == pytest.approx(
        0.1 / (1 + 0.05 * optimizer.iterations)
    )
    assert optimizer.iterations > 0


# ---- What is not there ---------------------------------------------------------------


def changed(name, change):
    """A `.keras` file with a change to its config.json."""
    members = _zip.read(memoryview(FILES[name]), ("config.json", "model.weights.h5"))
    content = json.loads(bytes(members["config.json"]))
    content = change(content) or content
    file = io.BytesIO()
    _zip.write(
        file,
        {
            "config.json": json.dumps(content).encode(),
            "model.weights.h5": bytes(members["model.weights.h5"]),
        },
    )
    return file.getvalue()


def test_all_unknown_layers_are_named(tmp_path):
    def change(content):
        layers = content["config"]["layers"]
        layers[2]["class_name"] = "Conv2D"
        layers[5]["class_name"] = "MyPackage>Attention"

    (tmp_path / "m.keras").write_bytes(changed("k3_adam.keras", change))
    with pytest.raises(
        saving.ModelFileError, match=r"'Conv2D' \(named .*'Attention' \(named 'b'\)"
    ):
        nncore.load_model(tmp_path / "m.keras")


def test_an_argument_that_is_set_and_not_there_is_an_error(tmp_path):
    def change(content):
        content["config"]["layers"][1]["config"]["lora_rank"] = 4

    def harmless(content):
        content["config"]["layers"][1]["config"]["of_the_future"] = None
        content["config"]["layers"][1]["config"]["also_of_it"] = False

    path = tmp_path / "m.keras"
    path.write_bytes(changed("k3_adam.keras", change))
    with pytest.raises(saving.ModelFileError, match="lora_rank"):
        nncore.load_model(path)
    path.write_bytes(changed("k3_adam.keras", harmless))
    nncore.load_model(path)


def test_a_loss_that_is_not_there_can_be_left_out(tmp_path):
    def change(content):
        content["compile_config"]["loss"] = "my_loss"

    path = tmp_path / "m.keras"
    path.write_bytes(changed("k3_adam.keras", change))
    with pytest.raises(saving.ModelFileError, match=r"compile=False.*my_loss"):
        nncore.load_model(path)
    assert not nncore.load_model(path, compile=False).compiled


def test_ones_own_classes_are_found_by_their_registered_name(tmp_path):
    class Mine(nncore.initializers.Ones):
        pass

    def change(content):
        content["config"]["layers"][1]["config"]["kernel_initializer"] = {
            "module": "mine",
            "class_name": "Mine",
            "config": {},
            "registered_name": "Custom>Mine",
        }

    path = tmp_path / "m.keras"
    path.write_bytes(changed("k3_adam.keras", change))
    with pytest.raises(saving.ModelFileError, match="Mine"):
        nncore.load_model(path)
    nncore.load_model(path, custom_objects={"Mine": Mine})


# Layers as Keras 1.2 and 2.3 write them, and what they are here.
OLD_LAYERS = [
    (
        "BatchNormalization",
        {"epsilon": 0.01, "mode": 0, "axis": -1, "momentum": 0.9}
        | {"gamma_regularizer": {"name": "L1L2Regularizer", "l1": 0.1, "l2": 0.0}},
        nncore.layers.BatchNormalization(
            momentum=0.9,
            epsilon=0.01,
            gamma_regularizer=nncore.regularizers.L1L2(0.1, 0.0),
        ),
    ),
    ("PReLU", {"init": "one"}, nncore.layers.PReLU("ones")),
    ("GaussianNoise", {"sigma": 0.5}, nncore.layers.GaussianNoise(0.5)),
    ("GaussianDropout", {"p": 0.5}, nncore.layers.GaussianDropout(0.5)),
    (
        "Dense",
        {"output_dim": 3, "init": "uniform", "activation": "relu", "bias": True}
        | {"W_constraint": {"name": "MaxNorm", "m": 3, "axis": 0}, "input_dim": 4}
        | {"b_constraint": {"name": "NonNeg"}, "b_regularizer": None},
        Dense(
            *(3, "relu"),
            kernel_initializer="uniform",
            kernel_constraint=nncore.constraints.MaxNorm(3),
            bias_constraint="non_neg",
        ),
    ),
    (
        "BatchNormalization",
        {"axis": [1], "scale": False, "fused": None, "moving_mean_initializer": "zeros"}
        | {"beta_initializer": {"class_name": "Ones", "config": {}}},
        nncore.layers.BatchNormalization(axis=1, scale=False, beta_initializer="ones"),
    ),
    (
        "PReLU",
        {"alpha_initializer": {"class_name": "Ones", "config": {}}}
        | {"alpha_regularizer": None, "shared_axes": None}
        | {"alpha_constraint": {"class_name": "NonNeg", "config": {}}},
        nncore.layers.PReLU("ones", alpha_constraint="non_neg"),
    ),
    (
        "Dense",
        {"units": 3, "activation": "linear", "use_bias": False}
        | {"activity_regularizer": {"class_name": "L1L2", "config": {"l2": 0.5}}}
        | {
            "kernel_constraint": {
                "class_name": "MaxNorm",
                "config": {"max_value": 2, "axis": 0},
            }
        },
        Dense(
            3,
            use_bias=False,
            activity_regularizer=nncore.regularizers.L1L2(l2=0.5),
            kernel_constraint="max_norm",
        ),
    ),
]


@pytest.mark.parametrize(("name", "config", "layer"), OLD_LAYERS)
def test_layers_of_old_are_understood(name, config, layer):
    old = {
        "class_name": name,
        "config": {"name": "old", "trainable": True, "batch_input_shape": [None, 4]}
        | {"input_dtype": "float32"}
        | config,
    }
    text = json.dumps({"class_name": "Sequential", "config": [old]})
    model = nncore.models.model_from_json(text)
    found = model.layers[0].get_config()
    wanted = layer.get_config() | {"name": "old", "batch_input_shape": [None, 4]}
    assert found | {"dtype": None} == wanted


def test_an_old_embedding_is_understood():
    entry = {
        "class_name": "Embedding",
        "config": {"name": "old", "batch_input_shape": [None, 10], "input_dim": 7}
        | {"output_dim": 3, "init": "normal", "input_length": 10, "mask_zero": False}
        | {"W_constraint": {"name": "UnitNorm", "axis": 1}, "dropout": 0.0},
    }
    text = json.dumps({"class_name": "Sequential", "config": [entry]})
    model = nncore.models.model_from_json(text)
    (layer,) = model.layers
    assert (layer.input_dim, layer.output_dim) == (7, 3)
    assert layer.input_shape == (None, 10)
    assert layer.embeddings_constraint.get_config() == {"axis": 1}
    for word, value in [("dropout", 0.2), ("mask_zero", True)]:
        entry["config"][word] = value
        text = json.dumps({"class_name": "Sequential", "config": [entry]})
        with pytest.raises(saving.ModelFileError, match=word):
            nncore.models.model_from_json(text)
        entry["config"][word] = type(value)(0)


def test_the_mode_of_an_old_normalization_is_an_error():
    entry = {"class_name": "BatchNormalization", "config": {"mode": 2}}
    text = json.dumps({"class_name": "Sequential", "config": [entry]})
    with pytest.raises(saving.ModelFileError, match="mode=2"):
        nncore.models.model_from_json(text)


def test_models_with_branches_are_refused(tmp_path):
    def change(content):
        content["config"]["layers"][4]["inbound_nodes"] *= 2

    (tmp_path / "m.keras").write_bytes(changed("k3_chain.keras", change))
    with pytest.raises(saving.ModelFileError, match="in one row"):
        nncore.load_model(tmp_path / "m.keras")


def test_the_old_hard_sigmoid_is_pointed_out():
    content = json.loads(FILES["k22_adam.json"])
    content["config"]["layers"][3]["config"]["activation"] = "hard_sigmoid"
    with pytest.warns(UserWarning, match=r"clip\(0.2 x \+ 0.5"):
        nncore.models.model_from_json(json.dumps(content))


@pytest.mark.parametrize(
    ("activation", "args"),
    [
        ("ReLU", {"max_value": 6.0, "negative_slope": 0.1, "threshold": 0.0}),
        ("LeakyReLU", {"negative_slope": 0.1}),
        ("LeakyReLU", {"alpha": 0.1}),
        ("ELU", {"alpha": 0.5}),
        ("Softmax", {"axis": -1}),
    ],
)
def test_layers_that_stand_where_an_activation_does(activation, args, tmp_path):
    def change(content):
        config = {"name": "x", "trainable": True, "dtype": "float32", **args}
        content["config"]["layers"][1]["config"]["activation"] = {
            "module": "keras.layers",
            "class_name": activation,
            "config": config,
            "registered_name": None,
        }

    (tmp_path / "m.keras").write_bytes(changed("k3_adam.keras", change))
    found = nncore.load_model(tmp_path / "m.keras").layers[0].activation
    words = {k.replace("alpha", "negative_slope"): v for k, v in args.items()}
    layer = getattr(nncore.layers, activation)(
        **(args if activation == "ELU" else words)
    )
    assert found == layer.activation


# ---- Files that nncore writes, read by nncore ----------------------------------------


OPTIMIZERS = [
    ("SGD", {"learning_rate": 0.1}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "decay": 0.1}),
    ("RMSprop", {"learning_rate": 0.01}),
    ("RMSprop", {"learning_rate": 0.01, "momentum": 0.5, "centered": True}),
    ("RMSprop", {"learning_rate": 0.01, "centered": True, "clipnorm": 0.5}),
    ("Adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.2}),
    ("Adadelta", {"learning_rate": 1.0, "clipvalue": 0.1}),
    ("Adam", {"learning_rate": 0.02, "global_clipnorm": 1.0}),
    ("Adam", {"learning_rate": 0.02, "amsgrad": True}),
    ("AdamW", {"learning_rate": 0.02}),
    ("Adamax", {"learning_rate": 0.02}),
    ("Nadam", {"learning_rate": 0.02}),
    ("Lion", {"learning_rate": 0.001, "weight_decay": 0.1}),
    ("Ftrl", {"learning_rate": 0.1, "l1_regularization_strength": 0.001, "beta": 0.1}),
    ("Lamb", {"learning_rate": 0.02}),
    ("Adafactor", {"learning_rate": 0.02, "decay": 0.1}),
    ("Adafactor", {"use_ema": True, "gradient_accumulation_steps": 2}),
    ("Muon", {"learning_rate": 0.02, "exclude_layers": ["first"], "rms_rate": None}),
    ("SGD", {"use_ema": True, "ema_momentum": 0.8, "momentum": 0.9}),
    ("Adam", {"use_ema": True, "amsgrad": True, "ema_overwrite_frequency": 3}),
    ("Nadam", {"gradient_accumulation_steps": 2, "use_ema": True}),
    ("RMSprop", {"gradient_accumulation_steps": 2, "centered": True}),
    ("SGD", {"loss_scale_factor": 512.0}),
    ("SGD", {"learning_rate": schedules.CosineDecay(0.1, 5, 0.1, "c", 0.3, 2)}),
    ("Adam", {"learning_rate": schedules.PiecewiseConstantDecay([2], [0.02, 0.01])}),
]


def rows():
    rng = np.random.default_rng(5)
    return {
        "x": rng.normal(size=(30, 4)).astype("float32"),
        "y": rng.integers(0, 3, (30, 1)).astype("float32"),
    }


def network(name="Adam", options=None, dtype=None):
    """A model with many kinds of arguments, after some training."""
    rng = np.random.default_rng(6)
    model = nncore.Sequential(
        [
            Input((2, 2), name="rows"),
            Flatten("channels_last"),
            Dense(6, activation="relu", kernel_regularizer="l2", name="first"),
            LeakyReLU(0.1),
            Dropout(0.0, seed=2**60),
            Dense(
                5,
                activation={"class_name": "elu", "config": {"alpha": 0.5}},
                kernel_initializer=rng.normal(size=(6, 5)) / 3,
                bias_regularizer=nncore.regularizers.L1L2(0.01, 0.02),
            ),
            ELU(0.7),
            Dense(4, activation="tanh", trainable=False, bias_initializer="ones"),
            ReLU(4.0, 0.1, 0.0),
            Activation("softplus"),
            Dense(3, use_bias=False, kernel_initializer="he_uniform"),
            Softmax(),
        ],
        name="net",
        dtype=dtype,
        seed=7,
    )
    optimizer = getattr(nncore.optimizers, name)(**(options or {}))
    model.compile(
        optimizer,
        nncore.losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy", nncore.metrics.SparseCategoricalCrossentropy("q")],
        weighted_metrics=["sparse_categorical_accuracy"],
        loss_weights=0.5,
    )
    data = rows()
    model.fit(
        data["x"].reshape(-1, 2, 2), data["y"], epochs=2, shuffle=False, verbose=0
    )
    return model


def train(model, epochs=2):
    data = rows()
    x = data["x"].reshape(-1, 2, 2)
    model.fit(x, data["y"], epochs=epochs, shuffle=False, verbose=0)
    return np.asarray(model.predict(x, verbose=0))


@pytest.mark.parametrize("ending", [".keras", ".h5", ".hdf5"])
@pytest.mark.parametrize(("name", "options"), OPTIMIZERS, ids=str)
def test_what_is_written_for_keras_is_read_again(name, options, ending, tmp_path):
    model = network(name, options)
    model.save(tmp_path / f"m{ending}")
    loaded = nncore.load_model(tmp_path / f"m{ending}")
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        assert (a == b).all()
    assert loaded.optimizer.iterations == model.optimizer.iterations
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    assert loaded.metrics_names == model.metrics_names
    ours, theirs = model._ready_network(), loaded._ready_network()
    assert theirs.n_slots == ours.n_slots
    trained = [i for i, v in enumerate(model._plan.variables) if v.layer.trainable]
    for slot in range(ours.n_slots):
        for i in trained:
            assert (ours.get_slot(slot, i) == theirs.get_slot(slot, i)).all()
    assert abs(train(model) - train(loaded)).max() <= TRAINED


def layered(name="Adam", options=None):
    """A model with the layers that `network` lacks, after some training."""
    constraints, layers = nncore.constraints, nncore.layers
    model = nncore.Sequential(
        [
            Input((2, 2)),
            layers.Permute((2, 1)),
            layers.Reshape((4, 1)),
            layers.PReLU("ones", alpha_constraint="non_neg", shared_axes=[1]),
            Flatten(),
            layers.BatchNormalization(momentum=0.8, beta_regularizer="l1"),
            Dense(
                *(6, "tanh"),
                activity_regularizer=nncore.regularizers.L2(0.01),
                kernel_constraint=constraints.MaxNorm(1.5),
                bias_constraint=constraints.MinMaxNorm(0.1, 0.9, 0.5),
            ),
            layers.GaussianNoise(0.0),
            layers.LayerNormalization(gamma_constraint=constraints.UnitNorm()),
            layers.PReLU(0.1 * np.arange(6)),
            Dense(5, kernel_constraint=constraints.MaxNorm(2, axis=[0, 1])),
            layers.BatchNormalization(scale=False, trainable=False),
            layers.ActivityRegularization(l1=0.01),
            layers.GaussianDropout(0.0, seed=3),
            layers.RMSNormalization(),
            layers.AlphaDropout(0.0),
            layers.UnitNormalization(),
            layers.RepeatVector(2),
            layers.Identity(),
            layers.BatchNormalization(center=False),
            layers.LayerNormalization(scale=False, epsilon=0.01),
            Flatten(),
            Dense(3, activation="softmax"),
        ],
        seed=7,
    )
    optimizer = getattr(nncore.optimizers, name)(**(options or {}))
    model.compile(optimizer, nncore.losses.SparseCategoricalCrossentropy())
    train(model)
    return model


@pytest.mark.parametrize("ending", [".nnc", ".keras", ".h5"])
@pytest.mark.parametrize(("name", "options"), OPTIMIZERS, ids=str)
def test_layers_with_weights_of_many_kinds_come_back(name, options, ending, tmp_path):
    model = layered(name, options)
    model.save(tmp_path / f"m{ending}")
    loaded = nncore.load_model(tmp_path / f"m{ending}")
    assert all(
        (a == b).all()
        for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True)
    )
    for before, after in zip(model.layers, loaded.layers, strict=True):
        config = before.get_config()
        for word, value in config.items():
            if isinstance(value, dict) and value["class_name"] == "_Given":
                config[word] = {"class_name": "Zeros", "config": {}}
        if ending == ".nnc":
            config = before.get_config()
        assert {**after.get_config(), "dtype": None} == {**config, "dtype": None}
    assert (train(model) == train(loaded)).all()


@pytest.mark.parametrize("ending", [".nnc", ".weights.h5", ".h5", ".keras"])
def test_weights_of_many_kinds_come_back_alone(ending, tmp_path):
    model, other = layered(), layered("SGD")
    save = model.save if ending == ".keras" else model.save_weights
    save(tmp_path / f"w{ending}")
    other.load_weights(tmp_path / f"w{ending}")
    assert all(
        (a == b).all()
        for a, b in zip(model.get_weights(), other.get_weights(), strict=True)
    )


def test_an_optimizer_has_no_arrays_for_moving_statistics(tmp_path):
    model = layered()
    trained = [v for v in model._plan.variables if v.is_trained]
    assert len(trained) == len(model.trainable_weights)
    assert sum(not v.trainable for v in model._plan.variables) == 6
    arrays = [array for _, array in _keras_slots.written(model, rate=True)]
    assert [a.shape for a in arrays[2:]] == [v.shape for v in trained for _ in "mv"]
    model.save(tmp_path / "m.nnc")
    heading = (tmp_path / "m.nnc").read_bytes()
    stem = model.layers[4].name
    assert f'"slot0/{stem}/1"'.encode() in heading
    assert f'"weights/{stem}/2"'.encode() in heading
    assert f'"slot0/{stem}/2"'.encode() not in heading


def test_float64_stays(tmp_path):
    model = network(dtype="float64")
    for ending in (".keras", ".h5"):
        model.save(tmp_path / f"m{ending}")
        loaded = nncore.load_model(tmp_path / f"m{ending}")
        assert loaded.dtype == "float64"
        assert all(
            (a == b).all()
            for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True)
        )


@pytest.mark.parametrize("ending", [".weights.h5", ".h5", ".hdf5"])
def test_weights_written_for_keras_are_read_again(ending, tmp_path):
    model, other = network(), network("SGD")
    model.save_weights(tmp_path / f"w{ending}")
    other.load_weights(tmp_path / f"w{ending}")
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        assert (a == b).all()
    with pytest.raises(saving.ModelFileError, match="weights alone"):
        nncore.load_model(tmp_path / f"w{ending}")


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_without_optimizer(ending, tmp_path):
    model = network()
    model.save(tmp_path / f"m{ending}", include_optimizer=False)
    assert not nncore.load_model(tmp_path / f"m{ending}").compiled


def test_equal_models_are_equal_files(tmp_path):
    model = network()
    for name in ("a.keras", "b.keras", "a.h5", "b.h5"):
        model.save(tmp_path / name)
    for ending in (".keras", ".h5"):
        one, two = ((tmp_path / (n + ending)).read_bytes() for n in "ab")
        assert one == two


def test_what_keras_cannot_say_is_an_error(tmp_path):
    gelu = {"class_name": "gelu", "config": {"approximate": True}}
    model = nncore.Sequential([Dense(2, activation=gelu, input_dim=3)])
    with pytest.raises(ValueError, match="an activation that Keras"):
        model.save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="must be built"):
        nncore.Sequential([Dense(2)]).save(tmp_path / "m.keras")
    model = nncore.Sequential([Dense(2, input_dim=3, name="a/b")])
    with pytest.raises(ValueError, match="without /"):
        model.save(tmp_path / "m.h5")
    model = nncore.Sequential([Dense(2, input_dim=3)])
    model.compile("sgd", "huber", metrics=[nncore.metrics.Huber(), "mae"])
    with pytest.warns(UserWarning, match="left out"):
        model.save(tmp_path / "m.keras")
    assert nncore.load_model(tmp_path / "m.keras").metrics_names == ["loss", "mae"]
    model.compile("sgd", nncore.losses.Quantile(), metrics=["tweedie", "mae"])
    with pytest.warns(UserWarning, match="left out") as said:
        model.save(tmp_path / "m.keras")
    assert len(said) == 2
    assert nncore.load_model(tmp_path / "m.keras").loss is None
    assert [path.name for path in tmp_path.iterdir()] == ["m.keras"]


def test_a_model_of_many_layers(tmp_path):
    """Groups of more members than fit in one node, lists of names in several parts."""
    layers = [
        Dense(2, input_dim=2, name=f"{'long' * 40}{i}") if i % 2 else Activation("tanh")
        for i in range(700)
    ]
    model = nncore.Sequential([Input((2,)), *layers])
    model.compile("sgd", "mse")
    for ending in (".keras", ".h5"):
        model.save(tmp_path / f"m{ending}")
        loaded = nncore.load_model(tmp_path / f"m{ending}")
        assert [x.name for x in loaded.layers] == [x.name for x in model.layers]
        assert all(
            (a == b).all()
            for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True)
        )


# ---- HDF5 itself, beside the library of The HDF Group --------------------------------


def tree(n, depth):
    """A group with n arrays, attributes of several lengths, and groups below."""
    rng = np.random.default_rng(n)
    group = _h5write.Group(
        attributes={
            "text": "ä" * depth,
            "long": "x" * 100_000,
            "empty": "",
            "list": [f"item{i}" for i in range(n)],
            "none": [],
        }
    )
    for i in range(n):
        values = rng.normal(size=(i % 3 + 1, 2))
        group.members[f"a{i}"] = values.astype(["f4", "f8", "f2"][i % 3])
    for dtype in ("i1", "u1", "i2", "i4", "i8", "u8"):
        group.members[dtype] = np.array(100, dtype)
    group.members["no rows"] = np.zeros((0, 3), "f4")
    group.put("deep/er/function", lambda: np.ones(3))
    if depth:
        group.members["below"] = tree(n + 1, depth - 1)
    return group


def assert_same(written, read, library):
    for name, value in written.attributes.items():
        if isinstance(value, str):
            assert read.text(name) == value == library.attrs[name]
        else:
            parts = [library.attrs[k] for k in library.attrs if k.startswith(name)]
            assert read.names(name) == value
            assert [item.decode() for part in parts for item in part] == value
    assert sorted(written.members) == sorted(read.members) == sorted(library)
    for name, member in written.members.items():
        if isinstance(member, _h5write.Group):
            assert_same(member, read.group(name), library[name])
            continue
        values = member() if callable(member) else member
        for found in (read.array(name), library[name][()]):
            assert found.dtype == values.dtype
            assert found.size == values.size
            assert values.size == 0 or (found == values).all()


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 64, 300, 9000])
def test_hdf5_is_what_the_library_reads_and_writes(n, tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "t.h5"
    written = tree(n, 2 if n < 1000 else 0)
    with open(path, "wb") as file:
        _h5write.write(file, written)
    with h5py.File(path) as library:
        read = _h5read.open_file(memoryview(path.read_bytes()))
        assert_same(written, read, library)
    # The library changes the file, and it is still read.
    with h5py.File(path, "r+") as library:
        for i in range(20):
            library[f"new{i}/values"] = np.arange(i, dtype=">f4")
            library.attrs[f"key{i}"] = "v" * i
        library.attrs["fixed"] = np.array([b"ab", b"abc"])
        library.attrs["varying"] = ["ab", "äbc"]
        del library["i4"]
    read = _h5read.open_file(memoryview(path.read_bytes()))
    assert read.text("key7") == "v" * 7
    assert read.names("fixed") == ["ab", "abc"]
    assert read.names("varying") == ["ab", "äbc"]
    assert "i4" not in read
    assert (read.array("new19/values") == np.arange(19)).all()


# ---- With an installed Keras ---------------------------------------------------------


# In an .h5 Keras does not find the one, and gives two arrays of the other one name.
NOT_IN_H5 = ("Lamb", "Adafactor")


def save_both(theirs, name, path):
    """Save a model of Keras, whose optimizer has that name; return the files' names."""
    files = ["t.keras"] if name in NOT_IN_H5 else ["t.keras", "t.h5"]
    for file in files:
        theirs.save(path / file)
    return files


# Sums along rows where they could be over a batch; without those that Keras has not.
LOSSES_OF_KERAS = [
    cls(axis=-1) if cls.__name__ in ("Dice", "Tversky") else cls()
    for cls in nncore.losses._FUNCTIONS.values()
    if cls.__name__ not in ("Quantile", "Tweedie", "GaussianNLL")
]


live = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]


class TestWithKeras:
    pytestmark = live

    @pytest.mark.parametrize(("name", "options"), OPTIMIZERS, ids=str)
    def test_there_and_back(self, keras, name, options, tmp_path):
        model = network(name, options)
        model.save(tmp_path / "m.keras")
        theirs = keras.saving.load_model(tmp_path / "m.keras")
        x = rows()["x"].reshape(-1, 2, 2)
        assert abs(theirs.predict(x, verbose=0) - model.predict(x)).max() <= ONCE
        assert abs(train(theirs) - train(model)).max() <= TRAINED
        if (options or {}).get("use_ema"):
            return  # with JAX, Keras's fit has lost its arrays by now
        files = save_both(theirs, name, tmp_path)
        theirs.save_weights(tmp_path / "t.weights.h5")
        expected = theirs.predict(x, verbose=0)
        after = train(theirs)
        for file in files:
            ours = nncore.load_model(tmp_path / file)
            assert abs(ours.predict(x) - expected).max() <= ONCE
            assert abs(train(ours) - after).max() <= TRAINED
        model.load_weights(tmp_path / "t.weights.h5")
        assert abs(model.predict(x) - expected).max() <= ONCE

    @pytest.mark.parametrize(
        ("name", "options"), [case for case in OPTIMIZERS if case[0] != "Lamb"], ids=str
    )
    def test_the_older_layout(self, keras, name, options, tmp_path):
        """Keras 3 opens it, but cannot use the optimizer's arrays, also its own."""
        h5py = pytest.importorskip("h5py")
        model = network(name, options)
        model.save(tmp_path / "m.h5")
        model.save(tmp_path / "m.keras")
        theirs = keras.saving.load_model(tmp_path / "m.h5")
        x = rows()["x"].reshape(-1, 2, 2)
        assert abs(theirs.predict(x, verbose=0) - model.predict(x)).max() <= ONCE
        assert theirs.optimizer.get_config()["name"] == model.optimizer.name
        exact = keras.saving.load_model(tmp_path / "m.keras").optimizer.variables
        with h5py.File(tmp_path / "m.h5") as file:
            group = file["optimizer_weights"]
            arrays = [group[name][()] for name in group.attrs["weight_names"]]
        assert len(arrays) == len(exact)
        assert all((a == np.asarray(b)).all() for a, b in zip(arrays, exact))  # noqa: B905

    def test_weights_alone(self, keras, tmp_path):
        model = network()
        model.save(tmp_path / "m.keras", include_optimizer=False)
        x = rows()["x"].reshape(-1, 2, 2)
        for ending in (".weights.h5", ".h5"):
            theirs = keras.saving.load_model(tmp_path / "m.keras")
            theirs.set_weights([0 * w for w in theirs.get_weights()])
            model.save_weights(tmp_path / f"w{ending}")
            theirs.load_weights(tmp_path / f"w{ending}")
            assert abs(theirs.predict(x, verbose=0) - model.predict(x)).max() <= ONCE

    @pytest.mark.parametrize(
        ("name", "options"),
        [case for case in OPTIMIZERS if "use_ema" in case[1]],
        ids=str,
    )
    def test_averages_there_and_back(self, keras, name, options, tmp_path):
        def trained(model):
            for i in range(5):
                model.train_on_batch(
                    x[6 * i : 6 * i + 6], rows()["y"][6 * i : 6 * i + 6]
                )
            return model.get_weights()

        network(name, options).save(tmp_path / "m.keras")
        x = rows()["x"].reshape(-1, 2, 2)
        theirs = keras.saving.load_model(tmp_path / "m.keras")
        trained(theirs)
        theirs.save(tmp_path / "t.keras")
        ours = nncore.load_model(tmp_path / "t.keras")
        for a, b in zip(
            theirs.optimizer.variables, ours.optimizer.variables, strict=True
        ):
            assert abs(np.asarray(a) - b).max() <= ONCE
        for a, b in zip(trained(theirs), trained(ours), strict=True):
            assert abs(a - b).max() <= TRAINED

    @pytest.mark.parametrize(("name", "options"), OPTIMIZERS, ids=str)
    def test_layers_there_and_back(self, keras, name, options, tmp_path):
        model = layered(name, options)
        model.save(tmp_path / "m.keras")
        model.save_weights(tmp_path / "m.weights.h5")
        model.save(tmp_path / "m.h5")
        theirs = keras.saving.load_model(tmp_path / "m.keras")
        x = rows()["x"].reshape(-1, 2, 2)
        before = model.predict(x)
        for file in ("m.keras", "m.h5"):
            knows = file == "m.keras" or name != "Lamb"
            again = keras.saving.load_model(tmp_path / file, compile=knows)
            assert abs(again.predict(x, verbose=0) - before).max() <= ONCE
        again.set_weights([0 * w for w in again.get_weights()])
        again.load_weights(tmp_path / "m.weights.h5")
        assert abs(again.predict(x, verbose=0) - before).max() <= ONCE
        assert abs(train(theirs) - train(model)).max() <= TRAINED
        if (options or {}).get("use_ema"):
            return  # with JAX, Keras's fit has lost its arrays by now
        files = save_both(theirs, name, tmp_path)
        theirs.save_weights(tmp_path / "t.weights.h5")
        expected = theirs.predict(x, verbose=0)
        model.load_weights(tmp_path / "t.weights.h5")
        assert abs(model.predict(x) - expected).max() <= ONCE
        after = train(theirs)
        for file in files:
            ours = nncore.load_model(tmp_path / file)
            assert abs(ours.predict(x) - expected).max() <= ONCE
            assert abs(train(ours) - after).max() <= TRAINED

    def test_an_embedding_there_and_back(self, keras, tmp_path):
        model = nncore.Sequential(
            [
                nncore.layers.Embedding(5, 3, embeddings_constraint="unit_norm"),
                Flatten(),
                Dense(1),
            ]
        )
        model.compile("adam", "mse")
        x = np.random.default_rng(3).integers(0, 5, (40, 4))
        model.fit(x, x.sum(axis=1), epochs=2, verbose=0)
        model.save(tmp_path / "m.keras")
        theirs = keras.saving.load_model(tmp_path / "m.keras")
        expected = theirs.predict(x, verbose=0)
        assert abs(model.predict(x) - expected).max() <= ONCE
        for ending in (".keras", ".h5"):
            theirs.save(tmp_path / f"t{ending}")
            again = nncore.load_model(tmp_path / f"t{ending}")
            assert abs(again.predict(x) - expected).max() <= ONCE

    def test_json_goes_to_nncore(self, keras, tmp_path):
        network().save(tmp_path / "m.keras")
        text = keras.saving.load_model(tmp_path / "m.keras").to_json()
        config = nncore.models.model_from_json(text).get_config()
        ours = nncore.load_model(tmp_path / "m.keras").get_config()
        assert config == ours

    @pytest.mark.parametrize("name", nncore.activations._BIND)
    def test_every_activation(self, keras, name, tmp_path):
        model = nncore.Sequential(
            [Dense(5, activation=name, input_dim=4), Activation(name), Dense(2)]
        )
        model.save(tmp_path / "m.keras")
        theirs = keras.saving.load_model(tmp_path / "m.keras")
        x = rows()["x"]
        ours = model.predict(x)
        off = abs(theirs.predict(x, verbose=0) - ours).max()
        assert off <= 8 * ONCE * max(1, abs(ours).max())
        theirs.save(tmp_path / "t.keras")
        assert nncore.load_model(tmp_path / "t.keras").layers[0].activation == (
            model.layers[0].activation
        )

    @pytest.mark.parametrize(
        "cls", nncore.initializers._CLASSES, ids=lambda c: c.__name__
    )
    def test_every_initializer(self, keras, cls, tmp_path):
        model = nncore.Sequential([Dense(5, kernel_initializer=cls(), input_dim=4)])
        model.save(tmp_path / "m.keras")
        theirs = keras.saving.load_model(tmp_path / "m.keras")
        assert type(theirs.layers[0].kernel_initializer).__name__ == cls.__name__
        theirs.save(tmp_path / "t.keras")
        ours = nncore.load_model(tmp_path / "t.keras").layers[0].kernel_initializer
        assert ours.get_config() == cls().get_config()

    @pytest.mark.parametrize(
        "loss", LOSSES_OF_KERAS, ids=lambda loss: type(loss).__name__
    )
    def test_every_loss_and_metric(self, keras, loss, tmp_path):
        metric = nncore.metrics.get(loss)
        model = nncore.Sequential([Dense(3, activation="softmax", input_dim=4)])
        model.compile("sgd", loss, metrics=[metric, "acc"])
        model.save(tmp_path / "m.keras")
        theirs = keras.saving.load_model(tmp_path / "m.keras")
        assert type(theirs.loss).__name__ == type(loss).__name__
        theirs.save(tmp_path / "t.keras")
        ours = nncore.load_model(tmp_path / "t.keras")
        assert ours._compiled.loss.get_config() == loss.get_config()
        names = ["loss", metric.name, "acc"]
        assert ours.metrics_names == [n for n in names if n != "huber_loss"]


METRICS = [
    *("AUC", "accuracy", nncore.metrics.AUC(curve="PR", name="pr")),
    nncore.metrics.Precision(thresholds=0.3, class_id=1),
    *(nncore.metrics.SensitivityAtSpecificity(0.4), nncore.metrics.F1Score("macro")),
    *(nncore.metrics.FBetaScore("micro", 2.0), nncore.metrics.R2Score()),
    *(nncore.metrics.TopKCategoricalAccuracy(2), nncore.metrics.CosineSimilarity()),
    nncore.metrics.OneHotIoU(num_classes=3, target_class_ids=[0, 2]),
    *(nncore.metrics.RootMeanSquaredError(), nncore.metrics.PearsonCorrelation()),
    nncore.losses.CategoricalFocalCrossentropy(gamma=1.5),
    *("mape", "msle", nncore.metrics.FalsePositives()),
]


def compiled_with_metrics():
    model = nncore.Sequential([Dense(3, activation="softmax", input_dim=4)])
    loss = nncore.losses.CategoricalFocalCrossentropy(reduction="sum")
    model.compile("sgd", loss, metrics=METRICS, weighted_metrics=[METRICS[3]])
    return model


def test_metrics_and_losses_survive_both_formats(tmp_path):
    model = compiled_with_metrics()
    x, y = np.random.default_rng(0).normal(size=(20, 4)), np.eye(3)[np.arange(20) % 3]
    expected = model.evaluate(x, y, verbose=0, return_dict=True)
    for ending in (".nnc", ".keras", ".h5"):
        model.save(tmp_path / f"m{ending}")
        loaded = nncore.load_model(tmp_path / f"m{ending}")
        found = loaded.evaluate(x, y, verbose=0, return_dict=True)
        assert found == expected, ending


@pytest.mark.keras
@pytest.mark.filterwarnings("ignore")
def test_keras_reads_metrics_and_losses(keras, tmp_path):
    model = compiled_with_metrics()
    x = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
    y = np.eye(3, dtype="float32")[np.arange(20) % 3]
    model.save(tmp_path / "m.keras")
    theirs = keras.saving.load_model(tmp_path / "m.keras")
    found = theirs.evaluate(x, y, verbose=0, return_dict=True)
    expected = model.evaluate(x, y, verbose=0, return_dict=True)
    assert set(found) == set(expected)
    for key, value in expected.items():
        assert float(found[key]) == pytest.approx(value, rel=1e-4, abs=1e-6), key
    theirs.save(tmp_path / "k.keras")
    again = nncore.load_model(tmp_path / "k.keras")
    assert again.evaluate(x, y, verbose=0, return_dict=True) == expected


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_layers_that_keras_lacks_are_named(name, tmp_path):
    table = nncore.layers.MixedEmbedding(3, 2, 1, input_shape=(2,), name="table")
    model = nncore.Sequential([table])
    with pytest.raises(ValueError, match="'table', MixedEmbedding"):
        model.save(tmp_path / name)
    assert not (tmp_path / name).exists()
    model.save(tmp_path / "m.nnc")
    again = nncore.load_model(tmp_path / "m.nnc")
    x = [[0.5, 2]]
    np.testing.assert_array_equal(
        again.predict(x, verbose=0), model.predict(x, verbose=0)
    )
