"""
Handwritten digits
==================

Small pictures of 8 by 8 pixels, ten classes: the smallest data on which a network looks
like magic. Batch normalization, a schedule for the learning rate, and a look at what
goes wrong.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import nncore
from nncore import plot
from nncore.layers import Activation, BatchNormalization, Dense, Dropout, Rescaling

nncore.utils.set_random_seed(0)
pictures, classes = load_digits(return_X_y=True)
x, x_test, y, y_test = train_test_split(
    pictures, classes, test_size=0.25, random_state=0, stratify=classes
)

# %%
# The network
# -----------

model = nncore.Sequential(
    [
        nncore.Input((64,)),
        Rescaling(1 / 16),
        Dense(64),
        BatchNormalization(),
        Activation("relu"),
        Dropout(0.2),
        Dense(32, activation="relu"),
        Dense(10, activation="softmax"),
    ]
)
model.summary()

rate = nncore.optimizers.schedules.CosineDecay(0.01, decay_steps=40 * 43)
model.compile(
    loss="sparse_categorical_crossentropy",
    optimizer=nncore.optimizers.Adam(rate),
    metrics=["accuracy"],
)
history = model.fit(
    x, y, epochs=40, batch_size=32, validation_data=(x_test, y_test), verbose=0
)
print("test accuracy:", round(history.history["val_accuracy"][-1], 4))

fig, ax = plt.subplots(layout="constrained")
plot.history(history, "loss", ax=ax)

# %%
# Which digits are taken for which
# --------------------------------

p = model.predict(x_test, verbose=0)
fig, ax = plt.subplots(figsize=(6, 5.4), layout="constrained")
plot.confusion_matrix(y_test, p.argmax(axis=1), ax=ax)

# %%
# The pictures it is least sure of
# --------------------------------

unsure = np.argsort(p.max(axis=1))[:8]
fig, axes = plt.subplots(1, 8, figsize=(12, 2), layout="constrained")
for ax, i in zip(axes, unsure, strict=True):
    ax.imshow(x_test[i].reshape(8, 8), cmap="gray_r")
    ax.set_title(f"{y_test[i]}, said {p[i].argmax()}")
    ax.axis("off")
