"""What an installed Keras prints, nncore prints too: `pytest -m keras`."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import nncore

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]


def drawn(library, options, fitted, names):
    """The summary of a model of the library."""
    layers = importlib.import_module(f"{library.__name__}.layers")
    model = library.Sequential(
        [
            library.Input((8,)),
            layers.Dense(1600, activation="relu", name=names[0]),
            layers.Dropout(0.5, name=names[1]),
            layers.Dense(3, name=names[2], trainable=False),
        ],
        name="model",
    )
    model.compile("adam", "mse")
    if fitted:
        model.fit(np.zeros((4, 8)), np.zeros((4, 3)), verbose=0)
    texts = []
    model.summary(print_fn=lambda text, **more: texts.append(text), **options)
    lines = "\n".join(texts).splitlines()
    return [line.rstrip() for line in lines]


@pytest.mark.parametrize("columns", ["74", "80", "104", "200"])
@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"line_length": 70},
        {"line_length": 120},
        {"show_trainable": True},
        {"positions": [0.3, 0.6, 1.0]},
    ],
    ids=str,
)
def test_a_summary_is_drawn_as_keras_draws_it(
    keras, monkeypatch, columns, fitted, options
):
    if options.get("line_length", 0) > int(columns):
        pytest.skip("Keras cuts what is wider than the terminal")
    monkeypatch.setenv("COLUMNS", columns)
    names = ("first", "some_layer", "last")
    theirs = drawn(keras, options, fitted, names)
    assert drawn(nncore, options, fitted, names) == theirs
    assert any("Total params" in line for line in theirs)
