"""Losses: what training makes small.

Every loss is a number per row; the loss of a batch is the mean over its rows, each
times its weight if there are weights (the sum is divided by the number of rows, not by
the sum of weights). t stands for the targets, p for the predictions, and epsilon is
1e-7.

The functions give one number per row, the classes the mean; both evaluate on arrays
with NumPy through `nncore.reference`, where the formulas stand as code. Given to
`compile` (as a name, a function, a `functools.partial` of one, a class or an instance),
a loss is carried out by the compiled core.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from . import _checks, _lookup, backend

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.floating[Any]]

_REDUCTION = "sum_over_batch_size"


class Loss(_lookup.Described):
    """Base of all losses; only those of this module are available.

    Args:
        reduction: "sum_over_batch_size" ("mean" and "auto" are the same): the mean over
            rows. Others are not available in this version.
        name: Any string; the loss's own name if None.
        dtype: Accepted as in Keras; evaluation runs in float64.
    """

    _arguments: ClassVar[tuple[str, ...]] = ("reduction", "name", "dtype")
    _kind: ClassVar[str] = ""
    _own_name: ClassVar[str | None] = None
    from_logits: bool = False
    label_smoothing: float = 0.0
    delta: float = 1.0

    def __init__(
        self,
        reduction: str = _REDUCTION,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        if not self._kind:
            raise ValueError(
                "A loss must be one of nncore.losses: the arithmetic runs in C, so "
                f"losses written in Python are not available. Received: {type(self)}"
            )
        if reduction not in (_REDUCTION, "mean", "auto"):
            raise ValueError(
                f"`reduction` must be {_REDUCTION!r}: others are not available in this "
                f"version. {_checks.received('reduction', reduction)}"
            )
        self.reduction = _REDUCTION
        self.name = name or self._own_name or self._kind
        self.dtype = None if dtype is None else _checks.float_dtype("dtype", dtype)

    def __call__(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Return the loss of a batch.

        Args:
            y_true: Targets, shaped like `y_pred`; (rows,) serves (rows, 1). Sparse
                losses take labels of shape (rows,) or (rows, 1).
            y_pred: Predictions, (rows, columns).
            sample_weight: One number per row, or None.

        Raises:
            ValueError: Shapes do not fit, or a label is out of range.
        """
        rows = self._rows(y_true, y_pred)
        if sample_weight is not None:
            weights = np.asarray(sample_weight, dtype=np.float64)
            if weights.ndim == rows.ndim + 1 and weights.shape[-1] == 1:
                weights = weights[..., 0]
            if weights.ndim and weights.shape != rows.shape:
                raise ValueError(
                    f"`sample_weight` must have one number per row, shape {rows.shape}."
                    f" Received: shape {weights.shape}"
                )
            rows = rows * weights
        return float(np.mean(rows))

    def _rows(self, y_true: ArrayLike, y_pred: ArrayLike) -> NDArray[np.float64]:
        from . import reference

        t, p = _fit_shapes(y_true, y_pred, sparse=self._kind.startswith("sparse"))
        rows = reference.loss_value(
            self._spec(), t.reshape(-1, t.shape[-1]), p.reshape(-1, p.shape[-1])
        )
        return rows.reshape(p.shape[:-1])

    def _spec(self) -> dict[str, Any]:
        return {
            "kind": self._kind,
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "delta": self.delta,
        }


