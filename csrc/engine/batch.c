/* batch.c: the buffers of a batch, sized when a larger one comes. */
#include <string.h>

#include "engine/net.h"

static void reset_sums(const struct net *net, struct sums *sums)
{
    memset(sums->of, 0, (3 + net->base.n_metrics) * sizeof *sums->of);
    sums->n_rows = 0;
    sums->losses = sums->penalties = 0;
    sums->n_weighted = 0;
}

/* Whether a layer is wide enough that its gradient gains more from X^T than making it
   costs, and the batch small enough that it is no burden. */
static int has_xt(const struct layer *layer, size_t rows)
{
    return layer->has_kernel && layer->n_out >= 2 * NN_PANEL && layer->n_in >= 64 &&
           rows <= 8192;
}

/* Arrays that share a block, one after the other; base NULL: only count the bytes. */
struct layout {
    char *base;
    size_t bytes;
    int overflows;
};

/* The next n things of a size; NULL while they are only counted. */
static void *carve(struct layout *layout, size_t n, size_t size)
{
    void *at = layout->base ? layout->base + layout->bytes : NULL;
    layout->overflows |= !nn_add_size(&layout->bytes, n, size);
    return at;
}

static void *carve_rows(struct layout *layout, size_t rows, size_t columns, size_t size)
{
    size_t n;
    layout->overflows |= __builtin_mul_overflow(rows, columns, &n);
    return carve(layout, n, size);
}

/* The batch's views; while they are only counted, the network stays as it is. */
static void lay_batch(struct net *net, size_t rows, struct layout *layout)
{
#define VIEW(pointer, rows, columns)                                                   \
    do {                                                                               \
        void *at = carve_rows(layout, rows, columns, sizeof *(pointer));               \
        if (at) (pointer) = at;                                                        \
    } while (0)
    int lays = layout->base != NULL;
    VIEW(net->x_rows, rows, 1);
    VIEW(net->targets, rows, net->base.target_columns);
    VIEW(net->row_weights, rows, 1);
    VIEW(net->values, rows, 1 + net->base.n_metrics);
    VIEW(net->activity, rows, 1);
    size_t ldxt = (rows + 15) / 16 * 16;
    if (ldxt % 128 == 0) ldxt += 16; // spread over the cache's sets
    for (size_t l = 0; l < net->base.n_layers; l++) {
        struct layer *layer = &net->layers[l];
        int own_z = layer->kind != NN_KIND_none || l == 0;
        if (own_z)
            VIEW(layer->z, rows, layer->n_out);
        else if (lays)
            layer->z = net->layers[l - 1].u;
        if (layer->act != NN_ACT_linear && (layer->keeps_input || !own_z))
            VIEW(layer->y, rows, layer->n_out);
        else if (lays)
            layer->y = layer->z;
        if (layer->has_noise)
            VIEW(layer->u, rows, layer->n_out);
        else if (lays)
            layer->u = layer->y;
        if (layer->norm.columns) {
            VIEW(layer->h, rows, layer->n_out);
            VIEW(layer->inverse, rows, layer->norm.groups);
        }
        VIEW(layer->d, rows, layer->n_out);
        VIEW(layer->rows, rows, 1);
        VIEW(layer->d_rows, rows, 1);
        if (lays) {
            layer->ldxt = ldxt;
            layer->xt = NULL;
        }
        if (has_xt(layer, rows)) {
            VIEW(layer->xt, layer->n_in, ldxt);
            VIEW(layer->xt_rows, layer->n_in, 1);
        }
    }
#undef VIEW
}

/* Room for batches of `rows` rows. On failure the network is as before. */
static nn_status ensure_capacity(struct net *net, size_t rows)
{
    if (rows <= net->capacity) return NN_OK;
    if (__builtin_add_overflow(rows, NN_ROW_LANES - 1, &rows)) return NN_ERR_SIZE;
    rows -= rows % NN_ROW_LANES; // tiny.c writes values as whole vectors
    struct layout layout = {0};
    lay_batch(net, rows, &layout);
    if (layout.overflows) return NN_ERR_SIZE;
    layout = (struct layout){.base = nn_alloc(layout.bytes, 1)};
    if (!layout.base) return NN_ERR_MEMORY;
    nn_free(net->batch);
    net->batch = layout.base;
    net->capacity = rows;
    lay_batch(net, rows, &layout);
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

/* Whether rows of so many columns lie a whole number of pages apart: too few sets of
   the cache would have to hold a part of all of them. */
static int rows_collide(size_t columns)
{
    return columns > NN_CHAIN && columns * sizeof(real) % 4096 == 0;
}

/* A thread's workspace, with nothing packed. */
static struct workspace lay_work(const struct net *net, struct layout *layout)
{
    size_t packs_d = 0, packs_rows = 0, unit = UNIT_ROWS * NN_PANEL;
    for (size_t l = 0; l < net->base.n_layers; l++) {
        const struct layer *layer = &net->layers[l];
        packs_d |= layer->xt != NULL;
        packs_rows |= rows_collide(layer->n_in) || rows_collide(layer->n_out);
        if (layer->table_columns > unit) unit = layer->table_columns;
    }
    struct workspace work = {.layer = NO_LAYER};
    const real **rows = carve(layout, packs_rows * CHUNK_ROWS, sizeof *rows);
    work.rows = packs_rows ? rows : NULL;
    work.part = carve(layout, packs_rows * CHUNK_ROWS * NN_CHAIN, sizeof *work.part);
    work.g = carve(layout, unit, sizeof *work.g);
    work.d = carve_rows(layout, packs_d * net->capacity, NN_PANEL, sizeof *work.d);
    return work;
}

/* Workspaces for a team of n, once the batch has its room. */
static nn_status ensure_work(struct net *net, size_t n)
{
    struct layout layout = {0};
    lay_work(net, &layout);
    if (layout.overflows) return NN_ERR_SIZE;
    if (net->work && n <= net->n_work && layout.bytes <= net->work_bytes) return NN_OK;
    char *work = nn_alloc(n, layout.bytes);
    if (!work) return NN_ERR_MEMORY;
    nn_free(net->work);
    net->work = work;
    net->n_work = n;
    net->work_bytes = layout.bytes;
    return NN_OK;
}

/* That of one thread; empty before ensure_work. */
static struct workspace workspace_of(const struct net *net, unsigned rank)
{
    if (!net->work) return (struct workspace){0};
    struct layout layout = {.base = net->work + rank * net->work_bytes};
    struct workspace work = lay_work(net, &layout);
    for (size_t i = 0; work.rows && i < CHUNK_ROWS; i++)
        work.rows[i] = work.part + i * NN_CHAIN;
    return work;
}

/* Epochs whose orders are drawn at once: many where there are few rows, as drawing one
   word takes as long as drawing some dozens. */
static size_t epochs_drawn(size_t n_rows) { return n_rows < 64 ? 64 / n_rows : 1; }

static nn_status ensure_orders(struct net *net, size_t n_rows)
{
    struct orders *orders = &net->orders;
    size_t n = n_rows * epochs_drawn(n_rows);
    if (n <= orders->capacity) return NN_OK;
    uint32_t *of = nn_alloc(n, sizeof *of);
    if (!of) return NN_ERR_MEMORY;
    nn_free(orders->of);
    *orders = (struct orders){.of = of, .capacity = n};
    return NN_OK;
}
