"""What is printed while a model works: its look, and how seldom it is written."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest

from nncore._progress import Progress, format_clock, format_step, format_value
from nncore.callbacks import LambdaCallback
from nncore.layers import Dense
from nncore.models import Sequential

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([0.0, 1.0, 1.0, 0.0])


class Stream(io.StringIO):
    """Counts writes; says that it is a terminal, or not."""

    def __init__(self, live, encoding="utf-8"):
        super().__init__()
        self.live = live
        self.writes = 0
        self._encoding = encoding

    @property
    def encoding(self):
        return self._encoding

    def isatty(self):
        return self.live

    def write(self, text):
        self.writes += 1
        return super().write(text)


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def screen(text):
    """The lines that a terminal shows after `text`."""
    lines, column = [""], 0
    for piece in re.findall(r"\x1b\[[0-9;]*[mK]|\r|\n|[^\x1b\r\n]+", text):
        if piece == "\n":
            lines.append("")
            column = 0
        elif piece == "\r":
            column = 0
        elif piece == "\x1b[K":
            lines[-1] = lines[-1][:column]
        elif not piece.startswith("\x1b"):
            rest = lines[-1][column + len(piece) :]
            lines[-1] = lines[-1][:column] + piece + rest
            column += len(piece)
    return lines


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Stream(live=True)


def model():
    made = Sequential([Dense(1, activation="sigmoid", input_shape=(2,))], seed=1)
    made.compile("sgd", "mse", metrics=["binary_accuracy"])
    return made


def printed(monkeypatch, stream, work):
    monkeypatch.setattr("sys.stdout", stream)
    try:
        work()
    finally:
        monkeypatch.undo()
    return stream.getvalue()


NUMBER = r"-?\d\.\d{4}(e[+-]\d\d)?"
VALUES = rf"loss: {NUMBER} - binary_accuracy: {NUMBER}"
STEP = r"\d+(\.\d)?(s|ms|us)/step"


def test_a_file_gets_one_line_per_epoch(monkeypatch):
    text = printed(
        *(monkeypatch, Stream(live=False)), lambda: model().fit(X, Y, epochs=3)
    )
    lines = text.splitlines()
    assert len(lines) == 3
    for number, line in enumerate(lines, start=1):
        assert re.fullmatch(rf"Epoch {number}/3 - 1/1 - 0s - {STEP} - {VALUES}", line)


@pytest.mark.parametrize("live", [True, False])
def test_verbose_2_is_one_line_per_epoch(monkeypatch, live):
    text = printed(
        *(monkeypatch, Stream(live)),
        lambda: model().fit(X, Y, epochs=3, verbose=2, validation_data=(X, Y)),
    )
    assert len(text.splitlines()) == 3
    assert all("val_binary_accuracy" in line for line in text.splitlines())
    assert "\r" not in text and "\x1b" not in text


def test_a_terminal_gets_keras_line_with_a_bar(monkeypatch, terminal):
    text = printed(
        *(monkeypatch, terminal), lambda: model().fit(X, Y, batch_size=3, epochs=2)
    )
    lines = [line for line in screen(text) if line]
    assert lines[0::2] == ["Epoch 1/2", "Epoch 2/2"]
    for line in lines[1::2]:
        assert re.fullmatch(rf"2/2 {'━' * 20} 0s {STEP} - {VALUES}", line)


def test_one_epoch_has_no_head_on_a_terminal(monkeypatch, terminal):
    text = printed(monkeypatch, terminal, lambda: model().fit(X, Y))
    assert "Epoch" not in text


def test_verbose_0_prints_nothing(monkeypatch):
    stream = Stream(live=True)
    assert printed(monkeypatch, stream, lambda: model().fit(X, Y, verbose=0)) == ""


def test_a_thousand_epochs_are_all_there_in_few_writes(monkeypatch, terminal):
    text = printed(monkeypatch, terminal, lambda: model().fit(X, Y, epochs=1000))
    assert text.count("\n") == 2000
    assert "Epoch 1000/1000" in text
    assert terminal.writes < 100


def test_an_encoding_without_the_bar_gets_another(monkeypatch, terminal):
    terminal._encoding = "ascii"
    text = printed(monkeypatch, terminal, lambda: model().fit(X, Y))
    assert "=" * 20 in text
    text.encode("ascii")


def test_no_color_is_respected(monkeypatch, terminal):
    monkeypatch.setenv("NO_COLOR", "1")
    out = Progress(1, 2, stream=terminal)
    out.start(1)
    out.finish({"loss": 0.5})
    out.close()
    assert "\x1b[3" not in terminal.getvalue()


def test_at_most_ten_writes_a_second(terminal):
    clock = Clock()
    out = Progress(1, 5, stream=terminal, clock=clock)
    for epoch in range(5):
        out.start(200, epoch)
        for done in range(1, 200):
            clock.now += 0.001
            out.update(done, {"loss": 1.0 / done})
        out.finish({"loss": 0.1})
    assert terminal.writes <= 10
    out.close()
    lines = [line for line in screen(terminal.getvalue()) if line]
    assert lines[::2] == [f"Epoch {number}/5" for number in range(1, 6)]
    assert all(line.startswith("200/200 ━") for line in lines[1::2])


def test_the_live_line_tells_what_is_left(terminal):
    clock = Clock()
    out = Progress(1, 1, stream=terminal, clock=clock)
    out.start(100)
    clock.now += 25
    out.update(25, {"loss": 0.25})
    assert screen(terminal.getvalue())[-1] == (
        f" 25/100 {'━' * 20} 1:15 1s/step - loss: 0.2500"
    )
    assert f"\x1b[32m{'━' * 5}\x1b[0m\x1b[37m{'━' * 15}\x1b[0m" in terminal.getvalue()


def test_the_live_line_stays_within_the_window(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    clock = Clock()
    out = Progress(1, 1, stream=terminal, clock=clock)
    out.start(100)
    clock.now += 1
    out.update(50, {"loss": 0.25, "a_metric_with_a_long_name": 1.0})
    assert len(screen(terminal.getvalue())[-1]) < 40


def test_what_others_print_comes_in_between_in_order(monkeypatch):
    text = printed(
        *(monkeypatch, Stream(live=False)),
        lambda: model().fit(
            *(X, Y),
            epochs=2,
            callbacks=LambdaCallback(on_epoch_begin=lambda e, logs: print("begin", e)),
        ),
    )
    assert [line.split(" -")[0] for line in text.splitlines()] == [
        *("begin 0", "Epoch 1/2", "begin 1", "Epoch 2/2")
    ]


def test_what_others_print_starts_on_a_line_of_its_own(terminal):
    clock = Clock()
    out = Progress(1, 1, stream=terminal, clock=clock)
    out.start(4)
    clock.now += 1
    out.update(2, {"loss": 0.25})
    out.pour()
    terminal.write("hello\n")
    out.finish({"loss": 0.2})
    out.close()
    lines = screen(terminal.getvalue())
    assert lines[0] == "hello"
    assert lines[1].startswith("4/4 ━")


def test_short_work_is_silent_and_long_work_is_not(monkeypatch):
    def work():
        trained = model()
        trained.evaluate(X, Y)
        trained.predict(X)

    assert printed(monkeypatch, Stream(live=False), work) == ""
    stream, clock = Stream(live=False), Clock()
    out = Progress(1, quiet_for=1.0, stream=stream, clock=clock)
    out.start(8)
    clock.now += 1.5
    out.finish({"loss": 0.5})
    out.close()
    assert stream.getvalue() == "8/8 - 1s - 188ms/step - loss: 0.5000\n"


def test_verbose_evaluate_and_predict_print_a_line(monkeypatch):
    def work():
        trained = model()
        trained.evaluate(X, Y, verbose=2)
        trained.predict(X, verbose=1)

    lines = printed(monkeypatch, Stream(live=False), work).splitlines()
    assert re.fullmatch(rf"1/1 - 0s - {STEP} - {VALUES}", lines[0])
    assert re.fullmatch(rf"1/1 - 0s - {STEP}", lines[1])


def test_no_console_is_no_error(monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    model().fit(X, Y, epochs=2)


@pytest.mark.parametrize("verbose", [3, -1, "loud", None])
def test_other_values_of_verbose_are_refused(verbose):
    with pytest.raises(ValueError, match="`verbose` must be 0, 1, 2 or 'auto'"):
        model().fit(X, Y, verbose=verbose)


def test_numbers_look_as_in_keras():
    assert [format_value(v) for v in (1.0, 0.0011, 0.001, 0.0, -0.5, float("nan"))] == [
        *("1.0000", "0.0011", "1.0000e-03", "0.0000e+00", "-0.5000", "nan")
    ]
    assert [format_step(s) for s in (61.2, 0.0234, 9.97e-6, 2.5e-7)] == [
        *("61s/step", "23ms/step", "10us/step", "0.2us/step")
    ]
    assert [format_clock(s) for s in (0.4, 59.9, 60, 3725)] == [
        *("0s", "59s", "1:00", "1:02:05")
    ]
