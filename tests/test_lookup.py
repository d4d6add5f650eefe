"""Names: what a word stands for, and what is said when it stands for nothing."""

from __future__ import annotations

import functools
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nncore import (
    _core,
    _lookup,
    activations,
    backend,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    reference,
    regularizers,
)

MODULES = {
    activations: ("relu", "rleu"),
    initializers: ("he_normal", "he_norml"),
    losses: ("huber", "hubr"),
    metrics: ("accuracy", "acuracy"),
    optimizers: ("adam", "adan"),
    regularizers: ("l2", "l_2"),
}
GETTERS = pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__)


@GETTERS
def test_a_name_gives_an_object_and_an_object_itself(module):
    found = module.get(MODULES[module][0])
    assert module.get(found) is found


@GETTERS
def test_what_serialize_gives_is_understood(module):
    found = module.get(MODULES[module][0])
    again = module.deserialize(module.serialize(found))
    assert type(again) is type(found)
    assert again.get_config() == found.get_config()


@GETTERS
def test_an_unknown_name_lists_the_known_ones_nearest_first(module):
    right, wrong = MODULES[module]
    with pytest.raises(ValueError, match=f"nearest first: {right}, ") as error:
        module.get(wrong)
    assert f"={wrong!r}" in str(error.value)


@GETTERS
@pytest.mark.parametrize("nonsense", [3, 3.5, b"relu", {}, object()])
def test_nonsense_is_refused_at_once(module, nonsense):
    with pytest.raises(ValueError, match="Received"):
        module.get(nonsense)


@pytest.mark.parametrize("module", [m for m in MODULES if m is not optimizers])
@pytest.mark.parametrize("function", [np.mean, print, lambda x: x])
def test_a_function_of_ones_own_is_taken_but_for_optimizers(module, function):
    assert module.get(function).function is function
    with pytest.raises(ValueError, match="Received"):
        optimizers.get(function)


@pytest.mark.parametrize(
    ("module", "cls"),
    [
        (initializers, initializers.HeNormal),
        (losses, losses.Huber),
        (metrics, metrics.BinaryAccuracy),
        (optimizers, optimizers.Adam),
        (regularizers, regularizers.L2),
    ],
)
def test_a_class_stands_for_its_defaults(module, cls):
    assert module.get(cls).get_config() == cls().get_config()


@pytest.mark.parametrize("name", ["Adam", "ADAM", "adam", "SGD", "RMSprop", "adamw"])
def test_optimizer_names_come_in_any_case(name):
    assert type(optimizers.get(name)).__name__.lower() == name.lower()


def test_every_activation_of_the_core_has_a_description_and_the_reverse():
    described = {activations.get(name).name for name in activations._BIND}
    described.add(
        activations.get(functools.partial(activations.gelu, approximate=True)).name
    )
    assert described == set(_core.activation_names())


def test_every_loss_of_the_core_has_a_description_and_the_reverse():
    described = {losses.get(name)._kind for name in losses._TABLE}
    assert described == {n for n in _core.loss_names() if not n.endswith("_logits")}


def test_every_metric_of_the_core_has_a_description_and_the_reverse():
    found = [metrics.get(name)._resolve(2, 2, False) for name in metrics._NAMES]
    kinds = {metric._spec()["kind"] for metric in found if not metric._streams}
    assert kinds == set(_core.metric_names())


def test_every_optimizer_of_the_core_has_a_description_and_the_reverse():
    described = {optimizers.get(name)._spec()["kind"] for name in optimizers._TABLE}
    assert described == {*_core.optimizer_names(), *reference.WHOLE_OPTIMIZERS}


@pytest.mark.parametrize("name", activations._BIND)
def test_an_activation_function_stands_for_itself(name):
    assert activations.get(getattr(activations, name)) == activations.get(name)


def test_a_partial_binds_arguments():
    bound = functools.partial(activations.relu, negative_slope=0.1, max_value=6)
    assert activations.get(bound).args == (0.1, 6.0, 0.0)
    with pytest.raises(ValueError, match="keywords only"):
        activations.get(functools.partial(activations.relu, 0.1))


def test_a_layer_stands_for_its_activation():
    assert activations.get(layers.LeakyReLU(0.1)).args == (0.1, 0.0, 0.0)


def test_none_stands_for_no_activation():
    assert activations.get(None).name == "linear"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: activations.relu([1.0], negative_slope=-1), "negative_slope"),
        (lambda: activations.relu([1.0], max_value="6"), "max_value"),
        (lambda: activations.celu([1.0], alpha=0), "alpha"),
        (lambda: activations.gelu([1.0], approximate=1), "approximate"),
        (lambda: activations.tanh(["a"]), "numbers"),
        (lambda: activations.softmax(1.0), "rank 1"),
        (
            lambda: activations.get({"class_name": "softmax", "config": {"axis": 0}}),
            "axis",
        ),
    ],
)
def test_activations_check_their_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("given", ["float16", "float32", "float64"])
def test_activations_keep_the_dtype_of_an_array(given):
    assert activations.tanh(np.zeros(3, given)).dtype == given


@pytest.mark.parametrize("given", [[1.0, 2.0], 1, np.arange(3), np.array([True])])
def test_activations_of_lists_and_integers_have_the_default_dtype(given):
    assert activations.softplus(given).dtype == backend.floatx()


def test_softmax_adds_to_one_along_its_axis(rng):
    y = activations.softmax(rng.normal(size=(3, 4, 5)), axis=1)
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-15)


def test_names_are_numbered_as_keras_does():
    backend.clear_session()
    made = [layers.Dense(1), layers.Dense(1), layers.LeakyReLU(), layers.ReLU()]
    assert [m.name for m in made] == ["dense", "dense_1", "leaky_re_lu", "re_lu"]
    assert layers.Dense(1, name="mine").name == "mine"
    assert layers.Dense(1).name == "dense_2"
    backend.clear_session()
    assert layers.Dense(1).name == "dense"


def test_no_two_threads_get_the_same_name():
    begin = threading.Barrier(8)

    def take(_):
        begin.wait()
        return [_lookup.unique_name("test_name") for _ in range(4000)]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            names = [name for some in pool.map(take, range(8)) for name in some]
    finally:
        sys.setswitchinterval(interval)
    assert len(names) == len(set(names)) == 32_000


def test_repr_shows_what_is_not_the_default():
    assert repr(optimizers.SGD(0.1, momentum=0.9)) == (
        "SGD(learning_rate=0.1, momentum=0.9)"
    )


def test_nearest_first_keeps_every_name():
    known = ["b", "a", "abc"]
    assert sorted(_lookup.nearest_first("ab", known)) == sorted(known)
    assert _lookup.nearest_first("ab", known)[0] == "abc"
