"""A network of two layers by hand in NumPy, beside the same in Keras 2."""
import numpy as np

from keras import optimizers
from keras.layers import Dense
from keras.models import Sequential

inputs = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=float)
targets = np.array([[0], [1], [1], [0]], dtype=float)
rate, steps = 2.0, 3000


class Network:
    """Sigmoid layers without biases; a constant third input stands for them."""

    def __init__(self, seed):
        rng = np.random.RandomState(seed)
        self.first = rng.uniform(size=(3, 5))
        self.second = rng.uniform(size=(5, 1))

    @staticmethod
    def squash(z):
        return 1 / (1 + np.exp(-z))

    def forward(self):
        self.hidden = self.squash(inputs @ self.first)
        self.output = self.squash(self.hidden @ self.second)

    def backward(self):
        error = 2 * (self.output - targets) / len(targets)
        delta = error * self.output * (1 - self.output)
        back = (delta @ self.second.T) * self.hidden * (1 - self.hidden)
        self.second -= rate * self.hidden.T @ delta
        self.first -= rate * inputs.T @ back


mine = Network(1)
start = [mine.first.copy(), mine.second.copy()]
for _ in range(steps):
    mine.forward()
    mine.backward()
mine.forward()

model = Sequential()
model.add(Dense(5, input_dim=3, activation='sigmoid', use_bias=False))
model.add(Dense(1, activation='sigmoid', use_bias=False))
model.compile(loss='mean_squared_error', optimizer=optimizers.SGD(lr=rate))
model.set_weights(start)
model.fit(inputs, targets, epochs=steps, batch_size=4, shuffle=False, verbose=0)

print('by hand :', np.round(mine.output.ravel(), 3))
print('by Keras:', np.round(model.predict(inputs).ravel(), 3))
print('apart: %.6f' % np.abs(model.predict(inputs) - mine.output).max())
print('wrong: %d' % (np.abs(mine.output - targets) > 0.1).sum())
