"""XOR three times: by hand, with the readable reference, and with the library.

A 3-5-1 sigmoid network without biases (the third input is always 1) takes 5000 steps
down the gradient of the cost 1/2 sum e^2, with all four points in each step. From the
same start all three ways give the same numbers. Then the same as it was written for
Keras 1, whose mean over 4 points makes SGD(lr=1.0) half as fast.
"""

import numpy as np
from plotting import finish, pyplot

import nncore
from nncore import reference
from nncore.layers.core import Dense
from nncore.models import Sequential
from nncore.optimizers import SGD

STEPS = 5000
X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], "float64")
Y = np.array([[0], [1], [1], [0]], "float64")

rng = np.random.default_rng(1)
start = [rng.uniform(0, 1, (3, 5)), rng.uniform(0, 1, (5, 1))]


def sigmoid(z):
    """The logistic function."""
    return 1 / (1 + np.exp(-z))


# By hand: forward, error, and the chain rule backwards.
w1, w2 = (w.copy() for w in start)
costs = []
for _ in range(STEPS):
    hidden = sigmoid(X @ w1)
    output = sigmoid(hidden @ w2)
    error = output - Y
    costs.append(0.5 * np.sum(error**2))
    d_output = error * output * (1 - output)
    d_hidden = d_output @ w2.T * hidden * (1 - hidden)
    w2 -= hidden.T @ d_output
    w1 -= X.T @ d_hidden
answers = {"by hand": sigmoid(sigmoid(X @ w1) @ w2)}

# The reference: any network, still in plain NumPy. The mean over 4 points divides the
# gradient of sum e^2 by 4, so that rate 2 makes the same steps.
net = reference.Network(
    3, [{"units": 5, "activation": "sigmoid"}, {"units": 1, "activation": "sigmoid"}]
)
net.compile({"kind": "mean_squared_error"}, [], {"kind": "sgd"})
net.variables[:] = [w.copy() for w in start]
for _ in range(STEPS):
    net.train_on_batch(X, Y, learning_rate=2.0)
answers["reference"] = net.predict(X)

# The library, in the same precision.
nncore.backend.set_floatx("float64")
model = Sequential()
model.add(Dense(5, input_dim=3, activation="sigmoid", use_bias=False))
model.add(Dense(1, activation="sigmoid", use_bias=False))
model.set_weights(start)
model.compile(loss="mean_squared_error", optimizer=SGD(2.0))
history = model.fit(X, Y, epochs=STEPS, batch_size=4, shuffle=False, verbose=0)
w, v = model.get_weights()
answers["nncore"] = model.predict(X, verbose=0)

for way, answer in answers.items():
    difference = np.abs(answer - answers["by hand"]).max()
    print(f"{way:10} {answer.ravel().round(6)}  differs by {difference:.1e}")
weights = [np.abs(w - w1).max(), np.abs(v - w2).max()]
loss = np.abs(np.array(history.history["loss"]) * 2 - costs).max()
print(f"Weights differ by {max(weights):.1e}, the cost at any step by {loss:.1e}")
print("The same to 1e-9:", max(*weights, loss) < 1e-9)

# As it was written in 2016: each old word still works, and a warning names the new one.
print()
nncore.utils.set_random_seed(1)
model = Sequential()
model.add(Dense(output_dim=5, input_dim=3, activation="sigmoid"))
model.add(Dense(output_dim=1, activation="sigmoid"))
model.compile(loss="mean_squared_error", optimizer=SGD(lr=1.0))
model.fit(X, Y, nb_epoch=STEPS, verbose=0)
print("Keras 1 ", model.predict(X, verbose=0).ravel().round(3))
print("classes ", model.predict_classes(X, verbose=0).ravel())

plt = pyplot()
plt.plot(costs, label="by hand")
plt.plot(np.array(history.history["loss"]) * 2, "--", label="nncore")
plt.xlabel("step")
plt.ylabel("cost, 1/2 sum of squared errors")
plt.title("XOR by hand and by library")
plt.legend()
finish(plt, __file__)
