# cython: language_level=3, boundscheck=False, auto_pickle=False, binding=False
# cython: freethreading_compatible=True
"""The C core as Python sees it: one class, Network, and the names that C knows.

Every method has one pattern: check the arrays, call C (without the GIL where the work
is long enough to be worth it, or where another thread's has to end first), turn the
status into an exception. No policy, no defaults, no loops over data: those live in
`_plan`, `_training` and csrc/. The next stop is csrc/nncore.h, which `_nncore.pxd`
mirrors.
"""

from cpython.buffer cimport (
    PyBUF_FORMAT,
    PyBUF_STRIDES,
    PyBUF_WRITABLE,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.exc cimport PyErr_CheckSignals, PyErr_Clear
from cpython.pythread cimport PyThread_get_thread_ident
from libc.stddef cimport ptrdiff_t, size_t
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from nncore cimport _nncore as c

from nncore._nncore cimport nn_status

import os

import numpy as np

cdef extern from *:
    """
    #ifndef NN_BUILD_COMPILER
    #define NN_BUILD_COMPILER "unknown"
    #define NN_BUILD_FLAGS ""
    #define NN_BUILD_ISAS ""
    #define NN_BUILD_OPENMP 0
    #endif
    """
    const char *NN_BUILD_COMPILER
    const char *NN_BUILD_FLAGS

# Releasing the GIL costs more than it gives below this many microseconds of work:
# beside a busy Python thread it may take that thread's whole turn to get it back.
cdef double GIL_MICROSECONDS = 20
cdef size_t SHUFFLED_AT_ONCE = 20000  # rows: a millisecond at most

# A call through the module's namespace would take as long as a small prediction.
cdef object empty = np.empty
cdef object ndarray = np.ndarray


cdef int check(nn_status status) except -1:
    """Raise what a status means."""
    if status == c.NN_OK:
        return 0
    message = c.nn_status_message(status).decode()
    if status == c.NN_ERR_MEMORY:
        raise MemoryError(message)
    if status in (c.NN_ERR_SIZE, c.NN_ERR_SPEC, c.NN_ERR_ISA):
        raise ValueError(message)
    raise RuntimeError(message)


# ---- names -------------------------------------------------------------------------

cdef list names(int kind):
    """All names of one enumeration, in the order of their ids."""
    cdef list found = []
    cdef const char *name
    cdef int i = 0
    while True:
        if kind == 0:
            name = c.nn_activation_name(<c.nn_activation>i)
        elif kind == 1:
            name = c.nn_loss_name(<c.nn_loss>i)
        elif kind == 2:
            name = c.nn_metric_name(<c.nn_metric>i)
        elif kind == 3:
            name = c.nn_optimizer_name(<c.nn_optimizer>i)
        elif kind == 4:
            name = c.nn_kind_name(<c.nn_kind>i)
        elif kind == 5:
            name = c.nn_noise_name(<c.nn_noise>i)
        elif kind == 6:
            name = c.nn_constraint_name(<c.nn_constraint>i)
        else:
            name = c.nn_isa_name(<c.nn_isa>i)
        if name == NULL:
            return found
        found.append(name.decode())
        i += 1


cdef list ACTIVATIONS = names(0)
cdef list LOSSES = names(1)
cdef list METRICS = names(2)
cdef list OPTIMIZERS = names(3)
cdef list KINDS = names(4)
cdef list NOISES = names(5)
cdef list CONSTRAINTS = names(6)
cdef list ISAS = names(7)
cdef list REDUCTIONS = ["sum_over_batch_size", "sum", "mean_with_sample_weight"]


def activation_names():
    return list(ACTIVATIONS)


def loss_names():
    return list(LOSSES)


def metric_names():
    return list(METRICS)


def optimizer_names():
    return list(OPTIMIZERS)


def kind_names():
    return list(KINDS)


def noise_names():
    return list(NOISES)


def constraint_names():
    return list(CONSTRAINTS)


def isas():
    return {
        name: (bool(c.nn_isa_built(<c.nn_isa>i)), bool(c.nn_isa_supported(<c.nn_isa>i)))
        for i, name in enumerate(ISAS)
    }


def default_isa():
    cdef int isa = c.nn_isa_default()
    if isa == c.NN_ISA_END:
        raise ValueError(
            f"NNCORE_ISA must be one of {ISAS}. "
            f"Received: {os.environ.get('NNCORE_ISA')!r}"
        )
    return ISAS[isa]


cdef int index_of(list known, name, what) except -1:
    try:
        return known.index(name)
    except ValueError:
        raise ValueError(f"{what} must be one of {known}. Received: {name!r}") from None


cdef int isa_id(isa) except -1:
    if isa is None:
        default_isa()
        return c.NN_ISA_AUTO
    return index_of(ISAS, isa, "isa")


cdef int dtype_id(dtype) except -1:
    return index_of(["float32", "float64"], dtype, "dtype")


def set_num_threads(n):
    if n < 0:
        raise ValueError(f"The number of threads must be at least 0. Received: {n}")
    c.nn_set_num_threads(n)


def get_num_threads():
    return c.nn_get_num_threads()


def thread_limits():
    cdef c.nn_thread_limits limits
    c.nn_get_thread_limits(&limits)
    return limits


def has_openmp():
    return bool(c.nn_has_openmp())


def build_info():
    return {
        "compiler": NN_BUILD_COMPILER.decode(),
        "flags": NN_BUILD_FLAGS.decode(),
        "isas": [name for name, (built, _) in isas().items() if built],
        "openmp": has_openmp(),
    }


# ---- arrays ------------------------------------------------------------------------

cdef class Array:
    """A buffer held for one call: rows of one dtype, the last axis contiguous."""

    cdef Py_buffer view
    cdef bint held
    cdef ptrdiff_t stride  # between rows, in elements
    cdef size_t rows, cols

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)


