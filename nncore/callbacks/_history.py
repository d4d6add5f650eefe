"""The numbers of every epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nncore.callbacks._callback import Callback
from nncore.callbacks._logs import Logs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class History(Callback):
    """What `fit` returns: the numbers of every epoch.

    Attributes:
        history: dict from log key to a list of Python floats, one per epoch (lists of
            validation keys are shorter when `validation_freq` is above 1). Key order:
            loss, metrics, val_loss, val_metrics. `history["acc"]` also finds
            `"accuracy"`, and the reverse.
        epoch: list of the epochs' indices, from 0.
        params: dict with `verbose`, `epochs` and `steps`.

    Example:
        >>> from nncore.layers import Dense
        >>> from nncore.models import Sequential
        >>> model = Sequential([Dense(1, input_shape=(2,))], seed=1)
        >>> model.compile("sgd", "mse", metrics=["mae"])
        >>> h = model.fit([[0.0, 1.0], [1.0, 0.0]], [0.0, 1.0], epochs=3, verbose=0)
        >>> list(h.history), h.epoch, type(h.history["loss"][0]).__name__
        (['loss', 'mae'], [0, 1, 2], 'float')
    """

    _is_quiet = True

    def __init__(self) -> None:
        """Start empty."""
        self.history: dict[str, list[float]] = Logs()
        self.epoch: list[int] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget the epochs of an earlier training."""
        self.history = Logs()
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Append one epoch's numbers."""
        self.epoch.append(epoch)
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(value)

    def extend(
        self, first_epoch: int, keys: list[str], rows: NDArray[np.float64]
    ) -> None:
        """Append many epochs at once: `rows` [epochs][keys] from `first_epoch` on."""
        self.epoch.extend(range(first_epoch, first_epoch + len(rows)))
        for key, column in zip(keys, rows.T.tolist(), strict=True):
            self.history.setdefault(key, []).extend(column)
