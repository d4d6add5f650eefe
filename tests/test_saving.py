"""`.nnc` files: a model comes back whole, to the last bit, or the file is refused.

That a training goes on as if it had never been saved is tested as equality of bits of
weights, optimizer arrays and counters; what comes back is also written again, and the
bytes are the same. Files that were made to do harm are in test_malicious_files.py.
"""

from __future__ import annotations

import copy
import os
import pickle
import random
import re
import signal
import stat
import threading
import time
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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

from .fresh import fresh_process, run_fresh

OPTIMIZERS = [
    ("SGD", {"learning_rate": 0.05}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01, "decay": 0.1}),
    ("RMSprop", {"momentum": 0.5, "centered": True, "clipnorm": 0.5}),
    ("Adagrad", {"initial_accumulator_value": 0.3}),
    ("Adadelta", {"learning_rate": 1.0, "clipvalue": 0.1}),
    ("Adam", {"amsgrad": True, "global_clipnorm": 1.0}),
    ("AdamW", {}),
    ("Adamax", {}),
    ("Nadam", {}),
    ("Lamb", {"weight_decay": 0.1}),
    ("Adafactor", {"use_ema": True}),
    ("Muon", {"clipnorm": 0.5, "exclude_layers": ["_2"]}),
]


def rows(n=70, columns=4, classes=3):
    rng = np.random.default_rng(5)
    return rng.normal(size=(n, columns)), rng.integers(0, classes, n)


def network(dtype="float32", **options):
    """A model with dropout, a frozen layer and a penalty, compiled."""
    model = nncore.Sequential(
        [
            Dense(9, activation="relu", input_dim=4, kernel_regularizer="l2"),
            Dropout(0.3),
            Dense(7, activation="tanh", trainable=False),
            Dropout(0.1, seed=2**64 - 1),
            Dense(3, activation="softmax", use_bias=False),
        ],
        dtype=dtype,
    )
    options = {"optimizer": "adam", "metrics": ["accuracy"], **options}
    model.compile(loss="sparse_categorical_crossentropy", **options)
    return model


def bits(model):
    """All that a training depends on and changes, as bytes and numbers."""
    net = model._ready_network()
    arrays = [net.get_variable(i) for i in range(net.n_variables)]
    for slot in range(net.n_slots):
        arrays += [net.get_slot(slot, i) for i in range(net.n_variables)]
    return [a.tobytes() for a in arrays], net.counters


def again(model):
    """What a model's file holds."""
    return saving.from_bytes(saving.to_bytes(model), nncore.Sequential)


# ---- Exactly as it was ---------------------------------------------------------------


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS, ids=str)
def test_training_goes_on_as_if_it_had_never_been_saved(
    name, options, dtype, tmp_path, monkeypatch
):
    x, y = rows()
    optimizer = getattr(nncore.optimizers, name)(**options)
    model = network(dtype, optimizer=optimizer)
    model.fit(x, y, batch_size=16, epochs=2, verbose=0)
    model.optimizer.learning_rate *= 0.7
    model.save(tmp_path / "m.nnc")
    loaded = nncore.load_model(tmp_path / "m.nnc")
    assert bits(loaded) == bits(model)
    assert loaded.optimizer.iterations == model.optimizer.iterations == 10
    results = [
        m.fit(x, y, batch_size=16, epochs=3, verbose=0).history for m in (model, loaded)
    ]
    assert bits(loaded) == bits(model)
    assert results[0] == results[1]
    assert loaded.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


def test_what_was_loaded_is_written_again_as_the_same_bytes(dtype):
    x, y = rows()
    model = network(dtype)
    model.fit(x, y, epochs=1, verbose=0)
    data = saving.to_bytes(model)
    assert saving.to_bytes(model) == data
    assert saving.to_bytes(again(model)) == data


def test_a_process_of_its_own_goes_on_with_the_same_bits(tmp_path):
    x, y = rows()
    model = network()
    model.fit(x, y, epochs=2, verbose=0)
    model.save(tmp_path / "m.nnc")
    model.fit(x, y, epochs=2, verbose=0)
    code = f"""
        import numpy as np, nncore
        nncore.backend.set_floatx("float64")
        rng = np.random.default_rng(5)
        x, y = rng.normal(size=(70, 4)), rng.integers(0, 3, 70)
        model = nncore.load_model({str(tmp_path / "m.nnc")!r})
        model.fit(x, y, epochs=2, verbose=0)
        print(digest(model.get_weights()))
    """
    import hashlib

    weights = b"".join(w.tobytes() for w in model.get_weights())
    assert run_fresh(code).strip() == hashlib.sha256(weights).hexdigest()


