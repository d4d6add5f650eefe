"""The patients in the manner of 2023: tf.keras 2.12, a Sequence, metrics, saving."""
import math
import os
import sys
import tempfile

import numpy as np
import pandas as pd
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

print("TensorFlow", tf.__version__.split(".")[0])
keras.utils.set_random_seed(4)

names = ["pregnancies", "glucose", "pressure", "skin", "insulin", "bmi", "pedigree",
         "age", "outcome"]
frame = pd.read_csv(sys.argv[1], names=names)
train = frame.sample(frac=0.8, random_state=4)
test = frame.drop(train.index)
mean, std = train.mean(), train.std()


def columns(part):
    scaled = (part - mean) / std
    return scaled[names[:-1]].to_numpy(), part["outcome"].to_numpy()


class Batches(keras.utils.Sequence):
    def __init__(self, x, y, batch_size):
        self.x, self.y, self.batch_size = x, y, batch_size
        self.order = np.arange(len(x))
        self.rng = np.random.default_rng(4)

    def __len__(self):
        return math.ceil(len(self.x) / self.batch_size)

    def __getitem__(self, idx):
        rows = self.order[idx * self.batch_size:(idx + 1) * self.batch_size]
        return self.x[rows], self.y[rows]

    def on_epoch_end(self):
        self.rng.shuffle(self.order)


model = keras.Sequential([
    layers.Input(shape=(8,)),
    layers.Dense(16, activation="relu",
                 kernel_regularizer=keras.regularizers.l2(1e-4)),
    layers.BatchNormalization(),
    layers.Dropout(0.2),
    layers.Dense(1, activation="sigmoid"),
])
schedule = keras.optimizers.schedules.ExponentialDecay(0.01, 200, 0.9)
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=schedule),
    loss=keras.losses.BinaryCrossentropy(),
    metrics=["accuracy", keras.metrics.AUC(name="auc"), keras.metrics.Recall()],
)
x_test, y_test = columns(test)
history = model.fit(
    Batches(*columns(train), batch_size=32),
    epochs=30,
    verbose=2,
    validation_data=(x_test, y_test),
    callbacks=[keras.callbacks.EarlyStopping(patience=8, restore_best_weights=True)],
)
results = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
print("Accuracy: %.3f AUC: %.3f" % (results["accuracy"], results["auc"]))

path = os.path.join(tempfile.mkdtemp(), "model.keras")
model.save(path)
again = keras.models.load_model(path)
same = np.allclose(again.predict(x_test, verbose=0), model.predict(x_test, verbose=0))
print("Loaded alike:", same)
