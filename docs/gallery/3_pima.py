"""
A table of patients
===================

Eight measurements of 768 women of the Pima, and whether they were later found to have
diabetes: the classic first table. The file is downloaded once, or found in the folder
that ``NNCORE_DATA_DIR`` names.
"""

import matplotlib.pyplot as plt
import numpy as np

import nncore
from nncore import plot
from nncore.datasets import pima_path
from nncore.layers import Dense, Dropout, Normalization

nncore.utils.set_random_seed(7)
table = np.loadtxt(pima_path(), delimiter=",")
x, y = table[:, :8], table[:, 8]
train, test = slice(0, 568), slice(568, None)
print("share of positive rows:", y.mean().round(3))

# %%
# As the tutorials do it
# ----------------------
# Raw numbers, a small network, batches of ten. Insulin runs to 800 and the pedigree
# stays near 0.5, so that the first layer sees little but insulin.

model = nncore.Sequential(
    [
        Dense(10, input_dim=8, activation="relu"),
        Dense(8, activation="relu"),
        Dense(8, activation="relu"),
        Dense(1, activation="sigmoid"),
    ]
)
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(x[train], y[train], epochs=50, batch_size=10, verbose=0)
print(f"raw numbers: {model.evaluate(x[test], y[test], verbose=0)[1]:.3f}")

# %%
# Scaled, and held back
# ---------------------
# A Normalization layer learns mean and spread of each column and becomes part of the
# model. Dropout and early stopping keep the network from learning the rows by heart.

scale = Normalization()
scale.adapt(x[train])
better = nncore.Sequential(
    [
        nncore.Input((8,)),
        scale,
        Dense(32, activation="relu"),
        Dropout(0.3),
        Dense(1, activation="sigmoid"),
    ]
)
better.compile(
    loss="binary_crossentropy", optimizer="adam", metrics=["accuracy", "AUC"]
)
stop = nncore.callbacks.EarlyStopping(patience=20, restore_best_weights=True)
history = better.fit(
    x[train],
    y[train],
    epochs=300,
    batch_size=32,
    validation_split=0.2,
    callbacks=[stop],
    verbose=0,
)
loss, accuracy, auc = better.evaluate(x[test], y[test], verbose=0)
print(f"scaled: accuracy {accuracy:.3f}, AUC {auc:.3f}, {len(history.epoch)} epochs")

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
plot.history(history, "loss", ax=left)
p = better.predict(x[test], verbose=0).ravel()
plot.roc(y[test], p, ax=right)

# %%
# Which mistakes, and are the probabilities honest?
# -------------------------------------------------

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
plot.confusion_matrix(y[test], p > 0.5, labels=["healthy", "diabetes"], ax=left)
plot.calibration(y[test], p, ax=right)
