"""XOR three ways in the manner of 2026: Keras 3, with a Sequential per width."""

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(812)

x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype="float32")
y = np.array([[0], [1], [1], [0]], dtype="float32")


def make_model(widths: tuple[int, ...]) -> keras.Sequential:
    model = keras.Sequential([keras.Input(shape=(2,))], name="xor")
    for width in widths:
        model.add(layers.Dense(width, activation="relu"))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=0.01),
        loss="mean_squared_error",
        metrics=["binary_accuracy"],
    )
    return model


for widths in ((16,), (16, 16), (32,)):
    model = make_model(widths)
    history = model.fit(x, y, epochs=500, verbose=0)
    loss, accuracy = model.evaluate(x, y, verbose=0)
    print(f"{widths}: {model.metrics_names[0]} {loss:.4f}, accuracy {accuracy:.2f}")
    print(model.predict(x, verbose=0).round().ravel().astype(int).tolist())

model.summary()
print("parameters:", model.count_params())