cdef bint holds(Py_buffer *view, char code, size_t itemsize) noexcept:
    """Whether a buffer's elements are of the type that `struct` calls `code`."""
    cdef const char *fmt = view.format
    if fmt != NULL and fmt[0] == b"@":
        fmt += 1
    return (fmt != NULL and fmt[0] == code and fmt[1] == 0
            and <size_t>view.itemsize == itemsize)


cdef Array hold(obj, char code, size_t itemsize, str name, bint writable=False):
    """Hold a 1-D or 2-D array whose rows C may walk, or raise."""
    cdef Array array = Array.__new__(Array)
    cdef int flags = PyBUF_FORMAT | PyBUF_STRIDES
    if writable:
        flags |= PyBUF_WRITABLE
    PyObject_GetBuffer(obj, &array.view, flags)
    array.held = True
    cdef Py_buffer *view = &array.view
    if not holds(view, code, itemsize):
        expected = {b"f": "float32", b"d": "float64", b"I": "uint32"}
        raise ValueError(
            f"{name} must be {expected.get(bytes([code]))}. "
            f"Received: {getattr(obj, 'dtype', type(obj).__name__)}"
        )
    if view.ndim not in (1, 2):
        raise ValueError(f"{name} must have 1 or 2 dimensions. Received: {view.ndim}")
    if <size_t>view.buf % itemsize:
        raise ValueError(f"{name} must be aligned to its elements.")
    array.rows = view.shape[0]
    array.cols = view.shape[1] if view.ndim == 2 else 1
    array.stride = view.strides[0] // <ptrdiff_t>itemsize
    if view.strides[0] % <ptrdiff_t>itemsize or (
        view.ndim == 2 and array.cols > 1 and view.strides[1] != <ptrdiff_t>itemsize
    ):
        raise ValueError(f"{name} must have contiguous rows.")
    return array


cdef int check_shape(Array array, size_t rows, size_t cols, str name) except -1:
    if array.rows != rows or array.cols != cols:
        raise ValueError(
            f"{name} must have shape ({rows}, {cols}). "
            f"Received: ({array.rows}, {array.cols})"
        )
    return 0


cdef int check_compact(Array array, str name) except -1:
    if array.stride != <ptrdiff_t>array.cols and array.rows > 1:
        raise ValueError(f"{name} must be C-contiguous.")
    return 0


cdef bint overlap(Array a, Array b):
    """Whether the bytes that two arrays span meet."""
    if a.rows == 0 or b.rows == 0:
        return False
    return first_byte(a) < past_byte(b) and first_byte(b) < past_byte(a)


cdef size_t first_byte(Array a):
    cdef ptrdiff_t back = a.stride * <ptrdiff_t>(a.rows - 1) if a.stride < 0 else 0
    return <size_t>a.view.buf + <size_t>(back * a.view.itemsize)


cdef size_t past_byte(Array a):
    cdef ptrdiff_t ahead = a.stride * <ptrdiff_t>(a.rows - 1) if a.stride > 0 else 0
    return <size_t>a.view.buf + <size_t>((ahead + <ptrdiff_t>a.cols) * a.view.itemsize)


cdef extern from "Python.h":
    # Without the exception: what has no buffer is converted.
    int get_buffer "PyObject_GetBuffer"(object, Py_buffer *, int)


# ---- one thread at a time ----------------------------------------------------------

cdef extern from *:
    """
    #include <stdatomic.h>
    typedef _Atomic(unsigned long) nn_owner;
    static unsigned long nn_owner_now(nn_owner *owner)
    {
        return atomic_load(owner);
    }
    static int nn_owner_take(nn_owner *owner, unsigned long me)
    {
        unsigned long found = 0;
        return atomic_compare_exchange_strong(owner, &found, me) || found == me;
    }
    static void nn_owner_leave(nn_owner *owner) { atomic_store(owner, 0); }
    """
    ctypedef struct nn_owner:
        pass
    unsigned long nn_owner_now(nn_owner *)
    bint nn_owner_take(nn_owner *, unsigned long)
    void nn_owner_leave(nn_owner *)


