/* net.h: a network of one dtype: its layers, its parameters, the views of a batch.

   Sizes of a layer: n_in = K inputs, n_out = N outputs; a batch has M rows. Parameters
   of all layers lie in one flat block, [W0 b0 | W1 b1 | ...], each layer's aligned;
   gradients and optimizer slots are blocks of the same shape, so that an update is one
   loop. A kernel W[K][N] is stored in panels of NN_PANEL columns: panel p holds
   W[:, p NN_PANEL :][K][width] row-major; up to NN_PANEL columns that is W itself.
   wt holds the panels of W^T[N][K], refreshed wherever W changes. */
#ifndef NN_NET_H
#define NN_NET_H

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "base/turn.h"
#include "engine/engine.h"
#include "kernels/table.h"

struct layer {
    nn_kind kind;
    size_t n_in, n_out;
    int has_kernel, has_bias, trainable; /* has_kernel: dense; has_bias: or beta */
    int has_gamma, learns;               /* learns: has something trainable */
    int needs_dx;                        /* something trainable lies below */
    int keeps_input;                     /* z must survive the activation */
    int by_rows;                         /* the activation reads whole rows */
    nn_activation act;
    real args[3];
    int has_noise;
    struct nn_noise_plan noise;
    double l1[2], l2[2]; /* of kernel, bias */
    double activity[2];  /* l1, l2 of y */
    struct nn_constraint_spec constraint[2];
    int undecayed[4];    /* of the variables: exempt from weight decay */
    size_t offset[4];    /* of the variables in the flat blocks, in elements */
    real *wt;            /* panels of W^T; W itself where both are one line of memory */
    struct nn_norm norm; /* of a normalization or prelu; statistics: the moving ones */
    double momentum;
    real *of_batch[5];     /* [columns] mean, variance, inverse; sums of d and d h */
    const uint32_t *order; /* of gather */
    size_t vocabulary, table_columns, passed; /* of embedding */

    /* A batch: [capacity][n_out], compact; views into net->batch. */
    real *z, *y, *u;             /* before f, after f, after dropout; may coincide */
    real *d;                     /* dL/du, then dL/dz */
    const real **rows, **d_rows; /* [capacity] rows of u and of d */
    real *h;                     /* what gamma or alpha multiplies */
    real *inverse;               /* [capacity][groups] of a row's norm */
    real *xt;                    /* X^T[n_in][ldxt] of a wide layer, or NULL */
    const real **xt_rows;        /* [n_in] */
    size_t ldxt;
};

/* A run of the flat block that one thread differentiates and updates at a time. */
struct unit {
    size_t layer;
    int place;    /* of its variable */
    size_t panel; /* first column */
    size_t width; /* columns */
    size_t row, rows;
    size_t offset; /* in the flat blocks */
    double cost;   /* relative */
};

/* The loss, or a metric that is a loss, as kernels see it. */
struct loss_plan {
    nn_loss kind;
    nn_loss_fn *fn;
    int on_logits; /* reads z of the last layer and yields dL/dz */
    struct nn_loss_args args;
    nn_reduction reduction;
    double weight;
};

struct metric_plan {
    nn_metric kind;
    struct loss_plan loss;
    real threshold;
    int weighted;
};

/* A thread's own memory while it trains. */
struct workspace {
    const real **rows;   /* [CHUNK_ROWS] of part */
    real *part;          /* [CHUNK_ROWS][NN_CHAIN] columns of rows, packed */
    real *g;             /* gradient of one unit, [UNIT_ROWS][NN_PANEL] or a table's */
    real *d;             /* [capacity][width] dL/dz of the panel packed last */
    size_t layer, panel; /* which that is; layer NO_LAYER: none */
};
#define NO_LAYER SIZE_MAX

/* Rows of a kernel in a unit; rows of a batch that a thread takes through all layers
   at a time, so that NN_CHAIN columns of them stay in the second-level cache. */
#define UNIT_ROWS 96
#define CHUNK_ROWS 512

/* Sums of an epoch: loss, metrics, weights, activities; then by batch. */
struct sums {
    struct nn_row_sum *of; /* [3 + n_metrics], the last of activities; the first is used
                              if the loss is reduced to the mean */
    size_t n_rows;
    double losses;     /* else: sum of loss x rows of its batch */
    double penalties;  /* sum of penalty x rows of its batch */
    size_t n_weighted; /* rows that came with weights; those of others are 1 */
};

struct epoch {
    int begun;
    int is_stream;                  /* it has no last row */
    size_t n_rows, position, batch; /* rows in all, rows done, batches done */
    size_t first;                   /* the epoch's row that is row 0 of the data */
    const uint32_t *order;          /* of its rows, drawn; NULL: as they lie */
};

/* Orders of n_rows rows drawn for epochs epoch, ..., one after the other. */
struct orders {
    uint32_t *of;
    size_t capacity, n_rows, n_epochs;
    uint64_t seed, epoch;
};

/* NNCORE_ENGINE: which engine trains, where both could. */
enum engine_wish { ANY_ENGINE, TINY_ENGINE, PANEL_ENGINE };
static inline enum engine_wish read_engine_wish(void)
{
    const char *wish = getenv("NNCORE_ENGINE");
    if (!wish) return ANY_ENGINE;
    return !strcmp(wish, "tiny")    ? TINY_ENGINE
           : !strcmp(wish, "panel") ? PANEL_ENGINE
                                    : ANY_ENGINE;
}

