"""Callbacks: what a training may call while it runs.

A callback is an object with hooks (`on_epoch_end` and so on) that `Sequential.fit`
calls between calls of the core. Names, order and rules are those of Keras 3. The
training loop asks `CallbackList` which hooks are in use: it returns to Python only for
those, so that a training without callbacks stays in C.

`logs` holds Python floats in the order loss, metrics, val_loss, val_metrics. All
callbacks of an epoch share one `logs`: what one adds, the later ones, the History and
the progress line see. The old keys are found too: `logs["acc"]` and `logs["accuracy"]`
are the same entry, whichever of them was asked for in `compile`.
"""

from __future__ import annotations

from nncore.callbacks._backup_and_restore import BackupAndRestore
from nncore.callbacks._callback import Callback
from nncore.callbacks._csv_logger import CSVLogger
from nncore.callbacks._early_stopping import EarlyStopping
from nncore.callbacks._history import History
from nncore.callbacks._lambda import LambdaCallback
from nncore.callbacks._learning_rate import LearningRateScheduler, ReduceLROnPlateau
from nncore.callbacks._list import CallbackList
from nncore.callbacks._logs import Logs
from nncore.callbacks._model_checkpoint import ModelCheckpoint
from nncore.callbacks._progbar_logger import ProgbarLogger
from nncore.callbacks._swap_ema_weights import SwapEMAWeights
from nncore.callbacks._tensorboard import TensorBoard
from nncore.callbacks._terminate_on_nan import TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "Logs",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]
