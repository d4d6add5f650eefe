"""The first lines that each kind of user types, as they would type them."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import nncore
from nncore.layers import Dense
from nncore.models import Sequential


def customers(n=200):
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, n),
            "town": rng.choice(["Ulm", "Bonn", "Kiel"], n),
            "member": rng.random(n) < 0.5,
        }
    )
    return frame, (frame["town"] == "Ulm").rename("buys")


def test_a_frame_with_dummies_and_a_series():
    pd = pytest.importorskip("pandas")
    frame, y = customers()
    X = pd.get_dummies(frame)
    X["age"] = X["age"] / 100

    model = Sequential([Dense(16, activation="relu"), Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(X, y, epochs=60, validation_split=0.2, verbose=0)
    assert history.history["val_accuracy"][-1] > 0.95
    assert model.predict(X, verbose=0).shape == (200, 1)
    with pytest.raises(ValueError, match="missing 'member'"):
        model.predict(X.drop(columns="member"))


def test_a_raw_frame():
    frame, y = customers()
    model = nncore.tabular.Classifier(seed=1).fit(frame, y)
    answers = model.predict(frame)
    assert (answers["buys"] == y).mean() > 0.95


def test_cross_validation():
    pytest.importorskip("sklearn")
    from sklearn.datasets import load_iris
    from sklearn.model_selection import cross_val_score

    from nncore.sklearn import MLPClassifier

    X, y = load_iris(return_X_y=True)
    mlp = MLPClassifier((16,), learning_rate_init=0.02, scale_X=True, random_state=0)
    assert cross_val_score(mlp, X, y, cv=5).mean() > 0.93


@pytest.mark.filterwarnings("ignore:Training ended")
def test_a_pipeline_in_a_grid_search():
    pytest.importorskip("sklearn")
    from sklearn.compose import make_column_transformer
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from nncore.sklearn import MLPClassifier

    X, y = customers()
    columns = make_column_transformer(
        (StandardScaler(), ["age"]), (OneHotEncoder(), ["town", "member"])
    )
    pipeline = make_pipeline(
        columns, MLPClassifier(learning_rate_init=0.02, max_iter=60, random_state=0)
    )
    sizes = {"mlpclassifier__hidden_layer_sizes": [(4,), (16, 8)]}
    search = GridSearchCV(pipeline, sizes, n_jobs=2, cv=3).fit(X, y)
    assert search.best_score_ > 0.95
    assert search.predict(X).shape == (200,)


SHELL = """
set -e
cat data.csv | nncore train - --target buys -o m.nnc --epochs 5 --quiet
cut -d, -f1-3 data.csv | nncore predict m.nnc - | tee out.csv | sed -n 1,2p
nncore describe m.nnc | grep '^ *town'
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of Unix")
def test_a_shell_pipe(tmp_path):
    frame, y = customers()
    frame.assign(buys=y).to_csv(tmp_path / "data.csv", index=False)
    script = f'nncore() {{ "{sys.executable}" -P -m nncore "$@"; }}\n{SHELL}'
    run = subprocess.run(
        ["sh", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    header, first, town = run.stdout.splitlines()
    assert header == "buys,p(False),p(True)"
    assert first.split(",")[0] in ("True", "False")
    assert "category with 3 levels" in town
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 201


SWEEP = '''
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
import numpy as np
import nncore
from nncore.layers import Dense
from nncore.models import Sequential

def train(units):
    """One run of a sweep: its last loss, and the threads that it may use."""
    x = np.linspace(-1, 1, 64)[:, None]
    model = Sequential([Dense(units, "tanh"), Dense(1)], seed=units)
    model.compile("adam", "mse")
    loss = model.fit(x, np.sin(3 * x), epochs=5, verbose=0).history["loss"][-1]
    return loss, nncore.get_num_threads()

if __name__ == "__main__":
    way, sizes = sys.argv[1], (4, 8, 16)
    alone = [train(units)[0] for units in sizes]
    if way in ("threads", "processes"):
        pool = ThreadPoolExecutor(2)
        if way == "processes":
            pool = ProcessPoolExecutor(2, mp_context=get_context("spawn"))
        with pool:
            found = list(pool.map(train, sizes))
    else:
        import joblib
        jobs = joblib.Parallel(n_jobs=2, backend=way)
        found = jobs(joblib.delayed(train)(units) for units in sizes)
    assert [loss for loss, _ in found] == alone
    print(max(threads for _, threads in found))
'''


def sweep(way, folder):
    """The most threads that a worker had."""
    script = folder / "sweep.py"
    script.write_text(SWEEP)
    # The sources of a checkout are not the installed package.
    run = subprocess.run(
        [sys.executable, "-P", str(script), way],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return int(run.stdout)


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_a_sweep_with_joblib(backend, tmp_path):
    pytest.importorskip("joblib")
    threads = sweep(backend, tmp_path)
    if backend == "loky" and "NNCORE_FORCE_THREADS" not in os.environ:
        # Each worker has its share of the processors.
        assert threads <= max(1, len(os.sched_getaffinity(0)) // 2)


@pytest.mark.parametrize("way", ["threads", "processes"])
def test_a_sweep_with_futures(way, tmp_path):
    assert sweep(way, tmp_path) >= 1


NOTEBOOK = [
    """
import numpy as np
from nncore.layers import Dense
from nncore.models import Sequential
x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([0, 1, 1, 0])
model = Sequential([Dense(16, activation="relu", input_dim=2), Dense(1)], seed=1)
model.compile("adam", "mse")
""",
    "model",
    "history = model.fit(x, y, epochs=20)",
    """
from nncore import plot
plot.network(model)
""",
    """
from nncore.callbacks import LambdaCallback
def interrupt(epoch, logs):
    if epoch == 3: raise KeyboardInterrupt
model.fit(x, y, epochs=9, verbose=0, validation_data=(x, y),
          callbacks=LambdaCallback(on_epoch_end=interrupt))
""",
    "model.predict(x).shape",
]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Jupyter's own modules
def test_a_notebook(tmp_path):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    pytest.importorskip("matplotlib")
    book = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(text.strip()) for text in NOTEBOOK]
    )
    nbclient.NotebookClient(
        book, timeout=120, kernel_name="python3", allow_errors=True
    ).execute(cwd=str(tmp_path))
    outputs = [cell.outputs for cell in book.cells]
    assert outputs[0] == []
    # The model shows itself as a table of its layers.
    html = outputs[1][0].data["text/html"]
    assert "<table" in html
    assert "Dense" in html
    assert "65" in html
    # Progress is text on standard output alone.
    assert {out.name for out in outputs[2]} == {"stdout"}
    assert "Epoch 20/20" in "".join(out.text for out in outputs[2])
    # A picture.
    assert any("image/png" in out.get("data", {}) for out in outputs[3])
    # Ctrl-C ends the cell, not the kernel, and says what the model holds.
    assert outputs[4][-1].ename == "KeyboardInterrupt"
    assert "lowest" in "".join(outputs[4][-1].traceback)
    assert outputs[5][0].data["text/plain"] == "(4, 1)"