def test_compile_settings_come_back():
    loss = nncore.losses.Huber(delta=0.3, name="mine")
    model = nncore.Sequential([Dense(2, input_dim=3)])
    model.compile(
        nncore.optimizers.SGD(0.5, name="slow"),
        loss,
        loss_weights=0.25,
        metrics=["mae", nncore.metrics.BinaryAccuracy("half", threshold=0.25), "acc"],
        weighted_metrics=["mae"],
        check_finite=False,
        on_nan="continue",
    )
    loaded = again(model)
    assert loaded._compiled.get_config() == model._compiled.get_config()
    assert loaded.metrics_names == model.metrics_names
    assert loaded.metrics_names[-1] == "weighted_mae"
    assert loaded.loss["config"]["delta"] == 0.3
    assert loaded.optimizer.name == "slow"
    rng = np.random.default_rng(1)
    x, y, w = rng.normal(size=(9, 3)), rng.normal(size=(9, 2)), rng.uniform(size=9)
    values = [m.evaluate(x, y, sample_weight=w, verbose=0) for m in (model, loaded)]
    assert values[0] == values[1]


def test_compile_settings_make_another_model_alike():
    model, other = network(), nncore.models.clone_model(network())
    assert other.get_compile_config() == {}
    other.compile_from_config(model.get_compile_config())
    assert other.get_compile_config() == model.get_compile_config()


def test_old_words_of_save_are_pointed_out(tmp_path):
    with pytest.warns(DeprecationWarning, match="save_format"):
        network().save(tmp_path / "m.nnc", save_format="h5")
    nncore.load_model(tmp_path / "m.nnc")


def test_a_string_stays_what_loss_was_given():
    model = network()
    assert again(model).loss == model.loss == "sparse_categorical_crossentropy"


def test_names_of_columns_are_remembered():
    pd = pytest.importorskip("pandas")
    x, y = rows()
    frame = pd.DataFrame(x, columns=["a", "b", "c", "ä"])
    model = network()
    model.fit(frame, y, verbose=0)
    loaded = again(model)
    assert (loaded.predict(frame) == model.predict(frame)).all()
    with pytest.raises(ValueError, match="columns"):
        loaded.predict(frame[["b", "a", "c", "ä"]])


def test_columns_that_json_cannot_name_are_left_out():
    pd = pytest.importorskip("pandas")
    x, y = rows()
    model = network()
    model.fit(pd.DataFrame(x, columns=[(1, 2), 2.5, "c", "d"]), y, verbose=0)
    assert again(model)._columns is None


@pytest.mark.parametrize(
    "layers",
    [
        [Input((2, 3)), Flatten(), Dense(2)],
        [Dense(3, activation=None, input_shape=(4,)), ReLU(6, 0.1, 0.5), Softmax()],
        [Dense(3, input_dim=4), LeakyReLU(0.01), ELU(0.5), Activation("mish")],
        [Input((4,)), Activation("relu")],
        [Input((4,), batch_size=5), Dropout(0.5)],
        [
            Dense(
                3,
                input_dim=4,
                activation={"class_name": "gelu", "config": {"approximate": True}},
                kernel_initializer=nncore.initializers.VarianceScaling(2.0, seed=3),
                bias_initializer=nncore.initializers.Constant(0.1),
                kernel_regularizer=nncore.regularizers.L1L2(0.1, 0.2),
                bias_regularizer="l1",
                name="ein Name / mit Zeichen: äöü 🙂",
            )
        ],
    ],
    ids=lambda layers: " ".join(type(layer).__name__ for layer in layers),
)
def test_layers_come_back(layers):
    model = nncore.Sequential(layers, name="net")
    model.build()
    loaded = again(model)
    assert loaded.get_config() == model.get_config()
    x = np.random.default_rng(2).normal(size=(5, *model.input_shape[1:]))
    assert (loaded.predict(x) == model.predict(x)).all()
    assert nncore.models.model_from_json(model.to_json()).get_config() == (
        model.get_config()
    )


