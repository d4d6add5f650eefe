"""The patients in the manner of 2018: Keras 2, callbacks, acc keys, a wrapper."""
import argparse
import os
import tempfile

import numpy as np
np.random.seed(11)

from keras import backend as K
from keras.callbacks import EarlyStopping, ModelCheckpoint, ReduceLROnPlateau
from keras.layers import Dense, Dropout
from keras.layers.advanced_activations import LeakyReLU
from keras.models import Sequential, load_model
from keras.optimizers import Adam
from keras.wrappers.scikit_learn import KerasClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.preprocessing import StandardScaler

parser = argparse.ArgumentParser()
parser.add_argument('table')
parser.add_argument('--epochs', type=int, default=40)
options = parser.parse_args()

data = np.loadtxt(options.table, delimiter=',')
X_train, X_test, y_train, y_test = train_test_split(
    data[:, :8], data[:, 8], test_size=0.25, random_state=5, stratify=data[:, 8])
scaler = StandardScaler().fit(X_train)


def build(units=12, rate=0.005):
    model = Sequential()
    model.add(Dense(units, input_dim=8, kernel_initializer='he_uniform'))
    model.add(LeakyReLU(alpha=0.1))
    model.add(Dropout(0.1))
    model.add(Dense(1, activation='sigmoid'))
    model.compile(Adam(lr=rate, decay=1e-4), 'binary_crossentropy', ['acc'])
    return model


folder = tempfile.mkdtemp()
path = os.path.join(folder, 'best.h5')
model = build()
history = model.fit(
    scaler.transform(X_train), y_train, batch_size=16, epochs=options.epochs, verbose=0,
    validation_split=0.2, class_weight={0: 1.0, 1: 1.2},
    callbacks=[EarlyStopping('val_loss', patience=15),
               ReduceLROnPlateau(monitor='val_loss', factor=0.5, patience=5),
               ModelCheckpoint(path, monitor='val_acc', save_best_only=True, period=1)])
print(sorted(history.history))
print('epochs:', len(history.history['acc']))
best = load_model(path)
loss, acc = best.evaluate(scaler.transform(X_test), y_test, verbose=0)
print('test acc: %.3f' % acc)

K.clear_session()
wrapped = KerasClassifier(build_fn=build, epochs=15, batch_size=16, verbose=0)
folds = StratifiedKFold(n_splits=3, shuffle=True, random_state=1)
scores = cross_val_score(wrapped, scaler.transform(X_train), y_train, cv=folds)
print('folds: %.3f' % scores.mean())
