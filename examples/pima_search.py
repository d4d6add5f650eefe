"""Two hundred networks for the Pima patients, searched with joblib.

Each setting is scored by 5-fold cross-validation, in as many processes as there are
processors; nncore then takes one thread in each by itself. `--compare 10` fits ten of
the settings with scikit-learn's own MLP as well, which makes the same updates, and says
how much longer it takes.
"""

import argparse
import time
import warnings

import numpy as np

from nncore.datasets import load_pima

try:
    from joblib import Parallel, cpu_count, delayed
    from sklearn import neural_network
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from nncore.sklearn import MLPClassifier
except ImportError as error:
    raise SystemExit(f"This example needs scikit-learn: {error}") from None

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--networks", type=int, default=200)
parser.add_argument("--compare", type=int, default=0, help="settings for scikit-learn")
options = parser.parse_args()

try:
    X, y = (np.asarray(array) for array in load_pima())
except (OSError, ImportError) as error:
    raise SystemExit(str(error)) from None
y = y.ravel().astype(int)


def settings(rng):
    """Return one setting drawn at random."""
    layers = rng.integers(1, 4)
    return {
        "hidden_layer_sizes": tuple(
            int(2 ** rng.integers(2, 7)) for _ in range(layers)
        ),
        "activation": str(rng.choice(["relu", "tanh", "logistic"])),
        "alpha": float(10 ** rng.uniform(-5, 1)),
        "learning_rate_init": float(10 ** rng.uniform(-3.5, -1.5)),
        "max_iter": 60,
        "random_state": 0,
    }


def score(kind, setting):
    """Return the mean accuracy over five folds."""
    warnings.simplefilter("ignore")  # many do not converge in 60 epochs
    model = make_pipeline(StandardScaler(), kind(**setting))
    return cross_val_score(model, X, y, cv=5).mean()


def search(kind, chosen):
    """Return the scores of some settings, and the seconds that they took."""
    began = time.perf_counter()
    scores = Parallel(n_jobs=-1)(delayed(score)(kind, setting) for setting in chosen)
    return np.array(scores), time.perf_counter() - began


rng = np.random.default_rng(1)
chosen = [settings(rng) for _ in range(options.networks)]
search(MLPClassifier, chosen[:2])  # starts the processes
scores, seconds = search(MLPClassifier, chosen)
best = int(scores.argmax())
print(
    f"{len(chosen)} settings, {5 * len(chosen)} trainings on {cpu_count()} processors: "
    f"{seconds:.1f} s"
)
print(f"accuracy from {scores.min():.3f} to {scores[best]:.3f}, the best with")
for name in ("hidden_layer_sizes", "activation", "alpha", "learning_rate_init"):
    value = chosen[best][name]
    print(f"  {name:19} {value if not isinstance(value, float) else f'{value:.2g}'}")

if options.compare:
    some = chosen[: options.compare]
    theirs, longer = search(neural_network.MLPClassifier, some)
    ours, shorter = search(MLPClassifier, some)
    print(
        f"scikit-learn's MLP for {len(some)} of them: {longer:.1f} s, nncore's "
        f"{shorter:.1f} s: {longer / shorter:.1f} times as long; accuracies differ by "
        f"{np.abs(theirs - ours).max():.3f} at most"
    )