cdef class Hold:
    """What one thread at a time may hold, as often as it likes; others are refused.

    `with hold.taken(verb, name):` is compiled, so that no signal comes between taking
    and the block, nor between the block's end and giving back: Ctrl-C leaks nothing.
    """

    cdef nn_owner owner
    cdef size_t depth  # the owner's alone

    def is_mine(self):
        return nn_owner_now(&self.owner) == PyThread_get_thread_ident()

    def taken(self, str verb, str name):
        cdef Taken taken = Taken.__new__(Taken)
        taken.hold, taken.verb, taken.name = self, verb, name
        return taken


cdef class Taken:
    cdef Hold hold
    cdef str verb, name

    def __enter__(self):
        if not nn_owner_take(&self.hold.owner, PyThread_get_thread_ident()):
            raise RuntimeError(
                f"`{self.verb}` must wait until the other thread is done: the model "
                f"{self.name!r} is busy. Received: a call at the same time"
            )
        self.hold.depth += 1

    def __exit__(self, kind, value, traceback):
        self.hold.depth -= 1
        if self.hold.depth == 0:
            nn_owner_leave(&self.hold.owner)


# ---- the network -------------------------------------------------------------------

cdef Array fill_loss(c.nn_loss_spec *spec, loss):
    """Fill a description; the array returned holds what it points at."""
    get = loss.get
    spec.kind = <c.nn_loss>index_of(LOSSES, loss["kind"], "loss kind")
    spec.from_logits = bool(get("from_logits"))
    spec.label_smoothing = get("label_smoothing") or 0.0
    spec.delta = get("delta") or 0.0
    spec.alpha = get("alpha") or 0.0
    spec.beta = get("beta") or 0.0
    spec.gamma = get("gamma") or 0.0
    spec.balances = bool(get("apply_class_balancing"))
    spec.q = get("q") or 0.0
    spec.power = get("power") or 0.0
    spec.log_variance = bool(get("log_variance"))
    spec.full = bool(get("full"))
    spec.ignores = get("ignore_class") is not None
    spec.ignored = get("ignore_class") or 0.0
    spec.reduction = <c.nn_reduction>index_of(
        REDUCTIONS, get("reduction") or REDUCTIONS[0], "reduction"
    )
    spec.weight = get("weight", 1.0)
    cdef Array held = hold(np.array(get("list") or (), np.float64), b"d", 8, "list")
    spec.list = <const double *>held.view.buf
    spec.n_list = held.rows
    return held


cdef int fill_constraint(c.nn_constraint_spec *spec, constraint) except -1:
    if constraint is None:
        return 0
    spec.kind = <c.nn_constraint>index_of(CONSTRAINTS, constraint["kind"],
                                          "constraint kind")
    axis = constraint.get("axis")
    spec.axis = c.NN_ALL_AXES if axis is None else axis
    spec.min_value = constraint.get("min_value") or 0.0
    spec.max_value = constraint.get("max_value") or 0.0
    spec.rate = constraint.get("rate") or 0.0
    return 0


cdef int fill_layer(c.nn_layer_spec *spec, layer, list held) except -1:
    """held keeps alive what spec points at."""
    cdef Array order
    get = layer.get
    kind = get("kind") or ("dense" if layer["units"] else "none")
    spec.kind = <c.nn_kind>index_of(KINDS, kind, "kind")
    spec.units = layer["units"]
    spec.use_bias = bool(get("use_bias"))
    spec.trainable = bool(get("trainable"))
    spec.activation = <c.nn_activation>index_of(ACTIVATIONS, layer["activation"],
                                                "activation")
    args = get("activation_args") or (0.0, 0.0, 0.0)
    for i in range(3):
        spec.activation_args[i] = args[i]
    spec.columns = get("columns") or 0
    spec.scale = bool(get("scale"))
    spec.center = bool(get("center"))
    spec.momentum = get("momentum") or 0.0
    spec.epsilon = get("epsilon") or 0.0
    spec.vocabulary = get("vocabulary") or 0
    if kind == "gather":
        order = hold(np.ascontiguousarray(layer["order"], np.uint32), b"I", 4, "order")
        held.append(order)
        spec.order = <const uint32_t *>order.view.buf
        spec.n_order = order.rows
    spec.noise = <c.nn_noise>index_of(NOISES, get("noise") or "dropout", "noise")
    spec.dropout = get("dropout") or 0.0
    spec.dropout_seed = get("dropout_seed") or 0
    spec.kernel_l1 = get("kernel_l1") or 0.0
    spec.kernel_l2 = get("kernel_l2") or 0.0
    spec.bias_l1 = get("bias_l1") or 0.0
    spec.bias_l2 = get("bias_l2") or 0.0
    spec.activity_l1 = get("activity_l1") or 0.0
    spec.activity_l2 = get("activity_l2") or 0.0
    fill_constraint(&spec.kernel_constraint, get("kernel_constraint"))
    fill_constraint(&spec.bias_constraint, get("bias_constraint"))
    return 0


