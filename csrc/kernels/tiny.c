/* tiny.c: training of a network of narrow layers: lanes are rows of the batch.

   Where layers are narrower than a vector, lanes along columns would mostly be empty.
   Here a batch's numbers lie feature by feature, [columns][ld], whole vectors of rows:
   every element of W meets a vector of rows, activations, losses and metrics fill their
   lanes whatever the width, and no transposed W is needed. Only dW contracts over rows:
   for it a layer's d is turned, [rows][columns]. Lanes past the last row hold numbers
   that nobody reads.

   A step of a small network is so short that looking things up would take most of it.
   So a network is a program (tiny_plan): a list of operations, each with its operands,
   written once; a step runs the list. */
#include "kernels/simd/simd.h"
#include "kernels/table.h"

#define OP(name)                                                                       \
    static void name(const struct nn_tiny_op *op, const struct nn_tiny_run *run)

/* ---- Products, in tiles ---------------------------------------------------------- */

/* for i < n, unrolled: the sums of a tile must be registers. */
#define EACH(i, n) UNROLL for (unsigned i = 0; i < (n); i++)

/* p += n, which the compiler must not turn into one register for each value of p. */
#define WALK(p, n)                                                                     \
    do {                                                                               \
        (p) += (n);                                                                    \
        if (!__builtin_constant_p(n)) __asm__("" : "+r"(p));                           \
    } while (0)

/* The most rows of a tile, and vectors. */
#define TILE_MOST 12
typedef vec tile_sums[TILE_MOST][4];

/* sum[a][v] += sum_k left(a, k) right[k][v], k < depth, of mr rows and nv vectors;
   left(a, k) = left[a row + k step], right[k] at right + k ldr. is_known: row is a
   constant; else three rows are reached from one pointer, for want of registers. */
VEC_INLINE void tile_multiply(tile_sums sum, const unsigned mr, const unsigned nv,
                              const real *left, const size_t row, const int is_known,
                              size_t step, const real *right, size_t ldr, size_t depth)
{
    const unsigned groups = is_known ? 1 : (mr + 2) / 3;
    const real *from[TILE_MOST / 3], *end = right + depth * ldr;
    vec b[4];
    EACH (g, groups)
        from[g] = left + 3 * g * row;
    for (; right < end; right += ldr) {
        EACH (v, nv)
            b[v] = vec_load(right + v * VEC_LANES);
        EACH (a, mr) {
            vec l = vec_set(is_known ? from[0][a * row] : from[a / 3][a % 3 * row]);
            EACH (v, nv)
                sum[a][v] = vec_fma(l, b[v], sum[a][v]);
        }
        EACH (g, groups)
            from[g] += step;
    }
}

/* Tiles of mr rows and nv vectors; `one`: ld is one vector, a constant.

   z[i] = b[i] + sum_k W[k][i] x[k]: start b, left W, right x, depth n_in. lanes: y
   takes the place of z, y = relu(z). */
VEC_INLINE void forward_tile(const unsigned mr, const unsigned nv, const int one,
                             const struct nn_tiny_op *op)
{
    const size_t ld = one ? VEC_LANES : op->ldo;
    real *out = op->out;
    tile_sums sum;
    EACH (a, mr)
        EACH (v, nv)
            sum[a][v] = vec_set(op->start[a]);
    tile_multiply(sum, mr, nv, op->left, 1, 1, op->step, op->right, ld, op->depth);
    if (op->lanes)
        EACH (a, mr)
            EACH (v, nv)
                sum[a][v] = plain_relu_value(sum[a][v], NULL);
    EACH (a, mr) {
        EACH (v, nv)
            vec_store(out + v * VEC_LANES, sum[a][v]);
        WALK(out, ld);
    }
}

/* dx[i] = sum_j W[i][j] d[j]: left W, right d, depth n_out. start: the y below, where
   that is relu(z): dx times its slope. */
