"""Weights of dense stacks from PyTorch and scikit-learn, and back: equal outputs."""

from __future__ import annotations

import builtins
import warnings

import numpy as np
import pytest

import nncore
from nncore import _core
from nncore.layers import Activation, Dense, Dropout, Flatten, Input, LeakyReLU, ReLU

from .helpers import tolerance

# Roundings of a stack, and of functions that two libraries compute in their own ways.
OFF = {dtype: tolerance(dtype, 256) for dtype in ("float32", "float64")}


def rows(n=40, columns=5, dtype="float32"):
    return (3 * np.random.default_rng(4).normal(size=(n, columns))).astype(dtype)


def assert_close(ours, theirs, dtype):
    assert ours.dtype == theirs.dtype == dtype
    assert ours.shape == theirs.shape
    assert abs(ours - theirs).max() <= OFF[dtype] * max(1, abs(theirs).max())


# ---- PyTorch -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def torch():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("torch")


def outputs(torch, module, x):
    with torch.no_grad():
        return module.eval()(torch.from_numpy(x)).numpy()


MODULES = [
    *("Identity()", "ReLU()", "ReLU6()", "SELU()", "Sigmoid()", "Hardsigmoid()"),
    *("LogSigmoid()", "Tanh()", "Softplus()", "Softsign()", "SiLU()", "Mish()"),
    *("GELU()", "GELU('tanh')", "LeakyReLU()", "LeakyReLU(0.3)", "ELU(0.7)"),
    *("CELU(1.3)", "Softmax(1)", "LogSoftmax(-1)", "Hardtanh(0.0, 2.0)", "Dropout()"),
]


@pytest.mark.parametrize("text", MODULES)
def test_every_module_there_and_back(torch, text, dtype):
    nn = torch.nn
    part = eval(f"nn.{text}")
    module = nn.Sequential(nn.Linear(5, 6), part, nn.Linear(6, 3, bias=False), part)
    module = module.to(getattr(torch, dtype))
    x = rows(dtype=dtype)
    expected = outputs(torch, module, x)
    model = nncore.Sequential.from_torch(module)
    assert_close(model.predict(x), expected, dtype)
    back = model.to_torch()
    assert_close(outputs(torch, back, x), expected, dtype)
    assert [type(m).__name__ for m in back] == [type(m).__name__ for m in module]
    for a, b in zip(module.parameters(), back.parameters(), strict=True):
        assert torch.equal(a, b)


NORMALIZATIONS = [
    *("BatchNorm1d(6)", "BatchNorm1d(6, 0.01, 0.3, affine=False)", "LayerNorm(6)"),
    *("LayerNorm(6, 0.1, bias=False)", "LayerNorm(6, elementwise_affine=False)"),
    *("RMSNorm(6)", "RMSNorm(6, 0.1)", "PReLU()", "PReLU(6)", "AlphaDropout(0.3)"),
]


@pytest.mark.parametrize("text", NORMALIZATIONS)
def test_every_module_with_weights_there_and_back(torch, text, dtype):
    nn = torch.nn
    part = eval(f"nn.{text}")
    module = nn.Sequential(nn.Linear(5, 6), part, nn.Linear(6, 3))
    module = module.to(getattr(torch, dtype))
    with torch.no_grad():
        for tensor in part.state_dict().values():
            if tensor.is_floating_point():
                tensor.uniform_(0.5, 1.5)
    x = rows(dtype=dtype)
    expected = outputs(torch, module, x)
    model = nncore.Sequential.from_torch(module)
    assert_close(model.predict(x), expected, dtype)
    back = model.to_torch()
    assert_close(outputs(torch, back, x), expected, dtype)
    assert [type(m).__name__ for m in back] == [type(m).__name__ for m in module]
    again = nncore.Sequential.from_torch(back)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        assert (a == b).all()
    for a, b in zip(model.layers, again.layers, strict=True):
        assert {**a.get_config(), "name": ""} == {**b.get_config(), "name": ""}


