"""The self-test: it passes, it notices what it should, and its bounds are bounds."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nncore
from nncore import _bounds, _core, _selftest, cli, reference

from .fresh import run_fresh
from .helpers import DTYPES, layer, tolerance

ISA = _core.default_isa()


def worst(task, dtype="float64"):
    found, _ = _selftest._check_steps(task, dtype, ISA)
    return max(found.fractions.values())


@pytest.fixture
def no_pima(monkeypatch):
    def missing():
        raise OSError("no data, says the test.")

    monkeypatch.setattr(nncore.datasets, "load_pima", missing)


def test_selftest_passes_and_prints_every_isa_and_dtype(no_pima, capsys):
    assert nncore.selftest() is True
    out = capsys.readouterr().out
    assert "no data, says the test." in out
    for name, (built, here) in _core.isas().items():
        for dtype in DTYPES:
            rows = [r for r in out.splitlines() if r.split()[1:3] == [name, dtype]]
            assert bool(rows) == (built and here)
    assert out.splitlines()[-1] == "passed"


def change_epsilon(patch):
    rule = reference._ALL_RULES["adam"]

    def changed(w, slots, g, lr, spec, counters):
        rule(w, slots, g, lr, {**spec, "epsilon": 2e-7}, counters)

    patch.setitem(reference._ALL_RULES, "adam", changed)


def change_order(patch):
    patch.setattr(reference, "shuffled", lambda n, seed, epoch: np.arange(n))


def change_gradient(patch):
    slope = _bounds.Network.measure_back

    def changed(self, loss, y, p):
        return slope(self, loss, y, p) * (1 + 1e-9)

    patch.setattr(_bounds.Network, "measure_back", changed)


def change_slope(patch):
    back = _bounds.Network.activate_back

    def changed(self, described, dy, z):
        # The slope of relu at the units that are off: 1e-9 in place of 0.
        return back(self, described, dy, z) + dy * 1e-9

    patch.setattr(_bounds.Network, "activate_back", changed)


def change_moments(patch):
    rule = reference._ALL_RULES["adam"]

    def changed(w, slots, g, lr, spec, counters):
        rule(w, slots, g, lr, {**spec, "beta_2": 0.999 + 1e-9}, counters)

    patch.setitem(reference._ALL_RULES, "adam", changed)


@pytest.mark.parametrize(
    "change",
    [change_epsilon, change_order, change_gradient, change_slope, change_moments],
)
def test_a_small_change_of_a_formula_is_noticed(change, no_pima, monkeypatch):
    task = _selftest._pima()[0]._replace(steps=3)
    assert worst(task) < 1
    change(monkeypatch)
    assert worst(task) >= 1


def test_a_failure_is_reported(no_pima, monkeypatch, capsys):
    change_gradient(monkeypatch)
    monkeypatch.setattr(_selftest, "_report_free", lambda *args: None)
    monkeypatch.setattr(_selftest, "_report_smooth", lambda *args: True)
    assert cli.main(["selftest"]) == 1
    out = capsys.readouterr().out
    assert "TOO LARGE" in out
    assert "FAILED" in out.splitlines()[-1]


@pytest.mark.parametrize("side", [-1e-9, 1e-9])
def test_a_unit_too_near_a_kink_is_taken_on_the_cores_side(side):
    net = _bounds.Network(_bounds.Rounding("float32"), 3, [layer(1, "relu")])
    net.compile({"kind": "mean_squared_error"}, [], {"kind": "sgd"})
    net.start_from([np.array([[1.0], [1.0], [-2.0]]), np.zeros(1)], [])
    net.core_z = {0: np.array([[side]])}
    _, (kernel, _) = net.gradient(np.ones((1, 3)), np.ones((1, 1)))
    assert net.near_kinks == 1
    assert np.any(kernel.value != 0) == (side > 0)
    # Away from the kink the core is not asked.
    net.gradient(np.array([[1.0, 2.0, 0.0]]), np.ones((1, 1)))
    assert net.near_kinks == 1


OPERATIONS = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / (abs(b) + 1),
    "sqrt": lambda a, b: np.sqrt(abs(a)) * b,
    "extremes": lambda a, b: np.maximum(a, b) - np.minimum(a, 0),
    "product": lambda a, b: a @ b.T,
    "product and bias": lambda a, b: a @ b.T + b[:, 0],
    "sum": lambda a, b: (a * b).sum(axis=0),
    "mean": lambda a, b: ((a - b) ** 2).mean(axis=-1),
    "chained": lambda a, b: (a * b - a) / (np.sqrt(a * a + b * b) + 1) - b,
}


@pytest.mark.parametrize("operation", OPERATIONS)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 40))
def test_float32_arithmetic_stays_within_the_bound(operation, seed, n):
    rng = np.random.default_rng(seed)
    a, b = (
        (rng.normal(size=(n, n)) * np.exp2(rng.integers(-9, 9, (n, n)))).astype("f4")
        for _ in range(2)
    )
    exact = _bounds.Rounding("float32").exact
    bounded = OPERATIONS[operation](exact(a), exact(b))
    rounded = OPERATIONS[operation](a, b)
    assert rounded.dtype == np.float32
    assert np.all(np.abs(rounded - bounded.value) <= bounded.error)
    # And a bound is no excuse: it stays near the precision of the type.
    scale = (n * (np.abs(a).max() + np.abs(b).max() + 1)) ** 2
    assert bounded.error.max() < tolerance("float32", 64) * scale


def test_the_command_line_shows_version_and_config(capsys):
    assert cli.main(["info"]) == 0
    out = capsys.readouterr().out
    assert f"nncore {nncore.__version__}" in out
    assert ISA in out
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    with pytest.raises(SystemExit) as stop:
        cli.main([])
    assert stop.value.code == 2


def test_the_module_runs_as_a_command():
    command = [sys.executable, "-P", "-m", "nncore", "info"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("nncore ")


@pytest.mark.skipif(not _core.has_openmp(), reason="nncore was built without OpenMP")
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("NNCORE_NUM_THREADS", "1", "set_num_threads or NNCORE_NUM_THREADS 1"),
        ("OMP_NUM_THREADS", "1", "OMP_THREAD_LIMIT, threadpoolctl) 1"),
        ("NNCORE_FORCE_THREADS", "3", "; but NNCORE_FORCE_THREADS=3 overrides it"),
    ],
)
def test_the_config_says_why_so_many_threads(name, value, words):
    done = run_fresh("import nncore; nncore.show_config()", **{name: value})
    (line,) = (line for line in done.splitlines() if line.startswith("  threads: "))
    assert ", the smallest of: " in line
    assert words in line
    if value == "1":
        assert line.startswith("  threads: 1,")
