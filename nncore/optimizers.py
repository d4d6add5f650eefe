"""Optimizers: how weights follow their gradients.

g is the gradient of the batch's loss with respect to a weight w, lr the learning rate,
t the number of the update, from 1. Each update first clips the gradients, then shrinks
every weight by lr weight_decay w, then applies the rule that stands at each class. The
arithmetic runs in the compiled core; `nncore.reference` has it as readable code.
Defaults and epsilons are Keras 3's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from . import _checks, _lookup, backend
from ._legacy import accepts_old_words

_SPEC = (
    *("momentum", "beta_1", "beta_2", "rho", "epsilon", "initial_accumulator_value"),
    *("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "decay"),
)
_FLAGS = ("nesterov", "amsgrad", "centered")
_COMMON = (
    *("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema"),
    *("ema_momentum", "ema_overwrite_frequency", "loss_scale_factor"),
    *("gradient_accumulation_steps", "name", "decay"),
)


class Optimizer(_lookup.Described):
    """Base of all optimizers, with the arguments that all of them take.

    Args:
        learning_rate: lr, a number of at least 0.
        weight_decay: Before the rule, w becomes w - lr weight_decay w, for kernels and
            biases alike. None or 0: no decay.
        clipnorm: Each weight's gradient g becomes g c / max(|g|, c) with c = clipnorm
            and |g| its Euclidean norm.
        clipvalue: Every component of g is brought into [-clipvalue, clipvalue].
        global_clipnorm: Like `clipnorm`, with the norm over all gradients together.
        use_ema: False; others are not available in this version.
        ema_momentum: 0.99; likewise.
        ema_overwrite_frequency: None; likewise.
        loss_scale_factor: None; likewise.
        gradient_accumulation_steps: None; likewise.
        name: Any string.
        decay: The rule takes lr / (1 + decay (t - 1)) for lr, as in Keras 1 and 2.

    Raises:
        ValueError: An argument is out of its range, or more than one of `clipnorm`,
            `clipvalue` and `global_clipnorm` is given.
    """

    _kind: ClassVar[str] = ""
    _own_name: ClassVar[str] = ""
    _updates_done: Callable[[], int] | None = None
    use_ema = False
    ema_momentum = 0.99
    ema_overwrite_frequency = None
    loss_scale_factor = None
    gradient_accumulation_steps = None

    def __init__(
        self,
        learning_rate: float = 0.001,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        decay: float = 0.0,
    ) -> None:
        """See the class."""
        if not self._kind:
            raise ValueError(
                "An optimizer must be one of nncore.optimizers: the arithmetic runs in "
                f"C. Received: {type(self)}"
            )
        self.learning_rate = learning_rate
        self.weight_decay: float | None = None
        if weight_decay is not None:
            self.weight_decay = _checks.real("weight_decay", weight_decay, 0)
        self.clipnorm = _limit("clipnorm", clipnorm)
        self.clipvalue = _limit("clipvalue", clipvalue)
        self.global_clipnorm = _limit("global_clipnorm", global_clipnorm)
        limits = (clipnorm, clipvalue, global_clipnorm)
        if sum(limit is not None for limit in limits) > 1:
            raise ValueError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` may be "
                f"given. Received: clipnorm={clipnorm}, clipvalue={clipvalue}, "
                f"global_clipnorm={global_clipnorm}"
            )
        _checks.absent("use_ema", use_ema, False)
        _checks.absent("ema_momentum", ema_momentum, 0.99)
        _checks.absent("ema_overwrite_frequency", ema_overwrite_frequency)
        _checks.absent("loss_scale_factor", loss_scale_factor)
        _checks.absent("gradient_accumulation_steps", gradient_accumulation_steps)
        self.name = self._own_name if name is None else _checks.text("name", name)
        self.decay = _checks.real("decay", decay, 0)

    @property
    def learning_rate(self) -> float:
        """The learning rate; it can be set at any time, also while training."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        if callable(value):
            raise ValueError(
                "`learning_rate` must be a number: schedules are not available in this "
                "version; use the callback LearningRateScheduler. "
                f"{_checks.received('learning_rate', value)}"
            )
        self._learning_rate = _checks.real("learning_rate", value, 0)

    @property
    def lr(self) -> float:
        """The learning rate, by its name in Keras 1 and 2."""
        return self.learning_rate

    @lr.setter
    def lr(self, value: float) -> None:
        self.learning_rate = value

    @property
    def iterations(self) -> int:
        """The number of updates done since the model was compiled; 0 before."""
        return 0 if self._updates_done is None else self._updates_done()

    def _spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = {"kind": self._kind}
        for name in _SPEC:
            spec[name] = float(getattr(self, name, None) or 0.0)
        for name in _FLAGS:
            spec[name] = bool(getattr(self, name, False))
        return spec