cdef class Network:
    """One C network: its parameters, its optimizer's state, its place in the epoch."""

    cdef c.nn_net *net
    cdef readonly size_t n_in
    cdef readonly size_t n_out
    cdef readonly str dtype
    cdef public bint retired  # its model has another network, or none
    cdef object numpy_dtype
    cdef readonly size_t rows_trained  # in the last call of train
    cdef size_t n_metrics
    cdef char code
    cdef size_t itemsize

    def __cinit__(self, str dtype, n_in, layers, seed, isa=None):
        cdef int dtype_number = dtype_id(dtype)
        cdef int isa_number = isa_id(isa)
        cdef size_t n = len(layers), inputs = n_in
        cdef uint64_t seed_number = seed
        cdef nn_status status
        self.dtype = dtype
        self.numpy_dtype = np.dtype(dtype)
        self.n_in = inputs
        self.code = b"d" if dtype_number else b"f"
        self.itemsize = 8 if dtype_number else 4
        cdef c.nn_layer_spec *specs = <c.nn_layer_spec *>calloc(n + 1, sizeof(specs[0]))
        if specs == NULL:
            raise MemoryError(c.nn_status_message(c.NN_ERR_MEMORY).decode())
        cdef list held = []  # arrays that specs point at
        try:
            for i, layer in enumerate(layers):
                fill_layer(&specs[i], layer, held)
            status = c.nn_net_create(&self.net, <c.nn_dtype>dtype_number,
                                     <c.nn_isa>isa_number, inputs, specs, n,
                                     seed_number)
        finally:
            free(specs)
        check(status)
        self.n_out = c.nn_net_n_out(self.net)

    def __dealloc__(self):
        c.nn_net_destroy(self.net)

    def compile(self, loss, metrics, optimizer):
        cdef c.nn_loss_spec loss_spec
        cdef c.nn_optimizer_spec rule
        cdef size_t n = len(metrics)
        cdef c.nn_metric_spec *metric_specs
        cdef nn_status status
        cdef bytes undecayed = bytes(optimizer.get("undecayed") or ())
        get = optimizer.get
        held = [fill_loss(&loss_spec, loss)]
        rule.kind = <c.nn_optimizer>index_of(OPTIMIZERS, optimizer["kind"],
                                             "optimizer kind")
        rule.momentum = get("momentum") or 0.0
        rule.beta_1 = get("beta_1") or 0.0
        rule.beta_2 = get("beta_2") or 0.0
        rule.rho = get("rho") or 0.0
        rule.epsilon = get("epsilon") or 0.0
        rule.initial_accumulator_value = get("initial_accumulator_value") or 0.0
        rule.learning_rate_power = get("learning_rate_power") or 0.0
        rule.l1 = get("l1_regularization_strength") or 0.0
        rule.l2 = get("l2_regularization_strength") or 0.0
        rule.l2_shrinkage = get("l2_shrinkage_regularization_strength") or 0.0
        rule.beta = get("beta") or 0.0
        rule.weight_decay = get("weight_decay") or 0.0
        if undecayed and len(undecayed) != self.n_variables:
            raise ValueError(
                f"undecayed must have {self.n_variables} flags. "
                f"Received: {len(undecayed)}"
            )
        rule.undecayed = NULL
        if undecayed:
            rule.undecayed = undecayed
        rule.clipnorm = get("clipnorm") or 0.0
        rule.clipvalue = get("clipvalue") or 0.0
        rule.global_clipnorm = get("global_clipnorm") or 0.0
        rule.decay = get("decay") or 0.0
        rule.nesterov = bool(get("nesterov"))
        rule.amsgrad = bool(get("amsgrad"))
        rule.centered = bool(get("centered"))
        rule.loss_scale = get("loss_scale_factor") or 0.0
        rule.accumulation_steps = get("gradient_accumulation_steps") or 0
        rule.use_ema = bool(get("use_ema"))
        rule.ema_momentum = get("ema_momentum") or 0.0
        rule.ema_overwrite_frequency = get("ema_overwrite_frequency") or 0
        metric_specs = <c.nn_metric_spec *>calloc(n + 1, sizeof(metric_specs[0]))
        if metric_specs == NULL:
            raise MemoryError(c.nn_status_message(c.NN_ERR_MEMORY).decode())
        try:
            for i, metric in enumerate(metrics):
                metric_specs[i].kind = <c.nn_metric>index_of(METRICS, metric["kind"],
                                                             "metric kind")
                metric_specs[i].threshold = metric.get("threshold") or 0.0
                metric_specs[i].weighted = bool(metric.get("weighted"))
                if metric.get("loss") is not None:
                    held.append(fill_loss(&metric_specs[i].loss, metric["loss"]))
            with nogil:  # predictions of other threads end first
                status = c.nn_net_compile(self.net, &loss_spec, metric_specs, n, &rule)
        finally:
            free(metric_specs)
        check(status)
        self.n_metrics = n

    cdef int fill_data(self, c.nn_data *data, Array x, Array y,
                       Array weights) except -1:
        check_shape(x, x.rows, self.n_in, "x")
        check_shape(y, x.rows, c.nn_net_target_columns(self.net), "y")
        data.x = x.view.buf
        data.x_stride = x.stride
        data.y = y.view.buf
        data.y_stride = y.stride
        data.n_rows = x.rows
        data.is_stream = 0
        data.weights = NULL
        if weights is not None:
            check_shape(weights, x.rows, 1, "weights")
            check_compact(weights, "weights")
            data.weights = weights.view.buf
        return 0

    cdef Array take(self, obj, str name, bint writable=False):
        if obj is None:
            return None
        return hold(obj, self.code, self.itemsize, name, writable)

    def train(self, x, y, weights, *, batch_size, max_batches, max_epochs, shuffle,
              learning_rate, seconds=0, order=None, stop_on_nan=True, stream=False,
              start=0, threads=0, outputs=None, numbers=None):
        cdef Array px = self.take(x, "x")
        cdef Array py = self.take(y, "y")
        cdef Array pw = self.take(weights, "weights")
        cdef Array po = None, pl = None
        cdef Array pout = self.take(outputs, "outputs", True)
        cdef Array pn = None
        cdef c.nn_train_args args
        cdef c.nn_train_result result
        cdef nn_status status
        cdef size_t epochs, batches, width = 1 + self.n_metrics
        self.fill_data(&args.data, px, py, pw)
        args.data.is_stream = bool(stream)
        args.start = start
        args.batch_size = batch_size
        args.max_batches = max_batches
        args.max_epochs = max_epochs
        args.seconds = seconds
        args.shuffle = bool(shuffle)
        args.learning_rate = 0
        args.learning_rates = NULL
        if isinstance(learning_rate, ndarray):
            pl = hold(learning_rate, b"d", 8, "learning_rate")
            if pl.cols != 1 or pl.rows == 0 or (pl.stride != 1 and pl.rows > 1):
                raise ValueError("learning_rate must be a number or a contiguous row.")
            args.learning_rates = <const double *>pl.view.buf
            args.max_batches = min(args.max_batches, pl.rows)
        else:
            args.learning_rate = learning_rate
        args.on_nan = c.NN_NAN_STOP if stop_on_nan else c.NN_NAN_CONTINUE
        args.threads = threads
        args.order = NULL
        args.outputs.y = NULL
        args.report_columns = width
        if pout is not None:
            pn = hold(numbers, b"I", 4, "numbers", True)
            check_shape(pout, pout.rows, self.n_out, "outputs")
            check_shape(pn, pout.rows, 1, "numbers")
            check_compact(pout, "outputs")
            check_compact(pn, "numbers")
            args.outputs.y = pout.view.buf
            args.outputs.number = <uint32_t *>pn.view.buf
            args.outputs.room = pout.rows
        if order is not None:
            po = hold(order, b"I", 4, "order")
            check_shape(po, px.rows, 1, "order")
            check_compact(po, "order")
            used = np.asarray(order)
            if stream:  # whose rows many calls share
                used = used[start : start + max_batches * batch_size]
            if used.size and used.max() >= px.rows:
                raise ValueError(f"order must name rows below {px.rows}.")
            args.order = <const uint32_t *>po.view.buf
        if args.batch_size == 0 or px.rows == 0:
            check(c.NN_ERR_SIZE)
        # Room for the epochs that the batches can end, and one more, so that the
        # limit on epochs does not end the call before the limit on batches.
        batches = 1 + (px.rows - 1) // args.batch_size
        epochs = args.max_epochs
        if epochs > 2 and args.max_batches // batches < epochs - 2:
            epochs = args.max_batches // batches + 2
        report = np.empty((epochs, width), np.float64)
        cdef Array pr = hold(report, b"d", 8, "report", True)
        cdef double *rows = <double *>pr.view.buf
        args.max_epochs = epochs
        cdef double work = args.max_batches * 1.0
        if epochs * 1.0 * batches < work:
            work = epochs * 1.0 * batches
        work *= c.nn_net_microseconds(self.net, min(args.batch_size, px.rows), 1)
        if args.shuffle and px.rows > SHUFFLED_AT_ONCE:
            work = GIL_MICROSECONDS + 1  # it may draw the order of an epoch
        status = c.NN_ERR_WAIT
        if work <= GIL_MICROSECONDS:
            args.patience = c.NN_AT_ONCE
            status = c.nn_net_train(self.net, &args, rows, &result)
        if status == c.NN_ERR_WAIT:
            args.patience = c.NN_WAIT
            with nogil:
                status = c.nn_net_train(self.net, &args, rows, &result)
            # Here, not in some callback of the garbage collector, which would drop it.
            PyErr_CheckSignals()
        check(status)
        self.rows_trained = result.rows
        cdef ptrdiff_t nan_batch = -1
        if result.is_nan:
            nan_batch = <ptrdiff_t>result.nan_batch
        return report[: result.epochs], result.batches, result.epochs, nan_batch

    def reset_epoch(self):
        check(c.nn_net_reset_epoch(self.net))

    def running(self):
        row = np.empty(1 + self.n_metrics, np.float64)
        cdef Array pr = hold(row, b"d", 8, "row", True)
        check(c.nn_net_running(self.net, <double *>pr.view.buf, pr.rows))
        return row.tolist()

    def evaluate(self, x, y, weights, first, n, stream=False, threads=0, batch_size=32,
                 outputs=None):
        cdef Array px = self.take(x, "x")
        cdef Array py = self.take(y, "y")
        cdef Array pw = self.take(weights, "weights")
        cdef Array pout = self.take(outputs, "outputs", True)
        cdef c.nn_evaluate_args args
        cdef nn_status status
        self.fill_data(&args.data, px, py, pw)
        args.data.is_stream = bool(stream)
        args.first = first
        args.n = n
        args.batch_size = batch_size
        args.report_columns = 1 + self.n_metrics
        args.threads = threads
        args.outputs = NULL
        if pout is not None:
            check_shape(pout, args.n, self.n_out, "outputs")
            check_compact(pout, "outputs")
            args.outputs = pout.view.buf
        row = np.empty(args.report_columns, np.float64)
        cdef Array pr = hold(row, b"d", 8, "row", True)
        cdef double *report = <double *>pr.view.buf
        status = c.NN_ERR_WAIT
        if c.nn_net_microseconds(self.net, args.n, 0) <= GIL_MICROSECONDS:
            args.patience = c.NN_AT_ONCE
            status = c.nn_net_evaluate(self.net, &args, report)
        if status == c.NN_ERR_WAIT:
            args.patience = c.NN_WAIT
            with nogil:
                status = c.nn_net_evaluate(self.net, &args, report)
        check(status)
        done = stream or args.first + args.n == args.data.n_rows
        return row.tolist() if done else None

    cdef int run(self, const void *x, ptrdiff_t stride, size_t rows, void *y,
                 unsigned int threads) except -1:
        cdef nn_status status = c.NN_ERR_WAIT
        if c.nn_net_microseconds(self.net, rows, 0) <= GIL_MICROSECONDS:
            status = c.nn_net_predict(self.net, x, stride, rows, y, threads,
                                      c.NN_AT_ONCE)
        if status == c.NN_ERR_WAIT:
            with nogil:
                status = c.nn_net_predict(self.net, x, stride, rows, y, threads,
                                          c.NN_WAIT)
        return check(status)

    def predict(self, x, out=None, threads=0):
        cdef Array px = self.take(x, "x")
        check_shape(px, px.rows, self.n_in, "x")
        if out is None:
            out = empty((px.rows, self.n_out), self.numpy_dtype)
        cdef Array po = self.take_out(out, px)
        self.run(px.view.buf, px.stride, px.rows, po.view.buf, threads)
        return out

    cdef Array take_out(self, out, Array x):
        """Hold what the outputs for x are written to."""
        cdef Array po = self.take(out, "out", True)
        check_shape(po, x.rows, self.n_out, "out")
        check_compact(po, "out")
        if overlap(x, po):
            raise ValueError("out must not share memory with x.")
        return po

    def bind(self, x, out, given, result, name):
        return Bound(self, x, out, given, result, name)

    def outputs(self, x):
        """Outputs for rows (n, n_in) or one row (n_in,); None: x must be converted.

        A single number is no row here: it may stand for rows of one number.
        """
        cdef Py_buffer px, py
        cdef size_t rows = 1
        cdef ptrdiff_t stride = 0, size = self.itemsize
        cdef tuple shape
        if type(x) is not ndarray:
            return None
        if get_buffer(x, &px, PyBUF_FORMAT | PyBUF_STRIDES) < 0:
            PyErr_Clear()
            return None
        try:
            if (not 1 <= px.ndim <= 2 or not holds(&px, self.code, self.itemsize)
                    or <size_t>px.shape[px.ndim - 1] != self.n_in
                    or px.strides[px.ndim - 1] != size
                    or <size_t>px.buf % self.itemsize):
                return None
            if px.ndim == 2:
                rows = px.shape[0]
                stride = px.strides[0] // size
                if px.strides[0] % size:
                    return None
                shape = (rows, self.n_out)
            elif self.n_in > 1:
                shape = (self.n_out,)
            else:
                return None
            out = empty(shape, self.numpy_dtype)
            PyObject_GetBuffer(out, &py, PyBUF_WRITABLE)
            try:
                self.run(px.buf, stride, rows, py.buf, 0)
            finally:
                PyBuffer_Release(&py)
        finally:
            PyBuffer_Release(&px)
        return out

    @property
    def target_columns(self):
        return c.nn_net_target_columns(self.net)

    @property
    def n_variables(self):
        return c.nn_net_n_variables(self.net)

    @property
    def n_slots(self):
        return c.nn_net_n_slots(self.net)

    cdef tuple shape_of(self, size_t index):
        cdef size_t[2] shape
        if index >= c.nn_net_n_variables(self.net):
            raise IndexError(
                f"The network has {c.nn_net_n_variables(self.net)} variables. "
                f"Received: index={index}"
            )
        if c.nn_net_variable_shape(self.net, index, shape) == 1:
            return (shape[0],)
        return shape[0], shape[1]

    cdef exchange(self, size_t index, bint is_slot, size_t slot, array):
        """Read (array None) or write a slot, or read the gradient."""
        cdef bint reads = array is None
        cdef nn_status status
        array = self.fitting(index, array)
        cdef Array held = self.take(array, "array", reads)
        cdef void *p = held.view.buf
        if is_slot and slot >= c.nn_net_n_slots(self.net):
            raise IndexError(
                f"The optimizer has {c.nn_net_n_slots(self.net)} slots. "
                f"Received: slot={slot}"
            )
        with nogil:
            if not is_slot:
                status = c.nn_net_get_gradient(self.net, index, p)
            elif reads:
                status = c.nn_net_get_slot(self.net, slot, index, p)
            else:
                status = c.nn_net_set_slot(self.net, slot, index, p)
        check(status)
        return array

    cdef object fitting(self, size_t index, array):
        """Values for a variable, or room for them."""
        cdef tuple shape = self.shape_of(index)
        if array is None:
            return np.empty(shape, self.dtype)
        array = np.ascontiguousarray(array, self.dtype)
        if array.shape != shape:
            raise ValueError(
                f"Variable {index} must have shape {shape}. Received: {array.shape}"
            )
        return array

    cdef list exchange_all(self, size_t first, list arrays):
        """Read (None) or write the variables from the first on, all at one moment."""
        cdef size_t i, n = len(arrays)
        if n == 0:
            return arrays
        cdef bint reads = arrays[0] is None
        cdef nn_status status
        arrays = [self.fitting(first + i, array) for i, array in enumerate(arrays)]
        cdef list all_held = [self.take(array, "array", reads) for array in arrays]
        cdef bytearray room = bytearray(n * sizeof(void *))
        cdef void **p = <void **><char *>room
        for i in range(n):
            p[i] = (<Array>all_held[i]).view.buf
        if reads:
            status = c.nn_net_get_variables(self.net, first, n, p, c.NN_AT_ONCE)
        else:
            status = c.nn_net_set_variables(self.net, first, n, <const void **>p,
                                            c.NN_AT_ONCE)
        if status == c.NN_ERR_WAIT:
            with nogil:
                if reads:
                    status = c.nn_net_get_variables(self.net, first, n, p, c.NN_WAIT)
                else:
                    status = c.nn_net_set_variables(self.net, first, n,
                                                    <const void **>p, c.NN_WAIT)
        check(status)
        return arrays

    def variable_shape(self, index):
        return self.shape_of(index)

    def get_variables(self, first=0, n=None):
        return self.exchange_all(
            first, [None] * (self.n_variables - first if n is None else n)
        )

    def set_variables(self, first, arrays):
        self.exchange_all(first, list(arrays))

    def get_variable(self, index):
        return self.get_variables(index, 1)[0]

    def set_variable(self, index, array):
        self.set_variables(index, [array])

    def get_slot(self, slot, index):
        return self.exchange(index, True, slot, None)

    def set_slot(self, slot, index, array):
        self.exchange(index, True, slot, array)

    def gradient(self, x, y, weights, threads=0):
        cdef Array px = self.take(x, "x")
        cdef Array py = self.take(y, "y")
        cdef Array pw = self.take(weights, "weights")
        cdef c.nn_data data
        cdef nn_status status
        cdef unsigned int team = threads
        cdef double loss = 0
        self.fill_data(&data, px, py, pw)
        with nogil:
            status = c.nn_net_gradient(self.net, &data, team, &loss)
        check(status)
        return loss, [self.exchange(i, False, 0, None) for i in range(self.n_variables)]

    @property
    def counters(self):
        cdef c.nn_counters counters
        check(c.nn_net_get_counters(self.net, &counters))
        return counters

    def set_counters(self, counters):
        cdef c.nn_counters values = counters
        check(c.nn_net_set_counters(self.net, &values))

    def get_epoch(self):
        out = np.empty(c.nn_net_epoch_size(self.net), np.float64)
        cdef Array held = hold(out, b"d", 8, "out", True)
        check(c.nn_net_get_epoch(self.net, <double *>held.view.buf, held.rows))
        return out

    def set_epoch(self, values):
        values = np.ascontiguousarray(values, np.float64)
        cdef Array held = hold(values, b"d", 8, "values")
        check_shape(held, held.rows, 1, "values")
        check(c.nn_net_set_epoch(self.net, <const double *>held.view.buf, held.rows))

    @property
    def last_run(self):
        cdef c.nn_last_run run
        c.nn_net_last_run(self.net, &run)
        return {"team": run.team, "isa": ISAS[run.isa], "engine": run.engine.decode()}

    def microseconds(self, n_rows, training):
        return c.nn_net_microseconds(self.net, n_rows, bool(training))


