"""XOR in the manner of 2016: Keras 1, activations as layers, nb_epoch."""
from __future__ import print_function

import numpy as np
np.random.seed(7)

from keras.layers.core import Activation, Dense, Dropout
from keras.models import Sequential
from keras.optimizers import SGD
from keras.regularizers import activity_l2, l2

points = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype='float32')
answers = np.array([[0], [1], [1], [0]], dtype='float32')


def network(*hidden):
    model = Sequential()
    width = 2
    for units in hidden:
        model.add(Dense(output_dim=units, input_dim=width, init='glorot_uniform',
                        W_regularizer=l2(1e-6), bias=True))
        model.add(Activation('tanh'))
        model.add(Dropout(p=0.0))
        width = units
    model.add(Dense(output_dim=1, init='uniform'))
    model.add(Activation('sigmoid'))
    model.compile(loss='binary_crossentropy', optimizer=SGD(lr=0.5, momentum=0.9),
                  class_mode='binary')
    return model


for hidden in [(16,), (16, 16), (32,)]:
    model = network(*hidden)
    history = model.fit(points, answers, nb_epoch=500, batch_size=4, verbose=0,
                        show_accuracy=True)
    loss, accuracy = model.evaluate(points, answers, show_accuracy=True, verbose=0)
    print('%s: loss %.4f, accuracy %.2f, last %.2f' % (
        'x'.join(map(str, hidden)), loss, accuracy, history.history['acc'][-1]))
    print(model.predict_classes(points, verbose=0).ravel().tolist())
    print(model.predict_proba(points, verbose=0).shape)
