"""nncore itself, through its public verbs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import nncore
from nncore import _core, optimizers
from nncore.layers import Dense, Input
from nncore.models import Sequential

from ..cases import Case, data, weights
from . import Prepared

RULES: dict[str, Callable[[], optimizers.Optimizer]] = {
    "adam": optimizers.Adam,
    "sgd": optimizers.SGD,
    "momentum": lambda: optimizers.SGD(momentum=0.9),
}


def versions() -> dict[str, str]:
    """What is measured."""
    return {"nncore": nncore.__version__}


def make(case: Case) -> Sequential:
    """The case's network, compiled, with the case's weights."""
    layers = [
        Dense(units, activation=activation)
        for units, activation in zip(case.widths[1:], case.activations, strict=True)
    ]
    model = Sequential([Input((case.widths[0],)), *layers], dtype=case.dtype)
    model.compile(
        loss=case.loss, optimizer=RULES[case.optimizer](), metrics=[case.metric]
    )
    model.set_weights(weights(case))
    return model


def prepare(case: Case, threads: int, variant: str) -> Prepared:
    """`fit`, `predict`, a call, a bound call, or a plain read of as many bytes."""
    nncore.set_num_threads(threads)
    model = make(case)
    x, y = data(case)
    names: dict[str, Any] = {"model": model, "x": x, "y": y}

    def team() -> int:
        return model._ready_network().last_run["team"]

    if case.does == "train":
        history = model.fit(x, y, batch_size=case.batch, shuffle=False, verbose=0)
        statement = (
            f"model.fit(x, y, batch_size={case.batch}, epochs={case.epochs}, "
            f"{'' if case.shuffle else 'shuffle=False, '}verbose=0)"
        )
        rows = case.rows * case.epochs
        return Prepared(
            statement, names, rows, [float(history.history["loss"][0])], team=team
        )
    checked = model.predict(x, verbose=0).ravel()[:8].tolist()
    if case.does == "predict":
        statement = "model.predict(x, verbose=0)"
        return Prepared(statement, names, case.rows, checked, team=team)
    if variant == "bound":
        out = np.empty((case.rows, case.widths[-1]), case.dtype)
        names = {"run": model.bind(x, out=out)}
        names["run"]()
        return Prepared("run()", names, case.rows, out.ravel()[:8].tolist(), team=team)
    if variant == "reading":
        times, used = 16, 1
        for _ in range(times):
            model(x)
            used = max(used, team())
        names = {
            "read": _core.measure_reading,
            "p": np.ones(case.parameters, np.float32),
        }
        return Prepared(
            f"read(p, {times}, threads={used})",
            names,
            times,
            [],
            comparable=False,
            note=f"as many bytes as the weights have, {4 * case.parameters:,}",
            team=lambda: used,
        )
    return Prepared("model(x)", names, case.rows, checked, team=team)
