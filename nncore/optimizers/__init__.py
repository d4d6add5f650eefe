"""Optimizers: how weights follow their gradients.

g is the gradient of the batch's loss with respect to a weight w, lr the learning rate,
t the number of the update, from 1. Each update first clips the gradients, then shrinks
every weight by lr weight_decay w, then applies the rule that stands at each class. The
arithmetic runs in the compiled core, but for `Lamb`, `Adafactor` and `Muon`, which look
at whole kernels and run in NumPy; `nncore.reference` has it as readable code.
Defaults and epsilons are Keras 3's.
"""

from __future__ import annotations

from typing import Any

from .. import _lookup
from . import schedules
from ._adadelta import Adadelta
from ._adafactor import Adafactor
from ._adagrad import Adagrad
from ._adam import Adam, AdamW
from ._adamax import Adamax
from ._base import Optimizer
from ._ftrl import Ftrl
from ._lamb import Lamb
from ._lion import Lion
from ._muon import Muon
from ._nadam import Nadam
from ._rmsprop import RMSprop
from ._sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "Muon",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "deserialize",
    "ftrl",
    "get",
    "lion",
    "nadam",
    "rmsprop",
    "schedules",
    "serialize",
    "sgd",
]

sgd = SGD
rmsprop = RMSprop
adagrad = Adagrad
adadelta = Adadelta
adam = Adam
adamw = AdamW
adamax = Adamax
nadam = Nadam
lion = Lion
ftrl = Ftrl

_TABLE: dict[str, type[Optimizer]] = {
    cls.__name__.lower(): cls
    for cls in (
        *(SGD, RMSprop, Adagrad, Adadelta, Adam, AdamW, Adamax, Nadam),
        *(Lion, Ftrl, Lamb, Adafactor, Muon),
    )
}


def get(identifier: Any, argument: str = "optimizer") -> Optimizer:
    """Return the optimizer that `identifier` stands for.

    Args:
        identifier: A name in any case ("adam", "SGD", ...); a class; an instance; or
            what `serialize` gave.
        argument: What to call the argument in messages.

    Raises:
        ValueError: The name is unknown; the message lists the known ones.

    Examples:
        >>> import nncore
        >>> nncore.optimizers.get("adam").learning_rate
        0.001
    """
    if isinstance(identifier, str) and identifier.lower() in _TABLE:
        identifier = identifier.lower()
    elif isinstance(identifier, dict) and isinstance(identifier.get("class_name"), str):
        name = identifier["class_name"]
        if _lookup.custom_class(name, Optimizer, argument) is None:
            identifier = {**identifier, "class_name": name.lower()}
    return _lookup.resolve(identifier, argument=argument, base=Optimizer, table=_TABLE)


def serialize(optimizer: Optimizer) -> Any:
    """Return the class name and configuration of an optimizer.

    Args:
        optimizer: An instance.

    Examples:
        >>> from nncore import optimizers
        >>> optimizers.serialize(optimizers.SGD(0.5))["config"]["learning_rate"]
        0.5
    """
    return optimizer._serialized()


def deserialize(config: Any) -> Optimizer:
    """Return the optimizer that `serialize` wrote down.

    Args:
        config: What `serialize` gave.

    Examples:
        >>> from nncore import optimizers
        >>> optimizers.deserialize(optimizers.serialize(optimizers.SGD(0.5))).lr
        0.5
    """
    return get(config)
