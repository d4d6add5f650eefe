"""Many layers in the manner of 2026: what Keras 3 has for dense networks."""

import keras
import numpy as np
from keras import constraints, layers, regularizers

keras.utils.set_random_seed(5)
rng = np.random.default_rng(5)
points = rng.uniform(-1, 1, (800, 3)).astype("float32")
sides = (points[:, 0] * points[:, 1] > 0).astype("float32")

model = keras.Sequential(
    [
        keras.Input((3,)),
        layers.BatchNormalization(momentum=0.9),
        layers.Dense(
            32,
            kernel_constraint=constraints.MaxNorm(3.0),
            activity_regularizer=regularizers.L2(1e-5),
        ),
        layers.LayerNormalization(),
        layers.Activation("gelu"),
        layers.GaussianNoise(0.02),
        layers.Dense(16, use_bias=False),
        layers.RMSNormalization(),
        layers.PReLU(),
        layers.Reshape((4, 4)),
        layers.Permute((2, 1)),
        layers.Flatten(),
        layers.Identity(),
        layers.Dense(8, activation="selu", kernel_initializer="lecun_normal"),
        layers.AlphaDropout(0.05),
        layers.UnitNormalization(),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
history = model.fit(points, sides, epochs=60, verbose=0, validation_split=0.25)
print(f"validation: {history.history['val_accuracy'][-1]:.3f}")
for word in ("trainable", "non_trainable"):
    weights = getattr(model, f"{word}_weights")
    print(f"{word}: {sum(int(np.prod(w.shape)) for w in weights)}")
model.summary()
model.save("sides.keras")
again = keras.models.load_model("sides.keras")
apart = np.abs(again.predict(points, verbose=0) - model.predict(points, verbose=0))
print(f"apart: {apart.max():g}")