def _limit(name: str, value: Any) -> float | None:
    return None if value is None else _checks.real(name, value, above=0)


def _epsilon(value: Any) -> float:
    return backend.epsilon() if value is None else _checks.real("epsilon", value, 0)


def _share(name: str, value: Any) -> float:
    return _checks.real(name, value, 0, below=1)


class SGD(Optimizer):
    """Gradient descent, with momentum if wanted.

    m = mu m - lr g; w = w + m, or with `nesterov` w = w + mu m - lr g

    Source: Sutskever et al., "On the importance of initialization and momentum in deep
    learning", 2013.

    Args:
        learning_rate: lr, at least 0.
        momentum: mu, in [0, 1].
        nesterov: Take the second form.
        weight_decay: As in `Optimizer`.
        clipnorm: As in `Optimizer`.
        clipvalue: As in `Optimizer`.
        global_clipnorm: As in `Optimizer`.
        use_ema: As in `Optimizer`.
        ema_momentum: As in `Optimizer`.
        ema_overwrite_frequency: As in `Optimizer`.
        loss_scale_factor: As in `Optimizer`.
        gradient_accumulation_steps: As in `Optimizer`.
        name: As in `Optimizer`.
        decay: As in `Optimizer`.

    Raises:
        ValueError: As in `Optimizer`.

    Examples:
        >>> import nncore
        >>> nncore.optimizers.SGD(0.1, momentum=0.9).momentum
        0.9
    """

    _arguments = ("learning_rate", "momentum", "nesterov", *_COMMON)
    _kind = "sgd"
    _own_name = "SGD"

    @accepts_old_words("SGD")
    def __init__(
        self,
        learning_rate: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        decay: float = 0.0,
    ) -> None:
        """See the class."""
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            decay,
        )
        self.momentum = _checks.real("momentum", momentum, 0, 1)
        self.nesterov = _checks.boolean("nesterov", nesterov)


class RMSprop(Optimizer):
    """Gradient over the root of its mean square.

    v = rho v + (1 - rho) g^2; s = lr g / sqrt(v + epsilon); m = mu m + s; w = w - m.
    With `centered`, a = rho a + (1 - rho) g and v - a^2 takes the place of v in s.

    Source: Tieleman and Hinton, "Lecture 6.5: RMSProp", 2012; epsilon inside the root
    as in Keras 3.

    Args:
        learning_rate: lr, at least 0.
        rho: In [0, 1).
        momentum: mu, in [0, 1].
        epsilon: At least 0; None for 1e-7.
        centered: Subtract the squared mean gradient.
        weight_decay: As in `Optimizer`.
        clipnorm: As in `Optimizer`.
        clipvalue: As in `Optimizer`.
        global_clipnorm: As in `Optimizer`.
        use_ema: As in `Optimizer`.
        ema_momentum: As in `Optimizer`.
        ema_overwrite_frequency: As in `Optimizer`.
        loss_scale_factor: As in `Optimizer`.
        gradient_accumulation_steps: As in `Optimizer`.
        name: As in `Optimizer`.
        decay: As in `Optimizer`.

    Raises:
        ValueError: As in `Optimizer`.

    Examples:
        >>> import nncore
        >>> nncore.optimizers.RMSprop().rho
        0.9
    """

    _arguments = ("learning_rate", "rho", "momentum", "epsilon", "centered", *_COMMON)
    _kind = "rmsprop"
    _own_name = "rmsprop"

    @accepts_old_words("RMSprop")
    def __init__(
        self,
        learning_rate: float = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float | None = 1e-7,
        centered: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        decay: float = 0.0,
    ) -> None:
        """See the class."""
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            decay,
        )
        self.rho = _share("rho", rho)
        self.momentum = _checks.real("momentum", momentum, 0, 1)
        self.epsilon = _epsilon(epsilon)
        self.centered = _checks.boolean("centered", centered)


