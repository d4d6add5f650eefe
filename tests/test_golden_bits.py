"""Bits and files that are written down in tests/data: only a decision changes them.

tests/trust/golden.py makes them anew where a release means to change results.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

import nncore

from .trust import golden

WANTED = json.loads(golden.HASHES.read_text())
FILES = sorted(path.name for path in golden.FILES.iterdir())


@pytest.mark.filterwarnings("ignore::nncore.TrainingWarning")
@pytest.mark.parametrize("number", range(golden.N_CASES))
def test_a_training_ends_with_the_bits_that_are_written_down(number, dtype):
    found = golden.digest(golden.training(number, dtype), number)
    assert found == WANTED[f"{number} {dtype}"], golden.case(number)


def test_every_case_is_written_down_and_differs_from_the_others():
    assert len(WANTED) == 2 * golden.N_CASES == len(set(WANTED.values()))


def test_a_change_of_one_bit_is_seen():
    model = golden.training(0, "float32")
    before = golden.digest(model, 0)
    weights = model.get_weights()
    weights[0].view(np.uint32)[0, 0] ^= 1
    model.set_weights(weights)
    assert golden.digest(model, 0) != before


@pytest.mark.parametrize("name", FILES)
def test_files_of_every_version_are_read_for_ever(name, tmp_path):
    model = golden.file_model()
    if "weights" in name:
        loaded = golden.file_model()
        loaded.set_weights([0 * w for w in loaded.get_weights()])
        loaded.load_weights(golden.FILES / name)
    else:
        loaded = nncore.load_model(golden.FILES / name)
        assert slots(loaded) == slots(model) != digest([])
    assert digest(loaded.get_weights()) == digest(model.get_weights())
    if name == "nnc-1.nnc":
        # Training goes on where it stood.
        x, y, _ = golden.rows_for(golden.case(7), 7)
        for each in (model, loaded):
            each.fit(x, y, verbose=0)
        assert digest(loaded.get_weights()) == digest(model.get_weights())


def digest(arrays):
    return hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()


def slots(model):
    """The optimizer's state of a model."""
    network = model._ready_network()
    places = range(network.n_variables)
    return digest(
        network.get_slot(k, i) for k in range(network.n_slots) for i in places
    )
