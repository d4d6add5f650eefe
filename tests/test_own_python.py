"""Parts written in Python: they train in NumPy as the core's own do in C."""

from __future__ import annotations

import copy
import functools
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

import nncore
from nncore import layers, losses, metrics, optimizers, regularizers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5))
Y = (X[:, :2].sum(axis=1, keepdims=True) > 0).astype(float)


class OwnDense(layers.Layer):
    """Dense without activation, as a user would write it."""

    _arguments = ("units",)

    def __init__(self, units, **words):
        super().__init__(**words)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], self.units))
        self.bias = self.add_weight((self.units,), "zeros")
        self.built = True

    def call(self, inputs):
        return inputs @ self.kernel + self.bias

    def gradient(self, inputs, outputs, d_outputs):
        dw = inputs.T @ d_outputs
        return d_outputs @ self.kernel.T, [dw, d_outputs.sum(axis=0)]


class OwnSquares(losses.Loss):
    def call(self, y_true, y_pred):
        return ((y_pred - y_true) ** 2).mean(axis=-1)

    def gradient(self, y_true, y_pred):
        return 2 * (y_pred - y_true) / y_pred.shape[-1]


def squares(y_true, y_pred):
    return ((y_pred - y_true) ** 2).mean(axis=-1)


squares.gradient = lambda t, p: 2 * (p - t) / p.shape[-1]


class OwnL2(regularizers.Regularizer):
    def __call__(self, x):
        return 0.01 * (x * x).sum()

    def gradient(self, x):
        return 0.02 * x


def own_tanh(x):
    return np.tanh(x)


own_tanh.gradient = lambda x: 1 - np.tanh(x) ** 2


def off_by(y_true, y_pred):
    return np.abs(y_true - y_pred).mean(axis=-1)


class OwnMean(metrics.Metric):
    def reset_state(self):
        self.total = self.rows = 0.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        w = np.ones(len(y_pred)) if sample_weight is None else sample_weight
        self.total += (w * off_by(y_true, y_pred)).sum()
        self.rows += w.sum()

    def result(self):
        return self.total / self.rows


def engine(model):
    return model._ready_network().last_run["engine"]


def close(a, b, dtype, factor=2000):
    """Two roundings of one computation; `factor` counts how many there were in it."""
    limit = factor * np.finfo(dtype).eps * max(1.0, float(np.abs(b).max()))
    return float(np.abs(np.asarray(a) - b).max()) <= limit


def same(one, other):
    return all((a == b).all() for a, b in zip(one, other, strict=True))


# Each pair: the same model with parts of nncore, and with one's own in their place.
def pair(own, dtype, part, optimizer="adam"):
    def use(name, theirs, mine):
        return mine if own and part in (name, "all") else theirs

    dense = use("layer", layers.Dense, OwnDense)
    model = nncore.Sequential(
        [
            dense(7, input_shape=(5,)),
            layers.Activation(use("activation", "tanh", own_tanh)),
            layers.Dropout(0.2),
            layers.Dense(
                6,
                activation="relu",
                kernel_regularizer=use("regularizer", regularizers.L2(0.01), OwnL2()),
            ),
            layers.Dense(1, activation="sigmoid"),
        ],
        seed=5,
        dtype=dtype,
    )
    model.compile(
        optimizer,
        use("loss", "mse", OwnSquares()) if part != "function" or not own else squares,
        metrics=["accuracy", use("metric", "mae", OwnMean("mae"))],
        weighted_metrics=["mse"],
    )
    return model


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "part", ["layer", "loss", "function", "metric", "activation", "regularizer", "all"]
)
def test_ones_own_parts_train_as_those_of_the_core_do(part, dtype):
    mine, theirs = pair(True, dtype, part), pair(False, dtype, part)
    assert engine(theirs) != "numpy"
    assert (engine(mine) == "numpy") is (part != "metric")
    assert same(mine.get_weights(), theirs.get_weights())
    weights = RNG.uniform(0.5, 2, 60)
    words = {"epochs": 3, "batch_size": 8, "verbose": 0, "validation_split": 0.2}
    a = mine.fit(X, Y, sample_weight=weights, **words)
    b = theirs.fit(X, Y, sample_weight=weights, **words)
    assert [*a.history] == [*b.history]
    for key, values in b.history.items():
        assert close(a.history[key], np.array(values), dtype), key
    for one, other in zip(mine.get_weights(), theirs.get_weights(), strict=True):
        assert one.dtype == dtype
        assert close(one, other, dtype)
    assert close(mine.predict(X), theirs.predict(X), dtype)
    assert mine.predict(X).dtype == dtype
    assert close(mine.evaluate(X, Y), np.array(theirs.evaluate(X, Y)), dtype)
    assert mine.optimizer.iterations == theirs.optimizer.iterations == 18