def test_a_normalization_in_front_says_how_many_columns_there_are(torch):
    nn = torch.nn
    module = nn.Sequential(nn.BatchNorm1d(5), nn.Flatten(), nn.Linear(5, 2))
    model = nncore.Sequential.from_torch(module)
    assert_close(model.predict(rows()), outputs(torch, module, rows()), "float32")


def test_embeddings_go_both_ways(torch):
    nn = torch.nn
    module = nn.Sequential(nn.Embedding(7, 3), nn.Flatten(), nn.Linear(12, 2))
    x = np.random.default_rng(3).integers(0, 7, (20, 4))
    model = nncore.Sequential.from_torch(module, input_shape=(4,))
    assert_close(model.predict(x), outputs(torch, module, x), "float32")
    model.layers[0].trainable = False
    back = model.to_torch()
    assert_close(outputs(torch, back, x), model.predict(x), "float32")
    assert [p.requires_grad for p in back.parameters()] == [False, True, True]


@pytest.mark.parametrize("words", [{"center": False}, {"scale": False}])
@pytest.mark.parametrize("name", ["BatchNormalization", "LayerNormalization"])
def test_a_normalization_with_half_its_weights_goes_to_torch(torch, name, words):
    layer = getattr(nncore.layers, name)(
        gamma_initializer="random_normal", beta_initializer="random_normal", **words
    )
    model = nncore.Sequential([Input((5,)), layer])
    module = model.to_torch()
    assert_close(outputs(torch, module, rows()), model.predict(rows()), "float32")
    trained = sum(p.requires_grad for p in module.parameters())
    assert trained == len(model.trainable_weights) == 1


def test_nested_modules_and_images(torch):
    nn = torch.nn
    module = nn.Sequential(
        nn.Flatten(), nn.Sequential(nn.Linear(6, 4), nn.Tanh()), nn.Linear(4, 2)
    )
    x = rows(columns=6).reshape(-1, 2, 3)
    expected = outputs(torch, module, x)
    model = nncore.Sequential.from_torch(module, input_shape=(2, 3), name="net")
    assert_close(model.predict(x), expected, "float32")
    assert model.name == "net"
    assert model.input_shape == (None, 2, 3)
    flat = nncore.Sequential.from_torch(module)
    assert_close(flat.predict(x.reshape(-1, 6)), expected, "float32")


def test_one_linear_module(torch):
    module = torch.nn.Linear(5, 2)
    model = nncore.Sequential.from_torch(module)
    assert_close(model.predict(rows()), outputs(torch, module, rows()), "float32")


def test_half_precision_becomes_float32(torch):
    module = torch.nn.Sequential(torch.nn.Linear(5, 2)).half()
    model = nncore.Sequential.from_torch(module)
    assert model.dtype == "float32"
    assert (model.get_weights()[0] == module[0].weight.float().detach().numpy().T).all()


def test_a_model_goes_to_torch(torch):
    model = nncore.Sequential(
        [
            Input((5,)),
            Dense(7, activation="relu"),
            Dropout(0.5),
            Dense(6, activation="gelu", trainable=False),
            LeakyReLU(0.2),
            ReLU(3.0),
            ReLU(negative_slope=0.4),
            Dense(4, use_bias=False),
            Activation("softmax"),
        ]
    )
    module = model.to_torch()
    assert_close(outputs(torch, module, rows()), model.predict(rows()), "float32")
    frozen = [p.requires_grad for p in module.parameters()]
    assert frozen == [True, True, False, False, True]


def test_a_module_that_is_not_there_is_named(torch):
    nn = torch.nn
    for part in (
        nn.BatchNorm2d(3),
        nn.BatchNorm1d(2, track_running_stats=False),
        nn.LayerNorm((2, 2)),
        nn.RMSNorm(2, elementwise_affine=False),
        nn.Embedding(3, 2, padding_idx=0),
        nn.Conv1d(1, 1, 1),
        nn.Softmax(0),
        nn.Softplus(2),
        nn.Flatten(0),
        nn.Hardtanh(),
    ):
        with pytest.raises(ValueError, match=type(part).__name__):
            nncore.Sequential.from_torch(nn.Sequential(nn.Linear(2, 2), part))

    class Mine(nn.Module):
        pass

    for wrong in (Mine(), nn.Sequential(Mine()), 3, [nn.Linear(2, 2)]):
        with pytest.raises(ValueError, match=r"torch\.nn's own modules"):
            nncore.Sequential.from_torch(wrong)


