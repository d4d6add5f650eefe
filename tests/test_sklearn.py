"""The estimators beside scikit-learn's: the same updates, and what theirs lack."""

from __future__ import annotations

import copy
import os
import pickle

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")

from sklearn import neural_network as theirs  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.datasets import load_diabetes, load_digits, load_iris  # noqa: E402
from sklearn.exceptions import ConvergenceWarning, NotFittedError  # noqa: E402
from sklearn.metrics import accuracy_score, r2_score  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder, StandardScaler  # noqa: E402

import nncore  # noqa: E402
from nncore import sklearn as ours  # noqa: E402

VERSION = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
has_sample_weight = pytest.mark.skipif(VERSION < (1, 7), reason="since 1.7")

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    # scikit-learn before 1.8 with SciPy 1.17
    "ignore:scipy.optimize:DeprecationWarning",
)


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    return x / 16, y


@pytest.fixture(scope="module")
def diabetes():
    x, y = load_diabetes(return_X_y=True)
    return x * 20, y / 100


def parameters(mlp):
    return [*mlp.coefs_, *mlp.intercepts_]


def assert_same_training(mine, other):
    # Rounding grows with the number of updates, here at most a few hundred.
    for a, b in zip(parameters(mine), parameters(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)
    assert mine.n_iter_ == other.n_iter_
    assert mine.t_ == other.t_
    assert mine.n_layers_ == other.n_layers_
    assert mine.n_outputs_ == other.n_outputs_
    assert mine.out_activation_ == other.out_activation_
    np.testing.assert_allclose(mine.loss_, other.loss_, rtol=1e-7)


SETTINGS = {
    "adam": {},
    "one batch": {"batch_size": 2000},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "three hidden layers": {"hidden_layer_sizes": (20, 10, 5), "activation": "tanh"},
    "logistic": {"activation": "logistic"},
    "identity": {"activation": "identity"},
    "in order": {"shuffle": False},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.05},
    "sgd without momentum": {"solver": "sgd", "momentum": 0.0},
    "classical momentum": {"solver": "sgd", "nesterovs_momentum": False},
    "invscaling": {
        "solver": "sgd",
        "learning_rate": "invscaling",
        "learning_rate_init": 0.5,
        "power_t": 0.3,
    },
    "adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.05,
        "tol": 0.1,
        "n_iter_no_change": 1,
        "max_iter": 20,
    },
    "early stopping": {"early_stopping": True, "validation_fraction": 0.2},
    "betas": {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
}


@pytest.mark.filterwarnings("ignore:.*batch_size")
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_classifier_makes_the_updates_of_scikit_learn(setting, digits):
    # Without alpha, whose factor in the last, shorter batch is another.
    x, y = digits
    options = {"max_iter": 5, "alpha": 0.0, "random_state": 3} | SETTINGS[setting]
    other = theirs.MLPClassifier(**options).fit(x, y)
    mine = ours.MLPClassifier(**options).fit(x, y)
    assert_same_training(mine, other)
    np.testing.assert_allclose(mine.loss_curve_, other.loss_curve_, rtol=1e-7)
    np.testing.assert_allclose(
        mine.predict_proba(x), other.predict_proba(x), rtol=1e-5, atol=1e-9
    )
    if options.get("early_stopping"):
        np.testing.assert_allclose(mine.validation_scores_, other.validation_scores_)
        assert mine.best_validation_score_ == pytest.approx(
            other.best_validation_score_
        )
        assert mine.best_loss_ is None
    else:
        assert mine.best_loss_ == pytest.approx(other.best_loss_)


@pytest.mark.parametrize("setting", ["adam", "early stopping", "sgd"])
@pytest.mark.parametrize("columns", [1, 3])
def test_a_regressor_makes_the_updates_of_scikit_learn(setting, columns, diabetes):
    x, y = diabetes
    if columns == 3:
        y = np.column_stack([y, x[:, 0], y * x[:, 1]])
    options = {"max_iter": 20, "alpha": 0.0, "random_state": 3} | SETTINGS[setting]
    other = theirs.MLPRegressor(**options).fit(x, y)
    mine = ours.MLPRegressor(**options).fit(x, y)
    assert_same_training(mine, other)
    assert mine.predict(x).shape == other.predict(x).shape == y.shape
    np.testing.assert_allclose(mine.predict(x), other.predict(x), rtol=1e-5, atol=1e-8)


