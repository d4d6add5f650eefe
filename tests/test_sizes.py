"""Sizes that nobody means: a result, ValueError or MemoryError, in bounded memory."""

from __future__ import annotations

import sys

import pytest

from .fresh import run_fresh

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="limits memory as Linux does"
)

# Each within 2 GiB of address space beyond what a small training needs.
LIMITED = """
import resource
import numpy as np
import nncore
from nncore.layers import Dense, Dropout, Flatten, Input

def small(**options):
    model = nncore.Sequential([Dense(3, "relu", input_dim=2), Dense(1)], seed=1)
    model.compile("adam", "mse", **options)
    return model

x, y = np.ones((5, 2)), np.ones(5)
small().fit(x, y, verbose=0)
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**31, -1))

def refused(act):
    try:
        act()
    except (ValueError, MemoryError, OverflowError) as error:
        assert str(error)
        return
    raise AssertionError(act)

def usable(model):
    model.fit(x, y, verbose=0)
    assert np.isfinite(model.predict(x)).all()
"""

REFUSED = {
    "units": "nncore.Sequential([Dense({n}, input_dim=9)]).build()",
    "columns": "nncore.Sequential([Input(({n},)), Dense(9)]).build()",
    "columns of several axes": "nncore.Sequential("
    "[Input((2**20, {n})), Flatten(), Dense(9)]).build()",
    "both": "nncore.Sequential([Dense({n}, input_dim={n})]).build()",
    "a hidden layer": "nncore.Sequential("
    "[Dense(2, input_dim=2), Dense({n}), Dense({n}), Dense(1)]).build()",
}


@pytest.mark.parametrize("what", REFUSED)
def test_networks_beyond_memory_are_refused(what):
    sizes = [2**k for k in (31, 32, 33, 40, 53, 60, 61, 62, 63, 64, 70)]
    sizes += [2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1]
    acts = [f"lambda: {REFUSED[what].format(n=n)}" for n in sizes]
    run_fresh(LIMITED + f"for act in [{', '.join(acts)}]: refused(act)")


def test_batches_and_epochs_may_be_larger_than_anything():
    run_fresh(
        LIMITED
        + """
for n in (2**31, 2**40, 2**62, 2**63 - 1):
    want = small()
    want.fit(x, y, batch_size=5, shuffle=False, verbose=0)
    model = small()
    model.fit(x, y, batch_size=n, shuffle=False, verbose=0)
    assert digest(model.get_weights()) == digest(want.get_weights()), n
    assert model.evaluate(x, y, batch_size=n, verbose=0) == want.evaluate(x, y)
    assert (model.predict(x, batch_size=n) == want.predict(x)).all()

class Stop(nncore.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch == 2

for n in (2**31, 2**62, 2**63 - 1):
    model = small()
    assert len(model.fit(x, y, epochs=n, callbacks=[Stop()], verbose=0).epoch) == 3
for n in (2**64, 2**70):
    model = small()
    for act in (
        lambda: model.fit(x, y, batch_size=n, verbose=0),
        lambda: model.fit(x, y, steps_per_epoch=n, verbose=0),
        lambda: nncore.set_num_threads(n),
    ):
        try:
            act()
        except (ValueError, MemoryError, OverflowError):
            pass
    usable(model)
"""
    )


def test_a_batch_beyond_memory_leaves_the_model_usable():
    # Few distinct rows that are read many times over: no array is large but the
    # network's own.
    run_fresh(
        LIMITED
        + """
many = np.broadcast_to(np.float32(1), (2**28, 2))
model = nncore.Sequential([Dense(64, input_dim=2), Dense(1)], dtype="float32", seed=1)
model.compile("sgd", "mse", check_finite=False)
targets = np.broadcast_to(np.float32(1), (2**28, 1))
refused(lambda: model.fit(many, targets, batch_size=2**28, verbose=0))
usable(model)
refused(lambda: model.predict(np.broadcast_to(np.float32(1), (2**33, 2))))
usable(model)
"""
    )


def test_no_rows_and_no_columns():
    run_fresh(
        LIMITED
        + """
model = small()
assert model.predict(np.ones((0, 2))).shape == (0, 1)
refused(lambda: model.fit(np.ones((0, 2)), np.ones(0), verbose=0))
refused(lambda: model.evaluate(np.ones((0, 2)), np.ones(0), verbose=0))
refused(lambda: model.predict(np.ones((3, 0))))
refused(lambda: model.fit(np.ones((3, 0)), np.ones(3), verbose=0))
refused(lambda: nncore.Sequential([Dense(0, input_dim=2)]))
refused(lambda: nncore.Sequential([Dense(2, input_dim=0)]).build())
refused(lambda: nncore.Sequential([Dense(2)]).build((None, 0)))
usable(model)
"""
    )