cdef class Bound:
    """A prediction without arguments, since all were checked when it was made."""

    cdef Network network
    cdef Array px, po  # held: neither array can be resized or freed
    cdef readonly object x, out  # the same as the caller knows them
    cdef str name

    def __cinit__(self, Network network not None, x, out, given, result, str name):
        self.network, self.name = network, name
        self.x, self.out = given, result
        self.px = network.take(x, "x")
        check_shape(self.px, self.px.rows, network.n_in, "x")
        self.po = network.take_out(out, self.px)

    def __call__(self):
        if self.network.retired:
            raise RuntimeError(
                f"`bind` must be called again: the model {self.name!r} has been built "
                "anew. Received: a call of what was bound before"
            )
        self.network.run(self.px.view.buf, self.px.stride, self.px.rows,
                         self.po.view.buf, 0)
        return self.out


# ---- one activation alone ----------------------------------------------------------

cdef activation(name, args, dy, z, str dtype, isa):
    cdef int dtype_number = dtype_id(dtype)
    cdef int isa_number = isa_id(isa)
    cdef int act = index_of(ACTIVATIONS, name, "activation")
    cdef double[3] typed
    cdef char code = b"d" if dtype_number else b"f"
    cdef size_t itemsize = 8 if dtype_number else 4
    for i in range(3):
        typed[i] = args[i]
    z = np.ascontiguousarray(z, dtype)
    out = np.empty_like(z)
    cdef Array pz = hold(z, code, itemsize, "z")
    cdef Array po = hold(out, code, itemsize, "out", True)
    cdef Array pd
    if dy is None:
        check(c.nn_activation_forward(<c.nn_dtype>dtype_number, <c.nn_isa>isa_number,
                                      <c.nn_activation>act, typed, po.view.buf,
                                      pz.view.buf, pz.rows, pz.cols))
        return out
    dy = np.ascontiguousarray(dy, dtype)
    pd = hold(dy, code, itemsize, "dy")
    check_shape(pd, pz.rows, pz.cols, "dy")
    check(c.nn_activation_backward(<c.nn_dtype>dtype_number, <c.nn_isa>isa_number,
                                   <c.nn_activation>act, typed, po.view.buf,
                                   pd.view.buf, pz.view.buf, pz.rows, pz.cols))
    return out