class Adagrad(Optimizer):
    """Gradient over the root of the sum of its squares.

    a = a + g^2; w = w - lr g / sqrt(a + epsilon)

    Source: Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning
    and stochastic optimization", 2011.

    Args:
        learning_rate: lr, at least 0.
        initial_accumulator_value: Start of a, at least 0.
        epsilon: At least 0; None for 1e-7.
        weight_decay: As in `Optimizer`.
        clipnorm: As in `Optimizer`.
        clipvalue: As in `Optimizer`.
        global_clipnorm: As in `Optimizer`.
        use_ema: As in `Optimizer`.
        ema_momentum: As in `Optimizer`.
        ema_overwrite_frequency: As in `Optimizer`.
        loss_scale_factor: As in `Optimizer`.
        gradient_accumulation_steps: As in `Optimizer`.
        name: As in `Optimizer`.
        decay: As in `Optimizer`.

    Raises:
        ValueError: As in `Optimizer`.

    Examples:
        >>> import nncore
        >>> nncore.optimizers.Adagrad(0.01).learning_rate
        0.01
    """

    _arguments = ("learning_rate", "initial_accumulator_value", "epsilon", *_COMMON)
    _kind = "adagrad"
    _own_name = "adagrad"

    @accepts_old_words("Adagrad")
    def __init__(
        self,
        learning_rate: float = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float | None = 1e-7,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        decay: float = 0.0,
    ) -> None:
        """See the class."""
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            decay,
        )
        self.initial_accumulator_value = _checks.real(
            "initial_accumulator_value", initial_accumulator_value, 0
        )
        self.epsilon = _epsilon(epsilon)


class Adadelta(Optimizer):
    """Steps scaled by the size of past steps.

    a = rho a + (1 - rho) g^2; d = g sqrt(b + epsilon) / sqrt(a + epsilon);
    b = rho b + (1 - rho) d^2; w = w - lr d

    Source: Zeiler, "ADADELTA: an adaptive learning rate method", 2012. The paper has
    lr = 1.

    Args:
        learning_rate: lr, at least 0.
        rho: In [0, 1).
        epsilon: At least 0; None for 1e-7.
        weight_decay: As in `Optimizer`.
        clipnorm: As in `Optimizer`.
        clipvalue: As in `Optimizer`.
        global_clipnorm: As in `Optimizer`.
        use_ema: As in `Optimizer`.
        ema_momentum: As in `Optimizer`.
        ema_overwrite_frequency: As in `Optimizer`.
        loss_scale_factor: As in `Optimizer`.
        gradient_accumulation_steps: As in `Optimizer`.
        name: As in `Optimizer`.
        decay: As in `Optimizer`.

    Raises:
        ValueError: As in `Optimizer`.

    Examples:
        >>> import nncore
        >>> nncore.optimizers.Adadelta(1).learning_rate
        1.0
    """

    _arguments = ("learning_rate", "rho", "epsilon", *_COMMON)
    _kind = "adadelta"
    _own_name = "adadelta"

    @accepts_old_words("Adadelta")
    def __init__(
        self,
        learning_rate: float = 0.001,
        rho: float = 0.95,
        epsilon: float | None = 1e-7,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        decay: float = 0.0,
    ) -> None:
        """See the class."""
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            decay,
        )
        self.rho = _share("rho", rho)
        self.epsilon = _epsilon(epsilon)


