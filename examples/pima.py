"""Pima: who tests positive for diabetes, from eight numbers.

First the tutorial: train on rows 0-567, evaluate on the other 200. Then the same
network from 40 starts, because one run says little: how the accuracy spreads on raw
numbers, and on standardised ones.
"""

import numpy as np
from plotting import finish, pyplot

import nncore
from nncore.datasets import pima_path
from nncore.layers import Dense
from nncore.models import Sequential

SEEDS = 40

try:
    path = pima_path()
except (OSError, ImportError) as error:
    raise SystemExit(str(error)) from None
table = np.loadtxt(path, delimiter=",")
X, y = table[:, :8], table[:, 8]


def network():
    """The tutorial's network, ready to train."""
    model = Sequential()
    model.add(Dense(10, input_shape=(8,), activation="relu"))
    model.add(Dense(8, activation="relu"))
    model.add(Dense(8, activation="relu"))
    model.add(Dense(1, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


X_train, X_test, y_train, y_test = X[:568], X[568:], y[:568], y[568:]
nncore.utils.set_random_seed(7)
model = network()
model.fit(X_train, y_train, epochs=20, batch_size=10, verbose=2)
_, acc = model.evaluate(X_test, y_test, verbose=0)
print(f"Accuracy on the 200 test rows: {acc:.3f}")

try:
    import pandas as pd
except ModuleNotFoundError:
    print("No data frame without pandas: pip install pandas")
else:
    frame = pd.read_csv(path, header=None)
    _, same = model.evaluate(frame.loc[568:, :7], frame.loc[568:, 8], verbose=0)
    print(f"The same rows from a pandas frame: {same:.3f}")

mean, spread = X_train.mean(axis=0), X_train.std(axis=0)
Z_train, Z_test = (X_train - mean) / spread, (X_test - mean) / spread
runs = {
    "768 raw rows, 20 epochs, accuracy on them": (X, y, X, y, 20),
    "768 raw rows, 50 epochs, accuracy on them": (X, y, X, y, 50),
    "568 standardised rows, 20 epochs, test accuracy": (
        *(Z_train, y_train, Z_test, y_test),
        20,
    ),
}
accuracies = {}
for title, (a, b, a_test, b_test, epochs) in runs.items():
    results = []
    for seed in range(SEEDS):
        nncore.utils.set_random_seed(seed)
        model = network()
        model.fit(a, b, epochs=epochs, batch_size=10, verbose=0)
        results.append(model.evaluate(a_test, b_test, verbose=0)[1])
    low, median, high = np.percentile(results, [10, 50, 90])
    print(f"{title}: median {median:.3f}, 10-90 % {low:.3f}-{high:.3f}")
    accuracies[title] = results

plt = pyplot()
figure, axes = plt.subplots(
    len(runs), sharex=True, figsize=(7, 6), layout="constrained"
)
for axis, (title, results) in zip(axes, accuracies.items(), strict=True):
    axis.hist(results, bins=np.arange(0.6, 0.85, 0.01))
    axis.axvline(np.median(results), color="black", label="median")
    axis.set(title=title, ylabel="runs")
axes[0].legend(loc="upper right")
axes[-1].set_xlabel(f"accuracy from {SEEDS} starts")
finish(plt, __file__)
