"""Layers that prepare data: alone, and in front of a model.

Numbers that stand here were compared with Keras 3's layers on TensorFlow.
"""

from __future__ import annotations

import copy
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import nncore
from nncore import layers

RNG = np.random.default_rng(1)
X = RNG.normal(50, 7, size=(90, 4))
Y = (X[:, 0] > 50).astype(float)
WORDS = np.array(["a", "b", "c", "d"])[RNG.integers(0, 4, size=(90, 1))]


def model_of(*front, seed=1, **words):
    rest = [layers.Dense(6, activation="relu"), layers.Dense(1)]
    model = nncore.Sequential([*front, *rest], seed=seed, **words)
    model.compile("adam", "mse", metrics=["mae"])
    return model


def same(one, other):
    return all((a == b).all() for a, b in zip(one, other, strict=True))


# ---- Alone ---------------------------------------------------------------------------


def test_normalization_learns_from_arrays_and_from_batches():
    whole, parts = layers.Normalization(), layers.Normalization()
    whole.adapt(X)
    parts.adapt(iter([X[:7], X[7:50], X[50:]]))
    z = whole(X)
    assert z.dtype == np.float32
    assert np.abs(z.mean(axis=0)).max() < 1e-5
    assert np.abs(z.std(axis=0) - 1).max() < 1e-5
    for one, other in zip(whole.get_weights(), parts.get_weights(), strict=True):
        assert np.allclose(one, other, rtol=1e-6)
    assert np.allclose(
        layers.Normalization(invert=True, mean=2, variance=4)([[1.0]]), 4
    )


@pytest.mark.parametrize("axis", [-1, None, 1, (1, 2), [2]])
def test_normalization_has_a_mean_for_each_place_along_its_axes(axis):
    data = RNG.normal(size=(30, 4, 3))
    layer = layers.Normalization(axis=axis)
    layer.adapt(data)
    kept = {-1: (2,), None: (), 1: (1,), (1, 2): (1, 2), 2: (2,)}[
        axis[0] if isinstance(axis, list) else axis
    ]
    others = tuple(a for a in range(3) if a not in kept)
    expected = (data - data.mean(others, keepdims=True)) / data.std(
        others, keepdims=True
    )
    assert np.allclose(layer(data), expected, atol=1e-5)


def test_rescaling():
    assert (layers.Rescaling([1.0, 2.0], 1)([[1.0, 1.0]]) == [[2, 3]]).all()


def test_discretization_takes_quantiles():
    layer = layers.Discretization(num_bins=4, epsilon=0.01)
    layer.adapt(np.arange(1000.0))
    assert np.allclose(layer.bin_boundaries, [249, 499, 749], atol=1e-3)
    assert layer([[-5.0, 249.0, 1e9]]).tolist() == [[0, 1, 3]]
    layer = layers.Discretization(bin_boundaries=[0.1, 0.3, 0.7], output_mode="count")
    assert layer(np.float32([[0.1, 0.3]])).tolist() == [[0, 1, 1, 0]]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("multi_hot", [[0, 1, 1, 0], [1, 0, 0, 1]]),
        ("count", [[0, 1, 2, 0], [2, 0, 0, 1]]),
        ("one_hot", None),
    ],
)
def test_categories_are_encoded(mode, expected):
    labels = [[1, 2, 2], [0, 3, 0]]
    found = layers.CategoryEncoding(4, mode)(labels)
    if expected is None:
        expected = np.eye(4)[np.array(labels)]
    assert (found == expected).all()
    assert (
        found.shape[1:]
        == layers.CategoryEncoding(4, mode).compute_output_shape((None, 3))[1:]
    )
    assert layers.CategoryEncoding(4, "one_hot")([[3], [0]]).shape == (2, 4)


