/* batch.c: the buffers of a batch, sized when a larger one comes. */
#include "engine/net.h"

/* Lay the batch's views over `block` (NULL: only count) for `rows` rows; bytes used. */
static int lay_batch(struct net *net, size_t rows, char *block, size_t *bytes)
{
    *bytes = 0;
#define VIEW(pointer, per_row)                                                         \
    do {                                                                               \
        size_t n;                                                                      \
        if (block) (pointer) = (void *)(block + *bytes);                               \
        if (__builtin_mul_overflow(rows, (size_t)(per_row), &n) ||                     \
            !nn_add_size(bytes, n, sizeof *(pointer)))                                 \
            return 0;                                                                  \
    } while (0)
    VIEW(net->x_rows, 1);
    VIEW(net->targets, net->base.target_columns);
    VIEW(net->row_weights, 1);
    VIEW(net->values, 1 + net->base.n_metrics);
    for (size_t l = 0; l < net->base.n_layers; l++) {
        struct layer *layer = &net->layers[l];
        int own_z = layer->has_kernel || l == 0;
        if (own_z)
            VIEW(layer->z, layer->n_out);
        else if (block)
            layer->z = net->layers[l - 1].u;
        if (layer->act != NN_ACT_linear && (layer->keeps_input || !own_z))
            VIEW(layer->y, layer->n_out);
        else if (block)
            layer->y = layer->z;
        if (layer->has_dropout)
            VIEW(layer->u, layer->n_out);
        else if (block)
            layer->u = layer->y;
        VIEW(layer->d, layer->n_out);
        VIEW(layer->rows, 1);
        VIEW(layer->d_rows, 1);
    }
#undef VIEW
    return 1;
}

/* Room for batches of `rows` rows. On failure the network is as before. */
static nn_status ensure_capacity(struct net *net, size_t rows)
{
    if (rows <= net->capacity) return NN_OK;
    size_t bytes;
    if (!lay_batch(net, rows, NULL, &bytes)) return NN_ERR_SIZE;
    char *block = nn_alloc(bytes, 1);
    if (!block) return NN_ERR_MEMORY;
    nn_free(net->batch);
    net->batch = block;
    net->capacity = rows;
    lay_batch(net, rows, block, &bytes);
    for (size_t l = 0; l < net->base.n_layers; l++) {
        struct layer *layer = &net->layers[l];
        for (size_t i = 0; i < rows; i++) {
            layer->rows[i] = layer->u + i * layer->n_out;
            layer->d_rows[i] = layer->d + i * layer->n_out;
        }
    }
    return NN_OK;
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