def test_given_arrays_travel_as_tensors_not_as_text():
    start = np.random.default_rng(3).normal(size=(40, 30))
    model = nncore.Sequential([Dense(30, input_dim=40, kernel_initializer=start)])
    data = saving.to_bytes(model)
    header = data[8 : 8 + int.from_bytes(data[:8], "little")]
    assert len(header) < 3000
    loaded = again(model)
    assert loaded.get_config() == model.get_config()
    assert saving.to_bytes(loaded) == data
    clone = nncore.models.clone_model(loaded)
    assert (clone.get_weights()[0] == start.astype("float32")).all()


@pytest.mark.parametrize("compiled", [False, True])
def test_models_without_weights_yet(compiled):
    model = nncore.Sequential([Dense(3), Dense(2)], seed=9)
    if compiled:
        model.compile("sgd", "mse", metrics=["mae"])
    loaded = again(model)
    assert not loaded.built
    assert loaded.compiled is compiled
    for m in (model, loaded):
        m.build((None, 4))
    assert bits(loaded) == bits(model)


def test_an_empty_model():
    assert again(nncore.Sequential(name="none")).layers == []


def test_a_model_that_was_compiled_without_a_loss():
    model = nncore.Sequential([Dense(3, input_dim=2)])
    model.compile("adam")
    loaded = again(model)
    assert loaded.loss is None
    assert bits(loaded) == bits(model)


def test_a_seed_that_was_not_given_is_still_the_same():
    x, y = rows()
    model = network()
    assert model.get_config()["seed"] is None
    loaded = again(model)
    assert (loaded.seed, loaded.get_config()["seed"]) == (model.seed, None)
    for m in (model, loaded):
        m.fit(x, y, verbose=0)
    assert bits(loaded) == bits(model)


def test_without_optimizer_there_is_no_compile(tmp_path):
    model = network()
    model.fit(*rows(), verbose=0)
    model.save(tmp_path / "m.nnc", include_optimizer=False)
    loaded = nncore.load_model(tmp_path / "m.nnc")
    assert not loaded.compiled
    assert (loaded.predict(rows()[0]) == model.predict(rows()[0])).all()
    model.save(tmp_path / "n.nnc")
    assert not nncore.load_model(tmp_path / "n.nnc", compile=False).compiled


def test_nan_and_infinity_in_weights_keep_their_bits():
    model = nncore.Sequential([Dense(2, input_dim=2, use_bias=False)])
    odd = np.array([[np.nan, np.inf], [-0.0, 5e-324]], np.float32)
    odd.view(np.uint32)[0, 0] = 0x7FC12345
    model.set_weights([odd])
    assert again(model).get_weights()[0].tobytes() == odd.tobytes()


def test_safetensors_reads_the_arrays(tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    model = network()
    model.save(tmp_path / "m.nnc")
    arrays = numpy.load_file(tmp_path / "m.nnc")
    first = arrays[f"weights/{model.layers[0].name}/0"]
    assert (first == model.get_weights()[0]).all()
    assert len(arrays) == 15


ACTIVATIONS = st.sampled_from(["relu", "tanh", "softmax", "gelu", "linear", None])
LAYERS = st.lists(
    st.one_of(
        st.builds(Dense, st.integers(2, 5), ACTIVATIONS, st.booleans()),
        st.builds(Dropout, st.floats(0, 1), seed=st.none() | st.integers(0, 2**64 - 1)),
        st.builds(Activation, ACTIVATIONS),
        st.builds(LeakyReLU, st.floats(0, 1)),
        st.builds(Flatten),
    ),
    min_size=1,
    max_size=6,
)
RATES = st.floats(0, 1, exclude_max=True)
OPTIMIZER_CASES = st.one_of(
    st.builds(nncore.optimizers.Adam, st.floats(1e-9, 10), RATES, RATES),
    st.builds(nncore.optimizers.SGD, momentum=RATES, decay=st.floats(0, 3)),
    st.builds(nncore.optimizers.RMSprop, centered=st.booleans()),
)


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    LAYERS,
    OPTIMIZER_CASES,
    st.sampled_from(["mse", nncore.losses.Huber(0.2), None]),
    st.sampled_from(["float32", "float64"]),
    st.text(min_size=1, max_size=8).filter(lambda s: s.isprintable()),
)
def test_any_model_comes_back(layers, optimizer, loss, dtype, name):
    layers = [type(x).from_config(x.get_config()) for x in layers]
    for i, layer in enumerate(layers):
        layer.name = f"{name}{i}"
    model = nncore.Sequential([Input((3,)), *layers], name=name, dtype=dtype)
    optimizer = type(optimizer).from_config(optimizer.get_config())
    model.compile(optimizer, loss, metrics=["mae"] if loss else None)
    data = saving.to_bytes(model)
    loaded = saving.from_bytes(data, nncore.Sequential)
    assert saving.to_bytes(loaded) == data
    assert loaded.get_config() == model.get_config()


