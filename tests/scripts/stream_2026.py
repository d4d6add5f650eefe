"""Gaussian XOR in the manner of 2026: Keras 3, a PyDataset, training by batches."""

import math

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(1)


class Points(keras.utils.PyDataset):
    """Points around four corners, a new batch for each index."""

    def __init__(self, batches, size, **kwargs):
        super().__init__(**kwargs)
        self.batches, self.size = batches, size

    @property
    def num_batches(self):
        return self.batches

    def __getitem__(self, index):
        rng = np.random.default_rng(index)
        corners = rng.integers(0, 2, size=(self.size, 2))
        x = corners * 2 - 1 + rng.normal(scale=0.3, size=corners.shape)
        return x, corners[:, 0] ^ corners[:, 1]


model = keras.Sequential(
    [
        layers.Input((2,)),
        layers.Dense(16, activation="gelu", kernel_initializer="he_normal"),
        layers.Dense(2, activation="softmax"),
    ]
)
model.compile(
    keras.optimizers.AdamW(0.01, weight_decay=1e-4, clipnorm=1.0),
    loss=keras.losses.SparseCategoricalCrossentropy(),
    metrics=[keras.metrics.SparseCategoricalAccuracy(name="acc")],
)
data = Points(40, 64, workers=2)
history = model.fit(
    data,
    epochs=10,
    steps_per_epoch=20,
    validation_data=Points(5, 64),
    validation_freq=2,
    callbacks=[
        keras.callbacks.LearningRateScheduler(lambda epoch, lr: lr * 0.95),
        keras.callbacks.TerminateOnNaN(),
    ],
    verbose=0,
)
print("epochs:", len(history.epoch), "validations:", len(history.history["val_acc"]))
print(f"rate: {float(model.optimizer.learning_rate):.5f}")
print("rate as expected:", math.isclose(model.optimizer.learning_rate, 0.01 * 0.95**10))
for index in range(40):
    logs = model.train_on_batch(*data[index], return_dict=True)
print(f"accuracy: {logs['acc']:.3f}")
loss, accuracy = model.evaluate(Points(20, 64), verbose=0)
print(f"evaluated: {accuracy:.3f}")
