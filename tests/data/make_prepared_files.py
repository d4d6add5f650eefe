"""Write models that prepare data with the Keras that is installed, on TensorFlow.

    python make_prepared_files.py <file.zip>

tests/test_preprocessing.py reads keras_prepared.zip, which came out: for every model a
.keras file, and an .npz of the same stem with rows and what the model makes of them.
"""

import io
import os
import sys
import tempfile
import zipfile

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf

layers = keras.layers
rng = np.random.default_rng(0)
X = rng.normal(3, 2, size=(30, 4)).astype("float32")
WORDS = rng.choice(list("abcd"), (30, 1))
NUMBERS = rng.integers(0, 9, (30, 2))


def adapted(layer, data):
    layer.adapt(data)
    return layer


MODELS = {
    "normalization": (adapted(layers.Normalization(), X), X),
    "bins": (adapted(layers.Discretization(num_bins=3, output_mode="count"), X), X),
    "rare": (adapted(layers.StringLookup(output_mode="tf_idf"), WORDS), WORDS),
    "numbers": (
        adapted(layers.IntegerLookup(mask_token=3, output_mode="multi_hot"), NUMBERS),
        NUMBERS,
    ),
    "hashing": (layers.Hashing(7, output_mode="one_hot"), WORDS),
}

with (
    zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as archive,
    tempfile.TemporaryDirectory() as folder,
):
    for name, (layer, x) in MODELS.items():
        dtype = {"U": "string", "i": "int64", "f": "float32"}[x.dtype.kind]
        model = keras.Sequential(
            [keras.Input((x.shape[1],), dtype=dtype), layer, layers.Dense(2)]
        )
        path = os.path.join(folder, f"{name}.keras")
        model.save(path)
        archive.write(path, f"{name}.keras")
        buffer = io.BytesIO()
        np.savez(buffer, x=x, y=np.asarray(model(tf.constant(x))))
        archive.writestr(f"{name}.npz", buffer.getvalue())
