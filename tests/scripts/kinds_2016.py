"""Many layers in the manner of 2016: old modules, old words, a ring to be told."""
from __future__ import print_function

import numpy as np
np.random.seed(11)

from keras.constraints import maxnorm, nonneg, unitnorm
from keras.layers.advanced_activations import PReLU
from keras.layers.core import (ActivityRegularization, Dense, Flatten, Permute,
                               RepeatVector, Reshape)
from keras.layers.embeddings import Embedding
from keras.layers.noise import GaussianDropout, GaussianNoise
from keras.layers.normalization import BatchNormalization
from keras.models import Sequential, load_model
from keras.regularizers import activity_l2, l2

points = np.random.uniform(-1, 1, (600, 2))
inside = (np.hypot(points[:, 0], points[:, 1]) < 0.7).astype(int)

model = Sequential()
model.add(GaussianNoise(sigma=0.02, input_shape=(2,)))
model.add(Dense(output_dim=24, init='he_normal', W_constraint=maxnorm(4),
                W_regularizer=l2(1e-5), activity_regularizer=activity_l2(1e-5)))
model.add(BatchNormalization(mode=0, axis=1, momentum=0.9, gamma_init='one'))
model.add(PReLU(init='zero'))
model.add(GaussianDropout(p=0.05))
model.add(ActivityRegularization(l2=1e-6))
model.add(RepeatVector(2))
model.add(Permute((2, 1)))
model.add(Reshape((48,)))
model.add(Dense(1, init='glorot_uniform', activation='sigmoid',
                b_constraint=unitnorm()))
model.compile('adam', 'binary_crossentropy', metrics=['accuracy'])
history = model.fit(points, inside, nb_epoch=80, batch_size=20, verbose=0,
                    validation_split=0.2)
print('validation: %.3f' % history.history['val_acc'][-1])
model.save('ring.h5')
again = load_model('ring.h5')
print('apart: %g' % np.abs(again.predict(points) - model.predict(points)).max())

words = np.random.randint(0, 12, (300, 6))
model = Sequential()
model.add(Embedding(input_dim=12, output_dim=3, input_length=6, init='uniform',
                    W_constraint=nonneg(), dropout=0.))
model.add(Flatten())
model.add(Dense(1))
model.compile('adam', 'mse')
model.fit(words, (words == 4).sum(axis=1), nb_epoch=150, verbose=0)
print('error: %.4f' % model.evaluate(words, (words == 4).sum(axis=1), verbose=0))
print('least: %.1f' % min(0, model.layers[0].get_weights()[0].min()))
