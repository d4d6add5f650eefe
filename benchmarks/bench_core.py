"""What a training step costs, beside the same training written with NumPy.

Every round measures everything once, in alternating order, so that a machine that
slows down slows all of it; medians, spreads and ratios are taken over rounds. Nothing
is asserted. `--threads 1` (the default) keeps nncore and NumPy's BLAS on one core.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

import numpy as np

import nncore
from nncore.layers import Dense, Input
from nncore.models import Sequential

WIDE = (784, 512, 512, 10)
BATCH = 128
WIDE_STEPS = 20


class NumpyNetwork:
    """Relu layers, softmax, crossentropy and Adam, as good NumPy code writes them.

    All arrays exist before training, every operation works in place, and Adam walks
    over one flat vector in blocks that stay in cache.
    """

    def __init__(self, weights):
        """Copy Keras-ordered weights: kernel, bias, kernel, ..."""
        self.flat = np.concatenate([w.ravel() for w in weights])
        self.gradient = np.zeros_like(self.flat)
        self.m, self.v = np.zeros_like(self.flat), np.zeros_like(self.flat)
        self.w = self.parts(self.flat, weights)
        self.dw = self.parts(self.gradient, weights)
        self.beta_1_power = self.beta_2_power = 1.0
        self.outputs = [np.empty((BATCH, b.size), np.float32) for b in weights[1::2]]
        self.deltas = [np.empty_like(output) for output in self.outputs]
        self.scratch = np.empty(1 << 16, np.float32)

    @staticmethod
    def parts(flat, shapes):
        """Views of a flat vector in the shapes of the weights."""
        views, start = [], 0
        for w in shapes:
            views.append(flat[start : start + w.size].reshape(w.shape))
            start += w.size
        return views

    def step(self, x, y):
        """One Adam step on one batch; returns the loss before it."""
        signal = x
        for i, output in enumerate(self.outputs):
            np.matmul(signal, self.w[2 * i], out=output)
            output += self.w[2 * i + 1]
            if i < len(self.outputs) - 1:
                np.maximum(output, 0, out=output)
            signal = output
        signal -= signal.max(axis=1, keepdims=True)
        np.exp(signal, out=signal)
        signal /= signal.sum(axis=1, keepdims=True)
        loss = -np.log(np.einsum("ij,ij->i", signal, y)).mean()
        np.subtract(signal, y, out=self.deltas[-1])
        self.deltas[-1] /= len(x)
        for i in range(len(self.outputs) - 1, -1, -1):
            delta = self.deltas[i]
            below = self.outputs[i - 1] if i else x
            np.matmul(below.T, delta, out=self.dw[2 * i])
            np.sum(delta, axis=0, out=self.dw[2 * i + 1])
            if i:
                np.matmul(delta, self.w[2 * i].T, out=self.deltas[i - 1])
                self.deltas[i - 1] *= below > 0
        self.adam()
        return loss

    def adam(self, rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        """Keras's Adam over the flat vector."""
        self.beta_1_power *= beta_1
        self.beta_2_power *= beta_2
        alpha = rate * np.sqrt(1 - self.beta_2_power) / (1 - self.beta_1_power)
        for start in range(0, self.flat.size, self.scratch.size):
            part = slice(start, start + self.scratch.size)
            g, m, v = self.gradient[part], self.m[part], self.v[part]
            t = self.scratch[: g.size]
            np.subtract(g, m, out=t)
            t *= 1 - beta_1
            m += t
            np.square(g, out=t)
            t -= v
            t *= 1 - beta_2
            v += t
            np.sqrt(v, out=t)
            t += epsilon
            np.divide(m, t, out=t)
            t *= alpha
            self.flat[part] -= t

    def fit(self, x, y):
        """One epoch in order; returns the mean loss."""
        losses = [
            self.step(x[i : i + BATCH], y[i : i + BATCH])
            for i in range(0, len(x), BATCH)
        ]
        return float(np.mean(losses))


def model(n_in, units, activation, loss):
    """A compiled relu network with Adam."""
    *hidden, last = units
    layers = [Dense(width, activation="relu") for width in hidden]
    result = Sequential([Input((n_in,)), *layers, Dense(last, activation=activation)])
    result.compile(loss=loss, optimizer="adam")
    return result


