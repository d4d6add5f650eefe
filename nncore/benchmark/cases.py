"""What is measured: one table of cases, and the numbers that every peer starts from.

A case names a network, its training and what of it is timed; `CASES` is the whole
benchmark. `data` and `weights` make the same arrays in every process that asks.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

METRICS = {
    "mean_squared_error": "mean_absolute_error",
    "binary_crossentropy": "binary_accuracy",
    "categorical_crossentropy": "categorical_accuracy",
}


@dataclass(frozen=True)
class Goal:
    """What a contestant is to reach in a case.

    Attributes:
        figure: "us" (a step, or a call of `predict` or of the model), "ms" (one run of
            the statement), "% of peak", "times" (as fast as `versus`), "points" (of
            percent of peak above the case `versus`).
        bound: at most this for "us" and "ms", at least this for the others.
        versus: a contestant, or for "points" a case.
        who: the contestant whose figure it is.
    """

    figure: str
    bound: float
    versus: str = ""
    who: str = "nncore"


@dataclass(frozen=True)
class Case:
    """One network and what is timed of it.

    Attributes:
        name: what `--cases` and the tables call it.
        widths: columns of the input, of every hidden layer, of the output.
        hidden: activation of the hidden layers.
        output: activation of the last layer.
        loss: a loss by its Keras name; the one metric follows from it.
        optimizer: "adam", "sgd" or "momentum" (SGD with momentum 0.9).
        batch: rows of a step, or of a call.
        rows: rows of an epoch, or of a call.
        epochs: epochs of one `fit`.
        does: "train" times `fit`, "predict" times `predict`, "call" times one row.
        task: which targets: "xor", "quadrants", "classes", "sign" or "shifted".
        shuffle: whether each epoch has an order of its own.
        dtype: "float32" or "float64".
        goals: what nncore is to reach.
        published: a figure from elsewhere to read the row beside; not measured here.
        quick: whether `--quick` measures it too.
        alone: measure nncore only.
    """

    name: str
    widths: tuple[int, ...]
    hidden: str = "relu"
    output: str = "softmax"
    loss: str = "categorical_crossentropy"
    optimizer: str = "adam"
    batch: int = 32
    rows: int = 32
    epochs: int = 1
    does: str = "train"
    task: str = "classes"
    shuffle: bool = True
    dtype: str = "float32"
    goals: tuple[Goal, ...] = ()
    published: str = ""
    quick: bool = False
    alone: bool = False

    @property
    def metric(self) -> str:
        """The metric that goes with the loss, by its Keras name."""
        return METRICS[self.loss]

    @property
    def activations(self) -> tuple[str, ...]:
        """The activation of each layer."""
        return (self.hidden,) * (len(self.widths) - 2) + (self.output,)

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """The shape of each kernel, (inputs, units)."""
        return tuple(zip(self.widths[:-1], self.widths[1:], strict=True))

    @property
    def parameters(self) -> int:
        """Numbers in all kernels and biases."""
        return sum((n_in + 1) * n_out for n_in, n_out in self.shapes)

    @property
    def flops(self) -> int:
        """Floating-point operations of a row: those of the matrix products.

        Training has three products per layer, 6 in out, but the first layer needs no
        gradient of its input; prediction has one, 2 in out.

        Example:
            >>> Case("pima", (8, 10, 8, 8, 1), batch=10).flops
            1232
        """
        products = [n_in * n_out for n_in, n_out in self.shapes]
        if self.does != "train":
            return 2 * sum(products)
        return 6 * sum(products) - 2 * products[0]

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return -(-self.rows // self.batch)

    @property
    def title(self) -> str:
        """The case in words."""
        words = [f"{'-'.join(map(str, self.widths))} {self.hidden}"]
        if self.output != self.hidden:
            words[0] += f", {self.output}"
        if self.does == "train":
            loss = "".join(word[0] for word in self.loss.split("_"))
            names = {"mse": "mse", "bc": "bce", "cc": "cce"}
            words.append(f"{names[loss]}, {self.optimizer}")
            order = "" if self.shuffle else ", not shuffled"
            epochs = f"{self.epochs} epoch{'s' * (self.epochs > 1)}"
            words.append(f"{self.rows:,} rows, batch {self.batch}, {epochs}{order}")
        else:
            words.append(f"{self.rows:,} row{'s' * (self.rows > 1)}")
        if self.dtype != "float32":
            words.append(self.dtype)
        return "; ".join(words)


_XOR: dict[str, Any] = {
    "output": "sigmoid",
    "loss": "mean_squared_error",
    "task": "xor",
}
_PIMA: dict[str, Any] = {
    "output": "sigmoid",
    "loss": "binary_crossentropy",
    "task": "sign",
}
_SQUARE: dict[str, Any] = {
    "output": "linear",
    "loss": "mean_squared_error",
    "task": "shifted",
}
_ROW: dict[str, Any] = {"does": "call", "batch": 1, "rows": 1}

_PIMA_WIDTHS = (8, 10, 8, 8, 1)
_DIGITS_WIDTHS = (784, 512, 512, 10)
_WIDE_WIDTHS = (1024, 2048, 2048, 2048, 10)

_SMALL_ROW_GOALS = (
    Goal("us", 1.2),
    Goal("us", 0.4, who="bound"),
    Goal("times", 8, "onnxruntime", who="bound"),
)


def _rows(
    name: str, widths: tuple[int, ...], rows: int, goal: float, **rest: Any
) -> Case:
    """Prediction of many rows at once."""
    return Case(
        name,
        widths,
        does="predict",
        batch=rows,
        rows=rows,
        goals=(Goal("times", goal, "onnxruntime"),),
        **rest,
    )


def _float64(name: str, widths: tuple[int, ...], batch: int, rows: int) -> Case:
    """The case `name` in float64, nncore alone."""
    return Case(
        f"{name}-float64",
        widths,
        batch=batch,
        rows=rows,
        dtype="float64",
        goals=(Goal("points", -5, name),),
        alone=True,
    )


CASES = (
    Case(
        "xor",
        (2, 16, 1),
        batch=4,
        rows=4,
        epochs=1000,
        goals=(
            Goal("us", 0.20),
            Goal("ms", 0.5),
            Goal("times", 30, "jax"),
            Goal("times", 4, "fann"),
        ),
        quick=True,
        **_XOR,
    ),
    Case(
        "pima",
        _PIMA_WIDTHS,
        batch=10,
        rows=768,
        epochs=20,
        goals=(Goal("us", 1.0), Goal("times", 18, "jax"), Goal("times", 5, "fann")),
        quick=True,
        **_PIMA,
    ),
    Case(
        "pima-long",
        _PIMA_WIDTHS,
        batch=10,
        rows=768,
        epochs=1000,
        goals=(Goal("us", 0.75),),
        **_PIMA,
    ),
    Case(
        "gaussian-xor",
        (2, 4, 4, 2),
        optimizer="momentum",
        batch=100,
        rows=10_000,
        task="quadrants",
        goals=(Goal("times", 25, "jax"),),
    ),
    Case(
        "full-batch",
        (4, 32, 16, 4),
        hidden="tanh",
        batch=10_000,
        rows=10_000,
        epochs=10,
        shuffle=False,
        goals=(Goal("times", 8, "jax"), Goal("times", 8, "torch")),
        **_SQUARE,
    ),
    Case(
        "64",
        (64, 64, 64, 10),
        batch=32,
        rows=9600,
        goals=(Goal("us", 17.5), Goal("times", 4, "jax")),
        quick=True,
    ),
    Case(
        "512",
        _DIGITS_WIDTHS,
        batch=128,
        rows=7680,
        goals=(
            Goal("% of peak", 80),
            Goal("times", 1.4, "jax"),
            Goal("times", 2, "torch"),
            Goal("times", 1.85, "1 thread"),
        ),
        quick=True,
    ),
    Case(
        "2048",
        _WIDE_WIDTHS,
        batch=1024,
        rows=4096,
        goals=(
            Goal("% of peak", 88),
            Goal("times", 1.15, "jax"),
            Goal("times", 1.85, "1 thread"),
        ),
    ),
    Case(
        "4096",
        (4096, 4096, 4096),
        batch=1024,
        rows=2048,
        goals=(Goal("% of peak", 88), Goal("times", 1.85, "1 thread")),
        **_SQUARE,
    ),
    Case(
        "sgd-64",
        (64, 64, 64, 64),
        optimizer="sgd",
        batch=32,
        rows=9600,
        goals=(Goal("% of peak", 81, who="1 thread"),),
        published="libxsmm on a like machine: 95 GFLOP/s, 81 % of peak, one core",
    ),
    Case(
        "sgd-512",
        (768, 512, 512, 64),
        optimizer="sgd",
        batch=128,
        rows=7680,
        goals=(Goal("% of peak", 92, who="1 thread"),),
        published="libxsmm on a like machine: 108 GFLOP/s, 92 % of peak, one core; "
        "165 to 209 on two",
    ),
    Case(
        "sgd-2048",
        (1024, 2048, 2048, 2048, 64),
        optimizer="sgd",
        batch=1024,
        rows=4096,
        goals=(Goal("% of peak", 85),),
        published="libxsmm on a like machine: 188 to 193 GFLOP/s, 85 % of peak, two "
        "cores",
    ),
    Case(
        "sgd-4096",
        (4096, 4096, 4096),
        optimizer="sgd",
        batch=1024,
        rows=2048,
        goals=(Goal("% of peak", 80),),
        published="libxsmm on a like machine: 174 to 176 GFLOP/s, 80 % of peak, two "
        "cores",
        **_SQUARE,
    ),
    _float64("64", (64, 64, 64, 10), 32, 9600),
    _float64("512", _DIGITS_WIDTHS, 128, 3840),
    _float64("2048", _WIDE_WIDTHS, 1024, 2048),
    Case("xor-row", (2, 16, 1), goals=_SMALL_ROW_GOALS, quick=True, **_ROW, **_XOR),
    Case("pima-row", _PIMA_WIDTHS, goals=_SMALL_ROW_GOALS, **_ROW, **_PIMA),
    Case(
        "512-row",
        _DIGITS_WIDTHS,
        goals=(Goal("times", 1 / 1.2, "reading"), Goal("times", 1.3, "onnxruntime")),
        quick=True,
        **_ROW,
    ),
    _rows("xor-rows", (2, 16, 1), 100_000, 2, **_XOR),
    _rows("pima-rows", _PIMA_WIDTHS, 100_000, 2, quick=True, **_PIMA),
    _rows("64-rows", (64, 64, 64, 4), 100_000, 1.5),
    _rows("512-rows", _DIGITS_WIDTHS, 4096, 1.1),
)


def chosen(patterns: Sequence[str] = (), quick: bool = False) -> list[Case]:
    """The cases that a command line asks for, in the order of the table.

    Args:
        patterns: names or shell patterns; none means all.
        quick: without patterns, only the cases of `--quick`.

    Raises:
        ValueError: a pattern fits no case.

    Example:
        >>> [case.name for case in chosen(["xor*"])]
        ['xor', 'xor-row', 'xor-rows']
    """
    for pattern in patterns:
        if not any(fnmatchcase(case.name, pattern) for case in CASES):
            names = ", ".join(case.name for case in CASES)
            raise ValueError(
                f"A case must be one of {names}. Received: {pattern!r}"
            ) from None
    if not patterns:
        return [case for case in CASES if case.quick or not quick]
    return [c for c in CASES if any(fnmatchcase(c.name, p) for p in patterns)]


def _random(case: Case, what: str) -> np.random.Generator:
    """Random numbers that depend on the shapes alone."""
    text = f"{what} {case.widths} {case.rows}"
    return np.random.Generator(np.random.Philox(zlib.crc32(text.encode())))


def data(case: Case) -> tuple[NDArray[Any], NDArray[Any]]:
    """Inputs (rows, columns) and targets (rows, outputs) that a network can learn."""
    rng = _random(case, "data")
    if case.task == "xor" and case.rows == 4:
        x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    else:
        x = rng.standard_normal((case.rows, case.widths[0]), np.float32)
    n_out = case.widths[-1]
    if case.task == "xor":
        y = ((x[:, :1] > 0.5) != (x[:, 1:2] > 0.5)).astype(np.float32)
    elif case.task == "sign":
        y = (x.sum(axis=1, keepdims=True) > 0).astype(np.float32)
    elif case.task == "shifted":
        columns = (np.arange(n_out) + 1) % case.widths[0]
        y = np.ascontiguousarray(0.5 * x[:, columns])
    else:
        if case.task == "quadrants":
            label = (x[:, 0] * x[:, 1] > 0).astype(int)
        else:
            slopes = rng.standard_normal((case.widths[0], n_out), np.float32)
            label = (x @ slopes).argmax(axis=1)
        y = np.eye(n_out, dtype=np.float32)[label]
    return x.astype(case.dtype, copy=False), y.astype(case.dtype, copy=False)


def weights(case: Case) -> list[NDArray[Any]]:
    """Kernel, bias, kernel, ... in Glorot's uniform distribution; biases are 0."""
    rng = _random(case, "weights")
    result: list[NDArray[Any]] = []
    for n_in, n_out in case.shapes:
        limit = np.sqrt(6 / (n_in + n_out))
        kernel = rng.random((n_in, n_out), np.float32)
        kernel *= 2 * limit
        kernel -= limit
        result += [kernel.astype(case.dtype, copy=False), np.zeros(n_out, case.dtype)]
    return result
