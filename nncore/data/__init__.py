"""Data sets that need not fit in memory: read by blocks, shuffled, one step ahead.

`Shards` reads folders of ".npy" files, `Parquet` reads Parquet files, `Chunks` whatever
an iterable gives. `fit`, `evaluate`, `predict` and `validation_data=` take them like
arrays; iterating gives their batches.

Blocks of successive rows come in an order drawn anew for each epoch. Their rows fill a
pool; when it is full it is shuffled, cut into batches and trained on, while a thread
reads, converts and shuffles the next one. So what is held at a time are two pools and
a block, however large the files are. Where a block ends changes no batch but by the
shuffle: without it, weights and History have the bits that arrays give.

The orders come from a counter-based generator by seed, pass and pool, so that a
training that `nncore.callbacks.BackupAndRestore` takes up again goes on amid an epoch
to the same bits. It reads no block of a pool that is done; `Chunks`, which knows no
blocks, goes through its source from the front.
"""

from __future__ import annotations

from nncore.data._chunks import Chunks
from nncore.data._dataset import Dataset
from nncore.data._parquet import Parquet
from nncore.data._shards import Shards

__all__ = ["Chunks", "Dataset", "Parquet", "Shards"]