VEC_INLINE void backward_tile(const unsigned mr, const unsigned nv, const int one,
                              const struct nn_tiny_op *op)
{
    const size_t ld = one ? VEC_LANES : op->ldo;
    const real *y = op->start;
    real *out = op->out;
    tile_sums sum;
    EACH (a, mr)
        EACH (v, nv)
            sum[a][v] = vec_zero();
    tile_multiply(sum, mr, nv, op->left, op->step, 0, 1, op->right, ld, op->depth);
    if (y)
        EACH (a, mr) {
            EACH (v, nv) {
                // Where y is not greater than 0 it is +0, or NaN: it is the slope.
                vec in = vec_load(y + v * VEC_LANES);
                mask is_on = vec_gt(in, vec_zero());
                vec d = vec_mul(sum[a][v], vec_select(is_on, vec_set(1), in));
                sum[a][v] = vec_flush_gradient(d);
            }
            WALK(y, ld);
        }
    EACH (a, mr) {
        EACH (v, nv)
            vec_store(out + v * VEC_LANES, sum[a][v]);
        WALK(out, ld);
    }
}

/* dw[i] = sum_m left[i][m] right[m], `lanes` of it, the first run->m rows. n: where in
   the flat block. One of left, [..][step], and right, [m][ldr], is x, the other d. */
VEC_INLINE void weights_tile(const unsigned mr, const unsigned nv, const int one,
                             const struct nn_tiny_op *op, const struct nn_tiny_run *run)
{
    const size_t tail = op->lanes - (nv - 1) * VEC_LANES, ldo = op->ldo;
    real *out = run->grads + op->n, *before = out;
    tile_sums sum;
    EACH (a, mr)
        EACH (v, nv)
            sum[a][v] = vec_zero();
    if (run->goes_on)
        EACH (a, mr) {
            EACH (v, nv - 1)
                sum[a][v] = vec_load(before + v * VEC_LANES);
            sum[a][nv - 1] = vec_load_upto(before + (nv - 1) * VEC_LANES, tail);
            WALK(before, ldo);
        }
    tile_multiply(sum, mr, nv, op->left, one ? VEC_LANES : op->step, one, 1, op->right,
                  one ? VEC_LANES : op->ldr, run->m);
    EACH (a, mr) {
        EACH (v, nv - 1)
            vec_store(out + v * VEC_LANES, sum[a][v]);
        vec_store_upto(out + (nv - 1) * VEC_LANES, sum[a][nv - 1], tail);
        WALK(out, ldo);
    }
}

/* Every tile is a function of its own: [shape][rows - 1]. */
typedef void tiny_fn(const struct nn_tiny_op *op, const struct nn_tiny_run *run);
typedef tiny_fn *const tile_fns[][TILE_MOST];
enum { ONE_VECTOR, ONE, TWO, FOUR };
#define VECS_ONE_VECTOR 1
#define VECS_ONE 1
#define VECS_TWO 2
#define VECS_FOUR 4
static const size_t tile_most[] = {TILE_MOST, TILE_MOST, 6, 4};
static const size_t tile_vecs[] = {1, 1, 2, 4};

