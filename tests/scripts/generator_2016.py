"""Keras 1 with a generator that counts samples, and constraints by their old names."""
import numpy as np
from keras import backend as K
from keras.callbacks import Callback
from keras.constraints import maxnorm
from keras.layers.core import Dense
from keras.layers.noise import GaussianNoise
from keras.layers.normalization import BatchNormalization
from keras.models import Sequential
from keras.objectives import mean_squared_error
from keras.optimizers import RMSprop
from keras.utils import np_utils

K.set_image_dim_ordering('th')
rng = np.random.RandomState(3)
np.random.seed(3)
X = rng.randn(600, 4)
labels = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
Y = np_utils.to_categorical(labels, nb_classes=3)


def samples(size):
    while True:
        for start in range(0, len(X), size):
            yield X[start:start + size], Y[start:start + size]


class Halve(Callback):
    def on_epoch_end(self, epoch, logs={}):
        if epoch % 4 == 3:
            lr = K.get_value(self.model.optimizer.lr)
            K.set_value(self.model.optimizer.lr, lr * 0.5)


model = Sequential()
model.add(Dense(24, input_shape=(4,), init='he_normal', activation='relu',
                W_constraint=maxnorm(3), b_constraint=None))
model.add(GaussianNoise(sigma=0.05))
model.add(BatchNormalization(mode=0, momentum=0.9))
model.add(Dense(3, activation='softmax'))
model.compile(optimizer=RMSprop(lr=0.01), loss='categorical_crossentropy',
              metrics=['accuracy'])
history = model.fit_generator(samples(50), samples_per_epoch=600, nb_epoch=8, verbose=0,
                              callbacks=[Halve()], validation_data=samples(100),
                              nb_val_samples=600, max_q_size=4, nb_worker=1)
print('acc %.3f' % history.history['acc'][-1])
print('val_acc %.3f' % history.history['val_acc'][-1])
print('lr %.4f' % model.optimizer.lr)
print('rows %d' % len(model.predict_generator(samples(50), val_samples=600)))
print('mse %.3f' % mean_squared_error(Y, model.predict(X)).mean())
