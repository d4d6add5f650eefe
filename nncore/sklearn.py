"""`MLPClassifier` and `MLPRegressor` with scikit-learn's words, trained by nncore.

The arguments, attributes and rules are those of `sklearn.neural_network`, so that
changing the import is enough. Starting weights, held-out rows and the order of rows are
drawn from `random_state` by the same calls in the same order as there: with the same
settings both libraries make the same updates, up to rounding. What scikit-learn does
not offer is in arguments of its own behind its last one, and in `model_`, a
`nncore.Sequential` with all that it can do.

The estimators own the loop over epochs, because its rules (when to stop, what counts
as an improvement) are scikit-learn's; each epoch is one call of the core.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nncore import _checks, layers, losses, optimizers, regularizers
from nncore._training import Pace
from nncore.models import Sequential

try:
    import scipy.optimize
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state, column_or_1d, compute_sample_weight
    from sklearn.utils.metaestimators import available_if
    from sklearn.utils.multiclass import (
        check_classification_targets,
        type_of_target,
        unique_labels,
    )
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted
except ImportError as error:  # pragma: no cover
    raise ImportError(
        "nncore.sklearn needs scikit-learn 1.4 or later. Install it with "
        "`pip install scikit-learn`"
    ) from error

try:
    from sklearn.utils.validation import validate_data
except ImportError:  # scikit-learn 1.4 and 1.5

    def validate_data(_estimator: Any, **options: Any) -> Any:
        """The method that it was."""
        return _estimator._validate_data(**options)


if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nncore._core import Network

    Array = NDArray[Any]

__all__ = ["MLPClassifier", "MLPRegressor"]

_ACTIVATIONS = {
    "identity": "linear",
    "logistic": "sigmoid",
    "exp": "exponential",
}
_SCHEDULES = ("constant", "invscaling", "adaptive")
_SMALLEST_RATE = 1e-6
_NEGLIGIBLE = 1e-3
# With Keras's 0.99 the moving means of a table's few batches would still be at 0.
_MOMENTUM = 0.9
_BOOLEANS = (
    "shuffle",
    "warm_start",
    "early_stopping",
    "batch_normalization",
    "scale_X",
)
# What a fit that goes on must leave as it is: the layers and what their weights mean.
_LASTING = ("batch_normalization", "scale_X", "scale_y", "out_activation")


class _Data(NamedTuple):
    """Rows as the core takes them: x [n][columns], y [n][target columns], w [n]."""

    x: Array
    y: Array
    weights: Array | None


def _is_stochastic(estimator: Any) -> bool:
    """Whether there is a `partial_fit`."""
    if estimator.solver == "lbfgs":
        raise AttributeError(
            "`partial_fit` needs a solver that goes batch by batch. "
            "Received: solver='lbfgs'"
        )
    return True


class _MLP(BaseEstimator):  # type: ignore[misc]
    """What classifier and regressor share; the arguments are stated there."""

    # ---- what the two kinds differ in ------------------------------------------------

    def _encoded(self, y: Any, incremental: bool) -> Array:
        """Targets [n][columns] as numbers; learns classes when they are new."""
        raise NotImplementedError

    def _head(self) -> tuple[str, Any, float]:
        """Output activation, the core's loss, and what scikit-learn's is times it."""
        raise NotImplementedError

    def _score_of(self, out: Array, held: _Data) -> float:
        """What `score` says of outputs for the held-out rows."""
        raise NotImplementedError

    # ---- scikit-learn's view of the model --------------------------------------------

    @property
    def coefs_(self) -> list[Array]:
        """Kernels of the Dense layers, read-only; assign a list to change them."""
        return self._parameters(0)

    @coefs_.setter
    def coefs_(self, values: Sequence[Any]) -> None:
        self._set_parameters(0, values)

    @property
    def intercepts_(self) -> list[Array]:
        """Biases of the Dense layers, read-only; assign a list to change them."""
        return self._parameters(1)

    @intercepts_.setter
    def intercepts_(self, values: Sequence[Any]) -> None:
        self._set_parameters(1, values)

    def _dense(self) -> list[layers.Dense]:
        if "model_" not in vars(self):
            raise AttributeError(
                f"This {type(self).__name__} has no weights before it is fitted."
            )
        return [x for x in self.model_.layers if isinstance(x, layers.Dense)]

    def _parameters(self, place: int) -> list[Array]:
        found = [layer.get_weights()[place] for layer in self._dense()]
        for array in found:
            array.flags.writeable = False
        return found

    def _set_parameters(self, place: int, values: Sequence[Any]) -> None:
        for layer, value in zip(self._dense(), values, strict=True):
            weights = layer.get_weights()
            weights[place] = value
            layer.set_weights(weights)

    # ---- arguments -------------------------------------------------------------------

    def _check_arguments(self) -> None:
        if self.learning_rate not in _SCHEDULES:
            raise ValueError(
                f"`learning_rate` must be one of {', '.join(_SCHEDULES)}. "
                + _checks.received("learning_rate", self.learning_rate)
            )
        _checks.real("alpha", self.alpha, 0)
        _checks.real("learning_rate_init", self.learning_rate_init, above=0)
        _checks.real("power_t", self.power_t, 0)
        _checks.real("tol", self.tol, 0)
        _checks.integer("max_iter", self.max_iter, 1)
        _checks.integer("max_fun", self.max_fun, 1)
        if self.n_iter_no_change != math.inf:
            _checks.integer("n_iter_no_change", self.n_iter_no_change, 1)
        for name in _BOOLEANS:
            _checks.boolean(name, getattr(self, name))
        fraction = _checks.real("validation_fraction", self.validation_fraction, 0)
        if fraction >= 1:
            raise ValueError(
                "`validation_fraction` must be below 1. "
                + _checks.received("validation_fraction", fraction)
            )
        if self.batch_size != "auto":
            _checks.integer("batch_size", self.batch_size, 1)
        if self.solver == "lbfgs" and any(self._dropouts()):
            raise ValueError(
                "`dropout` must be 0 for solver='lbfgs', which needs the same loss for "
                f"the same weights. {_checks.received('dropout', self.dropout)}"
            )
        if self.solver == "lbfgs" and self.batch_normalization:
            raise ValueError(
                "`batch_normalization` must be False for solver='lbfgs', which knows "
                "no batches. Received: batch_normalization=True"
            )

    def _sizes(self) -> list[int]:
        """Units of the hidden layers."""
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        return [_checks.integer("hidden_layer_sizes", size, 1) for size in sizes]

    def _per_layer(self, name: str) -> list[Any]:
        """An argument that is one value for all hidden layers, or one for each."""
        value, n = getattr(self, name), len(self._sizes())
        if not isinstance(value, (list, tuple)):
            return [value] * n
        if len(value) != n:
            raise ValueError(
                f"`{name}` must be one value, or one for each of the {n} hidden "
                f"layers. {_checks.received(name, value)}"
            )
        return list(value)

    def _dropouts(self) -> list[float]:
        return [_checks.real("dropout", p, 0) for p in self._per_layer("dropout")]

    def _optimizer(self) -> optimizers.Optimizer:
        """A new optimizer from `solver` and what belongs to it."""
        rate = self.learning_rate_init
        if self.solver == "sgd":
            return optimizers.SGD(
                rate,
                momentum=self.momentum,
                nesterov=bool(self.nesterovs_momentum and self.momentum),
            )
        if self.solver in ("adam", "lbfgs"):
            return optimizers.Adam(rate, self.beta_1, self.beta_2, self.epsilon)
        if isinstance(self.solver, str):
            rule = optimizers.get(self.solver, "solver")
            rule.learning_rate = rate
            return rule
        given = optimizers.get(self.solver, "solver")
        return optimizers.deserialize(optimizers.serialize(given))

    # ---- the network -----------------------------------------------------------------

    def _drawn(self, units: list[int], dtype: str) -> list[Array]:
        """Starting weights, as scikit-learn draws them."""
        names = self._per_layer("activation")
        names.append(names[-1] if names else self.activation)
        found = []
        for (n_in, n_out), name in zip(pairwise(units), names, strict=True):
            bound = np.sqrt((2.0 if name == "logistic" else 6.0) / (n_in + n_out))
            for shape in ((n_in, n_out), (n_out,)):
                found.append(
                    self._random_state.uniform(-bound, bound, shape).astype(dtype)
                )
        return found

    def _network_of(
        self, weights: list[Array], n_in: int, l2: float, seed: int | None = None
    ) -> Sequential:
        """A model with these weights, not yet compiled."""
        penalty = regularizers.L2(l2) if l2 else None
        stack: list[layers.Layer] = [*self._scaler()]
        dense = []
        for units, name, rate in zip(
            self._sizes(), self._per_layer("activation"), self._dropouts(), strict=True
        ):
            name = _ACTIVATIONS.get(name, name) if isinstance(name, str) else name
            if self.batch_normalization:
                dense.append(layers.Dense(units, kernel_regularizer=penalty))
                stack += [
                    dense[-1],
                    layers.BatchNormalization(momentum=_MOMENTUM),
                    layers.Activation(name),
                ]
            else:
                dense.append(
                    layers.Dense(units, activation=name, kernel_regularizer=penalty)
                )
                stack.append(dense[-1])
            if rate:
                stack.append(layers.Dropout(rate))
        out = _ACTIVATIONS.get(self.out_activation_, self.out_activation_)
        columns = weights[-1].shape[0]
        dense.append(layers.Dense(columns, activation=out, kernel_regularizer=penalty))
        stack.append(dense[-1])
        if seed is None:
            # Only dropout draws from the seed.
            draws = any(self._dropouts())
            seed = int(self._random_state.randint(2**31 - 1)) if draws else 0
        model = Sequential(stack, seed=seed, dtype=str(weights[0].dtype))
        model.build((None, n_in))
        for layer, w, b in zip(dense, weights[::2], weights[1::2], strict=True):
            layer.set_weights([w, b])
        return model

    def _ready_model(
        self, weights: list[Array] | None, n_in: int, l2: float, fresh: bool
    ) -> Network:
        """`model_` with this penalty; `fresh`: with an optimizer that starts anew."""
        old: Network | None = None
        form = l2, self._per_layer("activation"), self._dropouts()
        if weights is not None:
            self.model_ = self._network_of(weights, n_in, l2)
        elif form != self._form:
            # The penalty is part of a network, and depends on the rows in a batch.
            before, old = self.model_, self.model_._ready_network()
            self.model_ = self._twin(l2)
            self.model_.set_weights(before.get_weights())
        self._form: tuple[float, list[Any], list[float]] = form
        if fresh or old is not None or weights is not None:
            loss = self._head()[1]
            self.model_.compile(self._optimizer(), loss, weighted_metrics=self._also())
        network = self.model_._ready_network()
        if old is not None and not fresh:
            _hand_over(old, network)
        return network

    def _twin(self, l2: float) -> Sequential:
        """A network of the arguments with this penalty and the weights of `model_`."""
        pairs = zip(self.coefs_, self.intercepts_, strict=True)
        weights = [array for pair in pairs for array in pair]
        # A seed that nothing has drawn from was no choice.
        seed = self.model_.seed if any(self._form[2]) else None
        return self._network_of(weights, len(weights[0]), l2, seed)

    def _last_batch_network(self, short: int, size: int, data: _Data) -> Any:
        """A network for an epoch's last, shorter batch; None: its penalty is as good.

        It trains in the place of `model_` where the difference would move a weight by
        more than a thousandth of itself, relative to the rate.
        """
        if not short or self.alpha * (1 / short - 1 / size) <= _NEGLIGIBLE:
            return None
        model = self._twin(self._penalty(short, data.weights))
        model.compile(self._optimizer(), self._head()[1], weighted_metrics=self._also())
        return model._ready_network()

    def _also(self) -> list[str]:
        """What must be measured besides the loss to say scikit-learn's."""
        return []

    def _reported(self, row: list[float], scale: float) -> float:
        """Scikit-learn's loss from what the core reports."""
        return row[0]

    # ---- fit -------------------------------------------------------------------------

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, Any] | None = None,
        *,
        incremental: bool = False,
    ) -> Any:
        self._check_arguments()
        first = not hasattr(self, "model_") or not (self.warm_start or incremental)
        dtypes = [np.float64, np.float32] if self.dtype is None else [self.dtype]
        lasting = {name: getattr(self, name, None) for name in _LASTING}
        if not first:
            self._check_lasting(lasting)
            dtypes = [np.dtype(self.model_.dtype)]
        x, y = validate_data(
            self,
            X=X,
            y=y,
            accept_sparse="csr",
            multi_output=True,
            dtype=dtypes,
            order="C",
            reset=first,
            **self._target_options(),
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        targets = self._encoded(y, incremental).astype(x.dtype)
        weights = self._weights(sample_weight, x, y, incremental)
        self._random_state = check_random_state(self.random_state)
        if first:
            self._begin(targets)
            self._lasting = lasting
        if first or self.early_stopping != (self.best_loss_ is None):
            self._begin_to_watch()
        self.n_outputs_ = columns = self._columns(targets)
        x = self._dense_rows(x)
        if first:
            self._learn_scales(x, targets, weights)
        data = _Data(self._scaled(x), self._scaled_targets(targets), weights)
        units = [x.shape[1], *self._sizes(), columns]
        drawn = None
        if first:
            self.n_layers_ = len(units)
            drawn = self._drawn(units, str(x.dtype))
        elif [w.shape for w in self.coefs_] != list(pairwise(units)):
            raise ValueError(
                "A fit that goes on must have the layers of the one before: "
                f"{[w.shape for w in self.coefs_]}. Received: units={units}"
            )
        with np.errstate(all="ignore"):
            if self.solver == "lbfgs":
                self._fit_lbfgs(data, drawn)
            else:
                self._fit_batches(data, drawn, validation, incremental)
        if not all(np.isfinite(w).all() for w in self.model_.get_weights()):
            raise ValueError(_NOT_FINITE)
        return self

    def _check_lasting(self, lasting: dict[str, Any]) -> None:
        for name, value in lasting.items():
            if value != self._lasting[name]:
                raise ValueError(
                    f"`{name}` must be that of the fit before in a fit that goes on: "
                    f"{self._lasting[name]!r}. {_checks.received(name, value)}"
                )

    def _target_options(self) -> dict[str, Any]:
        return {}

    def _weights(
        self, sample_weight: Any, x: Array, y: Array, incremental: bool
    ) -> Array | None:
        """A weight for each row, or None."""
        if sample_weight is None:
            return None
        weights: Array = _check_sample_weight(sample_weight, x, dtype=np.float64)
        if (weights < 0).any():
            row = int(np.argmax(weights < 0))
            raise ValueError(
                "`sample_weight` must not be negative. "
                f"Received: {weights[row]} in row {row}"
            )
        return weights

    def _begin(self, targets: Array) -> None:
        """Forget what an earlier fit found out."""
        self.t_ = 0
        self.n_outputs_ = self._columns(targets)
        self.out_activation_ = self._head()[0]
        self.loss_curve_: list[float] = []
        self.__dict__.pop("validation_loss_curve_", None)

    def _begin_to_watch(self) -> None:
        """Forget what was the best by loss or by score."""
        self._no_improvement_count = 0
        self.best_loss_: float | None = None if self.early_stopping else math.inf
        self.validation_scores_: list[float] | None = None
        self.best_validation_score_: float | None = None
        if self.early_stopping:
            self.validation_scores_ = []
            self.best_validation_score_ = -math.inf

    def _columns(self, targets: Array) -> int:
        """Columns of the output."""
        return int(targets.shape[1])

    def _team(self) -> int:
        """Most threads to use; 0: the process's number."""
        return self.threads or 0

    def _penalty(self, rows: int, weights: Array | None) -> float:
        """The core's factor of sum w^2: alpha is divided by the rows' weight."""
        mean = 1.0 if weights is None else float(weights.mean())
        return 0.5 * float(self.alpha) / (rows * mean) if mean else 0.0

    def _fit_lbfgs(self, data: _Data, drawn: list[Array] | None) -> None:
        n, n_in = data.x.shape
        network = self._ready_model(
            drawn, n_in, self._penalty(n, data.weights), fresh=True
        )
        scale = self._head()[2]
        rows = _Normalized(data, n, scale).of(None)
        start = [network.get_variable(i) for i in range(network.n_variables)]
        ends = np.cumsum([part.size for part in start]).tolist()
        places = [slice(a, b) for a, b in pairwise([0, *ends])]

        def assign(packed: Array) -> None:
            packed = packed.astype(data.x.dtype, copy=False)
            for i, place in enumerate(places):
                network.set_variable(i, packed[place].reshape(start[i].shape))

        def function(packed: Array) -> tuple[float, Array]:
            assign(packed)
            loss, gradients = network.gradient(
                data.x, data.y, rows, threads=self._team()
            )
            return loss, np.concatenate(gradients, axis=None, dtype=np.float64)

        with self.model_._holding("fit"):
            found = scipy.optimize.minimize(
                function,
                np.concatenate(start, axis=None, dtype=np.float64),
                method="L-BFGS-B",
                jac=True,
                options={
                    "maxfun": self.max_fun,
                    "maxiter": self.max_iter,
                    "gtol": self.tol,
                },
            )
            assign(found.x)
            measured = network.evaluate(
                *(data.x, data.y, rows, 0, n), threads=self._team()
            )
        assert measured is not None
        self.n_iter_ = min(int(found.nit), self.max_iter)
        if found.status != 0:
            warnings.warn(
                f"lbfgs ended after {found.nit} iterations without having converged "
                f"(status {found.status}: {found.message}). More iterations "
                "(max_iter) or scaled inputs (scale_X=True) help",
                ConvergenceWarning,
                stacklevel=4,
            )
        self.loss_ = self._reported(measured, scale)
        if self.verbose:
            print(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")

    def _fit_batches(
        self,
        data: _Data,
        drawn: list[Array] | None,
        validation: tuple[Any, Any] | None,
        incremental: bool,
    ) -> None:
        if incremental and self.early_stopping:
            raise ValueError(
                "`partial_fit` needs early_stopping=False: it sees a part of the rows. "
                "Received: early_stopping=True"
            )
        held = None
        if validation is not None:
            held = self._given_held_out(*validation, data.x.dtype)
        elif self.early_stopping:
            data, held = self._split(data)
        n, n_in = data.x.shape
        size = 200 if self.batch_size == "auto" else int(self.batch_size)
        if size > n and self.batch_size != "auto":
            warnings.warn(
                f"`batch_size` must be at most the number of rows, {n}, which is used. "
                f"Received: batch_size={size}",
                stacklevel=4,
            )
        size = min(size, n)
        fresh = not incremental or drawn is not None
        network = self._ready_model(
            drawn, n_in, self._penalty(size, data.weights), fresh
        )
        if fresh:
            self._rate = self.learning_rate_init
        with self.model_._holding("fit"):
            try:
                self._run(network, data, size, held, incremental)
            except KeyboardInterrupt:
                warnings.warn("Training interrupted by user.", stacklevel=4)
            finally:
                network.reset_epoch()
                best = self.__dict__.pop("_best_weights", None)
        if best is not None:
            self.model_.set_weights(best)

    def _run(
        self,
        network: Network,
        data: _Data,
        size: int,
        held: _Data | None,
        incremental: bool,
    ) -> None:
        """The epochs, by scikit-learn's rules."""
        n = len(data.x)
        scale = self._head()[2]
        normalized = _Normalized(data, size, scale)
        held_weights = None
        if held is not None:
            held_weights = _Normalized(held, len(held.x), scale).of(None)
            if not hasattr(self, "validation_loss_curve_"):
                self.validation_loss_curve_: list[float] = []
        pace = Pace(network.microseconds(size, True))
        last = self._last_batch_network(n % size, size, data)
        rows = np.arange(n, dtype=np.uint32)
        self.n_iter_ = 0
        for _ in range(1 if incremental else self.max_iter):
            order = None
            if self.shuffle:
                draw = np.arange(n)
                self._random_state.shuffle(draw)
                order = rows = rows[draw]
            row = self._epoch(
                network, last, data, normalized.of(order), size, order, pace
            )
            self.n_iter_ += 1
            self.t_ += n
            self.loss_ = self._reported(row, scale)
            self.loss_curve_.append(self.loss_)
            if self.verbose:
                print(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")
            if held is not None:
                measured = network.evaluate(
                    *(held.x, held.y, held_weights, 0, len(held.x)),
                    threads=self._team(),
                )
                assert measured is not None
                self.validation_loss_curve_.append(self._reported(measured, scale))
            self._count(network, held)
            if self.solver == "sgd" and self.learning_rate == "invscaling":
                self._rate = self.learning_rate_init / (self.t_ + 1) ** self.power_t
            if self._no_improvement_count > self.n_iter_no_change and self._stops():
                return
        if not incremental:
            warnings.warn(
                f"Training ended after max_iter={self.max_iter} epochs, while it still "
                f"improved by more than tol={self.tol}.",
                ConvergenceWarning,
                stacklevel=5,
            )

    def _epoch(
        self,
        network: Network,
        last: Network | None,
        data: _Data,
        weights: Array | None,
        size: int,
        order: Array | None,
        pace: Pace,
    ) -> list[float]:
        """What the core reports of one epoch."""
        n = len(data.x)
        if last is None:
            count = math.ceil(n / size)
            return self._batches(network, data, weights, size, count, order, pace)
        full, short = n // size, n % size
        row = self._batches(network, data, weights, size, full, order, pace)
        rows = np.arange(n, dtype=np.uint32) if order is None else order
        rows = np.roll(rows, short)
        _hand_over(network, last)
        end = self._batches(last, data, weights, short, 1, rows, pace)
        _hand_over(last, network)
        share = short / n
        return [(1 - share) * a + share * b for a, b in zip(row, end, strict=True)]

    def _batches(
        self,
        network: Network,
        data: _Data,
        weights: Array | None,
        size: int,
        count: int,
        order: Array | None,
        pace: Pace,
    ) -> list[float]:
        """The first batches of an epoch, in calls short enough for Ctrl-C."""
        left = count
        while True:
            coming = min(left, pace.units)
            rate: Any = self._rate
            if self.solver != "sgd":
                rate = self.model_._learning_rates(coming)
            began = time.perf_counter()
            rows, batches, _, nan_batch = network.train(
                data.x,
                data.y,
                weights,
                batch_size=size,
                max_batches=coming,
                max_epochs=1,
                shuffle=False,
                learning_rate=rate,
                seconds=pace.limit,
                order=order,
                threads=self._team(),
            )
            pace.measured(batches, time.perf_counter() - began)
            left -= batches
            if nan_batch >= 0:
                raise ValueError(_NOT_FINITE)
            if len(rows):
                row: list[float] = rows[0].tolist()
                return row
            if not left:
                row = network.running()
                network.reset_epoch()
                return row

    def _count(self, network: Network, held: _Data | None) -> None:
        """Count the epochs without an improvement; keep the best weights."""
        if not self.early_stopping:
            assert self.best_loss_ is not None
            worse = self.loss_ > self.best_loss_ - self.tol
            self.best_loss_ = min(self.loss_, self.best_loss_)
            self._no_improvement_count = self._no_improvement_count + 1 if worse else 0
            return
        assert held is not None and self.validation_scores_ is not None
        assert self.best_validation_score_ is not None
        score = self._score_of(network.predict(held.x, threads=self._team()), held)
        self.validation_scores_.append(score)
        if self.verbose:
            print(f"Validation score: {score:f}")
        worse = score < self.best_validation_score_ + self.tol
        self._no_improvement_count = self._no_improvement_count + 1 if worse else 0
        if score > self.best_validation_score_:
            self.best_validation_score_ = score
            self._best_weights = self.model_.get_weights()

    def _stops(self) -> bool:
        """Whether too many epochs without an improvement end the training."""
        what = "Validation score" if self.early_stopping else "Training loss"
        text = (
            f"{what} did not improve more than tol={self.tol:f} for "
            f"{self.n_iter_no_change} consecutive epochs."
        )
        adapts = self.solver == "sgd" and self.learning_rate == "adaptive"
        if not adapts or self._rate <= _SMALLEST_RATE:
            if self.verbose:
                print(
                    text + (" Learning rate too small." if adapts else ""), "Stopping."
                )
            return True
        self._rate /= 5.0
        self._no_improvement_count = 0
        if self.verbose:
            print(f"{text} Setting learning rate to {self._rate:f}")
        return False

    # ---- held-out rows ---------------------------------------------------------------

    def _split(self, data: _Data) -> tuple[_Data, _Data]:
        """Rows to train on and rows to stop by, drawn as scikit-learn does."""
        arrays = [data.x, data.y, *([] if data.weights is None else [data.weights])]
        try:
            parts = train_test_split(
                *arrays,
                random_state=self._random_state,
                test_size=self.validation_fraction,
                stratify=data.y if self._stratifies() else None,
            )
        except ValueError as error:
            raise ValueError(
                f"`validation_fraction` must leave rows to train on and to stop by: "
                f"{error}. Received: validation_fraction={self.validation_fraction} of "
                f"{len(data.x)} rows"
            ) from error
        train, held = parts[::2], parts[1::2]
        if len(held[0]) < 2:
            raise ValueError(
                "The held-out rows must be at least 2: raise `validation_fraction`, or "
                f"give X_val and y_val. Received: {len(held[0])} of {len(data.x)} rows"
            )
        first, last = (
            _Data(part[0], part[1], part[2] if len(part) > 2 else None)
            for part in (train, held)
        )
        return first, last

    def _stratifies(self) -> bool:
        return False

    def _given_held_out(self, X_val: Any, y_val: Any, dtype: np.dtype[Any]) -> _Data:
        if X_val is None or y_val is None:
            raise ValueError(
                "`X_val` and `y_val` must be given together. Received: "
                f"{'X_val' if y_val is None else 'y_val'} without the other"
            )
        x, y = validate_data(
            self,
            X=X_val,
            y=y_val,
            accept_sparse="csr",
            multi_output=True,
            dtype=[dtype],
            order="C",
            reset=False,
            **self._target_options(),
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = y.ravel()
        targets = self._encoded(y, True).astype(x.dtype)
        return _Data(
            self._scaled(self._dense_rows(x)), self._scaled_targets(targets), None
        )

    # ---- scaling ---------------------------------------------------------------------

    @staticmethod
    def _dense_rows(x: Any) -> Array:
        return np.ascontiguousarray(x.toarray() if hasattr(x, "toarray") else x)

    def _learn_scales(self, x: Array, targets: Array, weights: Array | None) -> None:
        for name in ("X_mean_", "X_scale_", "y_mean_", "y_scale_"):
            self.__dict__.pop(name, None)
        if self.scale_X:
            self.X_mean_, self.X_scale_ = _mean_and_scale(x, weights)

    def _scaler(self) -> list[layers.Normalization]:
        """The layer that scales rows, if they are scaled."""
        if "X_mean_" not in vars(self):
            return []
        variance = self.X_scale_.astype(np.float64) ** 2
        dtype = str(self.X_mean_.dtype)
        return [layers.Normalization(mean=self.X_mean_, variance=variance, dtype=dtype)]

    def _scaled(self, x: Array) -> Array:
        for layer in self._scaler():
            x = np.ascontiguousarray(layer(x), x.dtype)
        return x

    def _scaled_targets(self, targets: Array) -> Array:
        return np.ascontiguousarray(targets)

    # ---- predict ---------------------------------------------------------------------

    def _outputs(self, X: Any) -> Array:
        """Outputs [n][n_outputs_] of the network."""
        check_is_fitted(self, "model_")
        x = validate_data(
            self,
            X=X,
            accept_sparse="csr",
            dtype=[np.dtype(self.model_.dtype)],
            order="C",
            reset=False,
        )
        network = self.model_._ready_network()
        if not hasattr(x, "toarray"):
            return network.predict(self._scaled(x), threads=self._team())
        # Sparse rows become dense a block at a time.
        rows = max(1, (1 << 24) // max(1, x.shape[1]))
        parts = [
            network.predict(
                self._scaled(self._dense_rows(x[i : i + rows])), threads=self._team()
            )
            for i in range(0, x.shape[0], rows)
        ]
        return np.concatenate(parts)

    def __sklearn_tags__(self) -> Any:
        """Sparse inputs are taken (and made dense)."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


_NOT_FINITE = (
    "The loss and the weights must stay finite numbers. Received: NaN or infinity in "
    "training. Scaled inputs (scale_X=True) or a smaller learning_rate_init often help"
)


class _Normalized:
    """Row weights times the loss's scale, such that each batch's mean weight is 1.

    Scikit-learn divides a batch's weighted sum by the sum of its weights, the core by
    its number of rows.
    """

    def __init__(self, data: _Data, size: int, scale: float) -> None:
        """See the class."""
        n, self.dtype = len(data.x), data.x.dtype
        self.weights, self.scale = data.weights, scale
        self.same = None if scale == 1 else np.full(n, scale, self.dtype)
        self.starts = np.arange(0, n, size)
        self.rows = np.diff(np.append(self.starts, n))

    def of(self, order: Array | None) -> Array | None:
        """For an epoch in this order; None: as the rows are."""
        if self.weights is None:
            return self.same
        ordered = self.weights if order is None else self.weights[order]
        sums = np.add.reduceat(ordered, self.starts)
        factors = np.where(sums > 0, self.rows * self.scale / sums, 0.0)
        ordered = ordered * np.repeat(factors, self.rows)
        found = np.empty(len(ordered), self.dtype)
        found[slice(None) if order is None else order] = ordered
        return found


def _hand_over(old: Network, new: Network) -> None:
    """Give a network the weights and the optimizer of one of the same layers."""
    for index in range(new.n_variables):
        new.set_variable(index, old.get_variable(index))
        for slot in range(new.n_slots):
            new.set_slot(slot, index, old.get_slot(slot, index))
    new.set_counters(old.counters)


def _mean_and_scale(x: Array, weights: Array | None) -> tuple[Array, Array]:
    """Mean and standard deviation of each column, in its dtype; 1 for a constant."""
    mean = np.average(x.astype(np.float64, copy=False), axis=0, weights=weights)
    scale = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weights))
    # As much as rounding makes of a constant column.
    scale[scale <= 10 * np.finfo(x.dtype).eps * np.abs(mean)] = 1.0
    return mean.astype(x.dtype), scale.astype(x.dtype)


class MLPClassifier(ClassifierMixin, _MLP):  # type: ignore[misc]
    """`sklearn.neural_network.MLPClassifier`, trained by nncore.

    One output with a sigmoid for two classes, one per class behind a softmax for more,
    one per label with a sigmoid for several labels (`y`: zeros and ones, (n, labels)).
    The loss of a batch is the mean over its rows of the crossentropy, plus
    alpha / (2 rows) sum w^2 over the kernels.

    Args:
        hidden_layer_sizes: units of each hidden layer; an integer is one layer.
        activation: "relu", "tanh", "logistic", "identity" or any activation of nncore;
            a list names one per hidden layer.
        solver: "adam", "sgd", "lbfgs" (all rows at once, by SciPy), or the name or an
            instance of any optimizer of nncore.
        alpha: strength of the L2 penalty, which is divided by a batch's rows; in a
            last, shorter batch by those of a full one where that makes no difference
            to speak of: alpha (1 / short - 1 / full) <= 0.001.
        batch_size: rows per update; "auto": min(200, n).
        learning_rate: "constant", "invscaling" or "adaptive", for "sgd".
        learning_rate_init: the rate at the start.
        power_t: exponent of "invscaling".
        max_iter: most epochs; for "lbfgs" iterations.
        shuffle: whether each epoch takes the rows in another order.
        random_state: integer, `numpy.random.RandomState` or None. The same integer
            gives the same bits on any number of threads.
        tol: an epoch improves if the loss falls, or the score rises, by more.
        verbose: print the loss of each epoch.
        warm_start: `fit` goes on from the weights there are, with the arguments as
            they are then; those that say which layers there are must stay.
        momentum: of "sgd".
        nesterovs_momentum: of "sgd".
        early_stopping: hold rows out, stop when `score` on them no longer improves,
            and keep the weights that were best.
        validation_fraction: share of rows held out.
        beta_1: of "adam".
        beta_2: of "adam".
        epsilon: of "adam".
        n_iter_no_change: epochs without an improvement that are allowed.
        max_fun: most evaluations of "lbfgs".
        loss: None or "log_loss"; or any loss of nncore that takes zeros and ones.
        dropout: share of a hidden layer's outputs that is dropped in training; a list
            names one per hidden layer.
        batch_normalization: normalize what hidden layers give to their activations,
            with moving means of momentum 0.9.
        class_weight: dict from class to weight, "balanced", or None.
        scale_X: subtract each column's mean and divide by its standard deviation,
            learnt in the first `fit`. `model_` begins with a layer that does so.
        dtype: "float32" or "float64"; None: what X has, as in scikit-learn.
        threads: most threads to use; None: what `nncore.set_num_threads` says.

    Attributes:
        classes_: the labels in order.
        model_: the `nncore.Sequential`: save it, summarise it, call it.
        coefs_: list of kernels, read-only copies; assigning a list sets them.
        intercepts_: list of biases, likewise.
        loss_: the loss of the last epoch.
        best_loss_: the lowest; None with early stopping.
        loss_curve_: the loss of each epoch.
        validation_scores_: accuracy on the held-out rows after each epoch, or None.
        validation_loss_curve_: the loss there, where there are held-out rows.
        best_validation_score_: the highest of the scores, or None.
        n_iter_: epochs of this fit.
        t_: rows seen in training.
        n_layers_: layers with the input.
        n_outputs_: columns of the output.
        out_activation_: "logistic" or "softmax".
        n_features_in_: columns of X.
        feature_names_in_: their names, if X was a frame.
        X_mean_: with `scale_X`, what is subtracted from each column.
        X_scale_: with `scale_X`, what it is then divided by.

    Example:
        >>> from nncore.sklearn import MLPClassifier
        >>> X = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
        >>> y = ["same", "other", "other", "same"]
        >>> mlp = MLPClassifier((16,), solver="lbfgs", random_state=1).fit(X, y)
        >>> mlp.predict(X).tolist()
        ['same', 'other', 'other', 'same']
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        loss: Any = None,
        dropout: Any = 0.0,
        batch_normalization: bool = False,
        class_weight: Any = None,
        scale_X: bool = False,
        dtype: Any = None,
        threads: int | None = None,
    ) -> None:
        """See the class."""
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.loss = loss
        self.dropout = dropout
        self.batch_normalization = batch_normalization
        self.class_weight = class_weight
        self.scale_X = scale_X
        self.dtype = dtype
        self.threads = threads

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
    ) -> MLPClassifier:
        """Train on rows and their labels.

        Args:
            X: (n, columns): array, frame or sparse matrix (made dense).
            y: labels (n,), or zeros and ones (n, labels).
            sample_weight: weights (n,); a batch's loss is their weighted mean.
            X_val: rows to watch and, with `early_stopping`, to stop by.
            y_val: their labels.

        Returns:
            The estimator.

        Raises:
            ValueError: an argument or the data do not fit, or training diverged.
        """
        given = X_val is not None or y_val is not None
        found: MLPClassifier = self._fit(
            X, y, sample_weight, (X_val, y_val) if given else None
        )
        return found

    @available_if(_is_stochastic)  # type: ignore[untyped-decorator]
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> MLPClassifier:
        """Train for one epoch on these rows, with the optimizer as it is.

        Args:
            X: as for `fit`.
            y: as for `fit`.
            sample_weight: as for `fit`.
            classes: all labels; needed in the first call, but for several labels.

        Returns:
            The estimator.

        Raises:
            ValueError: as for `fit`, or other classes than those announced.
        """
        several = type_of_target(y).startswith("multilabel")
        if not hasattr(self, "classes_"):
            if classes is None and not several:
                raise ValueError(
                    "`classes` must be passed on the first call to partial_fit. "
                    "Received: classes=None"
                )
            known = np.arange(np.shape(y)[1]) if several else unique_labels(classes)
            self.classes_ = known
            self._several = several
        elif classes is not None and not np.array_equal(
            self.classes_, unique_labels(classes)
        ):
            raise ValueError(
                "`classes` must be those of the first call to partial_fit, "
                f"{self.classes_!r:.200}. Received: classes={classes!r:.200}"
            )
        found: MLPClassifier = self._fit(X, y, sample_weight, incremental=True)
        return found

    def _encoded(self, y: Any, incremental: bool) -> Array:
        kind = type_of_target(y, input_name="y")
        if kind not in ("binary", "multiclass"):
            check_classification_targets(y)
        several = kind.startswith("multilabel")
        found = np.arange(y.shape[1]) if several else np.unique(y)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._several, self.classes_ = several, found
        if several or self._several:
            if not several or y.shape[1] != len(self.classes_):
                raise ValueError(
                    "`y` must have the labels of the fit before: "
                    f"{len(self.classes_)}. Received: shape {y.shape}"
                )
            return np.asarray(y.toarray() if hasattr(y, "toarray") else y)
        if y.ndim > 1:
            raise ValueError(
                "`y` must be labels (n,), or zeros and ones (n, labels). "
                f"Received: shape {y.shape}"
            )
        if not np.isin(found, self.classes_).all() or (
            self.warm_start and not incremental and len(found) != len(self.classes_)
        ):
            raise ValueError(
                "`y` must have the classes of the fit before, "
                f"{self.classes_!r:.200}. Received: classes {found!r:.200}"
            )
        numbers: Array = np.searchsorted(self.classes_, y)[:, np.newaxis]
        return numbers

    def _columns(self, targets: Array) -> int:
        if self._several:
            return int(targets.shape[1])
        return 1 if len(self.classes_) <= 2 else len(self.classes_)

    def _head(self) -> tuple[str, Any, float]:
        is_softmax = not self._several and self.n_outputs_ > 1
        out = "softmax" if is_softmax else "logistic"
        if self.loss in (None, "log_loss"):
            if is_softmax:
                return out, "sparse_categorical_crossentropy", 1.0
            return out, "binary_crossentropy", float(self.n_outputs_)
        return out, losses.get(self.loss), 1.0

    def _scaled_targets(self, targets: Array) -> Array:
        if self.loss in (None, "log_loss") or self._several or self.n_outputs_ == 1:
            return np.ascontiguousarray(targets)
        identity = np.eye(self.n_outputs_, dtype=targets.dtype)
        one_hot: Array = identity[targets[:, 0].astype(int)]
        return one_hot

    def _weights(
        self, sample_weight: Any, x: Array, y: Array, incremental: bool
    ) -> Array | None:
        weights = super()._weights(sample_weight, x, y, incremental)
        if self.class_weight is None:
            return weights
        if incremental and self.class_weight == "balanced":
            raise ValueError(
                "`class_weight` must be a dict for partial_fit, which does not know "
                "how often each class will come. Received: class_weight='balanced'"
            )
        by_class: Array = compute_sample_weight(self.class_weight, y)
        return by_class if weights is None else weights * by_class

    def _stratifies(self) -> bool:
        return self.n_outputs_ == 1

    def _decided(self, out: Array) -> Array:
        """Class numbers (n,), or zeros and ones (n, labels)."""
        if self._several:
            return (out > 0.5).astype(int)
        if self.n_outputs_ == 1:
            return (out[:, 0] > 0.5).astype(int)
        found: Array = out.argmax(axis=1)
        return found

    def _score_of(self, out: Array, held: _Data) -> float:
        if not np.isfinite(out).all():
            return math.nan
        found, wanted = self._decided(out), held.y
        if self._several:
            right = (found == wanted).all(axis=1)
        else:
            wanted = wanted.argmax(axis=1) if wanted.shape[1] > 1 else wanted[:, 0]
            right = found == wanted
        return float(np.average(right, weights=held.weights))

    def predict(self, X: Any) -> Array:
        """Return the label of each row.

        Args:
            X: (n, columns).

        Returns:
            Labels (n,), or zeros and ones (n, labels).
        """
        decided = self._decided(self._outputs(X))
        if self._several:
            return decided
        found: Array = self.classes_[np.minimum(decided, len(self.classes_) - 1)]
        return found

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class.

        Args:
            X: (n, columns).

        Returns:
            Array (n, classes), columns as in `classes_`.
        """
        out = self._outputs(X)
        if self._several or self.n_outputs_ > 1:
            return out
        if len(self.classes_) == 1:
            return np.ones_like(out)
        return np.hstack([1 - out, out])

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithm of `predict_proba`.

        Args:
            X: (n, columns).

        Returns:
            Array (n, classes).
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _more_tags(self) -> dict[str, Any]:
        return {"multilabel": True}

    def __sklearn_tags__(self) -> Any:
        """Several labels are taken too."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class MLPRegressor(RegressorMixin, _MLP):  # type: ignore[misc]
    """`sklearn.neural_network.MLPRegressor`, trained by nncore.

    The loss of a batch is the mean over its rows of half the squared error, plus
    alpha / (2 rows) sum w^2 over the kernels. With several targets the errors are
    summed for the gradient, and averaged in what is reported, as in scikit-learn.

    Args:
        loss: "squared_error"; "poisson" (output exp(z), half the deviance, y >= 0); or
            any loss of nncore: "mae", `nncore.losses.Quantile([0.1, 0.5, 0.9])` (three
            columns of predictions), `nncore.losses.Tweedie(1.5)`, ...
        hidden_layer_sizes: as for `MLPClassifier`, like all that are not named here.
        activation: as there.
        solver: as there.
        alpha: as there.
        batch_size: as there.
        learning_rate: as there.
        learning_rate_init: as there.
        power_t: as there.
        max_iter: as there.
        shuffle: as there.
        random_state: as there.
        tol: as there.
        verbose: as there.
        warm_start: as there.
        momentum: as there.
        nesterovs_momentum: as there.
        early_stopping: as there; `score` is R squared.
        validation_fraction: as there.
        beta_1: as there.
        beta_2: as there.
        epsilon: as there.
        n_iter_no_change: as there.
        max_fun: as there.
        dropout: as there.
        batch_normalization: as there.
        scale_X: as there.
        scale_y: train on targets with mean 0 and standard deviation 1; predictions
            are in the units of y. `model_` then gives scaled values.
        out_activation: activation of the output; None: "identity", and "exp" for
            Poisson's and Tweedie's losses.
        dtype: as there.
        threads: as there.

    Attributes:
        model_: the `nncore.Sequential`, and the others of `MLPClassifier`.
        y_mean_: with `scale_y`, what is added to each output.
        y_scale_: with `scale_y`, what it is multiplied by before.

    Example:
        >>> import numpy as np
        >>> from nncore.sklearn import MLPRegressor
        >>> X = np.linspace(0, 10, 50)[:, np.newaxis]
        >>> y = 1000 + 300 * np.sin(X[:, 0])
        >>> mlp = MLPRegressor(
        ...     hidden_layer_sizes=(20, 20), activation="tanh", solver="lbfgs",
        ...     scale_X=True, scale_y=True, max_iter=1000, random_state=1,
        ... )
        >>> bool(mlp.fit(X, y).score(X, y) > 0.999)
        True
    """

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: Any = 0.0,
        batch_normalization: bool = False,
        scale_X: bool = False,
        scale_y: bool = False,
        out_activation: Any = None,
        dtype: Any = None,
        threads: int | None = None,
    ) -> None:
        """See the class."""
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dropout = dropout
        self.batch_normalization = batch_normalization
        self.scale_X = scale_X
        self.scale_y = scale_y
        self.out_activation = out_activation
        self.dtype = dtype
        self.threads = threads

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
    ) -> MLPRegressor:
        """Train on rows and their targets.

        Args:
            X: (n, columns): array, frame or sparse matrix (made dense).
            y: targets (n,) or (n, outputs).
            sample_weight: weights (n,); a batch's loss is their weighted mean.
            X_val: rows to watch and, with `early_stopping`, to stop by.
            y_val: their targets.

        Returns:
            The estimator.

        Raises:
            ValueError: an argument or the data do not fit, or training diverged.
        """
        given = X_val is not None or y_val is not None
        found: MLPRegressor = self._fit(
            X, y, sample_weight, (X_val, y_val) if given else None
        )
        return found

    @available_if(_is_stochastic)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Train for one epoch on these rows, with the optimizer as it is.

        Args:
            X: as for `fit`.
            y: as for `fit`.
            sample_weight: as for `fit`.

        Returns:
            The estimator.

        Raises:
            ValueError: as for `fit`.
        """
        found: MLPRegressor = self._fit(X, y, sample_weight, incremental=True)
        return found

    def _target_options(self) -> dict[str, Any]:
        return {"y_numeric": True}

    def _encoded(self, y: Any, incremental: bool) -> Array:
        y = y.reshape(len(y), -1)
        if self.loss == "poisson":
            if self.scale_y:
                raise ValueError(
                    "`scale_y` must be False for loss='poisson', whose outputs are "
                    "positive. Received: scale_y=True"
                )
            if (y < 0).any():
                row = int(np.argmax((y < 0).any(axis=1)))
                raise ValueError(
                    "`y` must not be negative for loss='poisson'. "
                    f"Received: {y[row]} in row {row}"
                )
        return np.asarray(y)

    def _head(self) -> tuple[str, Any, float]:
        out = self.out_activation
        if self.loss == "squared_error":
            # The core's loss is the mean over outputs of the whole square.
            return out or "identity", "mse", 0.5 * self.n_outputs_
        if self.loss == "poisson":
            return out or "exp", "poisson", float(self.n_outputs_)
        loss = losses.get(self.loss)
        if isinstance(loss, (losses.Poisson, losses.Tweedie)):
            return out or "exp", loss, 1.0
        return out or "identity", loss, 1.0

    def _columns(self, targets: Array) -> int:
        loss = self.loss if isinstance(self.loss, losses.Loss) else None
        quantiles = getattr(loss, "quantiles", None)
        each = len(quantiles) if isinstance(quantiles, list) else 1
        return int(targets.shape[1]) * each

    def _also(self) -> list[str]:
        return ["mse"] if self.loss == "squared_error" and self.n_outputs_ > 1 else []

    def _reported(self, row: list[float], scale: float) -> float:
        if len(row) > 1:
            return row[0] - scale * row[1] + 0.5 * row[1]
        return row[0] + self._constant

    def _learn_scales(self, x: Array, targets: Array, weights: Array | None) -> None:
        super()._learn_scales(x, targets, weights)
        self._constant = 0.0
        if self.scale_y:
            self.y_mean_, self.y_scale_ = _mean_and_scale(targets, weights)
        if self.loss == "poisson":
            # The deviance is 0 where outputs are targets.
            y = targets.astype(np.float64)
            terms = y * np.log(np.where(y > 0, y, 1.0)) - y
            self._constant = float(np.average(terms, axis=0, weights=weights).sum())

    def _scaled_targets(self, targets: Array) -> Array:
        if "y_mean_" in vars(self):
            targets = (targets - self.y_mean_) / self.y_scale_
        return np.ascontiguousarray(targets)

    def _score_of(self, out: Array, held: _Data) -> float:
        if not np.isfinite(out).all():
            return math.nan
        wanted, out = held.y.astype(np.float64), out.astype(np.float64)
        if out.shape != wanted.shape:
            # Several quantiles: there is no R squared.
            return -float(self._head()[1](wanted, out))
        mean = np.average(wanted, axis=0, weights=held.weights)
        error = np.average((wanted - out) ** 2, axis=0, weights=held.weights)
        spread = np.average((wanted - mean) ** 2, axis=0, weights=held.weights)
        constant = np.where(error == 0, 1.0, 0.0)
        scores = np.where(spread > 0, 1 - error / np.where(spread, spread, 1), constant)
        return float(scores.mean())

    def predict(self, X: Any) -> Array:
        """Return the value for each row.

        Args:
            X: (n, columns).

        Returns:
            Array (n,), or (n, outputs) where y had columns.
        """
        out = self._outputs(X)
        if "y_mean_" in vars(self):
            each = out.shape[1] // len(self.y_scale_)
            out = out * np.repeat(self.y_scale_, each) + np.repeat(self.y_mean_, each)
        return out[:, 0] if self.n_outputs_ == 1 else out

    def _more_tags(self) -> dict[str, Any]:
        return {"multioutput": True}

    def __sklearn_tags__(self) -> Any:
        """Several targets are taken too."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
