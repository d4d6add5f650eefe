"""Each example runs as a person runs it, and prints what it promises."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture
def run(tmp_path):
    """Run a copy of an example; returns what it prints."""
    folder = tmp_path / "examples"
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns("*.png", "__*"))

    def run_copy(name, *arguments, without=()):
        # A module of the same name that says what a missing one says.
        missing = tmp_path / "missing"
        missing.mkdir(exist_ok=True)
        for module in without:
            (missing / f"{module}.py").write_text(
                f"raise ModuleNotFoundError('none', name={module!r})"
            )
        env = {
            k: v for k, v in os.environ.items() if k not in ("DISPLAY", "MPLBACKEND")
        }
        path = os.pathsep.join(filter(None, [str(missing), env.get("PYTHONPATH")]))
        env |= {"PYTHONPATH": path}
        done = subprocess.run(
            [sys.executable, str(folder / name), *arguments],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run_copy


def picture(output):
    """The path of the picture that an example says it has saved."""
    path = Path(re.search(r"^Plot: (.*\.png)$", output, re.M)[1])
    assert path.read_bytes().startswith(b"\x89PNG")
    return path


def test_xor_is_solved_by_all_three_networks(run):
    output = run("xor.py", without=("matplotlib", "pandas", "sklearn", "pooch"))
    assert output.count("binary_accuracy: 100%") == 3
    assert output.count("100 % for the first time in epoch") == 3
    for line in ("0 xor 0 = 0", "0 xor 1 = 1", "1 xor 0 = 1", "1 xor 1 = 0"):
        assert output.count(line) == 3


def test_xor_by_hand_and_by_library_agree(run):
    output = run("xor_by_hand.py")
    assert "The same to 1e-9: True" in output
    assert re.search(r"^classes +\[0 1 1 0\]$", output, re.M)
    picture(output)


def test_pima_shows_its_distributions(run, pima):
    output = run("pima.py")
    medians = [float(m) for m in re.findall(r"median ([\d.]+),", output)]
    for median, expected in zip(medians, (0.69, 0.73, 0.78), strict=True):
        assert abs(median - expected) <= 0.02
    acc, same = re.findall(r"(?:test rows|frame): ([\d.]+)$", output, re.M)
    assert acc == same
    picture(output)


def test_gaussian_xor_is_learned(run):
    output = run("gaussian_xor.py", "--seeds", "2")
    assert float(re.search(r"fresh points: ([\d.]+)", output)[1]) > 0.99
    assert re.search(r"\d of 2 seeds end above 0\.99", output)
    picture(output)


def test_customers_need_a_hidden_layer(run):
    pytest.importorskip("pandas")
    output = run("customers.py")
    assert "With 8 hidden units: 100% of 200 customers right" in output
    assert "another order: 'spends_much' where 'visits_often' was" in output


def test_digits_are_read(run):
    pytest.importorskip("sklearn")
    output = run("digits.py")
    assert float(re.search(r"test images: ([\d.]+)", output)[1]) >= 0.97
    picture(output)


@pytest.mark.parametrize(
    ("name", "module", "line"),
    [
        ("xor_by_hand.py", "matplotlib", "pip install matplotlib"),
        ("gaussian_xor.py", "matplotlib", "pip install matplotlib"),
        ("pima.py", "matplotlib", "pip install matplotlib"),
        ("pima.py", "pandas", "pip install pandas"),
        ("customers.py", "pandas", "pip install pandas"),
        ("digits.py", "sklearn", "pip install scikit-learn"),
        ("digits.py", "matplotlib", "pip install matplotlib"),
    ],
)
def test_a_missing_package_is_named_and_is_no_failure(run, name, module, line, request):
    if name == "pima.py":
        request.getfixturevalue("pima")
    if name == "digits.py" and module != "sklearn":
        pytest.importorskip("sklearn")
    assert line in run(name, without=(module,))
