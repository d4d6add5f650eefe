"""`nncore bench`: its table of cases, its processes, its rounds, its words.

What is measured is never asserted, only that it is measured, of the same work.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import math
import os
import signal

import numpy as np
import pytest

from nncore import _core
from nncore.benchmark import command, extras, machine, plot, report, run
from nncore.benchmark.cases import CASES, Case, Goal, chosen, data, weights
from nncore.benchmark.peers import CONTESTANTS, Contestant, named, ours, with_numpy
from nncore.benchmark.process import ContestantError, Process
from nncore.cli import main

from .helpers import ISAS

SMALL = [case for case in CASES if case.parameters * case.rows < 1e9]
BY_NAME = {case.name: case for case in CASES}
XOR = dataclasses.replace(BY_NAME["xor"], epochs=2)
NNCORE, NUMPY = (
    next(peer for peer in CONTESTANTS if peer.name == name)
    for name in ("nncore", "numpy")
)


# ---- cases -------------------------------------------------------------------------


def test_operations_are_those_of_the_products():
    case = Case("three", (3, 5, 2), batch=4, rows=8)
    forward = 2 * 3 * 5 + 2 * 5 * 2
    kernel_gradients = 2 * 3 * 5 + 2 * 5 * 2
    input_gradient_of_the_second_layer = 2 * 5 * 2
    total = forward + kernel_gradients + input_gradient_of_the_second_layer
    assert case.flops == total == 120
    assert dataclasses.replace(case, does="predict").flops == forward


def test_names_of_cases_and_goals_are_known():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    others = {peer.name for peer in CONTESTANTS} | set(names)
    for case in CASES:
        for goal in case.goals:
            assert goal.figure in ("us", "ms", "% of peak", "times", "points")
            assert goal.who in others
            assert (goal.versus in others) == (goal.figure in ("times", "points"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_data_and_weights_have_the_shapes_of_the_case(case):
    if case.parameters * case.rows > 1e10:
        case = dataclasses.replace(case, rows=16)
    x, y = data(case)
    assert x.shape == (case.rows, case.widths[0])
    assert y.shape == (case.rows, case.widths[-1])
    parts = weights(case)
    assert [w.shape for w in parts[::2]] == list(case.shapes)
    assert sum(w.size for w in parts) == case.parameters
    assert {a.dtype for a in (x, y, *parts)} == {np.dtype(case.dtype)}
    if case.task == "classes" and case.rows > 1000:
        assert 0 < y[:, 0].mean() < 1
    assert np.array_equal(x, data(case)[0])


def test_cases_are_chosen_by_pattern_in_the_tables_order():
    assert [case.name for case in chosen(["*-row", "xor"])] == [
        *("xor", "xor-row", "pima-row", "512-row"),
    ]
    assert set(chosen(quick=True)) < set(chosen())
    assert chosen(["4096"], quick=True) == [BY_NAME["4096"]]
    with pytest.raises(ValueError, match=r"A case must be one of xor.*'nothing'"):
        chosen(["nothing"])


def test_peers_are_chosen_by_name():
    assert {"torch", "jax", "keras"} <= {peer.name for peer in named()}
    assert "keras" not in {peer.name for peer in named(quick=True)}
    assert [peer.name for peer in named(["numpy"]) if not peer.is_nncore] == ["numpy"]
    with pytest.raises(ValueError, match=r"A peer must be one of .*'numpi'"):
        named(["numpi"])


# ---- the same work -----------------------------------------------------------------


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
def test_numpy_trains_and_predicts_what_nncore_does(case):
    case = dataclasses.replace(case, epochs=1)
    mine = ours.prepare(case, 1, "")
    theirs = with_numpy.prepare(case, 1, "")
    assert run.agrees(mine.checked, theirs.checked, case.dtype)
    assert mine.rows == theirs.rows == case.rows


@pytest.mark.parametrize(
    "change", [{"batch": 20}, {"optimizer": "sgd"}, {"hidden": "tanh"}], ids=str
)
def test_other_work_gives_other_numbers(change):
    case = BY_NAME["pima"]
    other = dataclasses.replace(case, **change)
    mine, theirs = ours.prepare(case, 1, ""), with_numpy.prepare(other, 1, "")
    assert not run.agrees(mine.checked, theirs.checked, case.dtype)


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "momentum"])
def test_numpy_has_nncores_optimizers(optimizer):
    case = dataclasses.replace(BY_NAME["pima"], optimizer=optimizer, dtype="float64")
    model, network = ours.make(case), with_numpy.Network(case)
    x, y = data(case)
    model.fit(x, y, batch_size=10, epochs=3, shuffle=False, verbose=0)
    network.fit(x, y, 3, False)
    for mine, theirs in zip(model.get_weights(), network.w, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    ("module", "library"),
    [
        ("with_torch", "torch"),
        ("with_jax", "jax"),
        ("with_sklearn", "sklearn"),
        ("with_onnxruntime", "onnxruntime"),
    ],
)
def test_other_libraries_do_what_nncore_does(module, library):
    pytest.importorskip(library)
    with run.Pool() as pool:
        peers = [peer for peer in CONTESTANTS if peer.module in ("ours", module)]
        for name in ("pima", "pima-row"):
            found = run.measure_case(
                BY_NAME[name], peers, pool, threads=1, rounds=1, seconds=0.0
            )
            for result in found["results"]:
                if result["name"] != "bound":
                    assert not result["error"]
                    assert result["agrees"] is not False


# ---- the machine -------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2])
def test_a_team_does_all_its_multiply_adds(dtype, isa, threads):
    one = _core.measure_arithmetic(dtype, 3, 1, isa)
    lanes = 1 if isa == "generic" else one // (3 * 12)
    assert one == 3 * 12 * lanes
    team = _core.measure_arithmetic(dtype, 3, threads, isa)
    assert team in (one, one * threads)
    assert _core.measure_arithmetic(dtype, 0, 1, isa) == 0


@pytest.mark.parametrize("n", [0, 1, 7, 127, 128, 1000])
def test_every_element_is_read_as_often_as_asked(isa, n):
    assert _core.measure_reading(np.zeros(n, np.float32), 3, 2, isa) == 3 * n


def test_what_cannot_be_read_is_refused():
    with pytest.raises(ValueError, match="float32"):
        _core.measure_reading(np.zeros(8), 1)
    with pytest.raises(ValueError, match="contiguous"):
        _core.measure_reading(np.zeros(8, np.float32)[::2], 1)
    with pytest.raises(ValueError, match="isa must be one of"):
        _core.measure_arithmetic("float32", 1, 1, "mmx")


def test_the_peak_of_wider_vectors_is_higher():
    wide = [isa for isa in ISAS if isa != "generic"]
    if not wide:
        pytest.skip("no vectors here")

    def rate(isa: str) -> float:
        return machine.best_rate(
            lambda rounds, threads: _core.measure_arithmetic(
                "float32", 100 * rounds, threads, isa
            ),
            seconds=5e-4,
        )

    assert rate(wide[0]) > rate("generic")


def test_the_best_repetition_counts(monkeypatch):
    now = 0.0
    speeds = {1: itertools.repeat(100.0), 2: iter([50.0, 400.0, 200.0])}

    def work(rounds: int, threads: int) -> int:
        nonlocal now
        now += rounds / next(speeds[threads])
        return rounds

    monkeypatch.setattr(machine.time, "perf_counter", lambda: now)
    rate = machine.best_rate(work, threads=2, repetitions=3, seconds=1.0)
    assert rate == pytest.approx(400.0)


def test_the_machine_is_described_without_names():
    about = machine.describe()
    assert about["isa"] == _core.default_isa()
    assert os.uname().nodename not in json.dumps(about).split('"')


def test_a_better_peak_that_is_seen_later_counts():
    peaks = [{"threads": 1, "float32": 5.0}, {"threads": 2, "float32": 6.0}]
    machine.keep_best(peaks, "float32", 2, [9.0, 7.0])
    machine.keep_best(peaks, "float32", 1, [4.0])
    assert [row["float32"] for row in peaks] == [5.0, 9.0]


# ---- processes ---------------------------------------------------------------------


@pytest.fixture
def pool():
    with run.Pool(timeout=60) as pool:
        yield pool


def measure(pool, *peers, case=XOR, rounds=2):
    found = run.measure_case(case, peers, pool, threads=1, rounds=rounds, seconds=1e-3)
    return {result["name"]: result for result in found["results"]}


def test_every_round_has_one_sample_of_everyone(pool):
    results = measure(pool, NNCORE, NUMPY, rounds=3)
    assert [len(result["samples"]) for result in results.values()] == [3, 3]
    assert all(result["agrees"] for result in results.values())
    assert all(sample > 0 for sample in results["numpy"]["samples"])
    assert set(pool.versions) == {"nncore", "numpy"}


def test_a_missing_library_is_told_and_the_rest_goes_on(pool):
    absent = Contestant("absent", "with_torch", needs="no_such_library")
    also = Contestant("also", "with_fann", library="no_such_library")
    results = measure(pool, NNCORE, absent, also)
    assert results["absent"]["error"] == "no_such_library is not installed"
    assert results["also"]["error"] == "libno_such_library.so is not installed"
    assert results["absent"]["samples"] == []
    assert len(results["nncore"]["samples"]) == 2


def test_a_library_that_does_not_load_is_told(pool):
    broken = Contestant("broken", "no_such_module")
    results = measure(pool, NNCORE, broken)
    assert results["broken"]["error"].startswith("ModuleNotFoundError")
    assert len(results["nncore"]["samples"]) == 2


def test_a_process_that_dies_in_its_turn_is_told_and_the_rest_goes_on(
    pool, monkeypatch
):
    whole_turn = run.Entry.turn

    def turn(entry: run.Entry, seconds: float) -> None:
        if entry.peer.name == "numpy" and len(entry.result.samples) == 1:
            os.kill(entry.process.child.pid, signal.SIGKILL)
        whole_turn(entry, seconds)

    monkeypatch.setattr(run.Entry, "turn", turn)
    results = measure(pool, NNCORE, NUMPY, rounds=3)
    assert "status -9" in results["numpy"]["error"]
    assert results["numpy"]["samples"] == []
    assert len(results["nncore"]["samples"]) == 3


@pytest.mark.parametrize(("patience", "status"), [(60, 0), (0, -signal.SIGKILL)])
def test_a_process_ends_by_itself_or_is_killed(patience, status, monkeypatch):
    monkeypatch.setattr("nncore.benchmark.process.SECONDS_TO_END", patience)
    process = Process("with_numpy", 1)
    process.close()
    assert process.child.returncode == status


def test_an_answer_that_does_not_come_is_not_waited_for():
    process = Process("with_numpy", 1, timeout=0.01)
    try:
        with pytest.raises(ContestantError, match="no answer within"):
            process.ask("versions")
        with pytest.raises(ContestantError, match="status -9"):
            process.ask("versions")
    finally:
        process.close()


def test_who_is_not_on_turn_is_stopped(pool):
    process = pool.get(NNCORE, 1)
    _, status = os.waitpid(process.child.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert process.ask("versions")


def test_an_error_of_a_library_leaves_its_process_alive(pool):
    process = pool.get(NUMPY, 1)
    with pytest.raises(ContestantError, match="TypeError"):
        process.ask("prepare", case={"name": "x", "widths": [1], "nonsense": 1})
    assert process.ask("forget") == {}


def test_calls_are_timed_one_by_one_beside_a_busy_thread(pool):
    (row,) = run.beside_busy_thread(
        BY_NAME["xor-row"], [NNCORE], pool, threads=1, seconds=0.02
    )
    for taken in (row["alone"], row["beside"]):
        assert taken["runs"] > 0
        assert 0 < taken["median"] <= taken["p99"]


def test_nobody_begins_when_time_is_up(pool):
    found = run.measure_case(
        XOR, [NNCORE, NUMPY], pool, threads=1, rounds=5, seconds=1e-3, until=0.0
    )
    nncore, numpy = found["results"]
    assert len(nncore["samples"]) == len(found["peak"]) == 1
    assert numpy["error"] == "not measured: short of time"


@pytest.mark.parametrize(
    ("threads", "quick", "expected"),
    [(1, False, [1]), (4, False, [1, 4]), (4, True, [1])],
)
def test_small_work_is_tried_on_one_thread_and_on_all(threads, quick, expected):
    assert run.thread_tries(XOR, NUMPY, threads, quick) == expected
    assert run.thread_tries(XOR, NNCORE, threads, quick) == [threads]
    assert run.thread_tries(BY_NAME["4096"], NUMPY, threads, quick) == [threads]


# ---- figures and words -------------------------------------------------------------


def found_by_hand() -> dict:
    """Two contestants of one case, whose figures are easy to see."""
    case = Case(
        "hand",
        (10, 50, 1),
        batch=100,
        rows=1000,
        goals=(
            Goal("us", 2000.0),
            Goal("us", 3.0, who="numpy"),
            Goal("% of peak", 50.0),
            Goal("times", 3.0, "numpy"),
            Goal("times", 3.0, "torch"),
        ),
        published="elsewhere: 1",
    )
    results = [
        run.Result("nncore", rows=1000, team=2, samples=[0.01, 0.02], agrees=True),
        run.Result("numpy", rows=500, team=1, samples=[0.02, 0.04], agrees=False),
        run.Result("torch", error="torch is not installed"),
    ]
    rows = [
        {"threads": n, "float32": n * 1e9, "float64": 5e8, "cached": 1e9, "memory": 1e8}
        for n in (1, 2)
    ]
    return {
        "schema": command.SCHEMA,
        "options": {"threads": 2},
        "machine": machine.describe(),
        "versions": {"nncore": "1"},
        "peaks": rows,
        "cases": [
            {
                **dataclasses.asdict(case),
                "title": case.title,
                "flops_per_row": case.flops,
                "parameters": case.parameters,
                "results": [dataclasses.asdict(result) for result in results],
                "peak": [2e9, 2e9],
            }
        ],
    }


def test_figures_follow_from_the_samples():
    found = found_by_hand()
    case = found["cases"][0]
    nncore, numpy, torch = (
        report.figures(found, case, result) for result in case["results"]
    )
    # 1000 rows in 15 ms, ten steps; 6 (500 + 50) - 2 500 operations a row.
    assert nncore["us"] == pytest.approx(1500)
    assert nncore["rows/s"] == pytest.approx(1000 / 0.015)
    assert nncore["GFLOP/s"] == pytest.approx(2300 * 1000 / 0.015 / 1e9)
    assert nncore["% of peak"] == pytest.approx(100 * nncore["GFLOP/s"] / 2)
    assert numpy["us"] == pytest.approx(6000)
    assert torch == {}
    assert run.ratios(case, "numpy") == pytest.approx([4.0, 4.0])
    assert run.ratios(case, "nncore", who="numpy") == pytest.approx([0.25, 0.25])
    assert run.ratios(case, "torch") == []


def test_goals_are_held_against_the_figures():
    rows = report.goals(found_by_hand())
    assert [row["reached"] for row in rows] == [True, False, False, True, None]
    assert [row["is_most"] for row in rows] == [True, True, False, False, False]


def test_the_table_says_who_is_missing_and_who_does_other_work():
    found = found_by_hand()
    found["goals"] = report.goals(found)
    lines = [
        *report.machine_lines(found),
        *report.case_lines(found, found["cases"][0]),
        *report.goal_lines(found),
    ]
    text = "\n".join(lines)
    assert max(map(len, lines)) <= report.WIDTH
    assert "torch: torch is not installed" in text
    assert "numpy: NOT THE SAME WORK" in text
    assert "4.00x (4.00-4.00)" in text
    assert "elsewhere: 1" in text
    assert text.count("missed") == 2


@pytest.mark.parametrize("pace", [0.001, 0.0123, 0.1, 1.0, 45.6])
def test_the_table_fits_however_far_ahead_or_behind(pace):
    found = found_by_hand()
    nncore, numpy, _ = found["cases"][0]["results"]
    nncore["samples"] = [0.5 * taken * 1.23 / pace for taken in numpy["samples"]]
    nncore["samples"][0] *= 1.3
    lines = list(report.case_lines(found, found["cases"][0]))
    assert max(map(len, lines)) <= report.WIDTH
    assert sum("x (" in line for line in lines) == 1


def test_a_busy_machine_is_told():
    found = found_by_hand()
    assert report.busy_words(found) == ""
    found["peaks"][1]["float32"] = 1e9
    assert "50 %" in report.busy_words(found)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, "0"), (0.2134, "0.213"), (1.0, "1.00"), (99.96, "100"), (2345.6, "2346")],
)
def test_numbers_have_three_digits(value, expected):
    assert report.short(value) == expected


def test_the_picture_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "bench.png"
    plot.draw(found_by_hand(), str(path))
    assert path.read_bytes().startswith(b"\x89PNG")


def test_intensity_counts_what_must_move():
    case = found_by_hand()["cases"][0]
    parameters = 11 * 50 + 51
    moved = 4 * (6 * parameters + 100 * 11)
    assert plot.intensity(case) == pytest.approx(100 * 2300 / moved)
    predicting = {**case, "does": "predict"}
    assert plot.intensity(predicting) > plot.intensity(case)


# ---- memory ------------------------------------------------------------------------


def test_memory_of_training_and_predicting_is_counted():
    fit = extras.fit_memory(rows=2000, columns=20)
    assert fit["parameters"] == 21 * 64 + 65
    assert fit["grown_bytes"] >= 0
    assert extras.predict_memory(calls=50)["calls"] == 50
    assert extras.in_new_process("nothing")["error"].startswith("status 1: KeyError")


# ---- the command -------------------------------------------------------------------


def test_the_command_measures_writes_and_prints(tmp_path, capsys):
    path = tmp_path / "bench.json"
    arguments = ["--quick", "--threads", "1", "--rounds", "2", "--json", str(path)]
    cases = ["--cases", "xor", "xor-row", "--peers", "numpy"]
    assert main(["bench", *arguments, *cases]) == 0
    found = json.loads(path.read_text())
    assert found["schema"] == command.SCHEMA
    assert found["options"]["quick"] is True
    assert {row["threads"] for row in found["peaks"]} == {1}
    assert all(
        row[key] > 0
        for row in found["peaks"]
        for key in ("float32", "float64", "cached", "memory")
    )
    assert [case["name"] for case in found["cases"]] == ["xor", "xor-row"]
    for case in found["cases"]:
        results = {result["name"]: result for result in case["results"]}
        assert len(case["peak"]) == 2
        for name in ("nncore", "numpy"):
            assert results[name]["agrees"] is True
            assert len(results[name]["samples"]) == 2
            assert all(math.isfinite(s) and s > 0 for s in results[name]["samples"])
            assert results[name]["statement"]
    assert {row["name"] for row in found["busy"]} >= {"nncore", "numpy"}
    assert found["versions"]["numpy"] == np.__version__
    printed = capsys.readouterr().out
    assert "xor: 2-16-1 relu, sigmoid" in printed
    assert "goals" in printed
    assert max(map(len, printed.splitlines())) <= report.WIDTH


@pytest.mark.parametrize(
    "arguments", [["--cases", "nothing"], ["--peers", "nothing"]], ids=" ".join
)
def test_an_unknown_name_ends_the_command(arguments, capsys):
    assert main(["bench", *arguments]) == 2
    assert "Received: 'nothing'" in capsys.readouterr().err


def test_options_are_checked(capsys):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    quick = parser.parse_args(["--quick"])
    assert quick.quick
    assert (quick.cases, quick.peers, quick.threads) == ([], [], None)
    with pytest.raises(SystemExit):
        parser.parse_args(["--rounds", "0"])
    assert "expected at least 1" in capsys.readouterr().err


def test_a_call_that_went_alone_does_not_hide_the_team():
    answers = iter([2, 1])

    class Calls:
        def ask(self, what, **words):
            return {"times": 1, "seconds": 0.1, "team": next(answers)}

    entry = run.Entry(None, Calls(), run.Result("nncore"))  # type: ignore[arg-type]
    for _ in range(2):
        entry.turn(0.1)
    assert entry.result.team == 2
