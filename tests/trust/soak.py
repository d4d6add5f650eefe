"""Random models built, trained, asked, saved and loaded for a while, in flat memory.

    .venv/bin/python tests/trust/soak.py --seconds 600 --seed 1

Each round draws everything: layers, dtype, loss, optimizer, rows, threads, format. What
was saved must predict the same bits, in another number of threads too. At the end
memory, threads and open files must be what they were after the first fifth: the bytes
that malloc has given out (all of Python's with PYTHONMALLOC=malloc), and the process's,
of which allocators hold back a little more with each model. Takes longer where that
would be too few models.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import copy
import ctypes
import gc
import os
import random
import sys
import tempfile
import threading
import time
import warnings
from typing import Any

import numpy as np

import nncore
from nncore import layers

MOST_GROWTH = 8  # MiB
HELD_BACK = 512 / 2**20  # MiB a model; 300 bytes were seen, while those in use stayed
FEWEST_MODELS = 300  # on a crowded machine: a leak needs some to show


class MallInfo(ctypes.Structure):
    """What mallinfo2 of glibc 2.33 tells."""

    _fields_ = [("of", ctypes.c_size_t * 10)]


def in_use() -> float:
    """MiB that malloc has given out; 0 where it does not say."""
    library: Any = ctypes.CDLL(None)
    with contextlib.suppress(AttributeError):
        ask = library.__sanitizer_get_current_allocated_bytes
        ask.restype = ctypes.c_size_t
        return ask() / 2**20
    with contextlib.suppress(AttributeError):
        library.mallinfo2.restype = MallInfo
        info = library.mallinfo2()
        return (info.of[4] + info.of[7]) / 2**20  # hblkhd: mapped alone; uordblks
    return 0.0


def resident() -> float:
    """MiB of memory in the process, what the allocator could give back left out."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def some_model(rng: random.Random) -> tuple[nncore.Sequential, str]:
    stack: list[Any] = []
    for _ in range(rng.randrange(4)):
        units = rng.choice((1, 3, 8, 17, 40, 64, 130, 300))
        activation = rng.choice(("relu", "tanh", "sigmoid", "gelu", "elu", "linear"))
        stack.append(layers.Dense(units, activation, use_bias=rng.random() < 0.9))
        if rng.random() < 0.3:
            stack.append(layers.Dropout(rng.choice((0.1, 0.5))))
    loss = rng.choice(
        ("mse", "mae", "binary_crossentropy", "sparse_categorical_crossentropy")
    )
    last = {"b": "sigmoid", "s": "softmax"}.get(loss[0], "linear")
    stack.append(layers.Dense(rng.choice((2, 5)), last))
    dtype = rng.choice(("float32", "float64"))
    model = nncore.Sequential(stack, dtype=dtype)
    rule = rng.choice(("sgd", "adam", "rmsprop", "nadam", "adagrad", "adadelta"))
    model.compile(rule, loss, metrics=rng.choice(([], ["accuracy"])), on_nan="continue")
    return model, loss


def some_rows(model: Any, loss: str, rng: random.Random) -> tuple[Any, Any]:
    n, columns = rng.choice((1, 3, 32, 100, 1000)), rng.choice((1, 2, 9, 64, 200))
    numbers = np.random.default_rng(rng.randrange(2**32))
    x = numbers.normal(size=(n, columns)).astype(model.dtype)
    units = model.layers[-1].units
    if loss.startswith("sparse"):
        return x, numbers.integers(0, units, n)
    if loss.startswith("binary"):
        return x, numbers.integers(0, 2, (n, units)).astype(float)
    return x, numbers.normal(size=(n, units))


def turn(rng: random.Random, folder: str) -> str:
    """One model's life; which way it was copied."""
    model, loss = some_model(rng)
    x, y = some_rows(model, loss, rng)
    size, team = rng.choice((1, 7, 32, 500)), rng.choice((1, 2, 3))
    options: dict[str, Any] = {"verbose": 0, "batch_size": max(size, len(x) // 50)}
    model.fit(x, y, epochs=rng.choice((1, 3)), threads=team, **options)
    if rng.random() < 0.3 and len(x) > 3:
        model.fit(x, y, validation_split=0.3, **options)
    model.evaluate(x, y, verbose=0, threads=rng.choice((1, 2)))
    model.train_on_batch(x, y)
    want = model.predict(x, threads=1)
    assert np.array_equal(model.predict(x, threads=2), want, equal_nan=True)
    way = rng.choice((".nnc", ".keras", ".h5", "copy", "weights", "threads"))
    if way.startswith("."):
        path = os.path.join(folder, "m" + way)
        model.save(path)
        other = nncore.load_model(path)
    elif way == "weights":
        other = model
        other.set_weights(model.get_weights())
    else:
        other = copy.deepcopy(model)
    if way == "threads":
        workers = [threading.Thread(target=other.predict, args=(x,)) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert np.array_equal(other.predict(x), want, equal_nan=True), way
    other.fit(x, y, **options)
    return way


def state() -> tuple[float, float, int, int]:
    """MiB in use and in the process, threads, open files."""
    gc.collect()
    threads, files = (len(os.listdir(f"/proc/self/{x}")) for x in ("task", "fd"))
    return in_use(), resident(), threads, files


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    ways: collections.Counter[str] = collections.Counter()
    begun = time.monotonic()
    early: tuple[float, float, int, int] | None = None
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        while (
            (passed := time.monotonic() - begun) < options.seconds
            or ways.total() < FEWEST_MODELS
            or not early
        ):
            # By then everything has been imported and every size of block been used.
            enough = ways.total() >= FEWEST_MODELS // 3
            if not early and passed > options.seconds / 5 and enough:
                early = state()
            ways[turn(rng, folder)] += 1
    late = state()
    assert early is not None
    print(
        f"{ways.total():,} models in {options.seconds:.0f} s, seed {options.seed}: "
        f"in use {early[0]:.1f} MiB, then {late[0]:.1f}; in the process "
        f"{early[1]:.1f} MiB, then {late[1]:.1f}; threads {early[2]}, then {late[2]}; "
        f"files {early[3]}, then {late[3]}"
    )
    held_back = MOST_GROWTH + HELD_BACK * ways.total()
    is_flat = late[0] < early[0] + MOST_GROWTH and late[1] < early[1] + held_back
    return 0 if is_flat and late[2:] == early[2:] else 1


if __name__ == "__main__":
    sys.exit(main())
