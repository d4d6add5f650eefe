"""Models in scikit-learn's clothes: cloned, searched through, cross-validated."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

import nncore
from nncore.layers import Dense
from nncore.models import Sequential

sklearn = pytest.importorskip("sklearn")

from sklearn.base import clone  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

from nncore.wrappers import SKLearnClassifier, SKLearnRegressor  # noqa: E402
from nncore.wrappers.scikit_learn import KerasClassifier, KerasRegressor  # noqa: E402

rng = np.random.default_rng(0)
X = rng.standard_normal((120, 3))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
NAMES = np.array(["no", "yes"])[Y]


def binary(units=8, rate=0.05):
    model = Sequential([Dense(units, "relu", input_dim=3), Dense(1, "sigmoid")], seed=1)
    model.compile(
        nncore.optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"]
    )
    return model


def several(loss="categorical_crossentropy", metrics=("acc",)):
    model = Sequential([Dense(2, "softmax", input_dim=3)], seed=1)
    model.compile(nncore.optimizers.Adam(0.05), loss, metrics=list(metrics))
    return model


def line():
    model = Sequential([Dense(1, input_dim=3)], seed=1)
    model.compile(nncore.optimizers.Adam(0.1), "mse")
    return model


@pytest.mark.parametrize(
    ("build", "shape"),
    [
        (binary, (120, 1)),
        (several, (120,)),
        (lambda: several("sparse_categorical_crossentropy"), (120,)),
    ],
)
@pytest.mark.parametrize("labels", [Y, NAMES, Y[:, np.newaxis]], ids=["0", "a", "2d"])
def test_classifier_of_keras_2(build, shape, labels):
    classifier = KerasClassifier(build, epochs=20, verbose=0)
    history = classifier.fit(X, labels)
    assert history is classifier.history and len(history.epoch) == 20
    predicted = classifier.predict(X)
    assert predicted.shape == shape
    share = (predicted.ravel() == labels.ravel()).mean()
    assert classifier.score(X, labels) == pytest.approx(share) and share > 0.9
    p = classifier.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    assert (classifier.classes_[p.argmax(axis=1)] == predicted.ravel()).all()


def test_one_hot_rows_are_classes_by_number():
    classifier = KerasClassifier(several, epochs=20, verbose=0)
    classifier.fit(X, np.eye(2)[Y])
    assert classifier.classes_.tolist() == [0, 1]
    assert classifier.score(X, np.eye(2)[Y]) == classifier.score(X, Y)


def test_scikit_learn_clones_searches_and_validates():
    search = GridSearchCV(
        KerasClassifier(binary, verbose=0),
        {"units": [2, 8], "epochs": [1, 15]},
        cv=3,
    ).fit(X, NAMES)
    assert search.best_params_["epochs"] == 15
    assert search.best_score_ > 0.85
    pipeline = make_pipeline(
        StandardScaler(), KerasClassifier(binary, epochs=15, verbose=0)
    )
    assert cross_val_score(pipeline, X, NAMES, cv=3).mean() > 0.85
    assert sklearn.base.is_classifier(KerasClassifier(binary))
    assert sklearn.base.is_regressor(KerasRegressor(line))


def test_parameters_are_those_of_the_builder_and_of_the_verbs():
    classifier = KerasClassifier(binary, units=3, nb_epoch=2, batch_size=7)
    assert classifier.get_params() == {
        "build_fn": binary,
        "units": 3,
        "nb_epoch": 2,
        "batch_size": 7,
    }
    twin = clone(classifier)
    assert twin.get_params() == classifier.get_params()
    twin.set_params(units=5, build_fn=binary)
    with pytest.warns(DeprecationWarning, match="nb_epoch"):
        history = twin.fit(X, Y, verbose=0)
    assert len(history.epoch) == 2
    assert twin.model.layers[0].units == 5
    with pytest.raises(ValueError, match="colour='red'"):
        KerasClassifier(binary, colour="red")
    with pytest.raises(ValueError, match="colour='red'"):
        twin.set_params(colour="red")
    with pytest.raises(ValueError, match="build_fn=None"):
        KerasClassifier()


def test_a_derived_class_may_be_its_own_builder():
    class Mine(KerasClassifier):
        def __call__(self, units=4):
            return binary(units)

    assert Mine(units=6, epochs=1, verbose=0).fit(X, Y).epoch == [0]


def test_what_a_score_needs():
    classifier = KerasClassifier(several, metrics=(), verbose=0)
    classifier.fit(X, Y)
    with pytest.raises(ValueError, match=r"metrics=\['accuracy'\]"):
        classifier.score(X, Y)
    classifier.fit(X, NAMES)
    with pytest.raises(ValueError, match="maybe"):
        classifier.score(X, ["maybe"] * len(X))
    with pytest.raises(ValueError, match="labels or one-hot"):
        classifier.fit(X, np.zeros((2, 2, 2)))


def test_regressor_of_keras_2():
    target = X @ [1.0, -2.0, 0.5]
    regressor = KerasRegressor(line, epochs=60, verbose=0)
    regressor.fit(X, target)
    assert regressor.predict(X).shape == (120,)
    mse = ((regressor.predict(X) - target) ** 2).mean()
    assert regressor.score(X, target) == pytest.approx(-mse, rel=1e-5)
    assert mse < 0.1


def test_wrappers_of_keras_3():
    def build(x, y, rate=0.05):
        model = Sequential([Dense(y.shape[1], "softmax", input_dim=x.shape[1])], seed=1)
        model.compile(nncore.optimizers.Adam(rate), "categorical_crossentropy")
        return model

    classifier = SKLearnClassifier(
        build, model_kwargs={"rate": 0.1}, fit_kwargs={"epochs": 20}
    )
    assert classifier.fit(X, NAMES) is classifier
    assert (classifier.predict(X) == NAMES).mean() > 0.9
    assert classifier.score(X, NAMES) > 0.9
    assert classifier.predict_proba(X).shape == (120, 2)
    assert len(classifier.history_["loss"]) == 20
    assert cross_val_score(classifier, X, NAMES, cv=3).mean() > 0.85
    again = pickle.loads(pickle.dumps(SKLearnClassifier(several()).fit(X, NAMES)))
    assert again.predict(X).shape == (120,)
    model = line()
    start = model.get_weights()[0]
    regressor = SKLearnRegressor(model, warm_start=True, fit_kwargs={"epochs": 30})
    target = X @ [1.0, -2.0, 0.5]
    assert regressor.fit(X, target).score(X, target) > 0.5
    assert regressor.fit(X, target).score(X, target) > 0.95
    np.testing.assert_array_equal(model.get_weights()[0], start)
    with pytest.raises(TypeError, match="model=None"):
        SKLearnRegressor().fit(X, target)


def test_without_scikit_learn_the_error_says_what_to_install():
    code = (
        "import sys; sys.modules['sklearn'] = None\nimport nncore.wrappers.scikit_learn"
    )
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "pip install scikit-learn" in done.stderr