def seconds(function):
    """Run a function once."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def import_seconds():
    """Time that importing nncore adds to a process that has NumPy."""
    code = (
        "import time, numpy; start = time.perf_counter(); import nncore; "
        "print(time.perf_counter() - start)"
    )
    run = [sys.executable, "-c", code]
    # With byte code at hand, as an installed package has it.
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(run, capture_output=True, check=True, env=env)
    return float(done.stdout)


def measurements():
    """Name, unit, and a function that gives one number in that unit."""
    rng = np.random.default_rng(0)
    nncore.utils.set_random_seed(0)
    x4 = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    y4 = np.array([[0], [1], [1], [0]], np.float32)
    xor = model(2, (16, 1), "sigmoid", "mean_squared_error")

    x768 = rng.standard_normal((768, 8), np.float32)
    y768 = (x768[:, :1] > 0).astype(np.float32)
    pima = model(8, (10, 8, 8, 1), "sigmoid", "binary_crossentropy")

    x = rng.standard_normal((BATCH * WIDE_STEPS, WIDE[0]), np.float32)
    y = np.eye(10, dtype=np.float32)[rng.integers(0, 10, len(x))]
    wide = model(WIDE[0], WIDE[1:], "softmax", "categorical_crossentropy")
    numpy = NumpyNetwork(wide.get_weights())

    def wide_fit():
        return wide.fit(
            x, y, batch_size=BATCH, epochs=1, shuffle=False, verbose=0
        ).history["loss"][0]

    print(
        "The two wide trainings do the same work; mean loss of the first epoch from "
        f"the same weights: nncore {wide_fit():.6f}, NumPy {numpy.fit(x, y):.6f}\n"
    )
    steps = 77 * 50
    return [
        (
            "XOR step, 2-16-1, batch 4",
            "us",
            lambda: (
                1e6 / 2e4 * seconds(lambda: xor.fit(x4, y4, epochs=20_000, verbose=0))
            ),
        ),
        (
            "Pima step, 8-10-8-8-1, batch 10",
            "us",
            lambda: (
                1e6
                / steps
                * seconds(
                    lambda: pima.fit(x768, y768, batch_size=10, epochs=50, verbose=0)
                )
            ),
        ),
        (
            "784-512-512-10 step, batch 128, nncore",
            "ms",
            lambda: 1e3 / WIDE_STEPS * seconds(wide_fit),
        ),
        (
            "784-512-512-10 step, batch 128, NumPy",
            "ms",
            lambda: 1e3 / WIDE_STEPS * seconds(lambda: numpy.fit(x, y)),
        ),
        ("import nncore, after import numpy", "ms", lambda: 1e3 * import_seconds()),
    ]


def start_again(threads):
    """Start this script anew with the thread counts set: BLAS reads them at import."""
    names = [f"{name}_NUM_THREADS" for name in ("OMP", "OPENBLAS", "MKL", "NNCORE")]
    wanted = dict.fromkeys(names, str(threads))
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        run = [sys.executable, *sys.argv]
        os.execve(sys.executable, run, {**os.environ, **wanted})


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1, help="of nncore and BLAS")
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    start_again(options.threads)

    versions = f"nncore {nncore.__version__}, NumPy {np.__version__}"
    print(f"{versions}, {options.threads} thread(s), {options.rounds} rounds")
    rows = measurements()
    results = {name: [] for name, _, _ in rows}
    for _, _, measure in rows:
        measure()
    for number in range(options.rounds):
        for name, _, measure in rows if number % 2 else rows[::-1]:
            results[name].append(measure())
    print(f"{'':42} {'median':>9} {'10 %':>9} {'90 %':>9}")
    for name, unit, _ in rows:
        low, median, high = np.percentile(results[name], [10, 50, 90])
        print(f"{name:42} {median:9.3f} {low:9.3f} {high:9.3f} {unit}")
    ours, theirs = (np.array(results[name]) for name, _, _ in rows[2:4])
    low, median, high = np.percentile(theirs / ours, [10, 50, 90])
    print(f"\nNumPy / nncore, round by round: {median:.2f} ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
