"""Verbs of Keras 1 and 2 that `Sequential` keeps: each hands on to a modern one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nncore._legacy import accepts_old_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nncore.callbacks import History


class OldVerbs:
    """What `Sequential` inherits."""

    @accepts_old_words("Sequential.fit_generator")
    def fit_generator(
        self,
        generator: Any,
        steps_per_epoch: int | None = None,
        epochs: int | None = None,
        verbose: int | str = 1,
        callbacks: Any = None,
        validation_data: Any = None,
        validation_steps: int | None = None,
        validation_freq: Any = 1,
        class_weight: dict[int, float] | None = None,
        *,
        shuffle: bool = True,
        initial_epoch: int = 0,
        nb_epoch: int | None = None,
        samples_per_epoch: int | None = None,
        nb_val_samples: int | None = None,
    ) -> History:
        """`fit` on batches under its name in Keras 1 and 2.

        Args:
            generator: what gives batches, as `x` of `fit`.
            steps_per_epoch: as for `fit`. Where `nb_epoch` says that this is a call of
                Keras 1, the second argument is `samples_per_epoch`.
            epochs: as for `fit`.
            verbose: as for `fit`.
            callbacks: as for `fit`.
            validation_data: as for `fit`.
            validation_steps: as for `fit`.
            validation_freq: as for `fit`.
            class_weight: as for `fit`.
            shuffle: as for `fit`.
            initial_epoch: as for `fit`.
            nb_epoch: `epochs` in Keras 1.
            samples_per_epoch: rows per epoch: the batch that reaches them is its last.
            nb_val_samples: the same for `validation_data` that gives batches.

        Returns:
            The `History`.
        """
        if nb_epoch is not None:
            if samples_per_epoch is None:
                steps_per_epoch, samples_per_epoch = None, steps_per_epoch
            epochs = nb_epoch if epochs is None else epochs
        model: Any = self
        x = model._stream(
            *(generator, "generator", "steps_per_epoch", steps_per_epoch),
            rows=samples_per_epoch,
            shuffles=bool(shuffle),
        )
        if nb_val_samples is not None and not isinstance(
            validation_data, (tuple, list)
        ):
            validation_data = model._stream(
                *(validation_data, "validation_data", "validation_steps", None),
                rows=nb_val_samples,
            )
        history: History = model.fit(
            x,
            epochs=1 if epochs is None else epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_data=validation_data,
            validation_steps=validation_steps,
            validation_freq=validation_freq,
            class_weight=class_weight,
            initial_epoch=initial_epoch,
        )
        return history

    @accepts_old_words("Sequential.evaluate_generator")
    def evaluate_generator(
        self,
        generator: Any,
        steps: int | None = None,
        callbacks: Any = None,
        *,
        verbose: int | str = 0,
        val_samples: int | None = None,
    ) -> Any:
        """`evaluate` on batches under its name in Keras 1 and 2.

        Args:
            generator: what gives batches, as `x` of `evaluate`.
            steps: as for `evaluate`.
            callbacks: as for `evaluate`.
            verbose: as for `evaluate`.
            val_samples: rows to evaluate: the batch that reaches them is the last.

        Returns:
            As `evaluate`.
        """
        model: Any = self
        x = model._stream(generator, "generator", "steps", steps, rows=val_samples)
        return model.evaluate(x, callbacks=callbacks, verbose=verbose)

    @accepts_old_words("Sequential.predict_generator")
    def predict_generator(
        self,
        generator: Any,
        steps: int | None = None,
        callbacks: Any = None,
        *,
        verbose: int | str = 0,
        val_samples: int | None = None,
    ) -> NDArray[Any]:
        """`predict` on batches under its name in Keras 1 and 2.

        Args:
            generator: what gives batches, as `x` of `predict`.
            steps: as for `predict`.
            callbacks: as for `predict`.
            verbose: as for `predict`.
            val_samples: rows to predict: the batch that reaches them is the last.

        Returns:
            As `predict`.
        """
        model: Any = self
        x = model._stream(generator, "generator", "steps", steps, rows=val_samples)
        outputs: NDArray[Any] = model.predict(x, callbacks=callbacks, verbose=verbose)
        return outputs
