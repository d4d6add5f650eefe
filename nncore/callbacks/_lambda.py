"""A callback made of functions."""

from __future__ import annotations

from collections.abc import Callable

from nncore.callbacks._callback import Callback


class LambdaCallback(Callback):
    """A callback made of functions.

    Args:
        on_epoch_begin: f(epoch, logs), like every one named `epoch`.
        on_epoch_end: f(epoch, logs).
        on_train_begin: f(logs), like every one named `begin` or `end` alone.
        on_train_end: f(logs).
        on_train_batch_begin: f(batch, logs), like every one named `batch`.
        on_train_batch_end: f(batch, logs).
        on_batch_begin: old name of `on_train_batch_begin`.
        on_batch_end: old name of `on_train_batch_end`.
        on_test_begin: f(logs).
        on_test_end: f(logs).
        on_test_batch_begin: f(batch, logs).
        on_test_batch_end: f(batch, logs).
        on_predict_begin: f(logs).
        on_predict_end: f(logs).
        on_predict_batch_begin: f(batch, logs).
        on_predict_batch_end: f(batch, logs).

    Raises:
        TypeError: an argument is neither None nor callable.

    Example:
        >>> from nncore.callbacks import LambdaCallback
        >>> shout = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch))
        >>> shout.on_epoch_end(7, {})
        7
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., object] | None = None,
        on_epoch_end: Callable[..., object] | None = None,
        on_train_begin: Callable[..., object] | None = None,
        on_train_end: Callable[..., object] | None = None,
        on_train_batch_begin: Callable[..., object] | None = None,
        on_train_batch_end: Callable[..., object] | None = None,
        *,
        on_batch_begin: Callable[..., object] | None = None,
        on_batch_end: Callable[..., object] | None = None,
        on_test_begin: Callable[..., object] | None = None,
        on_test_end: Callable[..., object] | None = None,
        on_test_batch_begin: Callable[..., object] | None = None,
        on_test_batch_end: Callable[..., object] | None = None,
        on_predict_begin: Callable[..., object] | None = None,
        on_predict_end: Callable[..., object] | None = None,
        on_predict_batch_begin: Callable[..., object] | None = None,
        on_predict_batch_end: Callable[..., object] | None = None,
    ) -> None:
        """See the class."""
        hooks = {name: f for name, f in locals().items() if name.startswith("on_")}
        for name, function in hooks.items():
            if function is None:
                continue
            if not callable(function):
                raise TypeError(
                    f"`{name}` must be a function. Received: {name}={function!r}"
                )
            setattr(self, name, function)