@pytest.mark.parametrize(
    "kind", sorted({cls for cls in optimizers._TABLE.values()}, key=str)
)
def test_every_optimizer_updates_ones_own_layers(kind):
    mine, theirs = (pair(own, "float64", "layer", kind()) for own in (True, False))
    for model in (mine, theirs):
        model.fit(X, Y, epochs=2, batch_size=16, verbose=0)
    for one, other in zip(mine.get_weights(), theirs.get_weights(), strict=True):
        assert close(one, other, "float64", 1e5)


@pytest.mark.parametrize("part", ["all", "layer", "loss"])
def test_gradients_are_those_of_finite_differences(part):
    model = pair(True, "float64", part)
    network = model._ready_network()
    loss, gradients = network.gradient(X, Y, None)
    h = 1e-6
    for index, gradient in enumerate(gradients):
        assert np.abs(gradient).max() > 0
        w = network.get_variable(index)
        for place in [(0,) * w.ndim, tuple(n - 1 for n in w.shape)]:
            found = []
            for sign in (1, -1):
                moved = w.copy()
                moved[place] += sign * h
                network.set_variable(index, moved)
                found.append(network.gradient(X, Y, None)[0])
            network.set_variable(index, w)
            # Truncation h^2, rounding eps / h.
            assert abs((found[0] - found[1]) / (2 * h) - gradient[place]) < 1e-8
    assert loss == network.gradient(X, Y, None)[0]


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_the_orthogonal_regularizer_pushes_as_its_value_says(mode):
    regularizer = regularizers.OrthogonalRegularizer(0.3, mode)
    w = RNG.normal(size=(4, 3))
    gradient = regularizer.gradient(w)
    for place in np.ndindex(w.shape):
        found = []
        for sign in (1, -1):
            moved = w.copy()
            moved[place] += sign * 1e-6
            found.append(regularizer(moved))
        assert abs((found[0] - found[1]) / 2e-6 - gradient[place]) < 1e-8
    model = nncore.Sequential(
        [layers.Dense(3, kernel_regularizer="orthogonal_regularizer", input_dim=4)]
    )
    model.compile("sgd", "mse")
    assert engine(model) == "numpy"
    assert model.evaluate(np.zeros((2, 4)), np.zeros((2, 3))) == pytest.approx(
        regularizers.OrthogonalRegularizer()(model.get_weights()[0])
    )


