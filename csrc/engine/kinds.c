/* kinds.c: layers that are no product: their input in training and prediction, the
   gradient behind it, the statistics of batches. */
#include <string.h>

#include "engine/net.h"

/* 1 / sqrt(moving variance + epsilon), wherever that variance has changed. */
static void refresh_inverses(struct net *net)
{
    for (size_t l = 0; l < net->base.n_layers; l++) {
        struct layer *layer = &net->layers[l];
        if (layer->kind != NN_KIND_batch_normalization) continue;
        net->kernels->inverse_roots((real *)layer->norm.inverse,
                                    net->params + layer->offset[3], layer->norm.columns,
                                    layer->norm.epsilon);
    }
}

/* A normalization with the batch's statistics instead of the moving ones. */
static struct nn_norm norm_in_training(const struct layer *layer, size_t n_batch)
{
    struct nn_norm norm = layer->norm;
    if (!crosses_rows(layer)) return norm;
    norm.mean = layer->of_batch[0];
    norm.inverse = layer->of_batch[2];
    norm.sum_d = layer->of_batch[3];
    norm.sum_dh = layer->of_batch[4];
    norm.share = 1 / (real)(n_batch * norm.groups);
    return norm;
}

/* z[m][n_out] = the columns that pass, then rows of the table whose numbers come; NaN
   for others. */
static void embed(const struct net *net, const struct layer *layer, real *z,
                  const real *const *rows, size_t m)
{
    const real *table = net->params + layer->offset[0];
    size_t width = layer->table_columns, passed = layer->passed;
    for (size_t i = 0; i < m; i++) {
        memcpy(z, rows[i], passed * sizeof(real));
        z += passed;
        for (size_t j = passed; j < layer->n_in; j++, z += width) {
            real number = rows[i][j];
            if (number >= 0 && number < (real)layer->vocabulary)
                memcpy(z, table + (size_t)number * width, width * sizeof(real));
            else
                for (size_t k = 0; k < width; k++)
                    z[k] = (real)NAN;
        }
    }
}

/* g[rows][width] = gradient of rows row, ... of a table: dL/dz wherever a row was used,
   added in the order of the batch. */
static void differentiate_table(const struct layer *layer, real *g,
                                const real *const *x, size_t row, size_t n, size_t m)
{
    size_t width = layer->table_columns, passed = layer->passed;
    const real *d = layer->d;
    memset(g, 0, n * width * sizeof(real));
    for (size_t i = 0; i < m; i++) {
        d += passed;
        for (size_t j = passed; j < layer->n_in; j++, d += width) {
            real number = x[i][j];
            if (!(number >= (real)row && number < (real)(row + n))) continue;
            real *own = g + ((size_t)number - row) * width;
            for (size_t k = 0; k < width; k++)
                own[k] += d[k];
        }
    }
}

/* z[m][n_out] from rows of x, for a layer that is no product. h, inverse: NULL unless
   dx will be asked for. */
static void transform(const struct net *net, const struct layer *layer, real *z,
                      real *h, real *inverse, const real *const *rows, size_t m,
                      const struct nn_norm *norm)
{
    switch (layer->kind) {
    case NN_KIND_none:
        for (size_t i = 0; i < m; i++)
            memcpy(z + i * layer->n_in, rows[i], layer->n_in * sizeof(real));
        return;
    case NN_KIND_gather:
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < layer->n_out; j++)
                *z++ = rows[i][layer->order[j]];
        return;
    case NN_KIND_embedding:
        embed(net, layer, z, rows, m);
        return;
    default:
        net->kernels->norm_forward(z, h, inverse, rows, m, norm);
    }
}

/* dx[m][n_in] from d = dL/dz of rows `first`, ... of the batch. */
static void transform_back(const struct net *net, const struct layer *layer, real *dx,
                           const real *d, const real *const *x, size_t first, size_t m,
                           const struct nn_norm *norm)
{
    switch (layer->kind) {
    case NN_KIND_none:
        memcpy(dx, d, m * layer->n_out * sizeof(real));
        return;
    case NN_KIND_gather:
        memset(dx, 0, m * layer->n_in * sizeof(real));
        for (size_t i = 0; i < m; i++, dx += layer->n_in)
            for (size_t j = 0; j < layer->n_out; j++)
                dx[layer->order[j]] += *d++;
        return;
    default:
        net->kernels->norm_backward(dx, d, layer->h + first * layer->n_out,
                                    layer->inverse + first * norm->groups, x, m, norm);
    }
}

/* ---- statistics of a batch ------------------------------------------------------ */

/* This thread's columns of a batch normalization: [*first, *last). */
static void share_columns(const struct layer *layer, const struct nn_team *team,
                          size_t *first, size_t *last)
{
    size_t columns = layer->norm.columns;
    share((columns + NN_PANEL - 1) / NN_PANEL, team->rank, team->size, first, last);
    *first *= NN_PANEL;
    *last = min_size(*last * NN_PANEL, columns);
}

/* Mean, variance and inverse of the batch's m rows; all threads meet around it. */
static void take_statistics(struct net *net, size_t l, size_t m,
                            const struct nn_team *team)
{
    struct layer *layer = &net->layers[l];
    size_t first, last;
    nn_barrier_wait(team);
    share_columns(layer, team, &first, &last);
    if (first < last) {
        net->kernels->column_moments(layer->of_batch[0], layer->of_batch[1],
                                     input_rows(net, l), first, last - first,
                                     layer->norm.groups, layer->norm.columns, m);
        net->kernels->inverse_roots(layer->of_batch[2] + first,
                                    layer->of_batch[1] + first, last - first,
                                    layer->norm.epsilon);
    }
    nn_barrier_wait(team);
}

/* Sums of d and d h over the batch, which every row's dx needs. */
static void take_sums(struct net *net, size_t l, size_t m, const struct nn_team *team)
{
    struct layer *layer = &net->layers[l];
    size_t first, last, ld = layer->norm.columns, depth = m * layer->norm.groups;
    nn_barrier_wait(team);
    share_columns(layer, team, &first, &last);
    if (first < last) {
        net->kernels->column_sums(layer->of_batch[3] + first, layer->d + first, ld,
                                  last - first, depth);
        net->kernels->column_dots(layer->of_batch[4] + first, layer->d + first,
                                  layer->h + first, ld, last - first, depth);
    }
    nn_barrier_wait(team);
}

/* moving = moving momentum + batch (1 - momentum), with the batch's update. */
static void move_statistics(struct net *net)
{
    for (size_t l = 0; l < net->base.n_layers; l++) {
        struct layer *layer = &net->layers[l];
        if (!crosses_rows(layer)) continue;
        real keep = (real)layer->momentum, rest = (real)(1 - layer->momentum);
        for (int s = 0; s < 2; s++) {
            real *moving = net->params + layer->offset[2 + s];
            for (size_t j = 0; j < layer->norm.columns; j++)
                moving[j] = moving[j] * keep + layer->of_batch[s][j] * rest;
        }
    }
}
