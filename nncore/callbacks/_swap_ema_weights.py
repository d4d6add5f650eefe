"""Judging a training by the averages of its weights."""

from __future__ import annotations

from typing import Any

from nncore import _checks
from nncore.callbacks._callback import Callback


class SwapEMAWeights(Callback):
    """Let validation see the running averages of the weights.

    Before an evaluation or a prediction the weights change places with the averages
    that an optimizer with `use_ema=True` keeps; afterwards they change back.

    Args:
        swap_on_epoch: they change places at each epoch's end too, until the next one
            begins, so that callbacks after this one, such as `ModelCheckpoint`, see the
            averages. Default False.

    Raises:
        ValueError: (when training starts) the optimizer keeps no averages.

    Example:
        >>> import nncore
        >>> from nncore.callbacks import SwapEMAWeights
        >>> model = nncore.Sequential([nncore.layers.Dense(1, input_shape=(1,))])
        >>> model.compile(nncore.optimizers.SGD(use_ema=True), "mse")
        >>> h = model.fit(
        ...     [[1.0]], [1.0], validation_data=([[2.0]], [2.0]), verbose=0,
        ...     callbacks=SwapEMAWeights(),
        ... )
    """

    _is_quiet = True

    def __init__(self, swap_on_epoch: bool = False) -> None:
        """See the class."""
        self.swap_on_epoch = _checks.boolean("swap_on_epoch", swap_on_epoch)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Look whether there are averages."""
        optimizer = self.model.optimizer
        if not optimizer.use_ema:
            raise ValueError(
                "SwapEMAWeights must be used with an optimizer that has use_ema=True. "
                f"Received: {optimizer!r}"
            )
        self._swap(False)

    def get_state(self) -> dict[str, Any]:
        """Return whether the averages are in the model."""
        return {"swapped": self.model is not None and self.model._swapped}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take back what `get_state` gave."""
        if self.model is not None:
            self.model._swapped = state["swapped"]

    def _swap(self, wanted: bool) -> None:
        """Bring the averages into the model, or the weights back."""
        if wanted != self.model._swapped and self.model._batches_done():
            self.model._swap_averages()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Train on with the weights."""
        self._swap(False)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Show the averages to the callbacks that follow."""
        if self.swap_on_epoch:
            self._swap(True)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Evaluate the averages."""
        self._swap(True)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """The weights come back."""
        self._swap(False)

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Predict with the averages."""
        self._swap(True)

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """The weights come back."""
        self._swap(False)
