"""
XOR over Gaussian points
========================

Ten thousand points around the origin; a point is of class 0 where its coordinates have
the same sign. The same question as XOR, with noise, a held-out set, and room to watch
what learning rates do.
"""

import matplotlib.pyplot as plt
import numpy as np

import nncore
from nncore import plot
from nncore.datasets import gaussian_xor
from nncore.layers import Dense
from nncore.optimizers import SGD

x, y = gaussian_xor(10_000, seed=1)
x_test, y_test = gaussian_xor(4000, seed=2)


def train(optimizer, seed=1):
    """A trained model and its history."""
    nncore.utils.set_random_seed(seed)
    model = nncore.Sequential(
        [
            Dense(4, input_dim=2, activation="relu"),
            Dense(4, activation="relu"),
            Dense(2, activation="softmax"),
        ]
    )
    model.compile(
        loss="categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"]
    )
    return model, model.fit(x, y, epochs=60, batch_size=100, verbose=0)


# %%
# Momentum and decay
# ------------------
# The old recipe: a momentum of 0.99 and a rate that decays by 1 / (1 + 0.001 t).

model, history = train(SGD(0.01, decay=0.001, momentum=0.99))
print("test accuracy:", round(model.evaluate(x_test, y_test, verbose=0)[1], 4))

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
plot.history(history, "loss", ax=left)
plot.decision_regions(
    model, x_test, y_test.argmax(axis=1), labels=["same sign", "other"], ax=right
)

# %%
# Other rules
# -----------
# From the same start, each for 60 epochs.

rules = {
    "SGD, rate 0.1": SGD(0.1),
    "momentum 0.9": SGD(0.1, momentum=0.9),
    "RMSprop": nncore.optimizers.RMSprop(0.01),
    "Adam": nncore.optimizers.Adam(0.01),
}
fig, ax = plt.subplots(layout="constrained")
for name, rule in rules.items():
    _, history = train(rule)
    ax.plot(history.history["loss"], label=name)
ax.set(xlabel="epoch", ylabel="loss", yscale="log")
ax.legend()

# %%
# Starts differ
# -------------
# A network this small can lose relu units for good. Twenty starts, sorted:

accuracy = []
for seed in range(20):
    found, _ = train(nncore.optimizers.Adam(0.01), seed)
    accuracy.append(found.evaluate(x_test, y_test, verbose=0)[1])
print(np.sort(np.round(accuracy, 3)))