class Adam(Optimizer):
    """Mean gradient over the root of the mean square, both corrected for their start.

    m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
    w = w - lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon)

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015, in the
    form that the end of its section 2 gives.

    Args:
        learning_rate: lr, at least 0.
        beta_1: In [0, 1).
        beta_2: In [0, 1).
        epsilon: At least 0; None for 1e-7.
        amsgrad: Take the largest v so far, from Reddi, Kale and Kumar, "On the
            convergence of Adam and beyond", 2018.
        weight_decay: As in `Optimizer`.
        clipnorm: As in `Optimizer`.
        clipvalue: As in `Optimizer`.
        global_clipnorm: As in `Optimizer`.
        use_ema: As in `Optimizer`.
        ema_momentum: As in `Optimizer`.
        ema_overwrite_frequency: As in `Optimizer`.
        loss_scale_factor: As in `Optimizer`.
        gradient_accumulation_steps: As in `Optimizer`.
        name: As in `Optimizer`.
        decay: As in `Optimizer`.

    Raises:
        ValueError: As in `Optimizer`.

    Examples:
        >>> import nncore
        >>> nncore.optimizers.Adam(beta_1=0.8).beta_1
        0.8
    """

    _arguments = ("learning_rate", "beta_1", "beta_2", "epsilon", "amsgrad", *_COMMON)
    _kind = "adam"
    _own_name = "adam"

    @accepts_old_words("Adam")
    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        amsgrad: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        decay: float = 0.0,
    ) -> None:
        """See the class."""
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            decay,
        )
        self.beta_1 = _share("beta_1", beta_1)
        self.beta_2 = _share("beta_2", beta_2)
        self.epsilon = _epsilon(epsilon)
        self.amsgrad = _checks.boolean("amsgrad", amsgrad)


class AdamW(Adam):
    """`Adam` with weight decay.

    Before Adam's rule, w = w - lr weight_decay w.

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019.

    Args:
        learning_rate: lr, at least 0.
        weight_decay: As in `Optimizer`.
        beta_1: In [0, 1).
        beta_2: In [0, 1).
        epsilon: At least 0; None for 1e-7.
        amsgrad: Take the largest v so far, from Reddi, Kale and Kumar, "On the
            convergence of Adam and beyond", 2018.
        clipnorm: As in `Optimizer`.
        clipvalue: As in `Optimizer`.
        global_clipnorm: As in `Optimizer`.
        use_ema: As in `Optimizer`.
        ema_momentum: As in `Optimizer`.
        ema_overwrite_frequency: As in `Optimizer`.
        loss_scale_factor: As in `Optimizer`.
        gradient_accumulation_steps: As in `Optimizer`.
        name: As in `Optimizer`.
        decay: As in `Optimizer`.

    Raises:
        ValueError: As in `Optimizer`.

    Examples:
        >>> import nncore
        >>> nncore.optimizers.AdamW().weight_decay
        0.004
    """

    _own_name = "adamw"

    @accepts_old_words("AdamW")
    def __init__(
        self,
        learning_rate: float = 0.001,
        weight_decay: float | None = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        amsgrad: bool = False,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        decay: float = 0.0,
    ) -> None:
        """See the class."""
        super().__init__(
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            amsgrad=amsgrad,
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency,
            loss_scale_factor=loss_scale_factor,
            gradient_accumulation_steps=gradient_accumulation_steps,
            name=name,
            decay=decay,
        )


class Adamax(Optimizer):
    """`Adam` with the largest recent gradient in place of the mean square.

    m = b1 m + (1 - b1) g; u = max(b2 u, |g|);
    w = w - lr m / ((1 - b1^t) (u + epsilon))

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015,
    section 7.1.

    Args:
        learning_rate: lr, at least 0.
        beta_1: In [0, 1).
        beta_2: In [0, 1).
        epsilon: At least 0; None for 1e-7.
        weight_decay: As in `Optimizer`.
        clipnorm: As in `Optimizer`.
        clipvalue: As in `Optimizer`.
        global_clipnorm: As in `Optimizer`.
        use_ema: As in `Optimizer`.
        ema_momentum: As in `Optimizer`.
        ema_overwrite_frequency: As in `Optimizer`.
        loss_scale_factor: As in `Optimizer`.
        gradient_accumulation_steps: As in `Optimizer`.
        name: As in `Optimizer`.
        decay: As in `Optimizer`.

    Raises:
        ValueError: As in `Optimizer`.

    Examples:
        >>> import nncore
        >>> nncore.optimizers.Adamax().beta_2
        0.999
    """

    _arguments = ("learning_rate", "beta_1", "beta_2", "epsilon", *_COMMON)
    _kind = "adamax"
    _own_name = "adamax"

    @accepts_old_words("Adamax")
    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        decay: float = 0.0,
    ) -> None:
        """See the class."""
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            decay,
        )
        self.beta_1 = _share("beta_1", beta_1)
        self.beta_2 = _share("beta_2", beta_2)
        self.epsilon = _epsilon(epsilon)


