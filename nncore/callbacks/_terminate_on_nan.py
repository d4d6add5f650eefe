"""Stopping at a loss that is no number."""

from __future__ import annotations

from nncore import _checks
from nncore.callbacks._callback import Callback


class TerminateOnNaN(Callback):
    """End the training at the first batch whose loss is NaN or infinite.

    Weights and optimizer stay as they were before that batch. It costs nothing: the
    core looks at every loss anyway. With it, `compile(on_nan="continue")` does not go
    on, and what happens is what stands here.

    Args:
        raise_error: True raises a RuntimeError; False (default) prints a line and lets
            `fit` return.

    Example:
        >>> from nncore.callbacks import TerminateOnNaN
        >>> from nncore.layers import Dense
        >>> from nncore.models import Sequential
        >>> model = Sequential([Dense(1, input_shape=(1,))], seed=1)
        >>> model.compile("sgd", "mse")
        >>> x, y = [[1e30], [1e30]], [1.0, 1.0]
        >>> h = model.fit(x, y, verbose=0, callbacks=TerminateOnNaN())
        Batch 0: Invalid loss, terminating training
    """

    def __init__(self, raise_error: bool = False) -> None:
        """See the class."""
        self.raise_error = _checks.boolean("raise_error", raise_error)

    def _found(self, batch: int) -> None:
        """The training has ended at that batch, counted from 0."""
        if self.raise_error:
            raise RuntimeError(
                "The loss must be a finite number. Received: a loss that is NaN or "
                f"infinite in batch {batch}; training has ended"
            )
        print(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
