"""Scripts in the manner of each era of Keras do, unmodified, what they did then.

Seeds are fixed in the scripts and results do not depend on the machine.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).parent / "scripts"


def output(script, *words, cwd):
    """What a script prints, deprecations aside, when nncore stands for Keras."""
    done = subprocess.run(
        [sys.executable, "-m", "nncore", SCRIPTS / f"{script}.py", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=300,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "COLUMNS": "80",
        },
    )
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr
    return done.stdout


def number(pattern, text):
    """The number behind a pattern."""
    found = re.search(pattern + r"\s*(-?[\d.]+)", text)
    assert found, f"{pattern} is not in:\n{text}"
    return float(found.group(1))


@pytest.fixture
def table(pima, tmp_path):
    """The rows of patients as the file that a script reads."""
    path = tmp_path / "patients.csv"
    np.savetxt(path, np.column_stack(pima), delimiter=",", fmt="%g")
    return path


def test_every_script_is_run_here():
    text = Path(__file__).read_text()
    for script in SCRIPTS.glob("*.py"):
        assert f'"{script.stem}"' in text, script.name


@pytest.mark.parametrize("script", ["xor_2016", "xor_2026"])
def test_xor_three_ways(script, tmp_path):
    out = output(script, cwd=tmp_path)
    assert len(re.findall(r"accuracy 1\.00", out)) == 3
    assert out.count("[0, 1, 1, 0]") == 3
    if script == "xor_2016":
        assert out.count("last 1.00") == 3 and out.count("(4, 1)") == 3
    else:
        assert number("parameters:", out) == 2 * 32 + 32 + 32 + 1
        assert "│ dense_6 (Dense)" in out and 'Model: "xor"' in out


def test_a_network_by_hand(tmp_path):
    out = output("by_hand_2018", cwd=tmp_path)
    assert number("apart:", out) < 1e-5
    assert number("wrong:", out) == 0


def test_patients_of_2016(table, tmp_path):
    out = output("pima_2016", table, cwd=tmp_path)
    assert out.count("Epoch ") == 60 and "Epoch 60/60 - 77/77" in out
    assert 70 < number("accuracy:(?=.*%)", out.splitlines()[-2]) < 85
    assert 100 < number("ones:", out) < 350


def test_layers_and_optimizers_of_2016(tmp_path):
    out = output("layers_2016", cwd=tmp_path)
    reached = re.findall(r"(\w+): 300 batches, accuracy ([\d.]+)", out)
    assert len(reached) == 7 and all(float(share) > 0.9 for _, share in reached)
    assert "twin: True" in out and number("train_on_batch:", out) == 2
    assert number("lookup:", out) > 0.9


def test_patients_of_2018(table, tmp_path):
    pytest.importorskip("sklearn")
    out = output("pima_2018", table, "--epochs", 30, cwd=tmp_path)
    assert "['acc', 'learning_rate', 'loss', 'val_acc', 'val_loss']" in out
    assert 15 <= number("epochs:", out) <= 30
    assert number("test acc:", out) > 0.7
    assert number("folds:", out) > 0.7


def test_patients_of_2023(table, tmp_path):
    pytest.importorskip("pandas")
    out = output("pima_2023", table, cwd=tmp_path)
    assert "TensorFlow 2" in out
    assert re.search(r"Epoch 1/30 - 20/20 - .* - auc: .* - val_recall: ", out)
    assert number("Accuracy:", out) > 0.7 and number("AUC:", out) > 0.75
    assert "Loaded alike: True" in out


def test_a_generator_of_2016(tmp_path):
    out = output("generator_2016", cwd=tmp_path)
    assert number("(?m)^acc", out) > 0.9 and number("val_acc", out) > 0.9
    assert number("lr", out) == 0.0025
    assert number("rows", out) == 600
    assert number("mse", out) < 0.1


def test_streams_of_2026(tmp_path):
    out = output("stream_2026", cwd=tmp_path)
    assert number("epochs:", out) == 10 and number("validations:", out) == 5
    assert "rate as expected: True" in out
    assert number("accuracy:", out) > 0.95
    assert number("evaluated:", out) > 0.95


def test_parts_of_ones_own_of_2019(tmp_path):
    out = output("own_parts_2019", cwd=tmp_path)
    after = number("good enough after", out)
    assert f"epochs: {after:.0f} {after:.0f}\n" in out
    assert number("rmse:", out) < 0.3 and number("within:", out) > 0.85
    assert "['loss', 'rmse', 'within', 'mae']" in out and "same: True" in out
    assert "cube: [[1.0, 8.0]]" in out


def test_gaussian_points_of_2020(tmp_path):
    pytest.importorskip("matplotlib")
    words = ["--points", 2000, "--epochs=30", "--plot", "curve.png"]
    out = output("gaussian_2020", *words, cwd=tmp_path)
    assert number("Test accuracy:", out) > 0.99
    assert number("Agreement:", out) == number("Test accuracy:", out)
    assert "Loss fell: True" in out and "Learning rate: 0.1\n" in out
    assert "Total params: 114 (456.00 B)" in out
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert "--plot" in output("gaussian_2020", "--help", cwd=tmp_path)


def test_many_layers_of_2016(tmp_path):
    out = output("kinds_2016", cwd=tmp_path)
    assert number("validation:", out) > 0.9
    assert number("apart:", out) == 0
    assert number("error:", out) < 0.1
    assert number("least:", out) == 0


def test_many_layers_of_2026(tmp_path):
    out = output("layers_2026", cwd=tmp_path)
    assert number("validation:", out) > 0.9
    assert number(r"\btrainable:", out) == 6 + 128 + 64 + 512 + 16 + 16 + 136 + 9
    assert number("non_trainable:", out) == 6
    assert "Non-trainable params: 6 " in out
    assert number("apart:", out) == 0
