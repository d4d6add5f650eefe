"""Several callbacks as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from nncore.callbacks._callback import Callback, defines

if TYPE_CHECKING:
    from nncore.models import Sequential


class CallbackList(Callback):
    """Several callbacks called as one, in the order given.

    Args:
        callbacks: None, one `Callback`, or an iterable of them.
        model: the model they belong to, or None.
        params: dict handed to each callback's `set_params`, or None.

    Raises:
        TypeError: an element is not a `Callback`.

    Example:
        >>> from nncore.callbacks import CallbackList, LambdaCallback
        >>> one = LambdaCallback(on_epoch_end=lambda epoch, logs: print("one", epoch))
        >>> two = LambdaCallback(on_epoch_end=lambda epoch, logs: print("two", epoch))
        >>> CallbackList([one, two]).on_epoch_end(3)
        one 3
        two 3
    """

    def __init__(
        self,
        callbacks: Callback | Iterable[Callback] | None = None,
        model: Sequential | None = None,
        params: dict[str, Any] | None = None,
    ) -> None:
        """See the class."""
        if callbacks is None:
            self.callbacks: list[Callback] = []
        elif isinstance(callbacks, CallbackList):
            self.callbacks = list(callbacks.callbacks)
        elif isinstance(callbacks, Callback):
            self.callbacks = [callbacks]
        else:
            try:
                self.callbacks = list(callbacks)
            except TypeError:
                raise TypeError(
                    "`callbacks` must be a Callback or a list of them. "
                    f"Received: callbacks={callbacks!r}"
                ) from None
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                hint = " (a class: call it)" if isinstance(callback, type) else ""
                raise TypeError(
                    "`callbacks` must hold instances of nncore.callbacks.Callback. "
                    f"Received: {callback!r}{hint}"
                )
        if params is not None:
            self.set_params(params)
        if model is not None:
            self.set_model(model)

    def __iter__(self) -> Iterator[Callback]:
        """The callbacks in order."""
        return iter(self.callbacks)

    def __len__(self) -> int:
        """How many callbacks there are."""
        return len(self.callbacks)

    def append(self, callback: Callback) -> None:
        """Add one at the end."""
        self.callbacks.append(callback)

    def defines(self, *hooks: str) -> bool:
        """Whether any callback has its own version of any of `hooks`."""
        return any(defines(callback, *hooks) for callback in self.callbacks)

    def may_print(self) -> bool:
        """Whether a hook might write to stdout: False for nncore's quiet ones."""
        return any(
            not vars(type(callback)).get("_is_quiet") or getattr(callback, "verbose", 0)
            for callback in self.callbacks
        )

    def set_params(self, params: dict[str, Any]) -> None:
        """Hand `params` to each callback."""
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Sequential) -> None:
        """Hand the model to each callback."""
        self.model = model
        for callback in self.callbacks:
            callback.set_model(model)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_train_begin(logs)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_train_end(logs)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_train_batch_begin(batch, logs)

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_train_batch_end(batch, logs)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_test_begin(logs)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_test_end(logs)

    def on_test_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_test_batch_begin(batch, logs)

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_test_batch_end(batch, logs)

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_predict_begin(logs)

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_predict_end(logs)

    def on_predict_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_predict_batch_begin(batch, logs)

    def on_predict_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Call each in order."""
        for callback in self.callbacks:
            callback.on_predict_batch_end(batch, logs)
