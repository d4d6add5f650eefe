"""Write model files with the Keras that is installed, for tests/test_keras_files.py.

    python make_keras_files.py <tag> <folder>

Run once with each Keras whose files are to be read; keras.zip holds what came out.
For every file there is an .npz of the same stem: rows, targets, what the model predicts
as saved, and what it predicts after two more epochs of unshuffled training.
"""

import os
import sys

import numpy as np

try:
    import keras
except ImportError:
    from tensorflow import keras

TAG, FOLDER = sys.argv[1:3]
ERA = int(keras.__version__[0])
OLD_TF = "tensorflow" in sys.modules and ERA == 2

rng = np.random.RandomState(3)
X = rng.normal(size=(30, 4)).astype("float32")
Y = (X[:, :1] * X[:, 1:2] > 0).astype("float32")

Sequential = keras.models.Sequential
layers = keras.layers
Dense, Dropout, Activation = layers.Dense, layers.Dropout, layers.Activation
if hasattr(layers, "LeakyReLU"):
    LeakyReLU = layers.LeakyReLU
else:
    from keras.layers.advanced_activations import LeakyReLU


def network():
    """Names in another order than the layers; a penalty; no bias; a frozen layer."""
    model = Sequential(name="net") if ERA > 1 else Sequential()
    if ERA == 1:
        penalty = keras.regularizers.l2(0.01)
        model.add(
            Dense(5, input_dim=4, init="he_normal", W_regularizer=penalty, name="z")
        )
        model.add(LeakyReLU(0.25))
        model.add(Dropout(0.0))
        model.add(Dense(4, activation="tanh", bias=False, name="a"))
        model.add(Dense(3, trainable=False, init="uniform", name="b"))
        model.add(Activation("softsign"))
    else:
        penalty = keras.regularizers.l2(0.01)
        if ERA == 3:
            model.add(keras.Input((4,)))
            first = {}
        else:
            first = {"input_dim": 4}
        model.add(
            Dense(
                5,
                kernel_initializer="he_normal",
                kernel_regularizer=penalty,
                name="z",
                **first,
            )
        )
        model.add(LeakyReLU(0.25))
        model.add(Dropout(0.0))
        model.add(Dense(4, activation="tanh", use_bias=False, name="a"))
        model.add(
            Dense(3, trainable=False, kernel_initializer="random_uniform", name="b")
        )
        model.add(Activation("softsign"))
    model.add(Dense(1, activation="sigmoid", name="c"))
    return model


def fit(model):
    """Two epochs of three batches."""
    epochs = {"nb_epoch": 2} if ERA == 1 else {"epochs": 2}
    model.fit(X, Y, batch_size=10, shuffle=False, verbose=0, **epochs)


def chain():
    """The same in the functional words of Keras 2 and 3."""
    model = network()
    inputs = keras.layers.Input((4,), name="rows")
    outputs = inputs
    for layer in model.layers:
        config = layer.get_config()
        config.pop("batch_input_shape", None)
        outputs = type(layer).from_config(config)(outputs)
    return keras.models.Model(inputs, outputs, name="chain")


def layered():
    """Layers with more weights, some of which are not trained, and constraints."""
    if ERA == 1:
        from keras.layers.advanced_activations import PReLU
    else:
        PReLU = layers.PReLU
    old, constraints = ERA == 1, keras.constraints
    first = {"input_shape": (4,)}
    model = Sequential() if old else Sequential(name="layered")
    if ERA == 3:
        model.add(keras.Input((4,)))
        first = {}
    words = {"mode": 0, "gamma_init": "one"} if old else {"scale": False}
    # Before TensorFlow's, the moving variance followed another formula: it stays.
    words["momentum"] = 0.8 if ERA == 3 or OLD_TF else 1.0
    model.add(layers.BatchNormalization(name="z", **words, **first))
    weights = model.layers[-1].get_weights()
    steps = np.arange(1, 5, dtype="float32") / 10
    model.layers[-1].set_weights([*weights[:-2], steps, 1 + steps])
    maxnorm = (constraints.maxnorm if old else constraints.max_norm)(0.9)
    if ERA == 3:
        maxnorm = constraints.MaxNorm(0.9)
    word = "W_constraint" if old else "kernel_constraint"
    model.add(Dense(6, name="y", **{word: maxnorm}))
    model.add(PReLU(name="a"))
    model.add(layers.GaussianNoise(0.0))
    model.add(layers.Reshape((2, 3)))
    model.add(layers.Permute((2, 1)))
    if ERA == 3:
        model.add(layers.RMSNormalization())
    if ERA == 3 or OLD_TF:
        model.add(layers.LayerNormalization(name="m"))
    model.add(layers.Flatten())
    if ERA == 3 or OLD_TF:
        model.add(layers.BatchNormalization(trainable=False, name="b"))
    else:
        # A frozen normalization of these versions takes the batch's statistics.
        model.add(Dense(3, trainable=False, name="b"))
    model.add(Dense(1, activation="sigmoid", name="c"))
    return model