/* Plans of kernels/tiny.c for batches of `rows` rows (0: none) and a team of `team`. */
struct tiny {
    size_t rows;
    unsigned team;
    void *block;            /* of all but ops */
    struct nn_tiny *plans;  /* [team], of which each has its own rows */
    struct nn_tiny_op *ops; /* of all plans */
    real *partials; /* [chains of a batch][n_params] gradients, if many chains */
};

/* How long so many steps of `rows` rows took: [0] one thread, [1] a team of `team`. */
struct trial {
    size_t rows;
    unsigned team, calls;
    double us[2], steps[2];
};

struct net {
    nn_net base; /* first: nn_net * and struct net * are one address */
    const struct nn_kernels *kernels;
    struct layer *layers;
    struct nn_variable *variables;

    size_t n_params; /* length of a flat block */
    real *params, *grads, *slots[5], *wt;
    real *average, *accumulated; /* those of the slots that no rule reads, or NULL */
    real *statistics; /* of batch normalizations: inverse of the moving one, of_batch */
    uint32_t *gathers; /* orders of all gathers */

    /* Compiled. */
    nn_optimizer_spec optimizer;
    struct loss_plan loss;
    struct metric_plan *metrics;
    real *numbers; /* lists of the loss and the metrics */
    int has_penalty, clips_by_norm;
    int stores_gradients; /* all are needed, whole, before the update */
    int is_flat;          /* one update call serves all */
    int has_activity, is_constrained, crosses_rows; /* some layer has, is, does */
    struct unit *units;
    size_t n_units;
    double units_cost;
    double *norm_blocks; /* [n_blocks][2]: penalty sums, or squares of gradients */
    struct sums train_sums, eval_sums;

    /* Batch buffers. */
    size_t capacity; /* rows */
    void *batch;
    char *work; /* of n_work threads, work_bytes each */
    size_t n_work, work_bytes;
    const real **x_rows;
    real *targets;     /* [capacity][target_columns] */
    real *row_weights; /* [capacity] */
    real *values;      /* [1 + n_metrics][capacity] loss and metrics of each row */
    real *activity;    /* [capacity] penalties of each row's outputs */
    struct orders orders;
    struct epoch epoch;
    struct tiny tiny;
    struct trial trial;
    int wt_is_stale; /* kernels/tiny.c trained: no wt is the transpose of its W */

    enum engine_wish engine_wish;
    double flops, elements; /* multiply-adds x 2, and outputs, of one row's layers */
    unsigned forced_threads;
    struct nn_turn turn;        /* reading calls, or one change */
    _Atomic(void *) scratch[8]; /* free blocks of predict, all of scratch_size */
    size_t scratch_size, scratch_rows, scratch_columns;
    struct nn_narrow_layer *narrow; /* the layers, if kernels/narrow.c pays, or NULL */
};

static inline struct net *net_of(const nn_net *base) { return (struct net *)base; }

/* Whether a row's outputs in training depend on the batch's other rows. */
static inline int crosses_rows(const struct layer *layer)
{
    return layer->kind == NN_KIND_batch_normalization && layer->trainable;
}

/* Whether variable `place` of a layer is trained; and kept within bounds. */
static inline int learns(const struct layer *layer, int place)
{
    return layer->trainable && place < 2;
}
static inline int is_constrained(const struct layer *layer, int place)
{
    return learns(layer, place) &&
           layer->constraint[place].kind != NN_CONSTRAINT_unconstrained;
}

static inline size_t min_size(size_t a, size_t b) { return a < b ? a : b; }

/* Share `rank` of n things among `size`: [*first, *last). */
static inline void share(size_t n, unsigned rank, unsigned size, size_t *first,
                         size_t *last)
{
    size_t least = size == 1 ? n : n / size, longer = n - least * size;
    *first = least * rank + min_size(longer, rank);
    *last = *first + least + (rank < longer);
}

/* Columns of the panel that starts at `column` of n. */
static inline size_t panel_width(size_t column, size_t n)
{
    return min_size(NN_PANEL, n - column);
}

/* Chains of multiply-adds along so many rows. */
static inline size_t chains(size_t rows) { return (rows + NN_CHAIN - 1) / NN_CHAIN; }

/* Whether the gradient over a batch of m rows reads X transposed: it pays for wide
   layers. Only its speed differs. */
static inline int transposes_input(const struct layer *layer, size_t m)
{
    return layer->xt && layer->trainable && m >= 16;
}

/* [m] rows of a layer's input. */
static inline const real **input_rows(const struct net *net, size_t l)
{
    return l ? net->layers[l - 1].rows : net->x_rows;
}

/* Wait for the network, for a change or for one more prediction; then give it back. */
static inline nn_status take(struct net *net, int to_change, nn_patience patience)
{
    static const nn_status status[] = {
        [NN_TURN_BROKEN] = NN_ERR_BUSY,
        [NN_TURN_TAKEN] = NN_OK,
        [NN_TURN_OTHERS] = NN_ERR_WAIT,
    };
    return status[nn_turn_take(&net->turn, to_change, patience == NN_AT_ONCE)];
}
static inline nn_status take_for_change(struct net *net)
{
    return take(net, 1, NN_WAIT);
}
static inline void give_back_changed(struct net *net) { nn_turn_leave(&net->turn, 1); }
static inline nn_status take_for_reading(struct net *net)
{
    return take(net, 0, NN_WAIT);
}
static inline void give_back_read(struct net *net) { nn_turn_leave(&net->turn, 0); }

#endif
