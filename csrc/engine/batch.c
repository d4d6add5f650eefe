/* batch.c: the buffers of a batch, sized when a larger one comes. */
#include <string.h>

#include "engine/net.h"

static void reset_sums(const struct net *net, struct sums *sums)
{
    memset(sums->of, 0, (2 + net->base.n_metrics) * sizeof *sums->of);
    sums->n_rows = 0;
    sums->penalties = 0;
    sums->weighted = 0;
}

/* Whether a layer is wide enough that its gradient gains more from X^T than making it
   costs, and the batch small enough that it is no burden. */
static int has_xt(const struct layer *layer, size_t rows)
{
    return layer->has_kernel && layer->n_out >= 2 * NN_PANEL && layer->n_in >= 64 &&
           rows <= 8192;
}

/* Lay the batch's views over `block` (NULL: only count) for `rows` rows; bytes used. */
static int lay_batch(struct net *net, size_t rows, char *block, size_t *bytes)
{
    *bytes = 0;
#define VIEW(pointer, count, each)                                                     \
    do {                                                                               \
        size_t n;                                                                      \
        if (block) (pointer) = (void *)(block + *bytes);                               \
        if (__builtin_mul_overflow(count, (size_t)(each), &n) ||                       \
            !nn_add_size(bytes, n, sizeof *(pointer)))                                 \
            return 0;                                                                  \
    } while (0)
    VIEW(net->x_rows, rows, 1);
    VIEW(net->targets, rows, net->base.target_columns);
    VIEW(net->row_weights, rows, 1);
    VIEW(net->values, rows, 1 + net->base.n_metrics);
    for (size_t l = 0; l < net->base.n_layers; l++) {
        struct layer *layer = &net->layers[l];
        int own_z = layer->has_kernel || l == 0;
        if (own_z)
            VIEW(layer->z, rows, layer->n_out);
        else if (block)
            layer->z = net->layers[l - 1].u;
        if (layer->act != NN_ACT_linear && (layer->keeps_input || !own_z))
            VIEW(layer->y, rows, layer->n_out);
        else if (block)
            layer->y = layer->z;
        if (layer->has_dropout)
            VIEW(layer->u, rows, layer->n_out);
        else if (block)
            layer->u = layer->y;
        VIEW(layer->d, rows, layer->n_out);
        VIEW(layer->rows, rows, 1);
        VIEW(layer->d_rows, rows, 1);
        layer->ldxt = (rows + 15) / 16 * 16;
        if (layer->ldxt % 128 == 0) layer->ldxt += 16; // spread over the cache's sets
        if (has_xt(layer, rows)) {
            VIEW(layer->xt, layer->n_in, layer->ldxt);
            VIEW(layer->xt_rows, layer->n_in, 1);
        } else {
            layer->xt = NULL;
        }
    }
#undef VIEW
    return 1;
}

/* Room for batches of `rows` rows. On failure the network is as before. */
static nn_status ensure_capacity(struct net *net, size_t rows)
{
    if (rows <= net->capacity) return NN_OK;
    size_t bytes;
    if (__builtin_add_overflow(rows, NN_ROW_LANES - 1, &rows)) return NN_ERR_SIZE;
    rows -= rows % NN_ROW_LANES; // tiny.c writes values as whole vectors
    if (!lay_batch(net, rows, NULL, &bytes)) return NN_ERR_SIZE;
    char *block = nn_alloc(bytes, 1);
    if (!block) return NN_ERR_MEMORY;
    nn_free(net->batch);
    net->batch = block;
    net->capacity = rows;
    lay_batch(net, rows, block, &bytes);
    net->tiny.rows = 0; // it points at values and weights
    for (size_t l = 0; l < net->base.n_layers; l++) {
        struct layer *layer = &net->layers[l];
        for (size_t i = 0; i < rows; i++) {
            layer->rows[i] = layer->u + i * layer->n_out;
            layer->d_rows[i] = layer->d + i * layer->n_out;
        }
        for (size_t k = 0; layer->xt && k < layer->n_in; k++)
            layer->xt_rows[k] = layer->xt + k * layer->ldxt;
    }
    return NN_OK;
}

/* Workspaces for a team of n, once the batch has its room. */
static nn_status ensure_work(struct net *net, size_t n)
{
    size_t stride = UNIT_ROWS * NN_PANEL;
    for (size_t l = 0; l < net->base.n_layers; l++)
        if (net->layers[l].xt) stride = (UNIT_ROWS + net->capacity) * NN_PANEL;
    if (net->work && n <= net->n_work && stride <= net->work_stride) return NN_OK;
    real *work = nn_alloc(n, stride * sizeof(real));
    if (!work) return NN_ERR_MEMORY;
    nn_free(net->work);
    net->work = work;
    net->n_work = n;
    net->work_stride = stride;
    return NN_OK;
}

/* That of one thread, with nothing packed. */
static struct workspace workspace_of(const struct net *net, unsigned rank)
{
    real *g = net->work + rank * net->work_stride;
    return (struct workspace){.g = g, .d = g + UNIT_ROWS * NN_PANEL, .layer = NO_LAYER};
}

static nn_status ensure_order(struct net *net, size_t n_rows)
{
    if (n_rows <= net->order_capacity) return NN_OK;
    uint32_t *order = nn_alloc(n_rows, sizeof *order);
    if (!order) return NN_ERR_MEMORY;
    nn_free(net->order);
    net->order = order;
    net->order_capacity = n_rows;
    return NN_OK;
}
