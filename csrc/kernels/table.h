/* table.h: every kernel with its equation; the table that one ISA x dtype object
   exports.

   Kernels are serial, allocate nothing, know no layer kinds, and take any size
   including 0. Matrices are compact row-major unless a stride is given; pointers need
   no alignment and do not alias unless the entry says so. Results are the same bits in
   every table (docs/design.md, canonical arithmetic): a contracted index runs in
   chains of NN_CHAIN fused multiply-adds whose results are added in order; sums along a
   row use NN_ROW_LANES virtual lanes joined by halves, each starting from +0. */
#ifndef NN_TABLE_H
#define NN_TABLE_H

#include "base/real.h"
#include "nncore.h"

/* One update of the optimizer, in the network's type; what a kernel does not use is
   ignored. The gradient that enters the rule is
   clip(scale (g + l1 sign(w) + l2 w), -clip, clip). */
struct nn_step {
    real scale, l1, l2, clip; /* none: 1, 0, 0, +inf */
    real shrink; /* first w -= shrink w (decoupled weight decay); none: 0 */
    real lr;
    real momentum, beta_2, epsilon;
    real one_minus_beta_1, one_minus_beta_2, one_minus_rho;
    real alpha;                     /* adam, adamax: lr with bias corrections */
    real nadam_m, nadam_g, nadam_v; /* nadam: factors of m, g and v */
    real power, l1_limit, twice_l2, twice_shrinkage; /* ftrl */
    int nesterov, amsgrad, centered;
    int rests;      /* no update: the batch's gradients are only accumulated */
    real average;   /* share of w in its running average */
    int overwrites; /* w becomes its average */
};

typedef void nn_activation_forward_fn(real *y, const real *z, size_t rows, size_t cols,
                                      const real args[3]);
typedef void nn_activation_backward_fn(real *dz, const real *dy, const real *z,
                                       const real *y, size_t rows, size_t cols,
                                       const real args[3]);

/* forward: y = f(z), y may be z. backward: dz = dy f'(z), +0 below REAL_ROOT_MIN; dz
   may be dy; z is read only if reads_input, y otherwise. Elementwise, but for softmax
   and log_softmax: by rows.
 */
struct nn_activation_kernel {
    nn_activation_forward_fn *forward;
    nn_activation_backward_fn *backward;
    int reads_input;
};

/* How kernels/noise.c changes outputs. */
struct nn_noise_plan {
    nn_noise kind;
    uint64_t threshold, seed; /* threshold = rate 2^32 */
    real scale, shift, low;
};

/* A normalization or prelu over `groups` groups of `columns` columns, as kernels/norm.c
   takes it. */
struct nn_norm {
    nn_kind kind;
    size_t groups, columns;
    real epsilon;
    const real *gamma, *beta;   /* [columns], NULL: 1, 0; of prelu alpha, NULL */
    const real *mean, *inverse; /* [columns] of a batch normalization */
    const real *sum_d, *sum_dh; /* [columns] its sums; NULL: moving statistics */
    real share;                 /* 1 / rows and groups of the batch */
};

/* As in nn_loss_spec. */
struct nn_loss_args {
    real label_smoothing, delta, alpha, beta, gamma, q, power, ignored;
    int balances, log_variance, full, ignores;
    const real *list; /* [n_list] */
    size_t n_list;
};

/* value[i] = l(p_i, t_i), one number per row, before weights.
   d[i][j] = weight[i] scale dl/dp_ij; weight NULL: all 1; d NULL: only values. What is
   below REAL_ROOT_MIN becomes +0.
   t is [rows][cols]; for losses with labels [rows][1], labels as reals; for quantile
   [rows][cols / n_list]; for gaussian_nll [rows][cols / 2]. d may be p. */
typedef void nn_loss_fn(real *value, real *d, const real *p, const real *t, size_t rows,
                        size_t cols, const real *weight, real scale,
                        const struct nn_loss_args *args);

/* value[i] = the metric of row i; t as for losses. */
typedef void nn_metric_fn(real *value, const real *p, const real *t, size_t rows,
                          size_t cols, real threshold);

/* w, slots s0, s1, s2 and gradient g over n parameters: one step of the rule. */
typedef void nn_optimizer_fn(real *w, real *s0, real *s1, real *s2, const real *g,
                             size_t n, const struct nn_step *step);

/* A batch of m rows: numbers order[start], ..., or start, ... where order is NULL. */
struct nn_batch {
    const real *x, *y, *weights; /* of all rows; weights NULL: all 1 */
    ptrdiff_t x_stride, y_stride;
    const uint32_t *order;
    size_t start, m;
    double scale;  /* the batch's loss is scale sum w l */
    real *outputs; /* [m][n_out], or NULL: not wanted */
};

/* A layer as kernels/tiny.c takes it: z = x W + b, y = f(z), feature by feature,
   [columns][ld]. x is the y below; a feature of ones follows it. d is dL/dy, then
   dL/dz. y is z where the slope of f does not read z. */
