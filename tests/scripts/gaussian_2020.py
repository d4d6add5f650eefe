"""XOR over Gaussian points in the manner of 2020: tf.keras, SGD with decay, a plot."""
import argparse

import numpy as np
import tensorflow as tf
from tensorflow.keras.layers import Dense
from tensorflow.keras.models import Sequential
from tensorflow.keras.optimizers import SGD
from tensorflow.keras.utils import to_categorical


def make_points(count, rng):
    corners = rng.integers(0, 2, size=(count, 2))
    points = corners * 2 - 1 + rng.normal(scale=0.25, size=(count, 2))
    return points, to_categorical(corners[:, 0] ^ corners[:, 1], 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--points', type=int, default=4000)
    parser.add_argument('--epochs', type=int, default=60)
    parser.add_argument('--plot', default=None, help='where to save the loss curve')
    args = parser.parse_args()

    tf.random.set_seed(2)
    rng = np.random.default_rng(2)
    x, y = make_points(args.points, rng)
    x_test, y_test = make_points(1000, rng)

    model = Sequential([
        Dense(8, activation='relu', input_shape=(2,)),
        Dense(8, activation='relu'),
        Dense(2, activation='softmax'),
    ])
    sgd = SGD(lr=0.1, decay=0.001, momentum=0.9, nesterov=True)
    model.compile(loss='binary_crossentropy', optimizer=sgd, metrics=['accuracy'])
    model.summary()
    history = model.fit(x, y, epochs=args.epochs, batch_size=100, verbose=0,
                        validation_data=(x_test, y_test))

    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print('Test accuracy: {:.3f}'.format(accuracy))
    print('Loss fell:', history.history['loss'][-1] < history.history['loss'][0])
    print('Learning rate:', round(float(tf.keras.backend.get_value(model.optimizer.lr)), 4))
    classes = np.argmax(model.predict(x_test), axis=-1)
    print('Agreement: {:.3f}'.format((classes == y_test.argmax(axis=1)).mean()))

    if args.plot:
        import matplotlib
        matplotlib.use('Agg')
        import matplotlib.pyplot as plt
        plt.plot(history.history['loss'], label='train')
        plt.plot(history.history['val_loss'], label='test')
        plt.legend()
        plt.savefig(args.plot)
        print('Saved', args.plot)


if __name__ == '__main__':
    main()
