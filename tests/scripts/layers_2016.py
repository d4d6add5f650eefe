"""What Keras 1 had for dense networks, under its words of 2016."""
import numpy as np
np.random.seed(1337)

from keras.callbacks import Callback
from keras.constraints import maxnorm, nonneg, unitnorm
from keras.layers import Dense, Dropout, Flatten, RepeatVector
from keras.layers.advanced_activations import ELU, LeakyReLU, PReLU, ThresholdedReLU
from keras.layers.core import Activation, ActivityRegularization, Permute, Reshape
from keras.layers.embeddings import Embedding
from keras.layers.noise import GaussianDropout, GaussianNoise
from keras.layers.normalization import BatchNormalization
from keras.models import Sequential, model_from_json
from keras.optimizers import SGD, Adadelta, Adagrad, Adam, Adamax, Nadam, RMSprop
from keras.regularizers import activity_l2, l1l2, l2

X = np.random.rand(200, 6)
y = (X[:, :1] > X[:, 1:2]).astype(int)


class Losses(Callback):
    def on_train_begin(self, logs={}):
        self.seen = []

    def on_batch_end(self, batch, logs={}):
        self.seen.append(logs.get('loss'))


def network():
    model = Sequential()
    model.add(Dense(64, input_dim=6, init='lecun_uniform', W_regularizer=l2(0.0001),
                    activity_regularizer=activity_l2(0.00001),
                    W_constraint=maxnorm(2), b_constraint=nonneg()))
    model.add(BatchNormalization(epsilon=1e-6, mode=0, axis=1, momentum=0.9,
                                 beta_init='zero', gamma_init='one'))
    model.add(LeakyReLU(alpha=0.2))
    model.add(Dropout(0.1))
    model.add(Reshape((8, 8)))
    model.add(Permute((2, 1)))
    model.add(Flatten())
    model.add(Dense(16, init='glorot_normal', b_regularizer=l1l2(l1=1e-5, l2=1e-5)))
    model.add(PReLU(init='zero'))
    model.add(GaussianNoise(sigma=0.01))
    model.add(Dense(8, W_constraint=unitnorm()))
    model.add(ELU(alpha=0.5))
    model.add(GaussianDropout(p=0.01))
    model.add(ActivityRegularization(l2=1e-6))
    model.add(Dense(8))
    model.add(ThresholdedReLU(theta=0.01))
    model.add(RepeatVector(2))
    model.add(Flatten())
    model.add(Dense(1))
    model.add(Activation('sigmoid'))
    return model


for optimizer in [SGD(lr=0.05, momentum=0.9, decay=1e-5, nesterov=True),
                  RMSprop(lr=0.005, rho=0.9, epsilon=1e-6),
                  Adagrad(lr=0.05, epsilon=1e-6), Adadelta(lr=1.0, rho=0.95),
                  Adam(lr=0.005, beta_1=0.9, beta_2=0.999, epsilon=1e-8),
                  Adamax(lr=0.01), Nadam(lr=0.005, schedule_decay=0.004)]:
    model = network()
    model.compile(loss='mse', optimizer=optimizer, metrics=['accuracy'])
    losses = Losses()
    model.fit(X, y, batch_size=20, nb_epoch=30, verbose=0, callbacks=[losses])
    loss, accuracy = model.evaluate(X, y, batch_size=16, verbose=0)
    print('%s: %d batches, accuracy %.3f' % (
        optimizer.__class__.__name__, len(losses.seen), accuracy))

twin = model_from_json(model.to_json())
twin.set_weights(model.get_weights())
print('twin:', np.allclose(twin.predict(X), model.predict(X)))
print('model.train_on_batch:', len(model.train_on_batch(X, y)))

words = np.random.randint(0, 50, (300, 6))
lookup = Sequential()
lookup.add(Embedding(50, 4, input_length=6))
lookup.add(Flatten())
lookup.add(Dense(1, activation='sigmoid'))
lookup.compile('rmsprop', 'binary_crossentropy', metrics=['accuracy'])
lookup.fit(words, words[:, 0] > 24, nb_epoch=60, batch_size=10, verbose=0)
print('lookup: %.3f' % lookup.evaluate(words, words[:, 0] > 24, verbose=0)[1])