def test_text_is_looked_up():
    data = [["b"], ["a"], ["b"], ["c"], ["a"], ["b"]]
    layer = layers.StringLookup(mask_token="", num_oov_indices=1)
    layer.adapt(data)
    assert layer.get_vocabulary() == ["", "[UNK]", "b", "a", "c"]
    assert layer.vocabulary_size() == 5
    assert layer([["a", "?", ""]]).tolist() == [[3, 1, 0]]
    back = layers.StringLookup(
        vocabulary=layer.get_vocabulary(), mask_token="", invert=True
    )
    assert back([[3, 1, 0, 99]]).tolist() == [["a", "[UNK]", "", "[UNK]"]]
    few = layers.StringLookup(max_tokens=2, output_mode="multi_hot")
    few.adapt(data)
    assert few([["a", "b"], ["b", "b"]]).tolist() == [[1, 1], [0, 1]]
    with pytest.raises(ValueError, match=r"num_oov_indices is 0\. Received: 'z'"):
        layers.StringLookup(vocabulary=["a"], num_oov_indices=0)([["z"]])


def test_equally_frequent_tokens_come_the_greater_first():
    layer = layers.IntegerLookup()
    layer.adapt([[5], [9], [7], [9], [5]])
    assert layer.get_vocabulary(False) == [9, 5, 7]


def test_counts_are_weighted_by_rarity():
    layer = layers.StringLookup(output_mode="tf_idf")
    layer.adapt([["a", "b"], ["a", "a"], ["c", "a"]])
    idf = np.log(1 + 3 / (1 + np.array([3, 1, 1])))
    assert layer.get_vocabulary() == ["[UNK]", "a", "c", "b"]
    assert np.allclose(layer([["a", "a"]]), [[0, 2 * idf[0], 0, 0]])
    assert np.allclose(layer([["?", "b"]]), [[idf.mean(), 0, 0, idf[2]]])


def test_hashes_are_those_of_keras():
    abc = [["A"], ["B"], ["C"], ["D"], ["E"]]
    assert layers.Hashing(3)(abc).ravel().tolist() == [1, 0, 1, 1, 2]
    masked = layers.Hashing(3, mask_value="")(["A", "B", "", "C", "D"])
    assert masked.tolist() == [1, 1, 0, 2, 2]
    salted = layers.Hashing(3, salt=[133, 137])(abc)
    assert salted.ravel().tolist() == [1, 2, 1, 0, 2]
    assert layers.Hashing(3, salt=133)(abc).ravel().tolist() == [0, 0, 2, 1, 0]
    crossing = layers.HashedCrossing(5)
    features = np.array(list("ABABA")), np.array([101, 101, 101, 102, 102])
    assert crossing(features).tolist() == [1, 4, 1, 1, 3]
    # FarmHash takes other ways for other lengths.
    texts = ["", *("ab" * n for n in (1, 3, 6, 12, 24, 40, 100))]
    found = layers.Hashing(1000)(texts).tolist()
    assert found == HASHES