# ---- Copies --------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [again, copy.deepcopy, copy.copy, None])
def test_copies_train_alike_and_apart(copied):
    x, y = rows()
    model = network()
    model.fit(x, y, verbose=0)
    twin = pickle.loads(pickle.dumps(model)) if copied is None else copied(model)
    before = bits(model)
    assert bits(twin) == before
    twin.fit(x, y, verbose=0)
    assert bits(model) == before
    model.fit(x, y, verbose=0)
    assert bits(twin) == bits(model)


class Halves(nncore.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return np.full(shape, 0.5, dtype)


class Net(nncore.Sequential):
    pass


def test_ones_own_classes_are_named_by_the_file_and_given_by_the_caller(tmp_path):
    model = nncore.Sequential([Dense(2, input_dim=1, kernel_initializer=Halves())])
    model.save(tmp_path / "m.nnc")
    with pytest.raises(saving.ModelFileError, match="Halves"):
        nncore.load_model(tmp_path / "m.nnc")
    own = {"Halves": Halves}
    for loaded in (
        nncore.load_model(tmp_path / "m.nnc", own),
        nncore.models.model_from_json(model.to_json(), own),
        nncore.Sequential.from_config(model.get_config(), own),
        nncore.models.clone_model(model),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ):
        assert isinstance(loaded.layers[0].kernel_initializer, Halves)
    with saving.custom_object_scope(own):
        nncore.load_model(tmp_path / "m.nnc")


@pytest.mark.parametrize("wrong", [{"Halves": dict}, {"Halves": 3}, ["Halves"]])
def test_custom_objects_are_classes_of_the_kind_wanted(wrong):
    model = nncore.Sequential([Dense(2, kernel_initializer=Halves())])
    with pytest.raises(ValueError, match=r"derived from|a dict from names to"):
        nncore.models.model_from_json(model.to_json(), wrong)


def test_pickle_and_copy_keep_the_class_of_a_model():
    model = Net([Dense(2, input_dim=1)])
    assert type(copy.deepcopy(model)) is Net
    assert type(pickle.loads(pickle.dumps(model))) is Net
    assert type(nncore.models.clone_model(model)) is Net


def test_a_function_cannot_be_saved(tmp_path):
    model = nncore.Sequential([Dense(2, kernel_initializer=lambda shape: 0)])
    path = tmp_path / "m.nnc"
    with pytest.raises(ValueError, match="function cannot be written"):
        model.save(path)
    assert list(tmp_path.iterdir()) == []


def test_a_clone_has_the_layers_but_new_weights():
    model = network()
    clone = nncore.models.clone_model(model)
    assert not clone.compiled
    assert clone.get_config() == model.get_config()
    assert (clone.get_weights()[0] != model.get_weights()[0]).any()


def test_a_clone_with_other_layers():
    model = network()

    def wider(layer):
        config = layer.get_config()
        if isinstance(layer, Dropout):
            config["rate"] = 0.0
        return type(layer).from_config(config)

    clone = nncore.models.clone_model(model, clone_function=wider)
    assert [x.rate for x in clone.layers if isinstance(x, Dropout)] == [0, 0]
    assert clone.input_shape == model.input_shape


# ---- Weights alone -------------------------------------------------------------------


def test_weights_alone(tmp_path):
    model, other = network(), network()
    model.fit(*rows(), verbose=0)
    model.save_weights(tmp_path / "w.nnc")
    other.load_weights(tmp_path / "w.nnc")
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        assert (a == b).all()
    with pytest.raises(saving.ModelFileError, match="weights alone"):
        nncore.load_model(tmp_path / "w.nnc")


def test_weights_out_of_a_whole_model_in_another_dtype(tmp_path):
    model, other = network(), network("float64")
    model.save(tmp_path / "m.nnc")
    other.load_weights(tmp_path / "m.nnc")
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        assert (a == b).all()


def test_weights_that_do_not_fit_change_nothing(tmp_path):
    model = network()
    model.save_weights(tmp_path / "w.nnc")
    other = nncore.Sequential([Dense(9, input_dim=4), Dense(7), Dense(2)])
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"\(7, 2\).*Received: .*\(7, 3\)"):
        other.load_weights(tmp_path / "w.nnc")
    assert all((a == b).all() for a, b in zip(before, other.get_weights(), strict=True))
    with pytest.warns(UserWarning, match="left out"):
        other.load_weights(tmp_path / "w.nnc", skip_mismatch=True)
    assert (other.get_weights()[0] == model.get_weights()[0]).all()
    assert (other.get_weights()[4] == before[4]).all()


