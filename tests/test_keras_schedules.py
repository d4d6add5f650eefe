"""Schedules, step by step, beside an installed Keras: `pytest -m keras`.

Keras computes them in float32; what it gives must be nncore's number within that
type's roundings, which the largest intermediate number, the step, scales.
"""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from nncore.optimizers import schedules

from .helpers import tolerance

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]

CASES = [
    ("ExponentialDecay", (0.1, 10, 0.5)),
    ("ExponentialDecay", (0.1, 7, 0.9, True)),
    ("InverseTimeDecay", (0.1, 10, 0.5)),
    ("InverseTimeDecay", (0.1, 1, 0.03, True)),
    ("PiecewiseConstantDecay", ([3, 8], [1.0, 0.5, 0.1])),
    ("PiecewiseConstantDecay", ([0], [0.5, 0.25])),
    ("PolynomialDecay", (0.1, 25)),
    ("PolynomialDecay", (0.1, 25, 0.01, 0.5)),
    ("PolynomialDecay", (0.1, 25, 0.2, 2.0, True)),
    ("CosineDecay", (0.1, 33)),
    ("CosineDecay", (0.1, 33, 0.2)),
    ("CosineDecay", (0.01, 33, 0.2, "warm", 0.3, 13)),
    ("CosineDecay", (0.01, 33, 0.0, "cut", 0.3, 0)),
    ("CosineDecay", (0.01, 33, 0.0, "no target", None, 9)),
    ("CosineDecayRestarts", (0.1, 4)),
    ("CosineDecayRestarts", (0.1, 5, 1.0, 0.7)),
    ("CosineDecayRestarts", (0.1, 3, 1.5, 0.9, 0.1)),
]


@pytest.mark.parametrize(("name", "words"), CASES, ids=str)
def test_rates_are_those_of_keras(keras, name, words):
    jax = importlib.import_module("jax")
    theirs = jax.jit(getattr(keras.optimizers.schedules, name)(*words))
    ours = getattr(schedules, name)(*words)
    steps = np.arange(120)
    rates = ours(steps)
    # p = s / steps, at most 120, may lose its last digits before cos and log see it.
    allowed = 120 * tolerance("float32", 8) * rates.max()
    for step in steps:
        assert abs(float(theirs(int(step))) - rates[step]) <= allowed, step
    assert len(set(rates.tolist())) > 1


@pytest.mark.parametrize(("name", "words"), CASES, ids=str)
def test_configurations_are_those_of_keras(keras, name, words):
    theirs = getattr(keras.optimizers.schedules, name)(*words)
    ours = getattr(schedules, name)(*words)
    assert ours.get_config() == theirs.get_config()
    assert type(theirs).from_config(ours.get_config()).get_config() == ours.get_config()
    assert type(ours).from_config(theirs.get_config()).get_config() == ours.get_config()
