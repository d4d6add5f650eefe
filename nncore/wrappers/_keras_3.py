"""`SKLearnClassifier` and `SKLearnRegressor` of Keras 3."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nncore.models import Sequential

from ._base import BaseEstimator, ClassifierMixin, RegressorMixin

if TYPE_CHECKING:
    from numpy.typing import NDArray


class _Estimator(BaseEstimator):  # type: ignore[misc]
    """What both have in common."""

    def __init__(
        self,
        model: Any = None,
        warm_start: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        fit_kwargs: dict[str, Any] | None = None,
    ) -> None:
        """See the class."""
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def _fit(self, X: Any, y: Any, given: dict[str, Any]) -> Self:
        if not (self.warm_start and hasattr(self, "model_")):
            if isinstance(self.model, Sequential):
                self.model_ = copy.deepcopy(self.model)
            elif callable(self.model):
                self.model_ = self.model(X, y, **(self.model_kwargs or {}))
            else:
                raise TypeError(
                    "`model` must be a compiled Sequential, or a function of (X, y) "
                    f"that returns one. Received: model={self.model!r}"
                )
        words = {"verbose": 0, **(self.fit_kwargs or {}), **given}
        self.history_ = self.model_.fit(X, y, **words).history
        return self

    def _outputs(self, X: Any) -> NDArray[Any]:
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self, "model_")
        out: NDArray[Any] = self.model_.predict(X, verbose=0)
        return out


class SKLearnClassifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """A classifier for scikit-learn around a model.

    The model is given one-hot targets, a column per class.

    Args:
        model: compiled `Sequential` with an output per class, of which `fit` trains a
            copy; or function of (X, y) that returns one.
        warm_start: whether `fit` goes on with the model of the last `fit`.
        model_kwargs: further arguments of the function, or None.
        fit_kwargs: arguments of `Sequential.fit`, or None.

    Attributes:
        model_: the model that was trained.
        history_: dict of lists, as `History.history`.
        classes_: the labels, in the order of the model's outputs.

    Example:
        >>> from nncore.layers import Dense
        >>> from nncore.models import Sequential
        >>> def build(X, y):
        ...     model = Sequential([Dense(y.shape[1], "softmax", input_dim=X.shape[1])])
        ...     model.compile("adam", "categorical_crossentropy")
        ...     return model
        >>> X = np.array([[0.0, 1.0], [1.0, 0.0]])
        >>> SKLearnClassifier(build).fit(X, ["no", "yes"]).predict(X).shape
        (2,)
    """

    def fit(self, X: Any, y: Any, **given: Any) -> Self:
        """Train.

        Args:
            X: inputs (n, columns).
            y: labels (n,).
            **given: arguments of `Sequential.fit`.

        Returns:
            The estimator.
        """
        self.classes_, numbers = np.unique(np.asarray(y).ravel(), return_inverse=True)
        return self._fit(X, np.eye(len(self.classes_))[numbers], given)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label of each row.

        Args:
            X: inputs (n, columns).
        """
        labels: NDArray[Any] = self.classes_[self._outputs(X).argmax(axis=1)]
        return labels

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Return the model's outputs, a column per class.

        Args:
            X: inputs (n, columns).
        """
        return self._outputs(X)


class SKLearnRegressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    """A regressor for scikit-learn around a model.

    Args:
        model: compiled `Sequential`, of which `fit` trains a copy; or function of
            (X, y) that returns one.
        warm_start: whether `fit` goes on with the model of the last `fit`.
        model_kwargs: further arguments of the function, or None.
        fit_kwargs: arguments of `Sequential.fit`, or None.

    Attributes:
        model_: the model that was trained.
        history_: dict of lists, as `History.history`.

    Example:
        >>> from nncore.layers import Dense
        >>> from nncore.models import Sequential
        >>> model = Sequential([Dense(1, input_dim=2)])
        >>> model.compile("sgd", "mse")
        >>> X = np.array([[0.0, 1.0], [1.0, 0.0]])
        >>> SKLearnRegressor(model).fit(X, [1.0, 2.0]).predict(X).shape
        (2,)
    """

    def fit(self, X: Any, y: Any, **given: Any) -> Self:
        """Train.

        Args:
            X: inputs (n, columns).
            y: targets (n,) or (n, outputs).
            **given: arguments of `Sequential.fit`.

        Returns:
            The estimator.
        """
        return self._fit(X, np.asarray(y), given)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the outputs, (n,) for a single one.

        Args:
            X: inputs (n, columns).
        """
        out = self._outputs(X)
        return out[:, 0] if out.shape[1:] == (1,) else out
