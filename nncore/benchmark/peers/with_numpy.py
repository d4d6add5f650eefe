"""Training in NumPy as good NumPy code writes it.

Matrix products by NumPy's BLAS, every array made before training, every operation in
place, the optimizer in blocks that stay in cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..cases import Case, data, weights
from . import Prepared

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Elements of a block of the optimizer, and steps after which one run may end.
BLOCK = 1 << 15
STEPS = 2000


def versions() -> dict[str, str]:
    """What is measured."""
    return {"numpy": np.__version__}


class Network:
    """A dense network with its buffers."""

    def __init__(self, case: Case) -> None:
        """Take the case's weights."""
        self.case = case
        parts = weights(case)
        self.flat = np.concatenate([part.ravel() for part in parts])
        self.gradient = np.zeros_like(self.flat)
        self.slots = [np.zeros_like(self.flat) for _ in range(2)]
        self.w, self.dw = self._split(self.flat), self._split(self.gradient)
        self.powers = [1.0, 1.0]
        self.scratch = np.empty(BLOCK, case.dtype)
        self.buffers = {
            n: self._buffers(n) for n in {case.batch, case.rows % case.batch} - {0}
        }
        self.rng = np.random.default_rng(0)

    def _split(self, flat: NDArray[Any]) -> list[NDArray[Any]]:
        """Views of a flat vector: kernel, bias, kernel, ..."""
        views, start = [], 0
        for n_in, n_out in self.case.shapes:
            for shape in ((n_in, n_out), (n_out,)):
                size = int(np.prod(shape))
                views.append(flat[start : start + size].reshape(shape))
                start += size
        return views

    def _buffers(self, n: int) -> dict[str, Any]:
        """Everything that a batch of n rows is written to."""
        widths, dtype = self.case.widths, self.case.dtype
        return {
            "x": np.empty((n, widths[0]), dtype),
            "t": np.empty((n, widths[-1]), dtype),
            "y": [np.empty((n, width), dtype) for width in widths[1:]],
            "d": [np.empty((n, width), dtype) for width in widths[1:]],
            "e": np.empty((n, widths[-1]), dtype),
            "f": [np.empty((n, width), dtype) for width in widths[1:]],
        }

    def forward(self, x: NDArray[Any], ys: list[NDArray[Any]]) -> NDArray[Any]:
        """Outputs of all layers."""
        for i, (y, act) in enumerate(zip(ys, self.case.activations, strict=True)):
            np.matmul(x, self.w[2 * i], out=y)
            y += self.w[2 * i + 1]
            if act == "relu":
                np.maximum(y, 0, out=y)
            elif act == "tanh":
                np.tanh(y, out=y)
            elif act == "sigmoid":
                np.negative(y, out=y)
                np.exp(y, out=y)
                y += 1
                np.reciprocal(y, out=y)
            elif act == "softmax":
                y -= y.max(axis=1, keepdims=True)
                np.exp(y, out=y)
                y /= y.sum(axis=1, keepdims=True)
            x = y
        return x

    def step(self, x: NDArray[Any], t: NDArray[Any], b: dict[str, Any]) -> None:
        """One step on one batch; loss and metric are added to `self.sums`."""
        case, ys, ds = self.case, b["y"], b["d"]
        p, n = self.forward(x, ys), len(x)
        d, e = ds[-1], b["e"]
        np.subtract(p, t, out=d)
        if case.loss == "mean_squared_error":
            np.abs(d, out=e)
            self.sums[1] += float(e.mean()) * n
            np.square(d, out=e)
            self.sums[0] += float(e.mean()) * n
            d *= 2 / (n * p.shape[1])
            if case.output == "sigmoid":
                np.subtract(1, p, out=e)
                e *= p
                d *= e
        else:
            if case.loss == "binary_crossentropy":
                hits = np.count_nonzero((p > 0.5) == (t > 0.5))
                # The probability of what is the case: p where t is 1, 1 - p where 0.
                np.subtract(1, t, out=e)
                e -= p
                np.abs(e, out=e)
                value = e[:, 0]
            else:
                hits = np.count_nonzero(p.argmax(axis=1) == t.argmax(axis=1))
                value = np.einsum("ij,ij->i", p, t)
            np.maximum(value, 1e-7, out=value)
            self.sums[0] -= float(np.log(value, out=value).sum())
            self.sums[1] += hits
            d /= n
        for i in range(len(ys) - 1, -1, -1):
            below = ys[i - 1] if i else x
            np.matmul(below.T, ds[i], out=self.dw[2 * i])
            np.sum(ds[i], axis=0, out=self.dw[2 * i + 1])
            if i:
                np.matmul(ds[i], self.w[2 * i].T, out=ds[i - 1])
                f = b["f"][i - 1]
                if case.hidden == "relu":
                    np.greater(below, 0, out=f)
                else:
                    np.square(below, out=f)
                    np.subtract(1, f, out=f)
                ds[i - 1] *= f
        self.update()

    def update(self) -> None:
        """The optimizer's step, block by block."""
        rule = self.case.optimizer
        rate, beta_1, beta_2, epsilon = 0.001, 0.9, 0.999, 1e-7
        self.powers[0] *= beta_1
        self.powers[1] *= beta_2
        alpha = rate * np.sqrt(1 - self.powers[1]) / (1 - self.powers[0])
        for start in range(0, self.flat.size, BLOCK):
            part = slice(start, start + BLOCK)
            w, g = self.flat[part], self.gradient[part]
            m, v = self.slots[0][part], self.slots[1][part]
            s = self.scratch[: g.size]
            if rule == "adam":
                np.subtract(g, m, out=s)
                s *= 1 - beta_1
                m += s
                np.square(g, out=s)
                s -= v
                s *= 1 - beta_2
                v += s
                np.sqrt(v, out=s)
                s += epsilon
                np.divide(m, s, out=s)
                s *= alpha
                w -= s
            elif rule == "momentum":
                m *= 0.9
                np.multiply(g, 0.01, out=s)
                m -= s
                w += m
            else:
                np.multiply(g, 0.01, out=s)
                w -= s

    def fit(self, x: NDArray[Any], t: NDArray[Any], epochs: int, shuffle: bool) -> Any:
        """Train; the last epoch's mean loss and metric."""
        n, batch = len(x), self.case.batch
        for _ in range(epochs):
            self.sums = [0.0, 0.0]
            order = self.rng.permutation(n) if shuffle else None
            for start in range(0, n, batch):
                end = min(start + batch, n)
                b = self.buffers[end - start]
                if order is None:
                    self.step(x[start:end], t[start:end], b)
                    continue
                rows = order[start:end]
                # mode="clip" writes to `out` without a buffer between.
                np.take(x, rows, axis=0, out=b["x"], mode="clip")
                np.take(t, rows, axis=0, out=b["t"], mode="clip")
                self.step(b["x"], b["t"], b)
        return [total / n for total in self.sums]


def prepare(case: Case, threads: int, variant: str) -> Prepared:
    """Whole epochs, or the forward pass into buffers that stand ready."""
    network = Network(case)
    x, y = data(case)
    if case.does != "train":
        buffers = network.buffers[case.rows]["y"]
        out = network.forward(x, buffers)
        names = {"forward": network.forward, "x": x, "buffers": buffers}
        checked = out.ravel()[:8].tolist()
        return Prepared("forward(x, buffers)", names, case.rows, checked)
    loss, _ = network.fit(x, y, 1, False)
    epochs = max(1, min(case.epochs, STEPS // case.steps))
    return Prepared(
        f"network.fit(x, y, epochs={epochs}, shuffle={case.shuffle})",
        {"network": network, "x": x, "y": y},
        epochs * case.rows,
        [loss],
    )