def test_the_penalty_is_that_of_scikit_learn_where_batches_are_full(digits):
    x, y = digits[0][:1600], digits[1][:1600]
    options = {"max_iter": 5, "alpha": 1.0, "random_state": 3}
    mine = ours.MLPClassifier(**options).fit(x, y)
    assert_same_training(mine, theirs.MLPClassifier(**options).fit(x, y))
    assert mine.loss_ > ours.MLPClassifier(**options | {"alpha": 0.0}).fit(x, y).loss_


@pytest.mark.parametrize("setting", ["adam", "sgd", "in order", "early stopping"])
def test_the_penalty_of_a_short_last_batch_is_that_of_scikit_learn(setting, digits):
    x, y = digits  # 1797 rows: the last batch has 197; of 1437 that are left 37
    options = {"max_iter": 5, "alpha": 30.0, "random_state": 3} | SETTINGS[setting]
    mine = ours.MLPClassifier(**options).fit(x, y)
    assert_same_training(mine, theirs.MLPClassifier(**options).fit(x, y))


def test_a_last_batch_of_its_own_keeps_dropout_and_momentum(digits):
    x, y = digits[0][:450], digits[1][:450]
    options = {"dropout": 0.3, "random_state": 3, "max_iter": 4}
    # A penalty too small to count, with and without a network for the last batch.
    one = ours.MLPClassifier(alpha=1e-300, **options).fit(x, y)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ours, "_NEGLIGIBLE", 0.0)
        two = ours.MLPClassifier(alpha=1e-300, **options).fit(x, y)
    for a, b in zip(parameters(one), parameters(two), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(one.loss_curve_, two.loss_curve_, rtol=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_lbfgs_goes_the_way_of_scikit_learn(alpha, digits):
    x, y = digits
    options = {
        "solver": "lbfgs",
        "hidden_layer_sizes": (10,),
        "max_iter": 10,
        "alpha": alpha,
        "random_state": 3,
    }
    mine = ours.MLPClassifier(**options).fit(x, y)
    other = theirs.MLPClassifier(**options).fit(x, y)
    assert mine.n_iter_ == other.n_iter_
    assert mine.loss_ == pytest.approx(other.loss_, rel=1e-6)
    np.testing.assert_allclose(mine.predict_proba(x), other.predict_proba(x), atol=1e-5)


def test_several_labels_are_trained_as_in_scikit_learn(digits):
    x, y = digits
    labels = np.column_stack([y > 4, y % 2, y == 3]).astype(int)
    options = {"max_iter": 5, "alpha": 0.0, "random_state": 3}
    mine = ours.MLPClassifier(**options).fit(x, labels)
    other = theirs.MLPClassifier(**options).fit(x, labels)
    assert_same_training(mine, other)
    np.testing.assert_array_equal(mine.predict(x), other.predict(x))
    np.testing.assert_array_equal(mine.classes_, other.classes_)
    assert mine.score(x, labels) == other.score(x, labels)


@has_sample_weight
@pytest.mark.parametrize("early", [False, True])
def test_weights_of_rows_count_as_in_scikit_learn(early, digits, diabetes, rng):
    options = {
        "max_iter": 5,
        "alpha": 0.0,
        "random_state": 3,
        "early_stopping": early,
    }
    for name, (x, y) in (("Classifier", digits), ("Regressor", diabetes)):
        weights = rng.integers(0, 3, len(x))
        other = getattr(theirs, f"MLP{name}")(**options).fit(x, y, weights)
        mine = getattr(ours, f"MLP{name}")(**options).fit(x, y, weights)
        assert_same_training(mine, other)


@has_sample_weight
def test_poisson_is_that_of_scikit_learn(diabetes):
    x, y = diabetes
    options = {"loss": "poisson", "max_iter": 20, "alpha": 0.0, "random_state": 3}
    mine = ours.MLPRegressor(**options).fit(x, y)
    other = theirs.MLPRegressor(**options).fit(x, y)
    # The core's Poisson has Keras's 1e-7 beside the prediction.
    np.testing.assert_allclose(mine.predict(x), other.predict(x), rtol=1e-4)
    assert mine.loss_ == pytest.approx(other.loss_, rel=1e-5)
    with pytest.raises(ValueError, match=r"must not be negative .* in row 2"):
        mine.fit(x, np.where(np.arange(len(y)) == 2, -1, y))


def test_partial_fit_goes_on_where_it_was(digits):
    x, y = digits
    mine = ours.MLPClassifier(random_state=3, alpha=0.0)
    other = theirs.MLPClassifier(random_state=3, alpha=0.0)
    for start in (0, 500, 1000, 0):
        rows = slice(start, start + 500)
        mine.partial_fit(x[rows], y[rows], classes=np.arange(10))
        other.partial_fit(x[rows], y[rows], classes=np.arange(10))
        assert_same_training(mine, other)
    assert len(mine.loss_curve_) == 4


def test_partial_fit_keeps_the_optimizer_where_batches_change_size(digits):
    x, y = digits
    options = {"random_state": 3, "alpha": 1.0}
    mine = ours.MLPClassifier(**options)
    other = theirs.MLPClassifier(**options)
    for n in (200, 37, 200, 100, 1):
        mine.partial_fit(x[:n], y[:n], classes=np.arange(10))
        other.partial_fit(x[:n], y[:n], classes=np.arange(10))
        assert_same_training(mine, other)


def test_a_warm_start_goes_on(digits):
    x, y = digits
    options = {"random_state": 3, "alpha": 0.0, "warm_start": True, "max_iter": 3}
    mine = ours.MLPClassifier(**options).fit(x, y).fit(x, y)
    other = theirs.MLPClassifier(**options).fit(x, y).fit(x, y)
    assert_same_training(mine, other)
    assert len(mine.loss_curve_) == 6
    with pytest.raises(ValueError, match="classes of the fit before"):
        mine.fit(x[y < 5], y[y < 5])


@pytest.mark.parametrize("incremental", [False, True])
def test_a_warm_start_takes_up_another_activation(incremental, digits):
    x, y = digits
    found = []
    for library in (ours, theirs):
        mlp = library.MLPClassifier(
            random_state=3, alpha=0.0, warm_start=True, max_iter=3
        ).fit(x, y)
        mlp.set_params(activation="tanh")
        found.append(mlp.partial_fit(x, y) if incremental else mlp.fit(x, y))
    assert_same_training(*found)
    np.testing.assert_allclose(
        found[0].predict_proba(x), found[1].predict_proba(x), rtol=1e-6, atol=1e-9
    )


def test_a_warm_start_takes_up_dropout(digits):
    x, y = digits
    options = {"random_state": 3, "warm_start": True, "max_iter": 5}
    mlp = ours.MLPClassifier((20,), **options).fit(x, y)
    without = mlp.loss_
    kinds = []
    for rate in (0.9, 0.0):
        mlp.set_params(dropout=rate).fit(x, y)
        kinds.append([type(layer).__name__ for layer in mlp.model_.layers])
        assert (mlp.loss_ > without) == (rate > 0)
    assert kinds == [["Dense", "Dropout", "Dense"], ["Dense", "Dense"]]
    assert len(mlp.loss_curve_) == 15


def test_dropout_that_comes_later_draws_from_the_random_state(digits):
    seeds = set()
    for state in (1, 2):
        mlp = ours.MLPClassifier((5,), random_state=state, warm_start=True, max_iter=1)
        mlp.fit(*digits).set_params(dropout=0.5).fit(*digits)
        seeds.add(mlp.model_.seed)
    assert len(seeds) == 2


def test_a_warm_start_takes_up_early_stopping_and_leaves_it(digits):
    x, y = digits
    mlp = ours.MLPClassifier((5,), warm_start=True, max_iter=3)
    for stops in (False, True, False):
        mlp.set_params(early_stopping=stops).fit(x, y)
        assert (mlp.best_loss_ is None) == stops
        assert (mlp.validation_scores_ is None) != stops
    mlp.set_params(early_stopping=True).fit(x, y)
    assert len(mlp.validation_scores_) == 3
    mlp.set_params(early_stopping=False).partial_fit(x, y)
    assert mlp.best_loss_ == mlp.loss_


@pytest.mark.parametrize(
    "other",
    [
        {"batch_normalization": True},
        {"scale_X": True},
        {"scale_y": True},
        {"out_activation": "tanh"},
    ],
)
def test_a_warm_start_refuses_other_layers(other, diabetes):
    mlp = ours.MLPRegressor(warm_start=True, max_iter=3).fit(*diabetes)
    before = parameters(mlp)
    mlp.set_params(**other)
    for go_on in (mlp.fit, mlp.partial_fit):
        with pytest.raises(ValueError, match="fit that goes on"):
            go_on(*diabetes)
    for a, b in zip(before, parameters(mlp), strict=True):
        np.testing.assert_array_equal(a, b)
    mlp.set_params(warm_start=False).fit(*diabetes)


@pytest.mark.skipif(
    nncore.get_num_threads() < 2 or "NNCORE_FORCE_THREADS" in os.environ,
    reason="a team of one, or one that is forced, is all there is",
)
@pytest.mark.filterwarnings("ignore:lbfgs", "ignore:Stochastic")
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_threads_limit_every_call(digits, solver):
    from scipy.sparse import csr_matrix

    x, y = digits
    options = {"max_iter": 2, "early_stopping": solver == "adam", "threads": 1}
    mlp = ours.MLPClassifier((1024,), solver=solver, **options).fit(x, y)
    network = mlp.model_._ready_network()
    assert network.last_run["team"] == 1
    mlp.predict(csr_matrix(x))
    assert network.last_run["team"] == 1
    labels = y.astype("float64")[:, np.newaxis]
    network.gradient(x.astype("float64"), labels, None, threads=1)
    assert network.last_run["team"] == 1


def test_the_same_random_state_gives_the_same_bits(digits):
    x, y = digits
    options = {"max_iter": 3, "dropout": 0.2, "random_state": 7}
    first = ours.MLPClassifier(**options).fit(x, y)
    again = ours.MLPClassifier(**options, threads=1).fit(x, y)
    other = ours.MLPClassifier(**options | {"random_state": 8}).fit(x, y)
    for a, b in zip(parameters(first), parameters(again), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.coefs_[0], other.coefs_[0])


def test_float32_stays_float32(digits):
    x, y = digits
    single = ours.MLPClassifier(max_iter=2).fit(x.astype(np.float32), y)
    assert single.coefs_[0].dtype == single.predict_proba(x).dtype == np.float32
    assert ours.MLPClassifier(max_iter=2).fit(x, y).coefs_[0].dtype == np.float64
    forced = ours.MLPClassifier(max_iter=2, dtype="float32").fit(x, y)
    assert forced.coefs_[0].dtype == np.float32


# ---- what scikit-learn does not offer ------------------------------------------------


def test_layers_have_activations_and_dropout_of_their_own(digits):
    x, y = digits
    mlp = ours.MLPClassifier(
        (30, 20), ["swish", "tanh"], dropout=[0.1, 0.0], max_iter=60, random_state=1
    ).fit(x, y)
    assert isinstance(mlp.model_, nncore.Sequential)
    kinds = [type(layer).__name__ for layer in mlp.model_.layers]
    assert kinds == ["Dense", "Dropout", "Dense", "Dense"]
    names = [x.activation.name for x in mlp.model_.layers if hasattr(x, "activation")]
    assert names == ["silu", "tanh", "softmax"]
    assert mlp.score(x, y) > 0.95
    with pytest.raises(ValueError, match=r"one for each of the 2 hidden layers"):
        ours.MLPClassifier((30, 20), ["relu"]).fit(x, y)
    with pytest.raises(ValueError, match=r"`dropout` must be 0 for solver='lbfgs'"):
        ours.MLPClassifier(dropout=0.5, solver="lbfgs").fit(x, y)


def test_class_weights_move_the_border(rng):
    x = rng.standard_normal((600, 1))
    y = np.where(x[:, 0] + rng.standard_normal(600) > 1.5, "rare", "common")
    options = {"max_iter": 100, "learning_rate_init": 0.02, "random_state": 1}
    plain = ours.MLPClassifier((8,), **options).fit(x, y)
    fair = ours.MLPClassifier((8,), **options, class_weight="balanced").fit(x, y)
    assert (fair.predict(x) == "rare").sum() > 2 * (plain.predict(x) == "rare").sum()
    n = (y == "rare").sum()
    weights = np.where(y == "rare", 600 / (2 * n), 600 / (2 * (600 - n)))
    same = ours.MLPClassifier((8,), **options).fit(x, y, weights)
    np.testing.assert_allclose(fair.predict_proba(x), same.predict_proba(x), rtol=1e-9)
    with pytest.raises(ValueError, match="must be a dict for partial_fit"):
        fair.partial_fit(x, y)


def test_own_rows_stop_the_training_and_are_watched(digits):
    x, y = digits
    mlp = ours.MLPClassifier(
        early_stopping=True, n_iter_no_change=3, random_state=1
    ).fit(x[:1000], y[:1000], X_val=x[1000:], y_val=y[1000:])
    assert len(mlp.validation_scores_) == len(mlp.validation_loss_curve_) == mlp.n_iter_
    assert mlp.n_iter_ < 200
    assert mlp.t_ == 1000 * mlp.n_iter_
    # The best weights are back.
    assert mlp.score(x[1000:], y[1000:]) == pytest.approx(mlp.best_validation_score_)
    watched = ours.MLPClassifier(max_iter=4, random_state=1)
    watched.fit(x[:1000], y[:1000], X_val=x[1000:], y_val=y[1000:])
    alone = ours.MLPClassifier(max_iter=4, random_state=1).fit(x[:1000], y[:1000])
    np.testing.assert_array_equal(watched.coefs_[0], alone.coefs_[0])
    assert len(watched.validation_loss_curve_) == 4
    watched.fit(x[:1000], y[:1000])
    assert not hasattr(watched, "validation_loss_curve_")
    watched.set_params(warm_start=True)
    for epochs in (4, 8):
        watched.fit(x[:1000], y[:1000], X_val=x[1000:], y_val=y[1000:])
        assert len(watched.validation_loss_curve_) == epochs
    with pytest.raises(ValueError, match="X_val without the other"):
        watched.fit(x, y, X_val=x)


@pytest.mark.parametrize("dtypes", [["f4"], ["f8", "f4"], ["f4", "f8"]])
def test_own_rows_have_the_precision_of_those_to_train_on(dtypes, digits):
    mlp = ours.MLPClassifier(max_iter=2, early_stopping=True)
    for dtype in dtypes:
        x, y = digits[0].astype(dtype), digits[1]
        mlp.fit(x, y, X_val=x, y_val=y)
        assert len(mlp.validation_scores_) == 2
        assert mlp.model_.dtype == np.dtype(dtype)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_scaling_is_as_good_as_a_pipeline_of_scalers(solver, diabetes):
    x, y = diabetes
    x, y = x * 1000 + 5000, 1e6 + 1e5 * y
    options = {"solver": solver, "random_state": 1, "max_iter": 50, "alpha": 0.0}
    mlp = ours.MLPRegressor(**options, scale_X=True, scale_y=True).fit(x, y)
    by_hand = ours.MLPRegressor(**options).fit(
        (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()
    )
    wanted = by_hand.predict((x - x.mean(0)) / x.std(0)) * y.std() + y.mean()
    np.testing.assert_allclose(mlp.predict(x), wanted, rtol=1e-6)
    assert mlp.predict(x).mean() == pytest.approx(y.mean(), rel=0.05)


def test_scaling_is_a_layer_of_the_model(digits, tmp_path):
    x, y = digits
    mlp = ours.MLPClassifier(max_iter=3, scale_X=True, early_stopping=True)
    mlp.fit(1000 + 50 * x, y)
    mlp.model_.save(tmp_path / "m.nnc")
    model = nncore.load_model(tmp_path / "m.nnc")
    wanted = mlp.predict_proba(1000 + 50 * x)
    np.testing.assert_array_equal(model.predict(1000 + 50 * x), wanted)
    again = pickle.loads(pickle.dumps(mlp)).predict_proba(1000 + 50 * x)
    np.testing.assert_array_equal(again, wanted)


def test_a_constant_column_is_scaled_to_zero():
    x = np.column_stack([np.full(20, 0.1), np.arange(20.0)])
    mlp = ours.MLPRegressor(scale_X=True, max_iter=2).fit(x, x[:, 1])
    assert np.isfinite(mlp.predict(x)).all()
    assert mlp.X_scale_[0] == 1


def test_other_losses_and_optimizers(diabetes):
    x, y = diabetes
    spoilt = y.copy()
    spoilt[::10] += 100
    options = {"solver": "nadam", "learning_rate_init": 0.02, "max_iter": 200}
    robust = ours.MLPRegressor("mae", (10,), random_state=1, **options).fit(x, spoilt)
    square = ours.MLPRegressor(hidden_layer_sizes=(10,), random_state=1, **options)
    square.fit(x, spoilt)

    def typical(mlp):
        return np.median(np.abs(mlp.predict(x) - y))

    assert typical(robust) < typical(square) / 2
    rule = nncore.optimizers.RMSprop(0.01)
    mlp = ours.MLPRegressor(solver=rule, max_iter=2).fit(x, y)
    assert mlp.model_.optimizer is not rule
    assert mlp.model_.optimizer.get_config() == rule.get_config()


def test_quantiles_lie_around_as_many_targets_as_they_say(rng):
    x = rng.random((800, 1))
    y = 1000 + 100 * rng.standard_normal(800) * (1 + x[:, 0])
    loss = nncore.losses.Quantile([0.1, 0.5, 0.9])
    mlp = ours.MLPRegressor(
        loss, (16,), scale_X=True, scale_y=True, learning_rate_init=0.01, random_state=1
    ).fit(x, y, X_val=x, y_val=y)
    found = mlp.predict(x)
    assert found.shape == (800, 3)
    below = (y[:, None] < found).mean(axis=0)
    np.testing.assert_allclose(below, [0.1, 0.5, 0.9], atol=0.06)
    early = ours.MLPRegressor(loss, (16,), early_stopping=True, max_iter=5)
    assert early.fit(x, y).best_validation_score_ < 0


def test_claims_are_learnt_by_tweedie_s_deviance(rng):
    x = rng.random((2000, 1))
    y = rng.poisson(0.3, 2000) * rng.gamma(2.0, np.exp(2 * x[:, 0]))
    mlp = ours.MLPRegressor(
        nncore.losses.Tweedie(1.5), (16,), random_state=1, learning_rate_init=0.01
    ).fit(x, y)
    assert mlp.out_activation_ == "exp"
    found = mlp.predict(x)
    assert (found > 0).all()
    assert found.sum() == pytest.approx(y.sum(), rel=0.1)
    assert found[x[:, 0] > 0.9].mean() > 2 * found[x[:, 0] < 0.1].mean()


def test_hidden_layers_are_normalized_in_batches(digits):
    x, y = digits
    options = {"max_iter": 20, "batch_normalization": True, "random_state": 1}
    options["learning_rate_init"] = 0.01
    mlp = ours.MLPClassifier((30, 20), **options).fit(x, y)
    kinds = [type(layer).__name__ for layer in mlp.model_.layers]
    assert kinds == ["Dense", "BatchNormalization", "Activation"] * 2 + ["Dense"]
    assert [w.shape for w in mlp.coefs_] == [(64, 30), (30, 20), (20, 10)]
    assert mlp.score(x, y) > 0.9
    # Going on in batches of other sizes keeps the moving means and the optimizer.
    one, two = (pickle.loads(pickle.dumps(mlp)) for _ in range(2))
    one.partial_fit(x[:100], y[:100])
    two._l2 = -1.0  # as if the penalty were another: the network is made anew
    two.partial_fit(x[:100], y[:100])
    for a, b in zip(one.model_.get_weights(), two.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="must be False for solver='lbfgs'"):
        ours.MLPClassifier(batch_normalization=True, solver="lbfgs").fit(x, y)


def test_the_model_is_the_estimator_s(digits, tmp_path):
    x, y = digits
    mlp = ours.MLPClassifier(max_iter=3, random_state=1).fit(x, y)
    np.testing.assert_array_equal(mlp.model_.predict(x), mlp.predict_proba(x))
    mlp.model_.save(tmp_path / "m.nnc")
    loaded = nncore.load_model(tmp_path / "m.nnc")
    np.testing.assert_array_equal(loaded.predict(x), mlp.predict_proba(x))


def test_weights_can_be_assigned_but_not_written_to(digits):
    x, y = digits
    one = ours.MLPClassifier(max_iter=1, random_state=1).fit(x, y)
    two = ours.MLPClassifier(max_iter=1, random_state=2).fit(x, y)
    two.coefs_, two.intercepts_ = one.coefs_, one.intercepts_
    np.testing.assert_array_equal(two.predict_proba(x), one.predict_proba(x))
    with pytest.raises(ValueError, match="read-only"):
        two.coefs_[0][:] = 0


# ---- errors --------------------------------------------------------------------------


def test_nothing_works_before_fit():
    mlp = ours.MLPClassifier()
    assert not hasattr(mlp, "coefs_")
    with pytest.raises(NotFittedError):
        mlp.predict([[0.0]])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hidden_layer_sizes": (0,)}, "`hidden_layer_sizes` must be"),
        ({"activation": "step"}, "step"),
        ({"solver": "newton"}, "`solver`"),
        ({"learning_rate": "fast"}, "must be one of constant, invscaling, adaptive"),
        ({"alpha": -1}, "`alpha`"),
        ({"batch_size": 0}, "`batch_size`"),
        ({"max_iter": 0}, "`max_iter`"),
        ({"validation_fraction": 1.0}, "`validation_fraction` must be below 1"),
        ({"shuffle": "yes"}, "`shuffle`"),
    ],
)
def test_what_is_wrong_is_named(options, words):
    with pytest.raises(ValueError, match=words):
        ours.MLPClassifier(**options).fit([[0.0], [1.0]], [0, 1])


def test_divergence_says_what_helps(diabetes):
    x, y = diabetes
    with pytest.raises(ValueError, match="scale_X=True"):
        ours.MLPRegressor(
            solver="sgd", learning_rate_init=1e6, activation="identity"
        ).fit(x * 1e6, y * 1e6)


def test_the_end_of_max_iter_is_a_convergence_warning(digits):
    for solver in ("adam", "lbfgs"):
        with pytest.warns(ConvergenceWarning):
            ours.MLPClassifier((3,), solver=solver, max_iter=2).fit(*digits)


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_warnings_name_the_line_that_calls(kind, monkeypatch):
    x, y = np.arange(20.0).reshape(10, 2), np.arange(10) % 2
    mlp = getattr(ours, kind)(hidden_layer_sizes=3, max_iter=2, batch_size=50)

    def lines_of(call, *words):
        with pytest.warns() as found:
            call(*words)
        return {(w.filename, w.lineno) for w in found}

    here = (__file__, lines_of.__code__.co_firstlineno + 2)
    assert lines_of(mlp.fit, x, y) == {here}
    assert lines_of(mlp.partial_fit, x, y) == {here}

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(mlp, "_epoch", interrupt)
    assert lines_of(mlp.fit, x, y) == {here}


def test_lbfgs_has_no_partial_fit():
    assert hasattr(ours.MLPClassifier(), "partial_fit")
    assert not hasattr(ours.MLPClassifier(solver="lbfgs"), "partial_fit")


# ---- the neighbourhood ---------------------------------------------------------------


def test_cross_val_score_and_a_pipeline():
    x, y = load_iris(return_X_y=True)
    names = load_iris().target_names[y]
    mlp = ours.MLPClassifier((16,), learning_rate_init=0.02, random_state=1)
    assert cross_val_score(mlp, x, names, cv=5).mean() > 0.93
    piped = make_pipeline(StandardScaler(), clone(mlp)).fit(x, names)
    assert accuracy_score(names, piped.predict(x)) > 0.93
    assert "MLPClassifier" in piped._repr_html_()


def test_a_grid_search_in_processes_gives_what_one_process_gives(diabetes):
    x, y = diabetes
    grid = {"hidden_layer_sizes": [(5,), (10, 5)], "activation": ["tanh", "swish"]}
    mlp = ours.MLPRegressor(max_iter=30, random_state=1, scale_X=True)
    alone = GridSearchCV(mlp, grid, cv=3).fit(x, y)
    two = GridSearchCV(mlp, grid, cv=3, n_jobs=2).fit(x, y)
    for key in ("mean_test_score", "std_test_score"):
        np.testing.assert_array_equal(alone.cv_results_[key], two.cv_results_[key])


def test_a_frame_through_a_column_transformer():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {"size": np.arange(60.0), "colour": ["red", "green", "blue"] * 20}
    )
    y = frame["size"] / 10 + (frame["colour"] == "red")
    columns = ColumnTransformer(
        [("n", StandardScaler(), ["size"]), ("c", OneHotEncoder(), ["colour"])]
    )
    model = make_pipeline(
        columns, ours.MLPRegressor("mse", (20,), solver="lbfgs", random_state=1)
    )
    assert r2_score(y, model.fit(frame, y).predict(frame)) > 0.99


