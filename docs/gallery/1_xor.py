"""
XOR: four points that no line separates
=======================================

Two switches and a lamp: the lamp is lit when exactly one switch is on. A single neuron
draws a line through the plane and cannot say so, whatever its weights. Two layers can.
"""

import matplotlib.pyplot as plt
import numpy as np

import nncore
from nncore import plot
from nncore.layers import Dense

nncore.utils.set_random_seed(3)
x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
y = np.array([[0], [1], [1], [0]], "float32")

# %%
# Without a hidden layer
# ----------------------
# The best that one neuron finds is to answer 1/2 everywhere: the mean squared error
# stays at 1/4.

line = nncore.Sequential([Dense(1, input_dim=2, activation="sigmoid")])
line.compile(loss="mean_squared_error", optimizer="adam")
line.fit(x, y, epochs=3000, verbose=0)
print(line.predict(x, verbose=0).ravel().round(3))

# %%
# With one
# --------
# Sixteen relu units fold the plane; the sigmoid behind them cuts what was folded.

model = nncore.Sequential(
    [Dense(16, input_dim=2, activation="relu"), Dense(1, activation="sigmoid")]
)
model.compile(loss="mean_squared_error", optimizer="adam", metrics=["binary_accuracy"])
history = model.fit(x, y, epochs=1500, verbose=0)
print(model.predict(x, verbose=0).ravel().round(3))

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
plot.history(history, ax=left)
plot.decision_regions(model, x, y.ravel(), labels=["off", "on"], ax=right)

# %%
# What the network is
# -------------------
# A line for each weight, thick where it is large.

fig, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
plot.network(model, ax=ax)

# %%
# Does it always work?
# --------------------
# No: a relu unit whose input is negative for all four points learns nothing more, and
# with two hidden units many starts lose one. More units make that rare.

for units in (2, 4, 8, 16):
    solved = 0
    for seed in range(50):
        nncore.utils.set_random_seed(seed)
        small = nncore.Sequential(
            [Dense(units, input_dim=2, activation="relu"), Dense(1, "sigmoid")]
        )
        small.compile(loss="mean_squared_error", optimizer=nncore.optimizers.Adam(0.01))
        small.fit(x, y, epochs=1000, verbose=0)
        solved += bool(((small.predict(x, verbose=0) > 0.5) == y).all())
    print(f"{units:2} units: {solved} of 50 starts solve it")
