"""Files for TensorBoard, through a package that writes them."""

from __future__ import annotations

import importlib
import os
import time
from typing import Any

from nncore import _checks
from nncore.callbacks._callback import Callback

_PACKAGES = ("tensorboardX", "torch.utils.tensorboard")


class TensorBoard(Callback):
    """Write what is reported to files that TensorBoard shows.

    They are written by `tensorboardX`, or else by `torch.utils.tensorboard`; one of
    them must be installed. Training numbers go to the folder "train", validation to
    "validation", under Keras's tags: epoch_loss, batch_loss, epoch_learning_rate.

    Args:
        log_dir: folder, default "logs".
        histogram_freq: epochs between histograms of all weights; 0 (default): none.
        write_graph: no effect: there is no graph.
        write_images: no effect.
        write_steps_per_second: write batch_steps_per_second... of each epoch too,
            default False.
        update_freq: "epoch" (default), "batch", or a number of batches between values
            of batch_loss and so on.
        profile_batch: no effect.
        embeddings_freq: must be 0.
        embeddings_metadata: must be None.

    Raises:
        ValueError: an argument is out of its range.
        ImportError: (when training starts) no package that writes is installed.

    Example:
        >>> from nncore.callbacks import TensorBoard
        >>> TensorBoard("logs", update_freq=100).update_freq
        100
    """

    _is_quiet = True
    _remembered = ("_batches", "_tests")

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        """See the class."""
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = _checks.integer("histogram_freq", histogram_freq, 0)
        self.write_graph, self.write_images = write_graph, write_images
        self.write_steps_per_second = _checks.boolean(
            "write_steps_per_second", write_steps_per_second
        )
        self.update_freq = 1 if update_freq == "batch" else update_freq
        if self.update_freq != "epoch":
            self.update_freq = _checks.integer("update_freq", self.update_freq, 1)
            # Only then does it cost a return to Python after every batch.
            self.on_train_batch_end = self._on_batch  # type: ignore[method-assign]
        self.profile_batch = profile_batch
        _checks.absent("embeddings_freq", embeddings_freq, 0)
        _checks.absent("embeddings_metadata", embeddings_metadata)
        self.embeddings_freq, self.embeddings_metadata = 0, None
        self._writers: dict[str, Any] = {}
        self._batches = self._tests = self._done = 0
        self._began = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Open the file of the training."""
        self._batches = self._tests = 0
        self._writer("train")

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the clock."""
        self._began, self._done = time.perf_counter(), self.model._batches_done()

    def _on_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._batches % int(self.update_freq) == 0:
            self._write("train", "batch", logs or {}, self._batches)
        self._batches += 1

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write an epoch's numbers."""
        logs = dict(logs or {})
        trained = {k: v for k, v in logs.items() if not k.startswith("val_")}
        trained.setdefault("learning_rate", float(self.model.optimizer.learning_rate))
        if self.write_steps_per_second:
            seconds = max(time.perf_counter() - self._began, 1e-9)
            steps = self.model._batches_done() - self._done
            trained["steps_per_second"] = steps / seconds
        self._write("train", "epoch", trained, epoch)
        held = {k[4:]: v for k, v in logs.items() if k.startswith("val_")}
        if held:
            self._write("validation", "epoch", held, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        for writer in self._writers.values():
            writer.flush()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Write an evaluation's numbers."""
        if self.model.optimizer is not None and logs:
            step = self.model._batches_done()
            self._write(
                "validation",
                "evaluation",
                {f"{k}_vs_iterations": v for k, v in logs.items()},
                step,
            )

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def _write(self, part: str, kind: str, logs: dict[str, Any], step: int) -> None:
        writer = self._writer(part)
        for name, value in logs.items():
            writer.add_scalar(f"{kind}_{name}", float(value), step)

    def _write_weights(self, epoch: int) -> None:
        writer = self._writer("train")
        for layer in self.model.layers:
            for i, values in enumerate(layer.get_weights()):
                writer.add_histogram(f"{layer.name}/{i}/histogram", values, epoch)

    def _writer(self, part: str) -> Any:
        if part not in self._writers:
            folder = os.path.join(self.log_dir, part)
            self._writers[part] = _writer_class()(folder)
        return self._writers[part]

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and pickled: no open file."""
        return {**super().__getstate__(), "_writers": {}}


def _writer_class() -> Any:
    """SummaryWriter, of the first package that is installed."""
    for package in _PACKAGES:
        try:
            return importlib.import_module(package).SummaryWriter
        except ImportError:
            continue
    raise ImportError(
        "TensorBoard needs a package that writes its files: pip install tensorboardX "
        "(or torch and tensorboard). Received: none of them installed"
    )
