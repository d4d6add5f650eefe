"""
The same network by hand
========================

What happens inside ``fit``? Nothing but the chain rule. Here a network of five hidden
units is trained twice from the same weights: by a dozen lines of NumPy, and by nncore.
The numbers agree to the last few bits of float64.
"""

import matplotlib.pyplot as plt
import numpy as np

import nncore
from nncore.layers import Dense

# A third input that is always 1 takes the place of biases.
x = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], "float64")
y = np.array([[0], [1], [1], [0]], "float64")
rng = np.random.default_rng(1)
start = [rng.uniform(-1, 1, (3, 5)), rng.uniform(-1, 1, (5, 1))]

# %%
# By hand
# -------
# Forward, :math:`h = \sigma(x W)` and :math:`p = \sigma(h V)`; the error :math:`e = p -
# y`; and backward, with :math:`\sigma' = \sigma (1 - \sigma)`:
#
# .. math::
#
#    d_p = e \, p (1 - p), \qquad d_h = d_p V^T \, h (1 - h), \qquad
#    V \leftarrow V - h^T d_p, \quad W \leftarrow W - x^T d_h


def sigmoid(z):
    """The logistic function."""
    return 1 / (1 + np.exp(-z))


w, v = (part.copy() for part in start)
costs = []
for _ in range(4000):
    h = sigmoid(x @ w)
    p = sigmoid(h @ v)
    e = p - y
    costs.append((e**2).mean())
    d_p = e * p * (1 - p)
    d_h = d_p @ v.T * h * (1 - h)
    v -= h.T @ d_p
    w -= x.T @ d_h

# %%
# With nncore
# -----------
# The mean squared error divides by the four rows, and the derivative of :math:`e^2` is
# :math:`2 e`: a learning rate of 2 makes the very same steps.

model = nncore.Sequential(
    [
        nncore.Input((3,), dtype="float64"),
        Dense(5, "sigmoid", use_bias=False),
        Dense(1, "sigmoid", use_bias=False),
    ]
)
model.set_weights(start)
model.compile(loss="mse", optimizer=nncore.optimizers.SGD(2.0))
history = model.fit(x, y, epochs=4000, batch_size=4, shuffle=False, verbose=0)

loss = np.array(history.history["loss"])
print("largest difference of the loss at any step:", np.abs(loss - costs).max())
print("of the weights at the end:", np.abs(model.get_weights()[0] - w).max())

fig, ax = plt.subplots(layout="constrained")
ax.plot(costs, lw=5, alpha=0.4, label="by hand")
ax.plot(loss, "--", label="nncore")
ax.set(xlabel="step", ylabel="mean squared error", yscale="log")
ax.legend()

# %%
# What the hidden units have become
# ---------------------------------
# Each is a ramp across the square; their weighted sum is what the output squashes.

side = np.linspace(-0.25, 1.25, 80)
grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
hidden = sigmoid(np.c_[grid, np.ones(len(grid))] @ model.get_weights()[0])
fig, axes = plt.subplots(1, 5, figsize=(12, 2.6), layout="constrained", sharey=True)
for unit, ax in enumerate(axes):
    ax.imshow(
        hidden[:, unit].reshape(80, 80),
        extent=(-0.25, 1.25, -0.25, 1.25),
        origin="lower",
        cmap="RdBu_r",
        vmin=0,
        vmax=1,
    )
    ax.scatter(x[:, 0], x[:, 1], c=y.ravel(), cmap="gray", edgecolors="k", zorder=2)
    ax.set_title(f"unit {unit + 1}")