HASHES = [263, 502, 885, 209, 827, 705, 940, 133]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Normalization(mean=1.0), "given together"),
        (lambda: layers.Normalization(mean=[1.0], variance=[-1.0]), "at least 0"),
        (lambda: layers.Normalization()([[1.0]]), "call adapt"),
        (lambda: layers.Normalization().adapt([[np.nan]]), "finite numbers alone"),
        (lambda: layers.Normalization(mean=0, variance=1).adapt([[1]]), "was given"),
        (lambda: layers.Rescaling("a"), "`scale` must hold"),
        (lambda: layers.Rescaling(None), "`scale` must be"),
        (lambda: layers.Discretization(), "Either `bin_boundaries`"),
        (lambda: layers.Discretization([1.0, 0.0]), "rising"),
        (lambda: layers.Discretization(num_bins=2)([[1.0]]), "call adapt"),
        (lambda: layers.Discretization([0.0]).adapt([1.0]), "must not be called"),
        (lambda: layers.CategoryEncoding(3)([[3]]), "labels from 0 to 2. Received: 3"),
        (lambda: layers.CategoryEncoding(3, "int"), "`output_mode` must be one of"),
        (lambda: layers.StringLookup(vocabulary="file.txt"), "a file's lines"),
        (lambda: layers.StringLookup(vocabulary=["a", "a"]), r"Received: \['a'\]"),
        (lambda: layers.StringLookup()(["a"]), "call adapt"),
        (lambda: layers.StringLookup().adapt([None]), "must be given text"),
        (lambda: layers.IntegerLookup(vocabulary=[1])(["a"]), "whole numbers"),
        (lambda: layers.IntegerLookup(salt=1), "farmhash"),
        (lambda: layers.IntegerLookup(max_tokens=1), "`max_tokens`"),
        (lambda: layers.Hashing(0), "`num_bins`"),
        (lambda: layers.HashedCrossing(3)(["a"]), "two or more"),
        (lambda: layers.Lambda("x"), "`function` must be a function"),
        (lambda: layers.Lambda(np.log, mask=1), "`mask`"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# ---- In front of a model -------------------------------------------------------------


def test_what_leads_a_model_runs_before_the_core_does():
    norm = layers.Normalization()
    norm.adapt(X)
    model, plain = model_of(norm, layers.Rescaling(2.0)), model_of()
    z = norm(X) * np.float32(2)
    words = {"epochs": 3, "verbose": 0, "batch_size": 16}
    # The streams of starting weights go by place in the model.
    plain.build((None, 4))
    model.build((None, 4))
    plain.set_weights([w for layer in model.layers[2:] for w in layer.get_weights()])
    plain.seed = model.seed
    held = X[:20], Y[:20]
    a = model.fit(X, Y, validation_data=held, shuffle=False, **words).history
    b = plain.fit(
        z, Y, validation_data=(z[:20], Y[:20]), shuffle=False, **words
    ).history
    assert a == b
    assert model._ready_network().last_run["engine"] != "numpy"
    assert (model.predict(X) == plain.predict(z)).all()
    assert (model(X) == plain(z)).all()
    assert (model(X[0]) == plain(z[0])).all()
    assert model.evaluate(X, Y) == plain.evaluate(z, Y)
    assert model.train_on_batch(X, Y) == plain.train_on_batch(z, Y)
    with pytest.raises(ValueError, match="`bind` needs a model that begins with"):
        model.bind(X.astype(np.float32))


def test_a_model_takes_text_in_every_way():
    pandas = pytest.importorskip("pandas")
    lookup = layers.StringLookup(output_mode="one_hot")
    lookup.adapt(WORDS)
    model = model_of(lookup)
    model.fit(WORDS, Y, epochs=2, verbose=0)
    assert model.input_shape == (None, 1)
    p = model.predict(WORDS)
    frame = pandas.DataFrame({"letter": WORDS.ravel()})
    for x in (WORDS.tolist(), WORDS.ravel(), WORDS.astype(object), frame):
        assert (model.predict(x) == p).all()
    assert (model(frame["letter"]) == p).all()

    def batches():
        for first in range(0, 90, 30):
            yield WORDS[first : first + 30], Y[first : first + 30]

    assert model.evaluate(batches(), verbose=0)[0] == pytest.approx(
        model.evaluate(WORDS, Y, verbose=0)[0]
    )
    told = nncore.Sequential([layers.Input((1,), dtype="string"), layers.Hashing(8)])
    assert told.dtype == "float32"
    assert (told.predict(WORDS) == layers.Hashing(8)(WORDS)).all()
    with pytest.raises(ValueError, match=r"must have shape \(n, 1\)"):
        model.predict([["a", "b"]])


def test_labels_too_large_for_float32_are_looked_up_exactly():
    big = 2**24 + np.arange(3)
    lookup = layers.IntegerLookup(vocabulary=big)
    model = nncore.Sequential([lookup])
    assert model(big[:, None]).ravel().tolist() == [1, 2, 3]


def test_nan_is_found_before_it_falls_into_a_bin():
    model = model_of(layers.Discretization([0.0, 1.0]))
    x = X.copy()
    x[3, 2] = np.nan
    with pytest.raises(ValueError, match="row 3, column 2"):
        model.fit(x, Y, verbose=0)


def test_behind_other_layers_normalization_is_part_of_the_network():
    norm = layers.Normalization(mean=[1.0, 2.0], variance=[4.0, 9.0])
    model = nncore.Sequential(
        [layers.Dense(2, input_dim=4), norm, layers.Rescaling(3.0), layers.Dense(1)],
        seed=2,
        dtype="float64",
    )
    model.compile("sgd", "mse")
    network = model._ready_network()
    assert network.last_run["engine"] == "numpy"
    _, gradients = network.gradient(X / 50, Y[:, None], None)
    w = network.get_variable(0)
    found = []
    for sign in (1, -1):
        moved = w.copy()
        moved[1, 1] += sign * 1e-6
        network.set_variable(0, moved)
        found.append(network.gradient(X / 50, Y[:, None], None)[0])
    assert abs((found[0] - found[1]) / 2e-6 - gradients[0][1, 1]) < 1e-7
    bad = nncore.Sequential([layers.Dense(2), layers.Discretization([0.0])])
    with pytest.raises(ValueError, match="must stand before all weights"):
        bad.compile("sgd", "mse")


def test_lambda_prepares_and_predicts():
    model = model_of(layers.Lambda(lambda x, by: x[:, :2] / by, arguments={"by": 50.0}))
    plain = model_of()
    model.build((None, 4))
    plain.build((None, 2))
    plain.set_weights(model.get_weights())
    z = X.astype(np.float32)[:, :2] / 50.0
    assert (model.predict(X) == plain.predict(z)).all()
    assert model.layers[0].output_shape == (None, 2)
    given = layers.Lambda(np.transpose, output_shape=(7,))
    assert given.compute_output_shape((None, 3)) == (None, 7)


def test_lambda_is_trained_through_where_its_function_has_a_gradient():
    def scaled(x):
        return 100 * x

    with pytest.raises(ValueError, match="its function may have an attribute gradient"):
        nncore.Sequential([layers.Dense(1), layers.Lambda(scaled)]).compile(
            "sgd", "mse"
        )
    scaled.gradient = lambda x: np.full_like(x, 100)
    model = nncore.Sequential([layers.Dense(1), layers.Lambda(scaled)], seed=1)
    model.compile("sgd", "mse")
    assert nncore.utils.check_gradients(model, X / 50, Y) < 1e-6


# ---- Files ---------------------------------------------------------------------------


def fronts():
    norm, bins = layers.Normalization(), layers.Discretization(num_bins=3)
    norm.adapt(X)
    bins.adapt(X)
    text, rare = (layers.StringLookup(output_mode=m) for m in ("one_hot", "tf_idf"))
    text.adapt(WORDS)
    rare.adapt(WORDS)
    numbers = layers.IntegerLookup(mask_token=3, num_oov_indices=2)
    numbers.adapt(X.astype(int))
    return {
        "normalization": (norm, X),
        "given": (layers.Normalization(mean=[1.0] * 4, variance=[2.0] * 4), X),
        "rescaling": (layers.Rescaling(0.1, offset=-3), X),
        "discretization": (bins, X),
        "bins": (layers.Discretization([50.0], output_mode="multi_hot"), X),
        "text": (text, WORDS),
        "rare": (rare, WORDS),
        "numbers": (numbers, X.astype(int)),
        "vocabulary": (layers.StringLookup(vocabulary=["a", "b"]), WORDS),
        "hashing": (layers.Hashing(9, salt=3, output_mode="one_hot"), WORDS),
        "encoding": (layers.CategoryEncoding(100), X.astype(int)),
    }


@pytest.mark.parametrize("which", [*fronts()])
def test_what_was_learnt_is_in_every_copy(which, tmp_path):
    layer, x = fronts()[which]
    model = model_of(layer)
    model.fit(x, Y, verbose=0)
    path = tmp_path / "model.nnc"
    model.save(path)
    copies = [
        nncore.load_model(path),
        copy.deepcopy(model),
        nncore.models.model_from_json(model.to_json()),
        nncore.models.clone_model(model),
    ]
    for other in copies:
        assert other.layers[0].get_config() == layer.get_config()
        other.set_weights(model.get_weights())
        assert (other.predict(x) == model.predict(x)).all()
        assert (other.layers[0](x) == layer(x)).all()
    json.dumps(layer.get_config())


def test_no_file_brings_a_function_along(tmp_path):
    def halved(x):
        return x / 2

    model = model_of(layers.Lambda(halved))
    model.fit(X, Y, verbose=0)
    path = tmp_path / "model.nnc"
    model.save(path)
    with pytest.raises(nncore.saving.ModelFileError, match="`function` must be a"):
        nncore.load_model(path)
    again = nncore.load_model(path, custom_objects={"halved": halved})
    assert (again.predict(X) == model.predict(X)).all()
    assert (copy.deepcopy(model).predict(X) == model.predict(X)).all()
    with pytest.raises(ValueError, match="must have a name to be written down"):
        model_of(layers.Lambda(lambda x: x)).save(tmp_path / "other.nnc")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("by_name", [False, True])
@pytest.mark.parametrize(
    ("name", "is_whole"),
    [
        ("w.nnc", False),
        ("w.weights.h5", False),
        ("m.nnc", True),
        ("m.keras", True),
        ("m.h5", True),
    ],
)
def test_weights_of_a_file_are_normalizations_too(
    tmp_path, name, is_whole, by_name, dtype
):
    if by_name and name.endswith(".keras"):
        return  # has no names
    model, other = (
        nncore.Sequential(
            [layers.Normalization(name="n"), layers.Dense(1, name="d")], dtype=dtype
        )
        for _ in range(2)
    )
    for one, data in ((model, X), (other, 5 * X + 1)):
        one.layers[0].adapt(data)
        one.build((None, 4))
    path = tmp_path / name
    model.save(path) if is_whole else model.save_weights(path)
    assert not same([model.predict(X, verbose=0)], [other.predict(X, verbose=0)])
    other.load_weights(path, by_name=by_name)
    assert same([model.predict(X, verbose=0)], [other.predict(X, verbose=0)])


def test_weights_that_do_not_fit_change_none_of_a_model_with_normalization():
    model = model_of(layers.Normalization())
    model.layers[0].adapt(X)
    model.build((None, 4))
    before = model.get_weights()
    wrong = [np.zeros(5), before[1], before[2], *(w + 1 for w in before[3:])]
    text = [np.array(["a"] * 4), *wrong[1:]]
    for weights in (wrong, text, [w + 1 for w in before[:-1]]):
        with pytest.raises(ValueError, match=r"`weights`|to float"):
            model.set_weights(weights)
        assert same(model.get_weights(), before)


def test_normalization_has_the_weights_of_keras():
    norm = layers.Normalization()
    assert norm.get_weights() == []
    norm.adapt(X)
    mean, variance, count = norm.get_weights()
    assert np.allclose(mean, X.mean(axis=0)) and np.allclose(variance, X.var(axis=0))
    assert count == 0
    fresh = layers.Normalization()
    model = model_of(fresh)
    model.build((None, 4))
    assert [w.shape for w in fresh.get_weights()] == [(4,), (4,), ()]
    assert model.count_params() == 9 + 30 + 7
    shown = []
    model.summary(print_fn=shown.append)
    assert "Total params: 46" in shown[0]
    assert "Non-trainable params: 9" in shown[0]
    assert len(model.get_weights()) == len(model.weights) == 7
    with pytest.raises(ValueError, match="must be 4 arrays"):
        model.set_weights(model.get_weights()[:-1])
    fresh.set_weights([mean, variance, count])
    assert np.allclose(fresh(X), norm(X), atol=1e-5)
    with pytest.raises(ValueError, match="must be mean and variance"):
        fresh.set_weights([mean[:2], variance[:2]])


PREPARED = Path(__file__).parent / "data" / "keras_prepared.zip"


@pytest.mark.parametrize(
    "name", ["normalization", "bins", "rare", "numbers", "hashing"]
)
def test_models_of_keras_prepare_data_here_as_there(name, tmp_path):
    with zipfile.ZipFile(PREPARED) as archive:
        archive.extract(f"{name}.keras", tmp_path)
        found = np.load(io.BytesIO(archive.read(f"{name}.npz")))
    model = nncore.load_model(tmp_path / f"{name}.keras")
    y = model.predict(found["x"])
    # Two roundings of sums of a few products.
    limit = 8 * np.finfo(np.float32).eps * max(1, np.abs(y).max())
    assert np.abs(y - found["y"]).max() <= limit
    model.save(tmp_path / "again.keras")
    assert (nncore.load_model(tmp_path / "again.keras").predict(found["x"]) == y).all()


@pytest.mark.parametrize("which", [*fronts()])
@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_files_of_keras_hold_what_was_learnt(which, ending, tmp_path):
    layer, x = fronts()[which]
    model = model_of(layer)
    model.fit(x, Y, verbose=0)
    path = tmp_path / f"model{ending}"
    model.save(path)
    assert (nncore.load_model(path).predict(x) == model.predict(x)).all()


# ---- Beside Keras --------------------------------------------------------------------


@pytest.fixture
def keras_layers(keras):
    return keras.layers


def alike(theirs, mine, exact=True):
    theirs = np.asarray(theirs)
    if theirs.dtype == object:
        theirs = np.array([text.decode() for text in theirs.ravel()])
        mine = np.asarray(mine).ravel()
    assert theirs.shape == mine.shape
    if exact:
        assert (theirs == mine).all()
    else:
        assert np.allclose(theirs, mine, rtol=4 * np.finfo(np.float32).eps, atol=0)


@pytest.mark.keras
@pytest.mark.parametrize("axis", [-1, None, 1, (1, 2)])
@pytest.mark.parametrize("invert", [False, True])
def test_normalization_is_that_of_keras(keras_layers, axis, invert):
    data, x = RNG.normal(3, 2, (40, 4, 3)), np.float32(RNG.normal(size=(5, 4, 3)))
    found = []
    for module in (keras_layers, layers):
        learnt = module.Normalization(axis=axis, invert=invert)
        learnt.adapt(data)
        given = module.Normalization(axis=axis, mean=2.0, variance=3.0, invert=invert)
        found.append([learnt(x), given(x)])
    for theirs, mine in zip(*found, strict=True):
        alike(theirs, mine, exact=False)


@pytest.mark.keras
@pytest.mark.parametrize("bins", [2, 3, 10, 50])
@pytest.mark.parametrize("rows", [5, 60, 7777])
def test_boundaries_are_those_of_keras(keras_layers, bins, rows):
    pytest.importorskip("tensorflow")
    data = RNG.normal(size=(rows, 2))
    found = []
    for module in (keras_layers, layers):
        for epsilon in (0.1, 0.01, 0.001):
            layer = module.Discretization(num_bins=bins, epsilon=epsilon)
            layer.adapt(iter([data[:4], data[4:]]))
            found.append(layer.bin_boundaries)
    assert found[:3] == found[3:]


@pytest.mark.keras
@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
def test_encodings_are_those_of_keras(keras_layers, mode):
    x = RNG.integers(0, 9, (20, 3))
    edges = [0.1, 0.3, 0.7]
    for part in (x, x[:, :1]):
        pair = [m.CategoryEncoding(9, output_mode=mode) for m in (keras_layers, layers)]
        alike(*(layer(part) for layer in pair))
        pair = [
            m.Discretization(edges, output_mode=mode) for m in (keras_layers, layers)
        ]
        alike(*(layer(np.float32(part / 10)) for layer in pair))


@pytest.mark.keras
@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count", "tf_idf"])
@pytest.mark.parametrize("oov", [1, 3])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("most", [None, 6])
def test_lookups_are_those_of_keras(keras_layers, mode, oov, masked, most):
    pytest.importorskip("tensorflow")
    words = np.array([*"abcdefghij", "longer token", "ü", "", "x y"])
    data = {
        "StringLookup": (
            RNG.choice(words[:9], (30, 2)),
            RNG.choice(words, (20, 3)),
            "a",
        ),
        "IntegerLookup": (
            *(RNG.integers(-5, n, (30, 2)) for n in (15, 20)),
            3,
        ),
    }
    for name, (seen, x, mask) in data.items():
        pair = []
        for module in (keras_layers, layers):
            layer = getattr(module, name)(
                output_mode=mode,
                num_oov_indices=oov,
                mask_token=mask if masked else None,
                max_tokens=most,
                pad_to_max_tokens=most is not None,
            )
            layer.adapt(seen)
            pair.append(layer)
        assert [*pair[0].get_vocabulary()] == pair[1].get_vocabulary()
        for part in (x, x[:, :1]):
            alike(*(layer(part) for layer in pair), exact=mode != "tf_idf")


@pytest.mark.keras
@pytest.mark.parametrize("salt", [None, 3, (1, 2)])
@pytest.mark.parametrize("mode", ["int", "multi_hot", "count"])
def test_hashes_are_those_of_the_installed_keras(keras_layers, salt, mode):
    pytest.importorskip("tensorflow")
    texts = np.array(["ab" * n for n in range(60)]).reshape(-1, 3)
    for x, mask in ((texts, "abab"), (RNG.integers(-9, 9, (20, 3)), 3)):
        pair = [
            m.Hashing(5, mask_value=mask, salt=salt, output_mode=mode)
            for m in (keras_layers, layers)
        ]
        alike(*(layer(x) for layer in pair))