def test_weights_for_another_number_of_layers(tmp_path):
    network().save_weights(tmp_path / "w.nnc")
    with pytest.raises(ValueError, match="for 1 layers, only"):
        nncore.Sequential([Dense(9, input_dim=4, name="only")]).load_weights(
            tmp_path / "w.nnc"
        )


def test_weights_by_name(tmp_path):
    model = nncore.Sequential([Dense(3, input_dim=2, name="a"), Dense(1, name="b")])
    model.save_weights(tmp_path / "w.nnc")
    other = nncore.Sequential([Dense(4, input_dim=3, name="new"), Dense(2, name="c")])
    other.add(Dense(3, name="a"))
    before = other.get_weights()
    other.load_weights(tmp_path / "w.nnc", by_name=True)
    assert (other.get_layer("a").kernel == model.get_layer("a").kernel).all()
    assert all(
        (a == b).all() for a, b in zip(before[:4], other.get_weights()[:4], strict=True)
    )


def test_weights_need_a_built_model(tmp_path):
    for verb in ("save_weights", "load_weights"):
        with pytest.raises(ValueError, match="input shape"):
            getattr(nncore.Sequential([Dense(2)]), verb)(tmp_path / "w.nnc")
    assert list(tmp_path.iterdir()) == []


# ---- Whole or not at all -------------------------------------------------------------


def test_a_kill_at_any_moment_leaves_the_old_file_or_the_new_one(tmp_path):
    path = tmp_path / "m.nnc"
    body = f"""
        import numpy as np, nncore
        model = nncore.Sequential([nncore.layers.Dense(500, input_dim=500)])
        model.build()
        for n in range(10**6):
            model.set_weights([np.full((500, 500), n), np.full(500, n)])
            model.save({str(path)!r})
            if n == 0:
                print("begun", flush=True)
    """
    seen = set()
    delays = np.random.default_rng(4).uniform(0, 0.03, 12)
    for delay in delays:
        with fresh_process(body) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
            process.wait()
        weights = nncore.load_model(path).get_weights()
        values = {float(w.min()) for w in weights} | {float(w.max()) for w in weights}
        assert len(values) == 1
        seen |= values
    assert len(seen) > 1, "the process was always killed in its first save"
    for rest in tmp_path.iterdir():
        assert rest == path or re.fullmatch(r"\.m\.nnc\.\w+\.tmp", rest.name)


def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m.nnc"
    model = network()
    model.save(path)
    before = path.read_bytes()

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    model.fit(*rows(), verbose=0)
    with pytest.raises(OSError, match="No space"):
        model.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_new_file_is_on_the_disk_before_it_has_the_name(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)

        def called(*args, real=real, name=name):
            calls.append(name)
            return real(*args)

        monkeypatch.setattr(os, name, called)
    network().save(tmp_path / "m.nnc")
    assert calls == ["fsync", "replace", "fsync"]


def test_overwriting(tmp_path):
    path = tmp_path / "m.nnc"
    network().save(path)
    os.chmod(path, 0o640)
    with pytest.raises(FileExistsError, match="overwrite=False"):
        network().save(path, overwrite=False)
    with pytest.raises(FileNotFoundError, match="must lie in a folder that exists"):
        network().save(tmp_path / "none" / "m.nnc")
    network().save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "sub").mkdir()
    target = tmp_path / "sub" / "real.nnc"
    network().save(target)
    (tmp_path / "m.nnc").symlink_to(target)
    model = network()
    model.save(tmp_path / "m.nnc")
    assert (tmp_path / "m.nnc").is_symlink()
    assert bits(nncore.load_model(target)) == bits(model)


