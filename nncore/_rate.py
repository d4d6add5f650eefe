"""The number that `optimizer.learning_rate` is: one that knows its optimizer."""

from __future__ import annotations

from typing import Any, Protocol


class Holder(Protocol):
    """What a rate belongs to."""

    learning_rate: Any


class Rate(float):
    """A learning rate, with the verbs that variables have in Keras 2 and 3.

    Examples:
        >>> import nncore
        >>> sgd = nncore.optimizers.SGD(0.5)
        >>> sgd.learning_rate.assign(0.25)
        >>> sgd.learning_rate, sgd.learning_rate.numpy() / 2
        (0.25, 0.125)
    """

    __slots__ = ("_holder",)

    def __new__(cls, value: float, holder: Holder) -> Rate:
        """A float that remembers `holder`."""
        rate = super().__new__(cls, value)
        rate._holder = holder
        return rate

    _holder: Holder

    def assign(self, value: Any) -> None:
        """Set the optimizer's learning rate."""
        self._holder.learning_rate = value

    def numpy(self) -> float:
        """The number alone."""
        return float(self)

    @property
    def value(self) -> float:
        """The number alone."""
        return float(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled and copied, it is the number alone."""
        return float, (float(self),)
