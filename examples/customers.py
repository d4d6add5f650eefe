"""Customer segments: the XOR table as a shop's question.

A shop gives a voucher to customers who either visit often or spend much, but not both:
the first buy too little, the second come too rarely, and those who do both need none.
No single weighted sum of the two facts can say so; a hidden layer can. The data is a
pandas frame, and the model remembers its columns.
"""

import numpy as np

import nncore
from nncore.layers import Dense
from nncore.models import Sequential

try:
    import pandas as pd
except ModuleNotFoundError:
    print("This example reads its customers from a frame: pip install pandas")
    raise SystemExit(0) from None

facts = ["visits_often", "spends_much"]
rng = np.random.default_rng(0)
customers = pd.DataFrame(rng.integers(0, 2, (200, 2)).astype(bool), columns=facts)
voucher = customers["visits_often"] != customers["spends_much"]

nncore.utils.set_random_seed(0)
for title, hidden in {
    "no hidden layer": [],
    "8 hidden units": [Dense(8, "relu")],
}.items():
    model = Sequential([*hidden, Dense(1, activation="sigmoid")])
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    model.fit(customers, voucher, epochs=200, batch_size=10, verbose=0)
    _, accuracy = model.evaluate(customers, voucher, verbose=0)
    print(f"With {title}: {accuracy:.0%} of {len(customers)} customers right")

segments = customers.drop_duplicates().sort_values(facts)
chance = model.predict(segments, verbose=0)[:, 0]
print()
print(segments.assign(voucher=chance.round(3)).to_string(index=False))

print("\nColumns in another order are not mixed up silently:")
try:
    model.predict(segments[facts[::-1]], verbose=0)
except ValueError as error:
    print(" ", error)