def make(name, optimizer, *endings, **options):
    """Write one model in several formats."""
    model = options.get("network", network)()
    model.compile(optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    fit(model)
    before = model.predict(X, verbose=0)
    stem = os.path.join(FOLDER, TAG + "_" + name)
    for ending in endings:
        if ending == ".keras" and keras.__version__.startswith("2.12"):
            model.save(stem + ending, save_format="keras_v3")
        elif ending == "weights":
            if ERA < 3:
                model.save_weights(stem + "_weights.h5")
            if ERA == 3 or OLD_TF:
                model.save_weights(stem + ".weights.h5")
        else:
            model.save(stem + ending)
    with open(stem + ".json", "w") as file:
        file.write(model.to_json())
    fit(model)
    after = model.predict(X, verbose=0)
    np.savez(stem + ".npz", x=X, y=Y, before=before, after=after)


optimizers = keras.optimizers
if ERA == 1:
    make("adam", optimizers.Adam(lr=0.02), ".h5", "weights")
    make("sgd", optimizers.SGD(lr=0.1, decay=0.05, momentum=0.9, nesterov=True), ".h5")
    make("layers", optimizers.Adam(lr=0.02), ".h5", "weights", network=layered)
elif not OLD_TF and ERA == 2:
    make("layers", optimizers.Adam(lr=0.02), ".h5", "weights", network=layered)
    make("adam", optimizers.Adam(lr=0.02), ".h5", "weights")
    make("sgd", optimizers.SGD(lr=0.1, decay=0.05, momentum=0.9, nesterov=True), ".h5")
    make("adamax", optimizers.Adamax(lr=0.02), ".h5")
    make("chain", optimizers.Adam(lr=0.02), ".h5", network=chain)
elif keras.__version__.startswith("2.12"):
    make("adam", optimizers.Adam(0.02), ".h5", ".keras", "weights")
elif OLD_TF:
    kinds = ".h5", ".keras", "weights"
    make("layers", optimizers.Adam(0.02), *kinds, network=layered)
    old = optimizers.legacy
    make("adam", optimizers.Adam(0.02), ".h5", ".keras", "weights")
    make("rmsprop", optimizers.RMSprop(0.01, momentum=0.5, centered=True), ".h5")
    make("chain", optimizers.Adam(0.02), ".h5", ".keras", network=chain)
    make("oldsgd", old.SGD(0.1, decay=0.05, momentum=0.9), ".h5")
    make("oldadam", old.Adam(0.02, amsgrad=True), ".h5")
else:
    kinds = ".keras", "weights", ".h5"
    make("layers", optimizers.Adam(0.02), *kinds, network=layered)
    rate = optimizers.schedules.InverseTimeDecay(0.1, 1, 0.05)
    make("adam", optimizers.Adam(0.02, amsgrad=True), ".keras", "weights", ".h5")
    make("sgd", optimizers.SGD(rate, momentum=0.9, nesterov=True), ".keras", ".h5")
    make("chain", optimizers.Adam(0.02), ".keras", ".h5", network=chain)
    # Saved in this order, the second file has forgotten the optimizer.
    make("forgets", optimizers.Adam(0.02), ".h5", ".keras")
    make("nadam", optimizers.Nadam(0.02), ".keras")
    make("rmsprop", optimizers.RMSprop(0.01, momentum=0.5, centered=True), ".keras")
