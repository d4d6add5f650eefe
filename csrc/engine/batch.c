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

/* Whether kernels/tiny.c can train this network: nothing wider than a panel, every
   layer a product, and one update for all parameters. */
static int is_tiny_kind(const struct net *net)
{
    int fits = net->base.is_compiled && net->is_flat && net->base.n_in <= NN_PANEL;
    for (size_t l = 0; l < net->base.n_layers; l++) {
        const struct layer *layer = &net->layers[l];
        fits &= layer->has_kernel && !layer->has_dropout && layer->n_out <= NN_PANEL;
    }
    return fits;
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
    if (is_tiny_kind(net)) {
        VIEW(net->tiny.layers, net->base.n_layers, 1);
        VIEW(net->tiny.losses, 1 + net->base.n_metrics, 1);
    }
#undef VIEW
    return 1;
}

static struct nn_tiny_loss tiny_loss(const struct loss_plan *plan)
{
    return (struct nn_tiny_loss){
        .loss = plan->fn, .on_logits = plan->on_logits, .args = plan->args};
}

/* The plan of a small network's step, over the views of a batch. */
static void plan_tiny(struct net *net)
{
    struct nn_tiny *tiny = &net->tiny;
    *tiny = (struct nn_tiny){.n_layers = net->base.n_layers,
                             .n_metrics = net->base.n_metrics,
                             .n_params = net->n_params,
                             .capacity = net->capacity,
                             .layers = tiny->layers,
                             .losses = tiny->losses,
                             .values = net->values,
                             .targets = net->targets,
                             .optimizer = net->kernels->optimizer[net->optimizer.kind],
                             .params = net->params,
                             .grads = net->grads,
                             .slots = {net->slots[0], net->slots[1], net->slots[2]}};
    for (size_t l = 0; l < tiny->n_layers; l++) {
        const struct layer *layer = &net->layers[l];
        const struct nn_activation_kernel *f = &net->kernels->activation[layer->act];
        int linear = layer->act == NN_ACT_linear;
        real *w = net->params + layer->offset[0];
        tiny->layers[l] = (struct nn_tiny_layer){
            .n_in = layer->n_in,
            .n_out = layer->n_out,
            .w = w,
            .bias = layer->has_bias ? net->params + layer->offset[1] : NULL,
            .dw = net->grads + layer->offset[0],
            .db = layer->has_bias ? net->grads + layer->offset[1] : NULL,
            .wt = layer->wt,
            .own_wt = layer->wt != w,
            .x_rows = l ? net->layers[l - 1].rows : net->x_rows,
            .z = layer->z,
            .y = layer->y,
            .d = layer->d,
            .d_rows = layer->d_rows,
            .forward = linear ? NULL : f->forward,
            .backward = linear ? NULL : f->backward,
            .args = {layer->args[0], layer->args[1], layer->args[2]}};
    }
    tiny->losses[0] = tiny_loss(&net->loss);
    for (size_t i = 0; i < tiny->n_metrics; i++) {
        const struct metric_plan *metric = &net->metrics[i];
        struct nn_tiny_loss *to = &tiny->losses[1 + i];
        *to = tiny_loss(&metric->loss);
        to->threshold = metric->threshold;
        if (metric->kind != NN_METRIC_loss_value)
            to->metric = net->kernels->metric[metric->kind];
    }
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
    net->tiny.n_layers = 0;
    if (is_tiny_kind(net)) plan_tiny(net);
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