struct nn_tiny_layer {
    size_t n_in, n_out;
    size_t offset; /* of W in the flat blocks; b follows W */
    int has_bias;
    nn_activation act;
    real args[3];
    const real *x;   /* [n_in + 1][ld] */
    real *z, *y, *d; /* [n_out][ld] */
};

/* The loss, or a metric. */
struct nn_tiny_loss {
    nn_metric metric; /* loss_value: `loss` */
    nn_loss loss;
    int on_logits;
    struct nn_loss_args args;
    real threshold;
};

/* What changes from one run of a program to the next. */
struct nn_tiny_run {
    const struct nn_batch *batch;
    size_t first, m;            /* rows of the batch */
    const real *weights;        /* [m] or NULL: all 1 */
    real scale;                 /* of the loss's gradient */
    int goes_on;                /* gradients start from what is there */
    real *grads;                /* a flat block */
    const struct nn_step *step; /* NULL: no update */
};

/* One operation with its operands; which of them it has is its own business. */
struct nn_tiny_op {
    void (*run)(const struct nn_tiny_op *op, const struct nn_tiny_run *run);
    real *out;
    const real *left, *right, *start;
    size_t ldo, step, ldr, n, lanes, depth;
    const void *what; /* the layer, the loss, the network */
};

/* A small network with its buffers, for blocks of ld rows, a multiple of `lanes`; the
   program that trains it is ops[0] ... ops[n_forward] ... ops[n_ops]. */
struct nn_tiny {
    size_t n_layers, n_metrics, n_in, target_columns, n_params, ld, capacity;
    struct nn_tiny_layer *layers;
    struct nn_tiny_loss *losses; /* [1 + n_metrics], the loss first */
    real *x, *targets;           /* [n_in + 4][ld], [target_columns + 3][ld] */
    real *rows;                  /* [lanes][columns of x or targets], whole vectors */
    real *turned;                /* [ld + 3][columns of one layer], whole vectors */
    real *weights, *values; /* of the batch: [capacity], [1 + n_metrics][capacity] */
    real *params, *slots[3];
    nn_optimizer_fn *optimizer;
    struct nn_tiny_op *ops;
    size_t n_forward, n_ops;
};

/* A sum over rows in logical order: NN_ROW_LANES lanes within a block of NN_SUM_BLOCK
   rows, joined by halves; blocks in order. Independent of how rows arrive. */
struct nn_row_sum {
    double lanes[NN_ROW_LANES], blocks;
};

/* A layer of `narrow`: y = f(x W + b). */
struct nn_narrow_layer {
    size_t n_in, n_out;   /* n_in <= NN_CHAIN */
    const real *w, *bias; /* bias NULL: none */
    nn_activation act;
    nn_activation_forward_fn *forward; /* of an elementwise activation */
    real args[3];
};

/* Elements that multiply_adds may use. */
#define NN_CHAINED 256

/* c[i][j] = bias[j] + sum_k a[i][first + k] b[k][j], i < m, j < n <= NN_PANEL,
   k < depth; bias NULL: +0. If it `adds`, c[i][j] comes in place of bias[j]: a product
   may be computed in parts, in order, each but the last NN_CHAIN long. */
struct nn_product {
    real *c;
    size_t ldc;
    const real *const *a; /* [m] rows */
    size_t first;
    int adds;
    const real *b; /* a panel, [depth][n] */
    const real *bias;
    size_t m, n, depth;
    const void *ahead; /* what is needed next, fetched meanwhile; NULL: nothing */
    size_t ahead_bytes;
};

struct nn_kernels {
    /* Y = X W + b; dX = dY W^T with panels of W^T; dW = X^T dY with X transposed. */
    void (*product)(const struct nn_product *what);

    /* dw[k][j] = sum_m x[m][first + k] d[m][j], k < rows, j < n <= NN_PANEL, m < depth.
       dw is a panel [rows][n]; rows of d lie ldd apart. dW = X^T dY, where nothing is
       wide enough to transpose X first. */
    void (*gradient)(real *dw, const real *const *x, size_t first, const real *d,
                     size_t ldd, size_t rows, size_t n, size_t depth);

    /* out[j] = sum_m d[m][j], j < n, m < depth; rows of d lie ldd apart. */
    void (*column_sums)(real *out, const real *d, size_t ldd, size_t n, size_t depth);

    /* out[j][i] = in[i][j], i < rows, j < cols. */
    void (*transpose)(real *out, size_t ldo, const real *in, size_t ldi, size_t rows,
                      size_t cols);

    /* The same for rows that come through pointers. */
    void (*transpose_rows)(real *out, size_t ldo, const real *const *in, size_t rows,
                           size_t cols);

    struct nn_activation_kernel activation[NN_ACT_END];
    nn_loss_fn *loss[NN_LOSS_END];
    nn_metric_fn *metric[NN_METRIC_END]; /* loss_value: NULL, the engine calls loss */
    nn_optimizer_fn *optimizer[NN_OPT_END];

