"""Metrics, an initializer, callbacks of one's own: Keras 2.3."""
from __future__ import absolute_import, division, print_function

import numpy as np
np.random.seed(0)

from keras import backend as K
from keras import initializers
from keras.callbacks import Callback, LambdaCallback
from keras.layers import Activation, Dense
from keras.models import Sequential
from keras.optimizers import Adam
from keras.utils.generic_utils import get_custom_objects


def rmse(y_true, y_pred):
    return K.sqrt(K.mean(K.square(y_pred - y_true), axis=-1))


def within(y_true, y_pred):
    return K.mean(K.cast(K.less(K.abs(y_true - y_pred), 0.5), K.floatx()), axis=-1)


def small(shape, dtype=None):
    return np.random.normal(scale=0.05, size=shape)


class CyclicRate(Callback):
    def __init__(self, low, high):
        super(CyclicRate, self).__init__()
        self.low, self.high = low, high

    def on_batch_begin(self, batch, logs=None):
        share = abs(batch % 10 - 5) / 5
        K.set_value(self.model.optimizer.lr, self.low + share * (self.high - self.low))


class StopWhenGood(Callback):
    def on_epoch_end(self, epoch, logs={}):
        if logs.get('val_rmse') < 0.25:
            print('good enough after', epoch + 1)
            self.model.stop_training = True


X = np.random.uniform(-1, 1, size=(1000, 3)).astype('float32')
y = X[:, 0] * 2 + np.abs(X[:, 1]) - X[:, 2] ** 2

model = Sequential()
model.add(Dense(32, input_shape=(3,), kernel_initializer=small))
model.add(Activation('tanh'))
model.add(Dense(16, kernel_initializer=initializers.VarianceScaling(scale=2.0)))
model.add(Activation('elu'))
model.add(Dense(1))
model.compile(Adam(lr=0.01), 'mean_squared_error', metrics=[rmse, within, 'mae'])
epochs = []
history = model.fit(
    X, y, batch_size=50, epochs=200, verbose=0, validation_split=0.2,
    callbacks=[CyclicRate(0.001, 0.02), StopWhenGood(),
               LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))])
print('epochs:', len(epochs), len(history.history['rmse']))
loss, error, share, mae = model.evaluate(X, y, verbose=0)
print('rmse: %.3f' % error, 'within: %.3f' % share, model.metrics_names)
print('same:', history.history['mae'] == history.history['mean_absolute_error'])


def cube(x):
    return x ** 3


get_custom_objects().update({'cube': cube})
cubes = Sequential([Dense(2, input_dim=2, activation='cube', kernel_initializer='identity')])
print('cube:', cubes.predict(np.array([[1.0, 2.0]])).tolist())
