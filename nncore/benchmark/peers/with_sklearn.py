"""scikit-learn's MLPClassifier and MLPRegressor: what of a case they can express."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

from ..cases import Case, data, weights
from . import Prepared

# Tools import every module, also where the library is missing.
with contextlib.suppress(ImportError):
    import sklearn
    from sklearn.neural_network import MLPClassifier, MLPRegressor

STEPS = 1000


def versions() -> dict[str, str]:
    """What is measured."""
    return {"scikit-learn": sklearn.__version__}


def estimator(case: Case, epochs: int, shuffle: bool) -> Any:
    """An estimator that trains for so many epochs, whatever the loss does."""
    kind: Any = MLPClassifier
    if case.loss == "mean_squared_error":
        kind = MLPRegressor
    return kind(
        hidden_layer_sizes=case.widths[1:-1],
        activation=case.hidden,
        solver="adam" if case.optimizer == "adam" else "sgd",
        alpha=0.0,
        batch_size=case.batch,
        learning_rate_init=0.001 if case.optimizer == "adam" else 0.01,
        momentum=0.9 if case.optimizer == "momentum" else 0.0,
        nesterovs_momentum=False,
        max_iter=epochs,
        shuffle=shuffle,
        tol=0.0,
        n_iter_no_change=10**9,
        epsilon=1e-7,
        random_state=0,
        warm_start=True,
    )


def prepare(case: Case, threads: int, variant: str) -> Prepared:
    """Whole epochs by `fit`, which goes on with the weights it has."""
    warnings.filterwarnings("ignore")
    x, y = data(case)
    notes = ["no metric"]
    if case.loss == "mean_squared_error":
        notes.append("a linear output and half the loss")
        targets = y.ravel() if y.shape[1] == 1 else y
    else:
        targets = y.argmax(axis=1) if y.shape[1] > 1 else y.ravel().astype(int)
    if case.widths[-1] == 2 and case.loss == "categorical_crossentropy":
        notes.append("one sigmoid output in place of two softmax outputs")
    epochs = max(1, min(case.epochs, STEPS // case.steps))
    model = estimator(case, 1, False)
    model.fit(x, targets)
    parts = weights(case)
    same = [w.shape for w in model.coefs_] == [w.shape for w in parts[::2]]
    if same:
        model.coefs_, model.intercepts_ = parts[::2], parts[1::2]
    model.fit(x, targets)
    checked = [float(model.loss_curve_[-1])]
    comparable = same and case.loss != "mean_squared_error"
    if not comparable:
        model.fit(x, targets)
        checked.append(float(model.loss_curve_[-1]))
    model.set_params(max_iter=epochs, shuffle=case.shuffle)
    return Prepared(
        f"model.fit(x, y)  # {epochs} epochs",
        {"model": model, "x": x, "y": targets},
        epochs * case.rows,
        checked,
        comparable=comparable,
        note=", ".join(notes),
    )