def activation_forward(name, args, z, dtype, isa=None):
    return activation(name, args, None, z, dtype, isa)


def activation_backward(name, args, dy, z, dtype, isa=None):
    return activation(name, args, dy, z, dtype, isa)


# ---- what this CPU can do ----------------------------------------------------------

def measure_arithmetic(dtype, times, threads=0, isa=None):
    cdef int dtype_number = dtype_id(dtype)
    cdef int isa_number = isa_id(isa)
    cdef size_t rounds = times, done = 0
    cdef unsigned int team = threads
    cdef nn_status status
    with nogil:
        status = c.nn_measure_arithmetic(<c.nn_dtype>dtype_number, <c.nn_isa>isa_number,
                                         rounds, team, &done)
    check(status)
    return done


def measure_reading(x, times, threads=0, isa=None):
    cdef int isa_number = isa_id(isa)
    cdef Array px = hold(x, b"f", 4, "x")
    cdef const void *src = px.view.buf
    cdef size_t rounds = times, n = px.rows, done = 0
    cdef unsigned int team = threads
    cdef nn_status status
    if px.cols != 1 or px.stride != 1:
        raise ValueError("x must be one contiguous row.")
    with nogil:
        status = c.nn_measure_reading(c.NN_F32, <c.nn_isa>isa_number, src, n, rounds,
                                      team, &done)
    check(status)
    return done