#define SIDE_TILE(shape, mr)                                                           \
    OP(forward_##shape##_##mr)                                                         \
    {                                                                                  \
        (void)run;                                                                     \
        forward_tile(mr, VECS_##shape, shape == ONE_VECTOR, op);                       \
    }                                                                                  \
    OP(backward_##shape##_##mr)                                                        \
    {                                                                                  \
        (void)run;                                                                     \
        backward_tile(mr, VECS_##shape, shape == ONE_VECTOR, op);                      \
    }                                                                                  \
    OP(weights_##shape##_##mr)                                                         \
    {                                                                                  \
        weights_tile(mr, VECS_##shape, shape == ONE_VECTOR, op, run);                  \
    }
#define TO_4(X, shape)                                                                 \
    X(shape, 1)                                                                        \
    X(shape, 2)                                                                        \
    X(shape, 3)                                                                        \
    X(shape, 4)
#define TO_6(X, shape)                                                                 \
    TO_4(X, shape) X(shape, 5)                                                         \
    X(shape, 6)
#define TO_12(X, shape)                                                                \
    TO_6(X, shape) X(shape, 7)                                                         \
    X(shape, 8)                                                                        \
    X(shape, 9)                                                                        \
    X(shape, 10)                                                                       \
    X(shape, 11)                                                                       \
    X(shape, 12)
TO_12(SIDE_TILE, ONE_VECTOR)
TO_12(SIDE_TILE, ONE)
TO_6(SIDE_TILE, TWO)
TO_4(SIDE_TILE, FOUR)

#define FORWARD_NAME(shape, mr) forward_##shape##_##mr,
#define BACKWARD_NAME(shape, mr) backward_##shape##_##mr,
#define WEIGHTS_NAME(shape, mr) weights_##shape##_##mr,
#define TILES(X)                                                                       \
    {                                                                                  \
        {                                                                              \
            TO_12(X, ONE_VECTOR)                                                       \
        }                                                                              \
        , { TO_12(X, ONE) }                                                            \
        , { TO_6(X, TWO) }                                                             \
        , { TO_4(X, FOUR) }                                                            \
        ,                                                                              \
    }
static tile_fns forward_tiles = TILES(FORWARD_NAME);
static tile_fns backward_tiles = TILES(BACKWARD_NAME);
static tile_fns weights_tiles = TILES(WEIGHTS_NAME);

/* Columns in rows that hold whole vectors, and whole fours. */
static size_t padded(size_t columns)
{
    const size_t unit = VEC_LANES < 4 ? 4 : VEC_LANES;
    return (columns + unit - 1) / unit * unit;
}

/* ---- The other operations -------------------------------------------------------- */

/* Rows first, ... of the batch's x (depth 0) or y (1). */
struct source {
    const real *rows;
    ptrdiff_t stride;
    const uint32_t *order;
};
VEC_INLINE struct source source_of(const struct nn_tiny_op *op,
                                   const struct nn_tiny_run *run)
{
    const struct nn_batch *batch = run->batch;
    size_t first = batch->start + run->first;
    struct source from = {.rows = op->depth ? batch->y : batch->x,
                          .stride = op->depth ? batch->y_stride : batch->x_stride};
    if (batch->order)
        from.order = batch->order + first;
    else
        from.rows += (ptrdiff_t)first * from.stride;
    return from;
}
VEC_INLINE const real *row_of(const struct source *from, size_t i)
{
    ptrdiff_t row = from->order ? (ptrdiff_t)from->order[i] : (ptrdiff_t)i;
    return from->rows + row * from->stride;
}

/* out[j][i] = element j < n of row i; after the last one come ones, up to fours.
   start: room for a vector of rows, padded. */
VEC_INLINE void fetch_few(const size_t columns, const struct nn_tiny_op *op,
                          const struct nn_tiny_run *run)
{
    const struct source from = source_of(op, run);
    const size_t ld = op->ldo, m = run->m;
    real *out = op->out;
    for (size_t i = 0; i < m; i++) {
        const real *row = row_of(&from, i);
        for (size_t j = 0; j < columns; j++)
            out[j * ld + i] = row[j];
    }
}
OP(fetch_one) { fetch_few(1, op, run); }
OP(fetch_two) { fetch_few(2, op, run); }
OP(fetch_three) { fetch_few(3, op, run); }
OP(fetch_four) { fetch_few(4, op, run); }
OP(fetch_narrow)
{
    const struct source from = source_of(op, run);
    const size_t columns = op->n, ld = op->ldo, m = run->m, pitch = padded(1);
    const vec ones = vec_set(1);
    real *rows = (real *)op->start, *out = op->out;
    for (size_t i = 0; i < m; i += VEC_LANES, out += VEC_LANES) {
        const size_t n = m - i < VEC_LANES ? m - i : VEC_LANES;
#pragma GCC unroll 1
        for (size_t l = 0; l < n; l++) {
            vec row = vec_load_n(row_of(&from, i + l), columns);
            vec_store(rows + l * pitch, row_select(columns, 0, row, ones));
        }
        for (size_t j = 0; j < columns; j += 4)
            vec_columns(out + j * ld, ld, rows + j, pitch);
    }
}
OP(fetch_wide)
{
    const struct source from = source_of(op, run);
    const size_t columns = op->n, m = run->m, pitch = padded(columns);
    const size_t tail = columns % VEC_LANES, full = columns - tail;
    real *rows = (real *)op->start;
    for (size_t i = 0; i < m; i += VEC_LANES) {
        for (size_t l = 0; l < VEC_LANES && i + l < m; l++) {
            const real *x = row_of(&from, i + l);
            real *to = rows + l * pitch;
            for (size_t j = 0; j < full; j += VEC_LANES)
                vec_store(to + j, vec_load(x + j));
            if (tail)
                vec_store(to + full,
                          row_select(tail, 0, vec_load_n(x + full, tail), vec_set(1)));
            for (size_t j = columns; VEC_LANES < 4 && j < pitch; j++)
                to[j] = 1;
        }
        for (size_t j = 0; j < columns; j += 4)
            vec_columns(op->out + j * op->ldo + i, op->ldo, rows + j, pitch);
    }
}
OP(fetch_weights)
{
    const struct nn_batch *batch = run->batch;
    size_t first = batch->start + run->first;
    if (!batch->weights) return;
    for (size_t i = 0; i < run->m; i++)
        op->out[run->first + i] =
            batch->weights[batch->order ? batch->order[first + i] : first + i];
}

/* out[m][j] = left[j][m], j < n, m < run->m, four rows or four columns at a time; more
   is written, up to whole vectors and fours. */
OP(turn_by_rows)
{
    for (size_t j = 0; j < op->n; j += VEC_LANES)
        for (size_t m = 0; m < run->m; m += 4)
            vec_columns(op->out + m * op->ldo + j, op->ldo, op->left + j * op->step + m,
                        op->step);
}
OP(turn_by_columns)
{
    for (size_t j = 0; j < op->n; j += 4)
        for (size_t m = 0; m < run->m; m += VEC_LANES)
            vec_rows(op->out + m * op->ldo + j, op->ldo, op->left + j * op->step + m,
                     op->step);
}
OP(turn_one_vector)
{
    for (size_t m = 0; m < run->m; m += 4)
        vec_columns(op->out + m * VEC_LANES, VEC_LANES, op->left + m, VEC_LANES);
}

/* out[0] = sum_m left[m] */
OP(sum_rows)
{
    real sum = run->goes_on ? run->grads[op->n] : 0;
    for (size_t m = 0; m < run->m; m++)
        sum += op->left[m];
    run->grads[op->n] = sum;
}

OP(activate)
{
    const struct nn_tiny_layer *l = op->what;
    (void)run;
    if (l->act == NN_ACT_softmax)
        softmax_side(l->y, l->z, op->ldo, op->ldo, l->n_out);
    else if (l->act == NN_ACT_log_softmax)
        log_softmax_side(l->y, l->z, op->ldo, op->ldo, l->n_out);
    else
        activations[l->act].forward(l->y, l->z, l->n_out, op->ldo, l->args);
}

OP(slope)
{
    const struct nn_tiny_layer *l = op->what;
    (void)run;
    if (l->act == NN_ACT_softmax)
        softmax_slope_side(l->d, l->d, l->y, op->ldo, op->ldo, l->n_out);
    else if (l->act == NN_ACT_log_softmax)
        log_softmax_slope_side(l->d, l->d, l->y, op->ldo, op->ldo, l->n_out);
    else
        activations[l->act].backward(l->d, l->d, op->left, l->y, l->n_out, op->ldo,
                                     l->args);
}

/* out[m] = loss or metric of left and right; start: where the loss's slope goes. */
OP(loss)
{
    const struct nn_tiny_loss *loss = op->what;
    side_losses[loss->loss](op->out + run->first, (real *)op->start, op->left,
                            op->right, op->ldr, run->m, op->n,
                            op->start ? run->weights : NULL, op->start ? run->scale : 1,
                            &loss->args);
}
OP(metric)
{
    const struct nn_tiny_loss *loss = op->what;
    side_metrics[loss->metric](op->out + run->first, op->left, op->right, op->ldr,
                               run->m, op->n, loss->threshold);
}

/* One step of the optimizer on lanes parameters from n on. */
OP(update_run_of)
{
    const struct nn_tiny *net = op->what;
    const size_t at = op->n;
    real *slot[3];
    if (!run->step) return;
    for (int s = 0; s < 3; s++)
        slot[s] = net->slots[s] ? net->slots[s] + at : NULL;
    net->optimizer(net->params + at, slot[0], slot[1], slot[2], run->grads + at,
                   op->lanes, run->step);
}

/* ---- The program ----------------------------------------------------------------- */

static void emit(struct nn_tiny *net, struct nn_tiny_op op)
{
    if (net->ops) net->ops[net->n_ops] = op;
    net->n_ops++;
}

/* Where the tile at row i and lane j of a product starts, in its operands. */
typedef void tile_at_fn(struct nn_tiny_op *op, size_t i, size_t j);

/* Cut a product of rows x lanes into tiles, which join the program; net NULL: which run
   at once. */
static void cut_product(struct nn_tiny *net, struct nn_tiny_op whole, tile_fns tiles,
                        int one_vector, size_t rows, size_t lanes, tile_at_fn *at)
{
    for (size_t j = 0, vecs; j < lanes; j += vecs * VEC_LANES) {
        size_t left = (lanes - j) / VEC_LANES;
        int shape = one_vector ? ONE_VECTOR : ONE;
        if (left >= 2) shape = left >= 4 && TILE_VECS == 4 ? FOUR : TWO;
        vecs = tile_vecs[shape];
        for (size_t i = 0, n; i < rows; i += n) {
            struct nn_tiny_op op = whole;
            n = tile_rows(rows - i, tile_most[shape]);
            op.run = tiles[shape][n - 1];
            at(&op, i, j);
            if (net)
                emit(net, op);
            else
                op.run(&op, NULL);
        }
    }
}

static void forward_at(struct nn_tiny_op *op, size_t i, size_t j)
{
    static const real zeros[TILE_MOST];
    op->out += i * op->ldo + j;
    op->left += i;
    op->right += j;
    op->start = op->start ? op->start + i : zeros;
}

static void backward_at(struct nn_tiny_op *op, size_t i, size_t j)
{
    op->out += i * op->ldo + j;
    op->left += i * op->step;
    op->right += j;
    if (op->start) op->start += i * op->ldo + j;
}

static void weights_at(struct nn_tiny_op *op, size_t i, size_t j)
{
    op->n += i * op->ldo + j;
    op->left += i * op->step;
    op->right += j;
    op->lanes -= j;
}

static int is_plain_relu(const struct nn_tiny_layer *l)
{
    return l->act == NN_ACT_relu && relu_is_plain(l->args);
}

static void emit_fetch(struct nn_tiny *net, real *out, size_t columns, int is_target)
{
    // One vector is needed at once: a load of what many small stores wrote would wait.
    tiny_fn *const few[] = {fetch_one, fetch_two, fetch_three, fetch_four};
    int is_few = columns == 1 || (columns <= 4 && net->ld > VEC_LANES);
    emit(net, (struct nn_tiny_op){.run = is_few                ? few[columns - 1]
                                         : columns < VEC_LANES ? fetch_narrow
                                                               : fetch_wide,
                                  .out = out,
                                  .ldo = net->ld,
                                  .start = net->rows,
                                  .n = columns,
                                  .depth = (size_t)is_target});
}

static void emit_forward(struct nn_tiny *net, const struct nn_tiny_layer *l)
{
    const size_t ld = net->ld;
    const real *w = net->params + l->offset;
    struct nn_tiny_op z = {.out = is_plain_relu(l) ? l->y : l->z,
                           .ldo = ld,
                           .left = w,
                           .step = l->n_out,
                           .right = l->x,
                           .start = l->has_bias ? w + l->n_in * l->n_out : NULL,
                           .lanes = (size_t)is_plain_relu(l),
                           .depth = l->n_in};
    cut_product(net, z, forward_tiles, ld == VEC_LANES, l->n_out, ld, forward_at);
    if (l->act != NN_ACT_linear && !is_plain_relu(l))
        emit(net, (struct nn_tiny_op){.run = activate, .what = l, .ldo = ld});
}

static void emit_losses(struct nn_tiny *net)
{
    const struct nn_tiny_layer *top = net->layers + net->n_layers - 1;
    for (size_t i = 0; i <= net->n_metrics; i++) {
        const struct nn_tiny_loss *from = net->losses + i;
        int is_loss = from->metric == NN_METRIC_loss_value;
        emit(net, (struct nn_tiny_op){.run = is_loss ? loss : metric,
                                      .out = net->values + i * net->capacity,
                                      .left = from->on_logits ? top->z : top->y,
                                      .right = net->targets,
                                      .start = i ? NULL : top->d,
                                      .ldr = net->ld,
                                      .n = top->n_out,
                                      .what = from});
    }
}

/* dL/dx of a layer, which is the d of the one below. */
static void emit_backward(struct nn_tiny *net, const struct nn_tiny_layer *l)
{
    const size_t ld = net->ld;
    const struct nn_tiny_layer *below = l - 1;
    struct nn_tiny_op dx = {.out = below->d,
                            .ldo = ld,
                            .left = net->params + l->offset,
                            .step = l->n_out,
                            .right = l->d,
                            .start = is_plain_relu(below) ? below->y : NULL,
                            .depth = l->n_out};
    cut_product(net, dx, backward_tiles, ld == VEC_LANES, l->n_in, ld, backward_at);
}

/* dW and db. With one output lanes run along inputs: x is turned, not d. */
static void emit_weights(struct nn_tiny *net, const struct nn_tiny_layer *l)
{
    const size_t ld = net->ld;
    const int turns_x = l->n_out == 1;
    size_t rows = turns_x ? 1 : l->n_in, lanes = turns_x ? l->n_in : l->n_out;
    size_t turned_ld = padded(lanes);
    int one_vector = ld == VEC_LANES && turned_ld == VEC_LANES;
    int by_columns = (lanes + 3) / 4 * ld < (ld + 3) / 4 * turned_ld;
    struct nn_tiny_op turns = {.run = one_vector   ? turn_one_vector
                                      : by_columns ? turn_by_columns
                                                   : turn_by_rows,
                               .out = net->turned,
                               .ldo = turned_ld,
                               .left = turns_x ? l->x : l->d,
                               .step = ld,
                               .n = lanes};
    struct nn_tiny_op dw = {.ldo = l->n_out,
                            .left = turns_x ? l->d : l->x,
                            .step = ld,
                            .right = net->turned,
                            .ldr = turned_ld,
                            .n = l->offset,
                            .lanes = lanes};
    struct nn_tiny_op db = {
        .run = sum_rows, .left = l->d, .n = l->offset + l->n_in * l->n_out};
    emit(net, turns);
    if (l->has_bias && !turns_x) rows++; // x ends with ones: db follows dW
    cut_product(net, dw, weights_tiles, one_vector, rows, lanes, weights_at);
    if (l->has_bias && turns_x) emit(net, db);
}

/* Parameters that are worth a call of the optimizer. */
#define UPDATE_LEAST 64

static void tiny_plan(struct nn_tiny *net)
{
    net->n_ops = 0;
    emit_fetch(net, net->x, net->n_in, 0);
    emit_fetch(net, net->targets, net->target_columns, 1);
    emit(net, (struct nn_tiny_op){.run = fetch_weights, .out = net->weights});
    for (size_t i = 0; i < net->n_layers; i++)
        emit_forward(net, net->layers + i);
    emit_losses(net);
    net->n_forward = net->n_ops;
    size_t end = net->n_params;
    for (size_t i = net->n_layers; i-- > 0;) {
        const struct nn_tiny_layer *l = net->layers + i;
        int is_top = i + 1 == net->n_layers;
        int is_done = is_top ? net->losses->on_logits : is_plain_relu(l);
        if (l->act != NN_ACT_linear && !is_done)
            emit(net, (struct nn_tiny_op){.run = slope,
                                          .what = l,
                                          .left = is_plain_relu(l) ? l->y : l->z,
                                          .ldo = net->ld});
        if (i) emit_backward(net, l);
        emit_weights(net, l);
        // Updates follow soon, as divisions take long, but not for a few numbers.
        if (i && end - l->offset < UPDATE_LEAST) continue;
        emit(net, (struct nn_tiny_op){.run = update_run_of,
                                      .what = net,
                                      .n = l->offset,
                                      .lanes = end - l->offset});
        end = l->offset;
    }
}

static void tiny_forward(const struct nn_tiny *net, const struct nn_tiny_run *run)
{
    for (const struct nn_tiny_op *op = net->ops; op < net->ops + net->n_forward; op++)
        op->run(op, run);
}

static void tiny_backward(const struct nn_tiny *net, const struct nn_tiny_run *run)
{
    const struct nn_tiny_op *end = net->ops + net->n_ops;
    for (const struct nn_tiny_op *op = net->ops + net->n_forward; op < end; op++)
        op->run(op, run);
}