def test_names_of_columns_are_remembered():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [0.0, 1.0, 2.0], "b": [1.0, 0.0, 1.0]})
    mlp = ours.MLPRegressor(max_iter=2).fit(frame, [0, 1, 2])
    assert list(mlp.feature_names_in_) == ["a", "b"]
    with pytest.raises(ValueError, match="feature names"):
        mlp.predict(frame[["b", "a"]])


def test_sparse_rows_are_the_dense_ones(digits):
    from scipy.sparse import csc_matrix, csr_matrix

    x, y = digits
    dense = ours.MLPClassifier(max_iter=2, random_state=1).fit(x, y)
    for kind in (csr_matrix, csc_matrix):
        mlp = ours.MLPClassifier(max_iter=2, random_state=1).fit(kind(x), y)
        np.testing.assert_array_equal(
            mlp.predict_proba(kind(x)), dense.predict_proba(x)
        )


def test_copies_go_on_alike(digits):
    x, y = digits
    mlp = ours.MLPClassifier(random_state=1, dropout=0.1)
    mlp.partial_fit(x, y, classes=np.arange(10))
    others = [pickle.loads(pickle.dumps(mlp)), copy.deepcopy(mlp)]
    mlp.partial_fit(x, y)
    for other in others:
        other.partial_fit(x, y)
        for a, b in zip(parameters(mlp), parameters(other), strict=True):
            np.testing.assert_array_equal(a, b)


def test_weights_of_rows_are_routed():
    from sklearn import config_context
    from sklearn.model_selection import cross_validate

    x, y = load_iris(return_X_y=True)
    weights = np.where(y == 2, 0.0, 1.0)
    with config_context(enable_metadata_routing=True):
        mlp = ours.MLPClassifier(max_iter=20, learning_rate_init=0.05, random_state=1)
        mlp = mlp.set_fit_request(sample_weight=True)
        mlp = mlp.set_score_request(sample_weight=False)
        found = cross_validate(
            mlp, x, y, params={"sample_weight": weights}, return_estimator=True
        )
    for fitted in found["estimator"]:
        assert not (fitted.predict(x) == 2).any()