@pytest.mark.parametrize("name", _core.activation_names())
def test_every_activation_goes_to_torch_or_is_named(torch, name):
    identifier = "gelu" if name == "gelu_tanh" else name
    if name == "gelu_tanh":
        identifier = {"class_name": "gelu", "config": {"approximate": True}}
    model = nncore.Sequential([Dense(4, activation=identifier, input_dim=5)])
    if name == "exponential":
        with pytest.raises(ValueError, match="PyTorch has as a module"):
            model.to_torch()
        return
    assert_close(
        outputs(torch, model.to_torch(), rows()), model.predict(rows()), "float32"
    )


def test_what_torch_cannot_do_is_said(torch):
    for layer in (Dense(2), nncore.layers.BatchNormalization()):
        with pytest.raises(ValueError, match="must be built"):
            nncore.Sequential([layer]).to_torch()
    for layer in (nncore.layers.BatchNormalization(), nncore.layers.PReLU()):
        with pytest.raises(ValueError, match="rows of numbers"):
            nncore.Sequential([Input((3, 2)), layer]).to_torch()
    for layer in (nncore.layers.UnitNormalization(), nncore.layers.GaussianNoise(0.1)):
        with pytest.raises(ValueError, match=type(layer).__name__):
            nncore.Sequential([Input((2,)), layer]).to_torch()
    with pytest.raises(ValueError, match="PyTorch has as a module"):
        nncore.Sequential([Input((2,)), ReLU(threshold=0.5)]).to_torch()
    with pytest.raises(ValueError, match="PyTorch has as a module"):
        nncore.Sequential([Input((2,)), ReLU(2.0, 0.5)]).to_torch()


def test_without_torch_the_error_names_it(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.partition(".")[0] == "torch":
            raise ImportError("No module named 'torch'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match="pip install torch"):
        nncore.Sequential([Input((2,)), Flatten()]).to_torch()


# ---- scikit-learn --------------------------------------------------------------------


@pytest.fixture(scope="module")
def neural_network():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("sklearn.neural_network")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("hidden", [(), (6,), (6, 5)])
def test_networks_of_sklearn(neural_network, activation, hidden, dtype):
    x = rows(dtype=dtype)
    classes = np.random.default_rng(1).integers(0, 3, len(x))
    options = {"hidden_layer_sizes": hidden, "activation": activation, "max_iter": 20}
    mlp = neural_network.MLPClassifier(**options).fit(x, classes)
    model = nncore.Sequential.from_sklearn(mlp)
    assert_close(model.predict(x), mlp.predict_proba(x).astype(dtype), dtype)
    mlp = neural_network.MLPClassifier(**options).fit(x, classes > 0)
    model = nncore.Sequential.from_sklearn(mlp, name="two")
    assert_close(model.predict(x), mlp.predict_proba(x)[:, 1:].astype(dtype), dtype)
    several = np.stack([classes > 0, classes > 1], axis=1)
    mlp = neural_network.MLPClassifier(**options).fit(x, several)
    model = nncore.Sequential.from_sklearn(mlp)
    assert_close(model.predict(x), mlp.predict_proba(x).astype(dtype), dtype)
    mlp = neural_network.MLPRegressor(**options).fit(x, x[:, :2])
    model = nncore.Sequential.from_sklearn(mlp)
    assert_close(model.predict(x), mlp.predict(x).astype(dtype), dtype)


def test_an_estimator_that_is_none_is_named(neural_network):
    for wrong in (neural_network.MLPRegressor(), 3):
        with pytest.raises(ValueError, match="a fitted MLPClassifier"):
            nncore.Sequential.from_sklearn(wrong)
