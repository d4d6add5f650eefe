"""The table of patients in the manner of 2016: Keras 1, numpy.loadtxt."""
import sys

import numpy
from keras.models import Sequential
from keras.layers import Dense

seed = 7
numpy.random.seed(seed)

table = numpy.loadtxt(sys.argv[1], delimiter=",")
X = table[:, 0:8]
Y = table[:, 8]

model = Sequential()
model.add(Dense(12, input_dim=8, init='uniform', activation='relu'))
model.add(Dense(8, init='uniform', activation='relu'))
model.add(Dense(1, init='uniform', activation='sigmoid'))
model.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy'])

model.fit(X, Y, nb_epoch=60, batch_size=10, verbose=2)

scores = model.evaluate(X, Y)
print("%s: %.2f%%" % (model.metrics_names[1], scores[1] * 100))
rounded = [round(p[0]) for p in model.predict(X)]
print("ones: %d" % sum(rounded))