KINDS = {
    "batch": lambda: [layers.BatchNormalization(momentum=0.9)],
    "layer": lambda: [layers.LayerNormalization()],
    "rms": lambda: [layers.RMSNormalization()],
    "unit": lambda: [layers.UnitNormalization()],
    "prelu": lambda: [layers.PReLU("ones")],
    "noise": lambda: [layers.GaussianNoise(0.1), layers.GaussianDropout(0.2)],
    "alpha": lambda: [layers.Dense(4, "selu"), layers.AlphaDropout(0.1)],
    "repeated": lambda: [layers.RepeatVector(3), layers.Flatten()],
    "moved": lambda: [layers.Reshape((5, 1)), layers.Permute((2, 1)), layers.Flatten()],
    "penalty": lambda: [layers.Dense(4, activity_regularizer="l2")],
    "held": lambda: [layers.Dense(4, kernel_constraint="unit_norm")],
    "softmax": lambda: [layers.Dense(4, "softmax")],
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_layer_trains_in_numpy_as_in_the_core(kind):
    models = []
    for loss in ("mse", squares):
        model = nncore.Sequential(
            [layers.Input((5,)), *KINDS[kind](), layers.Dense(1)],
            seed=3,
            dtype="float64",
        )
        model.compile("adam", loss)
        model.fit(X, Y, epochs=3, batch_size=16, verbose=0)
        models.append(model)
    theirs, mine = models
    assert engine(mine) == "numpy" != engine(theirs)
    for one, other in zip(mine.get_weights(), theirs.get_weights(), strict=True):
        assert close(one, other, "float64", 1e5)
    assert close(mine.predict(X), theirs.predict(X), "float64", 1e5)


@pytest.mark.parametrize(
    "table", [lambda: layers.Embedding(7, 2), lambda: layers.MixedEmbedding(7, 2, 1)]
)
def test_embeddings_train_in_numpy_as_in_the_core(table):
    x = RNG.integers(0, 7, size=(60, 3))
    found = []
    for loss in ("mse", squares):
        stack = [table(), layers.Flatten(), layers.Dense(1)]
        model = nncore.Sequential(stack, seed=3, dtype="float64")
        model.compile("sgd", loss)
        model.fit(x, Y, epochs=2, verbose=0)
        found.append(model.predict(x))
    assert close(*found, "float64")


@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight"])
def test_losses_of_ones_own_are_reduced_as_those_of_the_core(reduction):
    found = []
    for cls in (losses.MeanSquaredError, OwnSquares):
        model = nncore.Sequential([layers.Dense(1)], seed=3, dtype="float64")
        model.compile("sgd", cls(reduction), loss_weights=0.01)
        weights = np.linspace(0.5, 2, 60)
        words = {"sample_weight": weights, "batch_size": 16, "verbose": 0}
        history = model.fit(X, Y, epochs=3, shuffle=False, **words).history["loss"]
        found.append(np.array([*history, model.evaluate(X, Y, **words)]))
    assert close(*found, "float64")


def test_constraints_and_penalties_of_outputs_may_be_ones_own():
    def clipped(w):
        return np.clip(w, -0.1, 0.1)

    model = nncore.Sequential(
        [
            layers.Dense(
                4,
                activation="tanh",
                kernel_constraint=clipped,
                activity_regularizer=OwnL2(),
            ),
            layers.Dense(1),
        ],
        seed=1,
        dtype="float64",
    )
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert np.abs(model.get_weights()[0]).max() <= 0.1
    network = model._ready_network()
    loss, gradients = network.gradient(X, Y, None)
    expected = nncore.Sequential([layers.Dense(4, "tanh"), layers.Dense(1)])
    expected.compile("sgd", "mse")
    expected.build((None, 5))
    expected.set_weights(model.get_weights())
    outputs = np.tanh(X @ model.get_weights()[0] + model.get_weights()[1])
    penalty = 0.01 * (outputs**2).sum() / 60
    assert abs(loss - penalty - expected.evaluate(X, Y, verbose=0)) < 1e-6
    w = network.get_variable(0)
    found = []
    for sign in (1, -1):
        moved = w.copy()
        moved[1, 2] += sign * 1e-6
        network.set_variable(0, moved)
        found.append(network.gradient(X, Y, None)[0])
    assert abs((found[0] - found[1]) / 2e-6 - gradients[0][1, 2]) < 1e-8


def test_gradients_can_be_checked_by_their_writer():
    class Wrong(OwnDense):
        def gradient(self, inputs, outputs, d_outputs):
            return d_outputs @ self.kernel.T, [inputs.T @ d_outputs, d_outputs.mean(0)]

    good = pair(True, "float32", "all")
    before = good.get_weights()
    assert nncore.utils.check_gradients(good, X, Y) < 1e-6
    assert same(good.get_weights(), before)
    model = nncore.Sequential([Wrong(3, name="odd"), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="The gradient by 'odd/weight_1' must be"):
        nncore.utils.check_gradients(model, X, Y)


def test_differences_serve_where_nobody_derives():
    def plain(y_true, y_pred):
        return squares(y_true, y_pred)

    def bent(x):
        return np.tanh(x)

    for f in (plain, bent):
        f.gradient = nncore.utils.numerical_gradient(f)
    found = []
    for loss, activation in ((plain, bent), ("mse", "tanh")):
        stack = [layers.Dense(4, activation=activation), layers.Dense(2)]
        model = nncore.Sequential(stack, seed=3, dtype="float64")
        model.compile("sgd", loss)
        model.fit(X, np.hstack([Y, 1 - Y]), epochs=3, verbose=0)
        found.append(model.predict(X))
    assert np.abs(found[0] - found[1]).max() < np.finfo(np.float32).eps


# ---- What is missing is said at compile ----------------------------------------------


class NoGradient(layers.Layer):
    def call(self, inputs):
        return inputs * 2


def test_a_missing_gradient_is_said_at_compile():
    class Loss(losses.Loss):
        def call(self, y_true, y_pred):
            return squares(y_true, y_pred)

    class Regularizer(regularizers.Regularizer):
        def __call__(self, x):
            return 0.0

    class Bent(regularizers.L2):
        def __call__(self, x):
            return 0.0

    class Empty(losses.Loss):
        pass

    def f(x):
        return x

    wrong = {
        "gradient(y_true, y_pred) for": ([], Loss()),
        "call(y_true, y_pred) and gradient(y_true, y_pred)": ([], Empty()),
        "<lambda>.gradient": ([], lambda t, p: squares(t, p)),
        "gradient(inputs, outputs, d_outputs)": (
            [layers.Dense(2), NoGradient()],
            "mse",
        ),
        "`activation` of layer": ([layers.Dense(2, activation=f)], "mse"),
        "f.gradient": ([layers.Dense(2), layers.Activation(f)], "mse"),
        "`kernel_regularizer` of": (
            [layers.Dense(2, kernel_regularizer=Regularizer())],
            "mse",
        ),
        "gradient(x) for": ([layers.Dense(2, kernel_regularizer=Bent())], "mse"),
    }
    for message, (some, loss) in wrong.items():
        model = nncore.Sequential([*some, layers.Dense(1)])
        with pytest.raises(ValueError) as error:
            model.compile("sgd", loss)
        assert message in str(error.value)
        assert not model.compiled


def test_a_metric_lacks_no_method():
    class Metric(metrics.Metric):
        def update_state(self, y_true, y_pred, sample_weight=None):
            pass

    with pytest.raises(ValueError, match="must have result and reset_state"):
        nncore.Sequential([layers.Dense(1)]).compile("sgd", "mse", metrics=[Metric()])


def test_what_stands_in_front_of_all_training_needs_no_gradient():
    frozen = layers.Dense(5, activation=lambda x: x * 2, trainable=False)
    model = nncore.Sequential([NoGradient(), frozen, layers.Dense(1)], seed=1)
    model.compile("sgd", "mse")
    before = frozen.get_weights() or None
    history = model.fit(X, Y, epochs=2, verbose=0).history["loss"]
    assert history[1] < history[0]
    assert before is None
    frozen.trainable = True
    with pytest.raises(ValueError, match="`activation` of layer"):
        model.compile("sgd", "mse")


# ---- Layers --------------------------------------------------------------------------


class Shift(layers.Layer):
    """One weight that is trained and one that is not; another shape of output."""

    def build(self, input_shape):
        self.seen = self.add_weight((), "zeros", trainable=False)
        self.by = self.add_weight(input_shape[1:], "zeros", constraint=np.abs)

    def call(self, inputs, training=False):
        if training:
            self.seen += len(inputs)
        return np.concatenate([inputs + self.by, inputs], axis=-1)

    def gradient(self, inputs, outputs, d_outputs):
        d, rest = np.split(d_outputs, 2, axis=-1)
        return d + rest, [d.sum(axis=0)]


def test_a_layer_keeps_what_is_not_trained_by_itself():
    shift = Shift()
    model = nncore.Sequential([shift, layers.Flatten(), layers.Dense(1)], seed=2)
    model.compile("sgd", "mse", metrics=[off_by])
    x = RNG.normal(size=(20, 2, 3)).astype(np.float32)
    model.fit(x, np.ones(20), epochs=3, batch_size=7, verbose=0)
    seen, by = shift.get_weights()
    assert seen == 60
    assert by.shape == (2, 3)
    assert (by >= 0).all() and by.any()
    assert model.output_shape == (None, 1)
    assert shift.output_shape == (None, 2, 6)
    assert model.count_params() == 1 + 6 + 13
    assert shift(x).shape == (20, 2, 6)
    assert (shift.by == by).all()


def test_wrong_shapes_are_said_with_the_layer_and_the_method():
    class Wrong(OwnDense):
        def gradient(self, inputs, outputs, d_outputs):
            return d_outputs @ self.kernel.T, [inputs.T @ d_outputs]

    class Bent(OwnDense):
        def gradient(self, inputs, outputs, d_outputs):
            return d_outputs, [inputs.T @ d_outputs, d_outputs.sum(axis=0)]

    class Mixed(layers.Layer):
        def call(self, inputs):
            return inputs.sum(axis=0)

    def loss(y_true, y_pred):
        return (y_true - y_pred) ** 2

    loss.gradient = lambda t, p: p - t
    for wrong, message in [
        (
            Wrong(2, name="odd"),
            "layer 'odd' must return d_inputs and a list of 2 a",
        ),
        (Bent(2, name="odd"), r"`gradient` of 'odd' must return .* shape \(32, 5\)"),
    ]:
        model = nncore.Sequential([wrong, layers.Dense(1)])
        model.compile("sgd", "mse")
        with pytest.raises(ValueError, match=message):
            model.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="one row for each row"):
        nncore.Sequential([layers.Input((3,)), Mixed(), layers.Dense(1)])
    model = nncore.Sequential([layers.Dense(1)])
    model.compile("sgd", loss)
    with pytest.raises(ValueError, match=r"one number per row, shape \(32,\)"):
        model.fit(X, Y, verbose=0)


def test_slips_do_not_change_the_data():
    class InPlace(layers.Layer):
        def call(self, inputs):
            inputs *= 2
            return inputs

    def careless(y_true, y_pred):
        y_true -= y_pred
        return (y_true**2).mean(axis=-1)

    careless.gradient = lambda t, p: p - t
    with pytest.raises(ValueError, match="read-only"):
        nncore.Sequential([layers.Input((5,)), InPlace()])
    model = nncore.Sequential([layers.Dense(1)])
    model.compile("sgd", careless)
    with pytest.raises(ValueError, match="read-only"):
        model.fit(X, Y, verbose=0)


def test_a_constructor_that_forgets_its_base_is_told():
    class Bare(layers.Layer):
        def __init__(self):
            pass

    with pytest.raises(ValueError, match=r"call super\(\).__init__\(\) in .* of Bare"):
        nncore.Sequential([Bare()])


def test_weights_are_added_in_build_alone():
    class Early(layers.Layer):
        def __init__(self):
            super().__init__()
            self.w = self.add_weight((2,))

    with pytest.raises(RuntimeError, match="`add_weight` must be called in `build`"):
        Early()


def test_a_changed_stack_keeps_the_weights_of_ones_own_layers():
    own = OwnDense(3)
    model = nncore.Sequential([own, layers.Dense(1)], seed=3)
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    weights = own.get_weights()
    model.pop()
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile("sgd", OwnSquares())
    assert same(own.get_weights(), weights)
    model.compile("sgd", "mse")
    assert same(own.get_weights(), weights)


def test_the_engine_follows_what_is_compiled():
    model = nncore.Sequential([layers.Dense(1, input_dim=5)], seed=4)
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    before = model.get_weights(), model.predict(X)
    assert engine(model) != "numpy"
    model.compile("sgd", squares)
    assert engine(model) == "numpy"
    assert all(
        (a == b).all() for a, b in zip(model.get_weights(), before[0], strict=True)
    )
    assert close(model.predict(X), before[1], "float32", 10)
    model.compile("sgd", "mse")
    assert (model.predict(X) == before[1]).all()


def test_targets_of_ones_own_loss_have_the_columns_that_it_takes():
    seen = []

    def survival(y_true, y_pred):
        seen.append(y_true.shape)
        return y_pred[:, 0] * y_true[:, 1] - y_true[:, 0]

    survival.gradient = lambda t, p: t[:, 1:2]
    model = nncore.Sequential([layers.Dense(1)])
    model.compile("sgd", survival, metrics=[lambda t, p: t[:, 0]])
    model.fit(X, np.ones((60, 2)), verbose=0)
    assert set(seen) == {(32, 2), (28, 2)}
    assert model.evaluate(X, np.full(60, 3.0)[:, None] * [1, 0], verbose=0)[1] == 3


def test_a_metric_of_one_number_does_not_depend_on_where_evaluation_is_cut():
    def worst(y_true, y_pred):
        return np.abs(y_true - y_pred).max()

    model = nncore.Sequential([layers.Dense(1)], seed=6)
    model.compile("sgd", "mse", metrics=[worst])
    model.build((None, 5))
    expected = np.abs(model.predict(X) - Y).max()
    assert model.evaluate(X, Y, batch_size=1, verbose=0)[1] == pytest.approx(expected)


def test_callbacks_may_evaluate_amid_an_epoch():
    class Look(nncore.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.evaluate(X[:5], Y[:5], verbose=0)

    histories = []
    for callbacks in ([], [Look()]):
        model = pair(True, "float64", "all")
        histories.append(
            model.fit(X, Y, epochs=2, verbose=0, callbacks=callbacks).history
        )
    assert histories[0] == histories[1]


def test_a_loss_that_is_not_finite_ends_training_before_its_update():
    model = nncore.Sequential([layers.Dense(1)], seed=1)
    model.compile("sgd", squares, check_finite=False)
    model.build((None, 5))
    before = model.get_weights()
    with pytest.warns(RuntimeWarning, match="batch 1 of 2"):
        model.fit(X * np.nan, Y, verbose=0)
    assert same(model.get_weights(), before)


def test_a_model_in_numpy_predicts_in_every_way():
    model = pair(True, "float32", "all")
    x = X.astype(np.float32)
    rows = model.predict(x)
    assert (model(x) == rows).all()
    assert close(model(x[0]), rows[0], "float32", 10)
    out = np.empty((60, 1), np.float32)
    run = model.bind(x, out)
    assert run() is out and (out == rows).all()
    assert model.train_on_batch(x, Y)[0] > 0
    model.compile("sgd", "mse")
    model.pop()
    with pytest.raises(RuntimeError, match="must be called again"):
        run()


def test_the_page_that_explains_it_runs(tmp_path, monkeypatch):
    page = Path(__file__).parents[1] / "docs" / "guides" / "own-parts.md"
    if not page.exists():
        pytest.skip("the documentation is not beside the tests")
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(code, {})


@pytest.mark.parametrize("when", ["epoch", 2])
def test_a_killed_training_goes_on_to_the_same_weights(when, tmp_path):
    class Kill(nncore.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.batches = getattr(self, "batches", 0) + 1
            if self.batches == 7:
                raise KeyboardInterrupt

    def fit(*callbacks):
        model = pair(True, "float32", "all")
        model.fit(X, Y, batch_size=16, epochs=4, verbose=0, callbacks=list(callbacks))
        return model

    def backup():
        return nncore.callbacks.BackupAndRestore(tmp_path, save_freq=when)

    with pytest.raises(KeyboardInterrupt):
        fit(backup(), Kill())
    assert same(fit(backup()).get_weights(), fit().get_weights())


# ---- Files ---------------------------------------------------------------------------

OWN = {
    "OwnDense": OwnDense,
    "OwnSquares": OwnSquares,
    "OwnL2": OwnL2,
    "OwnMean": OwnMean,
    "own_tanh": own_tanh,
    "squares": squares,
}


@pytest.mark.parametrize("part", ["all", "function"])
def test_ones_own_parts_are_named_in_a_file_and_given_by_the_caller(part, tmp_path):
    model = pair(True, "float32", part)
    model.fit(X, Y, epochs=2, verbose=0)
    path = tmp_path / "own.nnc"
    model.save(path)
    with pytest.raises(nncore.saving.ModelFileError):
        nncore.load_model(path)
    again = nncore.load_model(path, custom_objects=OWN)
    copies = [again, copy.deepcopy(model)]
    for other in copies:
        assert (other.predict(X) == model.predict(X)).all()
        assert other.optimizer.iterations == model.optimizer.iterations
    model.fit(X, Y, verbose=0)
    for other in copies:
        other.fit(X, Y, verbose=0)
        assert same(other.get_weights(), model.get_weights())
    clone = nncore.models.clone_model(model)
    assert clone.count_params() == model.count_params()


def test_a_model_with_ones_own_parts_can_be_pickled():
    model = pair(True, "float32", "function")
    again = pickle.loads(pickle.dumps(model))
    assert (again.predict(X) == model.predict(X)).all()


def test_what_is_registered_needs_no_custom_objects(tmp_path):
    @nncore.saving.register_keras_serializable("tests", name="Twice")
    class Doubled(layers.Layer):
        def call(self, inputs):
            return 2 * inputs

        def gradient(self, inputs, outputs, d_outputs):
            return 2 * d_outputs

    @nncore.utils.register_keras_serializable("tests")
    def cubic(x):
        return x**3

    cubic.gradient = lambda x: 3 * x**2
    model = nncore.Sequential(
        [Doubled(), layers.Dense(2, activation=cubic), layers.Dense(1)]
    )
    model.build((None, 5))
    assert "tests>Twice" in model.to_json()
    path = tmp_path / "own.nnc"
    model.save(path)
    assert (nncore.load_model(path).predict(X) == model.predict(X)).all()
    assert nncore.saving.get_registered_object("tests>Twice") is Doubled
    with pytest.raises(ValueError, match="must be free"):
        nncore.saving.register_keras_serializable("tests", name="Twice")(OwnDense)


def test_a_function_without_a_name_cannot_be_saved(tmp_path):
    for function in (lambda x: x, functools.partial(own_tanh)):
        model = nncore.Sequential([layers.Dense(1, activation=function, input_dim=2)])
        with pytest.raises(ValueError, match="must have a name to be written down"):
            model.save(tmp_path / "model.nnc")
