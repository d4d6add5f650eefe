"""`nncore.sklearn.MLPClassifier` beside scikit-learn's: accuracy, and time to fit.

Same rows, seeds and settings; the libraries fit in turns, each time is the best of
`--repeats`. Give `NNCORE_DATA_DIR` the folder of pima-indians-diabetes.csv.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier as Theirs
from sklearn.preprocessing import StandardScaler

from nncore.datasets import load_pima
from nncore.sklearn import MLPClassifier as Ours

SETTINGS = {
    "defaults": {},
    "float32": {},
    "batches of 32": {"batch_size": 32, "max_iter": 50},
    "(16, 8)": {"hidden_layer_sizes": (16, 8)},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.01},
    "early stopping": {"early_stopping": True},
    "lbfgs": {"solver": "lbfgs", "max_iter": 50},
}


def rows() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Both tables, with columns scaled."""
    x, y = load_pima()
    pima = StandardScaler().fit_transform(np.asarray(x, float)), np.asarray(y).ravel()
    x, y = load_digits(return_X_y=True)
    return {"Pima": pima, "digits": (x / 16, y)}


def compare(x, y, options, dtype, repeats, seeds):
    """Accuracies [library][seed] and the best times [library]."""
    x = x.astype(dtype)
    scores = np.zeros((2, seeds))
    times = np.full((2, seeds), np.inf)
    for seed in range(seeds):
        parts = train_test_split(x, y, test_size=0.3, random_state=seed, stratify=y)
        x_train, x_test, y_train, y_test = parts
        for _ in range(repeats):
            for k, kind in enumerate((Theirs, Ours)):
                began = time.perf_counter()
                mlp = kind(random_state=seed, **options).fit(x_train, y_train)
                times[k, seed] = min(times[k, seed], time.perf_counter() - began)
                scores[k, seed] = mlp.score(x_test, y_test)
    return scores, times


def main() -> None:
    """Print a line per table and setting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(
        f"{'':24} {'scikit-learn':>13} {'nncore':>8} {'difference':>18}"
        f" {'ms':>8} {'ms':>8} {'ratio':>6}"
    )
    for table, (x, y) in rows().items():
        for name, options in SETTINGS.items():
            dtype = "float32" if name == "float32" else "float64"
            scores, times = compare(x, y, options, dtype, given.repeats, given.seeds)
            gap = scores[1] - scores[0]
            print(
                f"{table + ', ' + name:24} {scores[0].mean():13.4f}"
                f" {scores[1].mean():8.4f} {gap.mean():+9.4f} ± {gap.std():.4f}"
                f" {times[0].mean() * 1e3:8.1f} {times[1].mean() * 1e3:8.1f}"
                f" {np.median(times[0] / times[1]):6.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
