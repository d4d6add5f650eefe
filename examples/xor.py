"""XOR: the smallest problem that needs a hidden layer.

Trains the tutorial's network (16 relu units, 1 sigmoid unit) on the four points of the
truth table, then a deeper and a wider one, and prints when each first gets all four
points right. Needs numpy alone.
"""

import time

import numpy as np

from nncore.layers.core import Dense
from nncore.models import Sequential
from nncore.utils import set_random_seed

training_data = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
target_data = np.array([[0], [1], [1], [0]], "float32")


def network(*hidden):
    """A network with hidden layers of the given widths, ready to train."""
    model = Sequential()
    model.add(Dense(hidden[0], input_dim=2, activation="relu"))
    for units in hidden[1:]:
        model.add(Dense(units, activation="relu"))
    model.add(Dense(1, activation="sigmoid"))
    model.compile(
        loss="mean_squared_error", optimizer="adam", metrics=["binary_accuracy"]
    )
    return model


set_random_seed(1)  # without it every run starts elsewhere
for title, hidden in {
    "16 units": (16,),
    "two layers of 16 units": (16, 16),
    "32 units": (32,),
}.items():
    model = network(*hidden)
    start = time.perf_counter()
    history = model.fit(training_data, target_data, epochs=1000, verbose=0)
    elapsed = time.perf_counter() - start

    scores = model.evaluate(training_data, target_data, verbose=0)
    print(f"{title}: {model.count_params()} parameters")
    print(f"  1000 epochs in {elapsed * 1e3:.1f} ms, loss {scores[0]:.4f}")
    print(f"  {model.metrics_names[1]}: {scores[1]:.0%}")
    accuracy = history.history["binary_accuracy"]
    if 1.0 in accuracy:
        print(f"  100 % for the first time in epoch {accuracy.index(1.0) + 1}")
    for point, answer in zip(
        training_data, model.predict(training_data).round(), strict=True
    ):
        print(f"  {point[0]:.0f} xor {point[1]:.0f} = {answer[0]:.0f}")
