"""Tests that need a process of their own: threads, fork, signals, the environment.

A process that hangs fails its test: after `TIMEOUT` seconds (NNCORE_TEST_TIMEOUT says
how many on a crowded machine) it is killed with all that it started. `_PRELUDE` says
what every body may call.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator

import pytest

TIMEOUT = int(os.environ.get("NNCORE_TEST_TIMEOUT", "60"))

# What a test does not set for itself is unset: what decides how many threads run, and
# the instruction set, which changes no result but, if generic, how long it takes.
_SETTINGS = ("NNCORE_FORCE_", "NNCORE_NUM_", "NNCORE_ISA", "OMP_", "GOMP_")

_SKIPPED = 77

_PRELUDE = f"""
import hashlib, os, signal, sys, threading, time

def skip(reason):
    print(reason)
    sys.stdout.flush()
    os._exit({_SKIPPED})

def model_and_rows(**options):
    import numpy as np
    from nncore.layers import Dense
    from nncore.models import Sequential
    rng = np.random.default_rng(0)
    x = rng.standard_normal((512, 64)).astype("float32")
    y = (x[:, :10] > 0).astype("float32")
    model = Sequential(
        [
            Dense(256, input_dim=64, activation="relu"),
            Dense(128, activation="tanh"),
            Dense(10, activation="sigmoid"),
        ],
        seed=7,
    )
    model.compile(loss="binary_crossentropy", optimizer="adam", **options)
    return model, x, y

def digest(arrays):
    return hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()

def train(epochs=2):
    "What a training ends with, and the team that ran it."
    model, x, y = model_and_rows()
    model.fit(x, y, batch_size=64, epochs=epochs, verbose=0)
    return digest(model.get_weights()), model._network.last_run["team"]

def in_child(work):
    "Whether work() is true in a fork of this process."
    pid = os.fork()
    if pid == 0:
        code = 2
        try:
            code = 0 if work() else 1
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""


@contextlib.contextmanager
def fresh_process(body: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A new Python that runs `body`; killed with its children when the block ends."""
    settings = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_SETTINGS)
    }
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _PRELUDE + textwrap.dedent(body)],
        env={**settings, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )

    def kill() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    watchdog = threading.Timer(TIMEOUT, kill)
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        kill()
        process.communicate()


def outcome(process: subprocess.Popen[str]) -> str:
    """Wait for the end and return the rest of what was printed; fail or skip."""
    out, err = process.communicate()
    if process.returncode == _SKIPPED:
        pytest.skip(out.strip())
    if process.returncode == -signal.SIGKILL:
        pytest.fail(f"the process was killed after {TIMEOUT} seconds: it hung\n{err}")
    assert process.returncode == 0, err
    return out


def run_fresh(body: str, **environment: str) -> str:
    """What `body` prints in a new process, or the test fails or is skipped."""
    with fresh_process(body, **environment) as process:
        return outcome(process)
