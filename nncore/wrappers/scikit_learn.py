"""`KerasClassifier` and `KerasRegressor` of Keras 1 and 2.

A function builds and compiles the model; its arguments and those of `fit` and `predict`
are the estimator's parameters, which scikit-learn can search through.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore._legacy import DROPPED, RENAMED
from nncore.models import Sequential
from nncore.utils import to_categorical

from ._base import BaseEstimator, ClassifierMixin, RegressorMixin

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nncore.callbacks import History

__all__ = ["KerasClassifier", "KerasRegressor"]

_VERBS = ("fit", "predict", "predict_classes", "evaluate")


def _words(function: Callable[..., Any], owner: str) -> set[str]:
    """The keywords that a function takes, old ones included."""
    names = set(inspect.signature(function).parameters) - {"self"}
    return names | set(RENAMED.get(owner, ())) | DROPPED.get(owner, frozenset())


class _Estimator(BaseEstimator):  # type: ignore[misc]
    """What both have in common.

    Attributes:
        model: the model that `fit` built.
        history: the `History` of the last `fit`.
    """

    def __init__(
        self, build_fn: Callable[..., Sequential] | None = None, **sk_params: Any
    ) -> None:
        """See the class."""
        self.build_fn = build_fn
        self.sk_params = sk_params
        self._check(sk_params)

    def _build(self) -> Callable[..., Any]:
        """What builds the model: `build_fn`, or the call of a derived class."""
        if self.build_fn is not None:
            return self.build_fn
        if callable(self):
            return self
        raise ValueError(
            "`build_fn` must be a function that returns a compiled model. "
            "Received: build_fn=None"
        )

    def _accepted(self, verbs: tuple[str, ...] = _VERBS) -> set[str]:
        names: set[str] = set()
        for verb in verbs:
            names |= _words(getattr(Sequential, verb), f"Sequential.{verb}")
        return names

    def _check(self, params: dict[str, Any]) -> None:
        known = self._accepted() | _words(self._build(), "")
        for name in params:
            if name not in known:
                raise ValueError(
                    "Parameters must be arguments of `build_fn` or of the model's "
                    f"{', '.join(_VERBS)}. Received: {name}={params[name]!r}"
                )

    def _chosen(self, verb: str, given: dict[str, Any]) -> dict[str, Any]:
        """The parameters that a verb takes, those given to it last."""
        names = self._accepted((verb,))
        chosen = {k: v for k, v in self.sk_params.items() if k in names}
        return {**chosen, **given}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return all parameters.

        Args:
            deep: accepted for scikit-learn's sake; no effect.
        """
        return {**self.sk_params, "build_fn": self.build_fn}

    def set_params(self, **params: Any) -> _Estimator:
        """Set parameters.

        Args:
            **params: as for the class.

        Returns:
            The estimator.
        """
        params = dict(params)
        if "build_fn" in params:
            self.build_fn = params.pop("build_fn")
        self._check(params)
        self.sk_params = {**self.sk_params, **params}
        return self

    def _fit(self, x: Any, y: Any, given: dict[str, Any]) -> History:
        build = self._build()
        words = {k: v for k, v in self.sk_params.items() if k in _words(build, "")}
        self.model: Sequential = build(**words)
        loss = self.model.loss
        name = loss if isinstance(loss, str) else getattr(loss, "__name__", "")
        if name == "categorical_crossentropy" and np.ndim(y) != 2:
            y = to_categorical(y)
        history: History = self.model.fit(x, y, **self._chosen("fit", given))
        self.history = history
        return history


class KerasClassifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """A classifier for scikit-learn from a function that builds a model.

    Args:
        build_fn: function that returns a compiled model with one sigmoid output, or an
            output per class; None in a derived class that can be called instead.
        **sk_params: arguments of `build_fn`, and of the model's `fit`, `predict` and
            `evaluate`: `epochs`, `batch_size`, `verbose`, ...

    Attributes:
        classes_: the labels, in the order of the model's outputs.
        n_classes_: their number.
        model: the model that `fit` built.
        history: the `History` of the last `fit`.

    Raises:
        ValueError: a parameter is no argument of any of these.

    Example:
        >>> import numpy as np
        >>> from nncore.layers import Dense
        >>> from nncore.models import Sequential
        >>> def build(units=8):
        ...     hidden = Dense(units, activation="relu", input_dim=2)
        ...     model = Sequential([hidden, Dense(1, activation="sigmoid")])
        ...     model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        ...     return model
        >>> classifier = KerasClassifier(build, units=4, epochs=3, verbose=0)
        >>> history = classifier.fit([[0.0, 1.0], [1.0, 0.0]], ["no", "yes"])
        >>> classifier.predict([[0.0, 1.0]]).shape, classifier.classes_.tolist()
        ((1, 1), ['no', 'yes'])
    """

    def fit(self, x: Any, y: Any, **given: Any) -> History:
        """Build a model and train it.

        Args:
            x: inputs (n, columns).
            y: labels (n,) or (n, 1), numbers or text; or one-hot rows.
            **given: arguments of `Sequential.fit`.

        Returns:
            The `History`, as in Keras 2.
        """
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = np.arange(y.shape[1])
        elif y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1):
            self.classes_, y = np.unique(y.ravel(), return_inverse=True)
        else:
            raise ValueError(
                f"`y` must be labels or one-hot rows. Received: shape {y.shape}"
            )
        self.n_classes_ = len(self.classes_)
        return self._fit(x, y, given)

    def predict(self, x: Any, **given: Any) -> NDArray[Any]:
        """Return the label of each row.

        Args:
            x: inputs (n, columns).
            **given: arguments of `Sequential.predict_classes`.

        Returns:
            Array (n, 1) for a single output, as in Keras 2, else (n,).
        """
        words = self._chosen("predict_classes", given)
        labels: NDArray[Any] = self.classes_[self.model.predict_classes(x, **words)]
        return labels

    def predict_proba(self, x: Any, **given: Any) -> NDArray[Any]:
        """Return the probability of each class.

        Args:
            x: inputs (n, columns).
            **given: arguments of `Sequential.predict`.

        Returns:
            Array (n, classes); a single output p becomes the columns 1 - p and p.
        """
        p = self.model.predict(x, **self._chosen("predict", given))
        return np.hstack([1 - p, p]) if p.shape[1] == 1 else p

    def score(self, x: Any, y: Any, **given: Any) -> float:
        """Return the accuracy.

        Args:
            x: inputs (n, columns).
            y: labels, as for `fit`.
            **given: arguments of `Sequential.evaluate`.

        Raises:
            ValueError: the model was compiled without accuracy, or there is a label
                that `fit` has not seen.
        """
        y = np.asarray(y)
        if y.ndim == 1 or y.shape[1] == 1:
            labels = y.ravel()
            y = np.searchsorted(self.classes_, labels)
            known = self.classes_[np.minimum(y, self.n_classes_ - 1)] == labels
            if not known.all():
                raise ValueError(
                    "`y` must hold labels that `fit` has seen. "
                    f"Received: {labels[~known][0]!r}"
                )
            if self.model.output_shape[-1] != 1 and not _is_sparse(self.model):
                y = to_categorical(y, self.n_classes_)
        words = {**self._chosen("evaluate", given), "return_dict": True}
        scores = self.model.evaluate(x, y, **words)
        for key in ("acc", "accuracy"):
            if key in scores:
                return float(scores[key])
        raise ValueError(
            "`build_fn` must compile the model with metrics=['accuracy'] for its score "
            f"to be known. Received: {', '.join(scores)}"
        )


def _is_sparse(model: Sequential) -> bool:
    return model._require_compiled().is_sparse


class KerasRegressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    """A regressor for scikit-learn from a function that builds a model.

    Args:
        build_fn: function that returns a compiled model; None in a derived class that
            can be called instead.
        **sk_params: arguments of `build_fn`, and of the model's `fit`, `predict` and
            `evaluate`: `epochs`, `batch_size`, `verbose`, ...

    Attributes:
        model: the model that `fit` built.
        history: the `History` of the last `fit`.

    Raises:
        ValueError: a parameter is no argument of any of these.

    Example:
        >>> from nncore.layers import Dense
        >>> from nncore.models import Sequential
        >>> def build():
        ...     model = Sequential([Dense(1, input_dim=2)])
        ...     model.compile("sgd", "mse")
        ...     return model
        >>> regressor = KerasRegressor(build, epochs=3, verbose=0)
        >>> history = regressor.fit([[0.0, 1.0], [1.0, 0.0]], [1.0, 2.0])
        >>> regressor.predict([[0.0, 1.0], [1.0, 0.0]]).shape
        (2,)
    """

    def fit(self, x: Any, y: Any, **given: Any) -> History:
        """Build a model and train it.

        Args:
            x: inputs (n, columns).
            y: targets.
            **given: arguments of `Sequential.fit`.

        Returns:
            The `History`, as in Keras 2.
        """
        return self._fit(x, y, given)

    def predict(self, x: Any, **given: Any) -> NDArray[Any]:
        """Return the outputs.

        Args:
            x: inputs (n, columns).
            **given: arguments of `Sequential.predict`.

        Returns:
            Array (n,) for a single output, else (n, outputs).
        """
        out = self.model.predict(x, **self._chosen("predict", given))
        return out[:, 0] if out.shape[1:] == (1,) else out

    def score(self, x: Any, y: Any, **given: Any) -> float:
        """Return minus the loss: more is better.

        Args:
            x: inputs (n, columns).
            y: targets.
            **given: arguments of `Sequential.evaluate`.
        """
        words = {**self._chosen("evaluate", given), "return_dict": True}
        return -float(self.model.evaluate(x, y, **words)["loss"])