def _fit_shapes(
    y_true: ArrayLike, y_pred: ArrayLike, *, sparse: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return targets and predictions in float64, shaped (..., columns)."""
    t = np.asarray(y_true, dtype=np.float64)
    p = np.asarray(y_pred, dtype=np.float64)
    message = f"Received: y_true of shape {t.shape}, y_pred of shape {p.shape}"
    if p.ndim == 0:
        raise ValueError(f"`y_pred` must have rank 1 or more. {message}")
    if sparse:
        if t.ndim == p.ndim - 1:
            t = t[..., np.newaxis]
        if t.shape != (*p.shape[:-1], 1):
            raise ValueError(f"`y_true` must hold one label per row. {message}")
        whole = np.isfinite(t) & (t == np.floor(t)) & (t >= 0) & (t < p.shape[-1])
        if not whole.all():
            raise ValueError(
                f"Labels in `y_true` must be integers from 0 to {p.shape[-1] - 1}. "
                f"Received: {t[~whole][0]}"
            )
        return t, p
    if t.ndim == p.ndim - 1 and p.shape[-1] == 1:
        t = t[..., np.newaxis]
    elif p.ndim == t.ndim - 1 and t.shape[-1] == 1:
        p = p[..., np.newaxis]
    if t.shape != p.shape:
        raise ValueError(f"`y_true` must be shaped like `y_pred`. {message}")
    return t, p


def _evaluate(loss: Loss, y_true: ArrayLike, y_pred: ArrayLike) -> FloatArray:
    rows = loss._rows(y_true, y_pred)
    dtype = getattr(y_pred, "dtype", None)
    keeps_dtype = isinstance(dtype, np.dtype) and dtype.kind == "f"
    return rows.astype(dtype if keeps_dtype else backend.floatx())


class MeanSquaredError(Loss):
    """Mean over rows of mean_j (t_j - p_j)^2.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> nncore.losses.MeanSquaredError()([[0.0, 1.0]], [[0.0, 3.0]])
        2.0
    """

    _kind = "mean_squared_error"


class MeanAbsoluteError(Loss):
    """Mean over rows of mean_j |t_j - p_j|.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> nncore.losses.MeanAbsoluteError()([[0.0, 1.0]], [[0.0, 3.0]])
        1.0
    """

    _kind = "mean_absolute_error"


class Huber(Loss):
    """Mean over rows of the Huber loss: squares near 0, straight lines further off.

    With e = t - p: mean_j of e_j^2 / 2 where |e_j| <= delta, delta |e_j| - delta^2 / 2
    elsewhere.

    Source: Huber, "Robust estimation of a location parameter", 1964.

    Args:
        delta: Where squares end and lines begin, above 0.
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> nncore.losses.Huber()([[0.0, 1.0]], [[0.5, 3.0]])
        0.8125
    """

    _arguments = ("delta", "reduction", "name", "dtype")
    _kind = "huber"
    _own_name = "huber_loss"

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str = _REDUCTION,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__(reduction, name, dtype)
        self.delta = _checks.real("delta", delta, above=0)


class LogCosh(Loss):
    """Mean over rows of mean_j log(cosh(p_j - t_j)).

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> round(nncore.losses.LogCosh()([[0.0, 1.0]], [[0.0, 3.0]]), 4)
        0.6625
    """

    _kind = "log_cosh"


class _Crossentropy(Loss):
    _arguments = (
        "from_logits",
        "label_smoothing",
        "axis",
        "reduction",
        "name",
        "dtype",
    )
    axis = -1

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str = _REDUCTION,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.from_logits = _checks.boolean("from_logits", from_logits)
        self.label_smoothing = _checks.real("label_smoothing", label_smoothing, 0, 1)
        _checks.absent("axis", axis, -1)


class BinaryCrossentropy(_Crossentropy):
    """Mean over rows of -mean_j (t_j log p_j + (1 - t_j) log(1 - p_j)).

    p is kept within [epsilon, 1 - epsilon]. Behind a sigmoid layer, `fit` computes the
    same from the layer's input, without that cut. With smoothing s, t (1 - s) + s/2
    takes the place of t.

    Args:
        from_logits: Predictions are logits z, with p = sigmoid(z).
        label_smoothing: s, in [0, 1].
        axis: -1.
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> round(nncore.losses.BinaryCrossentropy()([[0], [1]], [[0.3], [0.6]]), 4)
        0.4338
    """

    _kind = "binary_crossentropy"


class CategoricalCrossentropy(_Crossentropy):
    """Mean over rows of -sum_j t_j log(p_j / sum_k p_k), targets one-hot.

    The shares are kept within [epsilon, 1 - epsilon]. Behind a softmax layer, `fit`
    computes the same from the layer's input, without that cut. With smoothing s and C
    columns, t (1 - s) + s/C takes the place of t.

    Args:
        from_logits: Predictions are logits z, with p = softmax(z).
        label_smoothing: s, in [0, 1].
        axis: -1.
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> loss = nncore.losses.CategoricalCrossentropy()
        >>> round(loss([[0, 1], [1, 0]], [[0.3, 0.7], [0.6, 0.4]]), 4)
        0.4338
    """

    _kind = "categorical_crossentropy"


class SparseCategoricalCrossentropy(Loss):
    """Categorical crossentropy with a label 0, 1, ... for each row, not one-hot.

    Mean over rows of -log(p_t / sum_k p_k), the share kept within
    [epsilon, 1 - epsilon].

    Args:
        from_logits: Predictions are logits z, with p = softmax(z).
        ignore_class: None; others are not available in this version.
        axis: -1.
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> loss = nncore.losses.SparseCategoricalCrossentropy()
        >>> round(loss([1, 0], [[0.3, 0.7], [0.6, 0.4]]), 4)
        0.4338
    """

    _arguments = ("from_logits", "ignore_class", "axis", "reduction", "name", "dtype")
    _kind = "sparse_categorical_crossentropy"
    axis = -1
    ignore_class = None

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: None = None,
        axis: int = -1,
        reduction: str = _REDUCTION,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        """See the class."""
        super().__init__(reduction, name, dtype)
        self.from_logits = _checks.boolean("from_logits", from_logits)
        _checks.absent("ignore_class", ignore_class)
        _checks.absent("axis", axis, -1)


class Hinge(Loss):
    """Mean over rows of mean_j max(1 - t_j p_j, 0), targets -1 and 1.

    If all targets of a batch are 0 or 1, 0 is taken as -1.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> nncore.losses.Hinge()([[-1.0, 1.0]], [[0.5, 0.5]])
        1.0
    """

    _kind = "hinge"


class SquaredHinge(Loss):
    """Mean over rows of mean_j max(1 - t_j p_j, 0)^2, targets -1 and 1.

    If all targets of a batch are 0 or 1, 0 is taken as -1.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> nncore.losses.SquaredHinge()([[-1.0, 1.0]], [[0.5, 0.5]])
        1.25
    """

    _kind = "squared_hinge"


class CategoricalHinge(Loss):
    """Mean over rows of max(neg - pos + 1, 0), targets one-hot.

    pos = sum_j t_j p_j and neg = max_j (1 - t_j) p_j.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> nncore.losses.CategoricalHinge()([[0.0, 1.0]], [[0.25, 0.75]])
        0.5
    """

    _kind = "categorical_hinge"


class KLDivergence(Loss):
    """Mean over rows of sum_j t_j log(t_j / p_j), both kept within [epsilon, 1].

    Source: Kullback and Leibler, "On information and sufficiency", 1951.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> round(nncore.losses.KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]]), 4)
        0.1438
    """

    _kind = "kl_divergence"


class Poisson(Loss):
    """Mean over rows of mean_j (p_j - t_j log(p_j + epsilon)), for counts.

    Args:
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.

    Examples:
        >>> import nncore
        >>> round(nncore.losses.Poisson()([[2.0]], [[1.0]]), 4)
        1.0
    """

    _kind = "poisson"


def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> FloatArray:
    """Mean squared error of each row: mean_j (t_j - p_j)^2.

    Args:
        y_true: Targets, shaped like `y_pred`.
        y_pred: Predictions, (rows, columns).

    Returns:
        One number per row, (rows,), as of every function here.

    Raises:
        ValueError: The shapes differ.

    Examples:
        >>> import nncore
        >>> nncore.losses.mean_squared_error([[0.0, 1.0], [1.0, 1.0]], [[0, 3], [1, 1]])
        array([2., 0.], dtype=float32)
    """
    return _evaluate(MeanSquaredError(), y_true, y_pred)


def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> FloatArray:
    """Mean absolute error of each row: mean_j |t_j - p_j|.

    Args:
        y_true: Targets, shaped like `y_pred`.
        y_pred: Predictions, (rows, columns).

    Examples:
        >>> import nncore
        >>> nncore.losses.mean_absolute_error([[0.0, 1.0]], [[0.0, 3.0]])
        array([1.], dtype=float32)
    """
    return _evaluate(MeanAbsoluteError(), y_true, y_pred)


def huber(y_true: ArrayLike, y_pred: ArrayLike, delta: float = 1.0) -> FloatArray:
    """Huber loss of each row; the formula stands at `Huber`.

    Args:
        y_true: Targets, shaped like `y_pred`.
        y_pred: Predictions, (rows, columns).
        delta: Where squares end and lines begin, above 0.

    Examples:
        >>> import nncore
        >>> nncore.losses.huber([[0.0, 1.0]], [[0.5, 3.0]])
        array([0.8125], dtype=float32)
    """
    return _evaluate(Huber(delta), y_true, y_pred)


def log_cosh(y_true: ArrayLike, y_pred: ArrayLike) -> FloatArray:
    """Logarithm of the hyperbolic cosine: mean_j log(cosh(p_j - t_j)) of each row.

    Args:
        y_true: Targets, shaped like `y_pred`.
        y_pred: Predictions, (rows, columns).

    Examples:
        >>> import nncore
        >>> nncore.losses.log_cosh([[0.0, 1.0]], [[0.0, 3.0]]).round(4)
        array([0.6625], dtype=float32)
    """
    return _evaluate(LogCosh(), y_true, y_pred)


def binary_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> FloatArray:
    """Binary crossentropy of each row; the formula stands at `BinaryCrossentropy`.

    Args:
        y_true: Targets in [0, 1], shaped like `y_pred`.
        y_pred: Probabilities or logits, (rows, columns).
        from_logits: Predictions are logits.
        label_smoothing: In [0, 1].
        axis: -1.

    Examples:
        >>> import nncore
        >>> nncore.losses.binary_crossentropy([[0], [1]], [[0.3], [0.6]]).round(4)
        array([0.3567, 0.5108], dtype=float32)
    """
    loss = BinaryCrossentropy(from_logits, label_smoothing, axis)
    return _evaluate(loss, y_true, y_pred)


def categorical_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> FloatArray:
    """Crossentropy of each row; the formula stands at `CategoricalCrossentropy`.

    Args:
        y_true: Targets, one-hot, shaped like `y_pred`.
        y_pred: Probabilities or logits, (rows, classes).
        from_logits: Predictions are logits.
        label_smoothing: In [0, 1].
        axis: -1.

    Examples:
        >>> import nncore
        >>> nncore.losses.categorical_crossentropy([[0, 1]], [[0.3, 0.7]]).round(4)
        array([0.3567], dtype=float32)
    """
    loss = CategoricalCrossentropy(from_logits, label_smoothing, axis)
    return _evaluate(loss, y_true, y_pred)


def sparse_categorical_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    ignore_class: None = None,
    axis: int = -1,
) -> FloatArray:
    """Crossentropy of each row; see `SparseCategoricalCrossentropy` for the formula.

    Args:
        y_true: Labels from 0 to classes - 1, (rows,) or (rows, 1).
        y_pred: Probabilities or logits, (rows, classes).
        from_logits: Predictions are logits.
        ignore_class: None.
        axis: -1.

    Examples:
        >>> import nncore
        >>> nncore.losses.sparse_categorical_crossentropy([1], [[0.3, 0.7]]).round(4)
        array([0.3567], dtype=float32)
    """
    loss = SparseCategoricalCrossentropy(from_logits, ignore_class, axis)
    return _evaluate(loss, y_true, y_pred)


def hinge(y_true: ArrayLike, y_pred: ArrayLike) -> FloatArray:
    """Hinge loss of each row: mean_j max(1 - t_j p_j, 0).

    Args:
        y_true: Targets -1 and 1 (or all 0 and 1), shaped like `y_pred`.
        y_pred: Predictions, (rows, columns).

    Examples:
        >>> import nncore
        >>> nncore.losses.hinge([[-1.0, 1.0]], [[0.5, 0.5]])
        array([1.], dtype=float32)
    """
    return _evaluate(Hinge(), y_true, y_pred)


def squared_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> FloatArray:
    """Squared hinge loss of each row: mean_j max(1 - t_j p_j, 0)^2.

    Args:
        y_true: Targets -1 and 1 (or all 0 and 1), shaped like `y_pred`.
        y_pred: Predictions, (rows, columns).

    Examples:
        >>> import nncore
        >>> nncore.losses.squared_hinge([[-1.0, 1.0]], [[0.5, 0.5]])
        array([1.25], dtype=float32)
    """
    return _evaluate(SquaredHinge(), y_true, y_pred)


def categorical_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> FloatArray:
    """Categorical hinge loss of each row; the formula stands at `CategoricalHinge`.

    Args:
        y_true: Targets, one-hot, shaped like `y_pred`.
        y_pred: Predictions, (rows, classes).

    Examples:
        >>> import nncore
        >>> nncore.losses.categorical_hinge([[0.0, 1.0]], [[0.25, 0.75]])
        array([0.5], dtype=float32)
    """
    return _evaluate(CategoricalHinge(), y_true, y_pred)


def kl_divergence(y_true: ArrayLike, y_pred: ArrayLike) -> FloatArray:
    """Kullback-Leibler divergence of each row: sum_j t_j log(t_j / p_j).

    Args:
        y_true: Targets in [0, 1], shaped like `y_pred`.
        y_pred: Probabilities, (rows, columns).

    Examples:
        >>> import nncore
        >>> nncore.losses.kl_divergence([[0.5, 0.5]], [[0.25, 0.75]]).round(4)
        array([0.1438], dtype=float32)
    """
    return _evaluate(KLDivergence(), y_true, y_pred)


def poisson(y_true: ArrayLike, y_pred: ArrayLike) -> FloatArray:
    """Poisson loss of each row: mean_j (p_j - t_j log(p_j + epsilon)).

    Args:
        y_true: Targets of at least 0, shaped like `y_pred`.
        y_pred: Predictions above 0, (rows, columns).

    Examples:
        >>> import nncore
        >>> nncore.losses.poisson([[2.0]], [[1.0]]).round(4)
        array([1.], dtype=float32)
    """
    return _evaluate(Poisson(), y_true, y_pred)


mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
bce = BCE = binary_crossentropy
kld = KLD = kullback_leibler_divergence = kl_divergence
logcosh = log_cosh
huber_loss = huber

_FUNCTIONS: dict[Callable[..., Any], type[Loss]] = {
    mean_squared_error: MeanSquaredError,
    mean_absolute_error: MeanAbsoluteError,
    huber: Huber,
    log_cosh: LogCosh,
    binary_crossentropy: BinaryCrossentropy,
    categorical_crossentropy: CategoricalCrossentropy,
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
    hinge: Hinge,
    squared_hinge: SquaredHinge,
    categorical_hinge: CategoricalHinge,
    kl_divergence: KLDivergence,
    poisson: Poisson,
}
_NAMES: dict[str, type[Loss]] = {
    **{function.__name__: cls for function, cls in _FUNCTIONS.items()},
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "bce": BinaryCrossentropy,
    "kld": KLDivergence,
}
_TABLE: dict[str, type[Loss]] = {
    **_NAMES,
    **{cls.__name__: cls for cls in _FUNCTIONS.values()},
    "MSE": MeanSquaredError,
    "MAE": MeanAbsoluteError,
    "BCE": BinaryCrossentropy,
    "KLD": KLDivergence,
    "kullback_leibler_divergence": KLDivergence,
    "logcosh": LogCosh,
    "huber_loss": Huber,
}


def get(identifier: Any, argument: str = "loss") -> Loss | None:
    """Return the loss that `identifier` stands for, None for None.

    Args:
        identifier: A name ("mse", "binary_crossentropy", "Huber", ...); a function of
            this module or a `functools.partial` of one; a class; an instance; what
            `serialize` gave; or None.
        argument: What to call the argument in messages.

    Raises:
        ValueError: The name is unknown (the message lists the known ones), or the
            function is none of this module.

    Examples:
        >>> import functools
        >>> from nncore import losses
        >>> losses.get("mse").name
        'mean_squared_error'
        >>> losses.get(functools.partial(losses.huber, delta=2.0)).delta
        2.0
    """
    if identifier is None:
        return None
    if isinstance(identifier, functools.partial):
        found = _FUNCTIONS.get(identifier.func)
        if found is not None and not identifier.args:
            return found(**identifier.keywords)
    elif isinstance(identifier, FunctionType):
        if identifier in _FUNCTIONS:
            return _FUNCTIONS[identifier]()
    else:
        return _lookup.resolve(
            identifier, argument=argument, base=Loss, table=_TABLE, shown=_NAMES
        )
    raise ValueError(
        f"`{argument}` must be a name, a function or a class of nncore.losses: the "
        "arithmetic runs in C, so functions written in Python are not available. "
        f"{_checks.received(argument, identifier)}"
    )


def serialize(loss: Loss) -> Any:
    """Return the class name and configuration of a loss.

    Args:
        loss: An instance.

    Examples:
        >>> from nncore import losses
        >>> losses.serialize(losses.Poisson())["class_name"]
        'Poisson'
    """
    return loss._serialized()


def deserialize(config: Any) -> Loss | None:
    """Return the loss that `serialize` wrote down.

    Args:
        config: What `serialize` gave.

    Examples:
        >>> from nncore import losses
        >>> losses.deserialize(losses.serialize(losses.Huber(2.0))).delta
        2.0
    """
    return get(config)