    /* out[i][j] = in[i][j] with the noise that the Philox word (plan->seed; step, row0
       + i, j) stands for; backward: times the slope of that. out may be in. */
    void (*noise)(real *out, const real *in, size_t rows, size_t cols, size_t row0,
                  uint64_t step, const struct nn_noise_plan *plan, int backward);

    /* z[m][groups columns] = a normalization of x, h what gamma multiplies, inverse[m]
       [groups]; either may be NULL. Then dx from d = dL/dz; dx may not be d. */
    void (*norm_forward)(real *z, real *h, real *inverse, const real *const *x,
                         size_t m, const struct nn_norm *norm);
    void (*norm_backward)(real *dx, const real *d, const real *h, const real *inverse,
                          const real *const *x, size_t m, const struct nn_norm *norm);

    /* mean[j] and variance[j] over m rows of x and their groups, first <= j < first +
       n; the variance in a second pass. */
    void (*column_moments)(real *mean, real *variance, const real *const *x,
                           size_t first, size_t n, size_t groups, size_t columns,
                           size_t m);

    /* out[j] = sum_m a[m][j] b[m][j], j < n, m < depth; rows of both lie ld apart. */
    void (*column_dots)(real *out, const real *a, const real *b, size_t ld, size_t n,
                        size_t depth);

    /* out[j] = 1 / sqrt(variance[j] + epsilon), j < n. */
    void (*inverse_roots)(real *out, const real *variance, size_t n, real epsilon);

    /* value[i] += l1 sum_j |y[i][j]| + l2 sum_j y[i][j]^2. */
    void (*add_activity)(real *value, const real *y, size_t rows, size_t cols, real l1,
                         real l2);

    /* order[e] = a permutation of 0 .. n-1, a function of seed and epoch + e alone, for
       e < n_epochs: Fisher-Yates from the top; position i swaps with floor(word_i (i +
       1) / 2^64), where word_i is half i % 2 of the Philox words (seed; i / 2, 5,
       epoch + e). */
    void (*shuffle)(uint32_t *order, size_t n, uint64_t seed, uint64_t epoch,
                    size_t n_epochs);

    /* sum = sum + g; out = in / by. */
    void (*accumulate)(real *sum, const real *g, size_t n);
    void (*divide)(real *out, const real *in, size_t n, real by);

    /* mean = mean + share (w - mean); w = mean if it overwrites. */
    void (*average)(real *w, real *mean, size_t n, real share, int overwrites);

    /* g += l1 sign(w) + l2 w: the gradient of a penalty (l2 is twice the factor). */
    void (*add_penalty)(real *g, const real *w, size_t n, real l1, real l2);

    /* Sums of n <= NN_SUM_BLOCK values in double, NN_ROW_LANES lanes joined by
       halves. */
    double (*sum_abs)(const real *x, size_t n);
    double (*sum_squares)(const real *x, size_t n);

    /* Rows number position, ... of the sum's rows have these m values, weighted
       (weights NULL: 1); then what it comes to. */
    void (*add_rows)(struct nn_row_sum *sum, size_t position, const real *values,
                     const real *weights, size_t m);
    double (*row_total)(const struct nn_row_sum *sum);

    /* Whether no value, weighted in double, is NaN or infinite. */
    int (*all_finite)(const real *values, const real *weights, size_t m);

    /* Write the program of a small network into ops and set its counts; ops NULL: only
       count. */
    void (*tiny_plan)(struct nn_tiny *net);

    /* Rows run->first, ... of a batch: fetched, and up to the values of their loss and
       metrics; then gradients and, if run->step, the update. m <= ld. */
    void (*tiny_forward)(const struct nn_tiny *net, const struct nn_tiny_run *run);
    void (*tiny_backward)(const struct nn_tiny *net, const struct nn_tiny_run *run);

    /* y[m][n_out] = outputs of a network of narrow layers for m rows of x, x_stride
       apart; rows_at_once of them, a multiple of `lanes`, in each of the two parts of
       scratch, whose columns are those of the widest layer, rounded up to four. */
    void (*narrow)(real *y, const real *x, ptrdiff_t x_stride, size_t m,
                   const struct nn_narrow_layer *layers, size_t n_layers,
                   real *const scratch[2], size_t rows_at_once);

    /* x[i] = x[i] / 2 + 1, `times` times, for as many i <= NN_CHAINED as this CPU keeps
       in flight; returns how many multiply-adds that was. Nothing else in its loop. */
    size_t (*multiply_adds)(real *x, size_t times);

    /* The bits of all elements joined by or: every element is read once. */
    real (*read_all)(const real *p, size_t n);

    size_t lanes; /* of a vector */
};

/* One table per object; the names are pasted in kernels/variant.c. */
#define NN_KERNELS NN_PASTE(nn_kernels_, NN_PASTE(NN_ISA, _, NN_DTYPE), )
extern const struct nn_kernels NN_KERNELS;

#endif