def test_a_new_file_has_the_rights_that_new_files_have(tmp_path):
    network().save(tmp_path / "m.nnc")
    (tmp_path / "other").write_bytes(b"")
    modes = {stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()}
    assert len(modes) == 1


@pytest.mark.parametrize("name", ["m", "m.pkl", "m.nnc.tmp", ".", "m.json"])
def test_other_endings_are_refused(name, tmp_path):
    model = network()
    for call in (model.save, model.save_weights, nncore.load_model, model.load_weights):
        with pytest.raises(ValueError, match=r"must end in \.nnc"):
            call(tmp_path / name)


def test_paths_are_str_or_pathlike(tmp_path):
    network().save(str(tmp_path / "m.NNC"))
    nncore.load_model(str(tmp_path / "m.NNC"))
    for wrong in (b"m.nnc", 3, None):
        with pytest.raises(TypeError):
            network().save(wrong)


def test_folders_and_missing_files(tmp_path):
    (tmp_path / "d.nnc").mkdir()
    with pytest.raises(ValueError, match="ordinary file"):
        network().save(tmp_path / "d.nnc")
    with pytest.raises(IsADirectoryError):
        nncore.load_model(tmp_path / "d.nnc")
    with pytest.raises(FileNotFoundError):
        nncore.load_model(tmp_path / "none.nnc")
    with pytest.raises(FileNotFoundError):
        network().save(tmp_path / "none" / "m.nnc")


# ---- Around it -----------------------------------------------------------------------


def test_loading_changes_nothing_else(tmp_path):
    model = network()
    model.fit(*rows(), verbose=0)
    model.save(tmp_path / "m.nnc")

    def outside():
        return (
            np.random.get_state()[1].tolist(),
            random.getstate(),
            dict(nncore._lookup._times_used),
            (nncore._random._fixed_seed, dict(nncore._random._seeds_taken)),
            nncore.backend.floatx(),
            warnings.filters[:],
            nncore.get_num_threads(),
            {
                k: dict(m._TABLE)
                for k, m in vars(nncore).items()
                if hasattr(m, "_TABLE")
            },
        )

    nncore.utils.set_random_seed(3)
    before = outside()
    nncore.load_model(tmp_path / "m.nnc")
    assert outside() == before


def test_a_model_can_be_saved_by_a_callback(tmp_path):
    x, y = rows()
    model = network()

    class Save(nncore.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.save(tmp_path / f"{epoch}.nnc")

    model.fit(x, y, epochs=3, callbacks=[Save()], verbose=0)
    resumed = nncore.load_model(tmp_path / "0.nnc")
    resumed.fit(x, y, epochs=3, initial_epoch=1, verbose=0)
    assert bits(resumed) == bits(model)
    assert bits(nncore.load_model(tmp_path / "2.nnc")) == bits(model)


def test_saving_waits_for_no_other_thread(tmp_path):
    x, y = rows()
    model = network()
    saved = []

    class Pause(nncore.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            thread = threading.Thread(target=save)
            thread.start()
            thread.join()

    def save():
        try:
            model.save(tmp_path / "m.nnc")
        except RuntimeError as error:
            saved.append(str(error))

    model.fit(x, y, callbacks=[Pause()], verbose=0)
    assert len(saved) == 1
    assert "busy" in saved[0]


def test_safe_mode_is_the_only_mode(tmp_path):
    network().save(tmp_path / "m.nnc")
    nncore.load_model(tmp_path / "m.nnc", safe_mode=True)
    for wrong in (False, None):
        with pytest.raises(ValueError, match="safe_mode"):
            nncore.load_model(tmp_path / "m.nnc", safe_mode=wrong)


def test_from_config_names_every_unknown_layer():
    config = network().get_config()
    config["layers"][0]["class_name"] = "Conv2D"
    config["layers"][2]["class_name"] = "LSTM"
    with pytest.raises(ValueError, match=r"'Conv2D' \(named .*'LSTM' \(named "):
        nncore.Sequential.from_config(config)
