"""The package as people get it: its files, its names, its version, its errors."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import runpy
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest

import nncore

ROOT = Path(__file__).resolve().parents[1]
PUBLIC_MODULES = (
    *("activations", "callbacks", "datasets", "initializers", "layers", "losses"),
    *("metrics", "models", "optimizers", "reference", "regularizers", "saving"),
    "utils",
)


def is_shipped(path: Path) -> bool:
    return path.suffix in (".py", ".pyi") or path.name == "py.typed"


def test_the_installed_files_are_those_of_the_source_folder():
    files = importlib.metadata.files("nncore") or []
    installed = {file.as_posix() for file in files if file.parts[0] == "nncore"}
    if not installed:
        pytest.skip("nncore is installed in editable mode: there is no file list")
    installed -= {name for name in installed if "__pycache__" in name}
    cores = {name for name in installed if re.match(r"nncore/_core\..*(so|pyd)$", name)}
    source = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "nncore").rglob("*")
        if is_shipped(path)
    }
    assert len(cores) == 1
    assert installed - cores == source


def test_the_sdist_leaves_out_nothing_of_its_folders():
    lines = [line.split() for line in (ROOT / "MANIFEST.in").read_text().splitlines()]
    pruned = {ROOT / line[1] for line in lines if line[0] == "prune"}
    made = (".so", ".o", ".pyc", ".png")
    tracked = None
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(
            ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True
        )
        tracked = set(listed.stdout.splitlines()) or None
    lacking = [
        path.relative_to(ROOT).as_posix()
        for verb, folder, *patterns in lines
        if verb == "recursive-include"
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
        and path.suffix not in made
        and not pruned & set(path.parents)
        and not any(path.match(pattern) for pattern in patterns)
        and (tracked is None or path.relative_to(ROOT).as_posix() in tracked)
    ]
    assert not lacking


def test_the_wheel_is_typed_and_needs_numpy_alone():
    assert (Path(nncore.__file__).parent / "py.typed").exists()
    needs = importlib.metadata.requires("nncore") or []
    assert [need for need in needs if "extra ==" not in need] == ["numpy>=1.26"]


@pytest.mark.parametrize("without_gil", [0, 1])
def test_only_a_python_with_a_gil_gets_the_stable_abi(without_gil, monkeypatch):
    """There is none without: such a Python gets a wheel of its own."""
    setuptools = pytest.importorskip("setuptools")
    asked, said = sysconfig.get_config_var, {}
    monkeypatch.setattr(setuptools, "setup", lambda **words: said.update(words))
    monkeypatch.setattr(
        sysconfig,
        "get_config_var",
        lambda name: without_gil if name == "Py_GIL_DISABLED" else asked(name),
    )
    names = runpy.run_path(str(ROOT / "setup.py"))
    (core,) = said["ext_modules"]
    assert core.py_limited_api == names["ABI3"] == (not without_gil)
    assert said["options"] == (
        {} if without_gil else {"bdist_wheel": {"py_limited_api": "cp311"}}
    )


def test_the_core_says_that_it_needs_no_gil():
    head = (ROOT / "nncore/_core.pyx").read_text("utf-8").partition('"""')[0]
    assert "freethreading_compatible=True" in head


def test_the_version_is_the_changelogs():
    assert nncore.__version__ == importlib.metadata.version("nncore")
    released = nncore.__version__.partition(".dev")[0]
    text = (ROOT / "CHANGELOG.md").read_text()
    newest = re.search(r"^## (?:\[?Unreleased\]? )?\[?(\d+\.\d+\.\d+)\]?", text, re.M)
    assert newest is not None
    assert newest.group(1) == released


def test_all_lists_every_public_name_once_and_sorted():
    own = {
        name
        for name, value in vars(nncore).items()
        if not name.startswith("_")
        and not isinstance(value, ModuleType)
        and getattr(value, "__module__", "").startswith("nncore.")
    }
    assert own <= set(nncore.__all__)
    assert all(hasattr(nncore, name) for name in nncore.__all__)
    assert len(set(nncore.__all__)) == len(nncore.__all__)
    assert nncore.__all__ == sorted(nncore.__all__, key=str.lower)


@pytest.mark.parametrize("name", PUBLIC_MODULES)
def test_every_public_module_is_there_under_its_keras_path(name):
    module = importlib.import_module(f"nncore.{name}")
    for public in getattr(module, "__all__", ()):
        assert hasattr(module, public), f"nncore.{name}.{public}"


def test_the_source_folder_without_its_core_says_so(tmp_path):
    ignore = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    shutil.copytree(ROOT / "nncore", tmp_path / "nncore", ignore=ignore)
    run = subprocess.run(
        # No site: an editable install would find the core of its own folder.
        [sys.executable, "-S", "-c", "import nncore"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode != 0
    assert "ImportError" in run.stderr
    assert "source folder" in run.stderr
    assert "pip install -e ." in run.stderr


def test_importing_nncore_imports_no_extra(tmp_path):
    code = (
        "import sys, nncore; extras = {'pandas', 'matplotlib', 'sklearn', 'pooch', "
        "'torch', 'h5py'}; print(extras & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert run.stdout.strip() == "set()", run.stderr


def test_importing_nncore_imports_little_beyond_numpy(tmp_path):
    # Each of these costs half a millisecond to three, and no training needs it.
    code = (
        "import sys, numpy; loaded = set(sys.modules); import nncore; "
        "slow = {'dataclasses', 'shutil', 'numpy.typing', 'importlib.util'}; "
        "print(slow & set(sys.modules) - loaded)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert run.stdout.strip() == "set()", run.stderr


def test_the_readmes_example_runs(tmp_path):
    readme = (ROOT / "README.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```", readme, re.M | re.S)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) == 4


def test_no_document_installs_by_the_name_of_another_project():
    texts = [*ROOT.glob("*.md"), *(ROOT / "nncore").rglob("*.py")]
    for path in [*texts, *(ROOT / "docs").rglob("*.md")]:
        assert not re.search(r"pip install ['\"]?nncore\b", path.read_text()), path