class Nadam(Optimizer):
    """`Adam` with Nesterov's momentum.

    u_t = b1 (1 - 0.96^t / 2); m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
    w = w - lr M / (sqrt(v / (1 - b2^t)) + epsilon) with
    M = u_(t+1) m / (1 - u_1 ... u_(t+1)) + (1 - u_t) g / (1 - u_1 ... u_t)

    Source: Dozat, "Incorporating Nesterov momentum into Adam", 2016.

    Args:
        learning_rate: lr, at least 0.
        beta_1: In [0, 1).
        beta_2: In [0, 1).
        epsilon: At least 0; None for 1e-7.
        weight_decay: As in `Optimizer`.
        clipnorm: As in `Optimizer`.
        clipvalue: As in `Optimizer`.
        global_clipnorm: As in `Optimizer`.
        use_ema: As in `Optimizer`.
        ema_momentum: As in `Optimizer`.
        ema_overwrite_frequency: As in `Optimizer`.
        loss_scale_factor: As in `Optimizer`.
        gradient_accumulation_steps: As in `Optimizer`.
        name: As in `Optimizer`.
        decay: As in `Optimizer`.

    Raises:
        ValueError: As in `Optimizer`.

    Examples:
        >>> import nncore
        >>> nncore.optimizers.Nadam().beta_1
        0.9
    """

    _arguments = ("learning_rate", "beta_1", "beta_2", "epsilon", *_COMMON)
    _kind = "nadam"
    _own_name = "nadam"

    @accepts_old_words("Nadam")
    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        decay: float = 0.0,
    ) -> None:
        """See the class."""
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            decay,
        )
        self.beta_1 = _share("beta_1", beta_1)
        self.beta_2 = _share("beta_2", beta_2)
        self.epsilon = _epsilon(epsilon)


sgd = SGD
rmsprop = RMSprop
adagrad = Adagrad
adadelta = Adadelta
adam = Adam
adamw = AdamW
adamax = Adamax
nadam = Nadam

_TABLE: dict[str, type[Optimizer]] = {
    cls.__name__.lower(): cls
    for cls in (SGD, RMSprop, Adagrad, Adadelta, Adam, AdamW, Adamax, Nadam)
}


def get(identifier: Any, argument: str = "optimizer") -> Optimizer:
    """Return the optimizer that `identifier` stands for.

    Args:
        identifier: A name in any case ("adam", "SGD", ...); a class; an instance; or
            what `serialize` gave.
        argument: What to call the argument in messages.

    Raises:
        ValueError: The name is unknown; the message lists the known ones.

    Examples:
        >>> import nncore
        >>> nncore.optimizers.get("adam").learning_rate
        0.001
    """
    if isinstance(identifier, str) and identifier.lower() in _TABLE:
        identifier = identifier.lower()
    elif isinstance(identifier, dict) and isinstance(identifier.get("class_name"), str):
        name = identifier["class_name"]
        if _lookup.custom_class(name, Optimizer, argument) is None:
            identifier = {**identifier, "class_name": name.lower()}
    return _lookup.resolve(identifier, argument=argument, base=Optimizer, table=_TABLE)


def serialize(optimizer: Optimizer) -> Any:
    """Return the class name and configuration of an optimizer.

    Args:
        optimizer: An instance.

    Examples:
        >>> from nncore import optimizers
        >>> optimizers.serialize(optimizers.SGD(0.5))["config"]["learning_rate"]
        0.5
    """
    return optimizer._serialized()


def deserialize(config: Any) -> Optimizer:
    """Return the optimizer that `serialize` wrote down.

    Args:
        config: What `serialize` gave.

    Examples:
        >>> from nncore import optimizers
        >>> optimizers.deserialize(optimizers.serialize(optimizers.SGD(0.5))).lr
        0.5
    """
    return get(config)
