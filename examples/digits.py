"""Digits: read handwritten digits of 8 x 8 pixels.

1797 images that come with scikit-learn; 64 inputs, 64 relu units, 10 classes. A fifth
of the images is kept for testing, and the worst mistakes there are drawn.
"""

import time

import numpy as np
from plotting import finish, pyplot

import nncore
from nncore.layers import Dense, Flatten, Input
from nncore.models import Sequential

try:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
except ModuleNotFoundError:
    print("The images come with scikit-learn: pip install scikit-learn")
    raise SystemExit(0) from None

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.images / 16,
    digits.target,
    test_size=0.2,
    stratify=digits.target,
    random_state=0,
)

nncore.utils.set_random_seed(0)
model = Sequential(
    [
        Input((8, 8)),
        Flatten(),
        Dense(64, activation="relu"),
        Dense(10, activation="softmax"),
    ]
)
model.compile(
    loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"]
)
model.summary()

start = time.perf_counter()
model.fit(X_train, y_train, epochs=50, batch_size=32, verbose=0)
print(f"50 epochs over {len(X_train)} images in {time.perf_counter() - start:.2f} s")
_, accuracy = model.evaluate(X_test, y_test, verbose=0)
print(f"Accuracy on {len(X_test)} test images: {accuracy:.3f}")

chances = model.predict(X_test, verbose=0)
answers = chances.argmax(axis=1)
rows = np.arange(len(y_test))
worst = np.argsort(chances[rows, y_test])[:10]

plt = pyplot()
figure, axes = plt.subplots(2, 5, figsize=(8, 4), layout="constrained")
for axis, row in zip(axes.flat, worst, strict=True):
    axis.imshow(X_test[row], cmap="gray_r")
    right = answers[row] == y_test[row]
    axis.set_title(
        f"{y_test[row]}, read as {answers[row]}",
        fontsize=10,
        color="black" if right else "tab:red",
    )
    axis.axis("off")
figure.suptitle(f"The ten least certain of {len(y_test)} test images")
finish(plt, __file__)
