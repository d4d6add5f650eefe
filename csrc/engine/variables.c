/* variables.c: where a parameter lies in the flat blocks, and the way in and out. */
#include <string.h>

#include "engine/net.h"

/* Refresh the rows [k, k + rows) x columns [j, j + width) of W in W^T's panels. */
static void refresh_transpose(struct net *net, struct layer *layer, size_t j,
                              size_t width, size_t k, size_t rows)
{
    const real *w = net->params + layer->offset[0] + j * layer->n_in;
    if (!layer->needs_dx || layer->wt == net->params + layer->offset[0]) return;
    for (size_t end = k + rows; k < end;) {
        size_t panel = k / NN_PANEL * NN_PANEL;
        size_t wide = panel_width(panel, layer->n_in);
        size_t n = min_size(panel + wide, end) - k;
        real *wt = layer->wt + panel * layer->n_out + j * wide;
        net->kernels->transpose(wt + (k - panel), wide, w + k * width, width, n, width);
        k += n;
    }
}

/* All of them, if kernels/tiny.c has changed W. */
static void refresh_transposes(struct net *net)
{
    for (size_t l = 0; net->wt_is_stale && l < net->base.n_layers; l++) {
        struct layer *layer = &net->layers[l];
        for (size_t j = 0; layer->has_kernel && j < layer->n_out; j += NN_PANEL)
            refresh_transpose(net, layer, j, panel_width(j, layer->n_out), 0,
                              layer->n_in);
    }
    net->wt_is_stale = 0;
}

static real *block_of(const struct net *net, enum nn_array which, size_t slot)
{
    switch (which) {
    case NN_VALUES:
        return net->params;
    case NN_GRADIENTS:
        return net->grads;
    default:
        return slot < net->base.n_slots ? net->slots[slot] : NULL;
    }
}

/* Element (k, j) of a variable in a flat block. */
static real *element(const struct layer *layer, const struct nn_variable *variable,
                     real *block, size_t k, size_t j)
{
    block += layer->offset[variable->place];
    if (!layer->has_kernel || variable->place) return block + k * variable->cols + j;
    size_t panel = j / NN_PANEL * NN_PANEL;
    return block + panel * layer->n_in + k * panel_width(panel, layer->n_out) +
           (j - panel);
}

/* Copy between a flat block and a user's row-major array. */
static void copy_variable(const struct net *net, size_t index, real *block, real *user,
                          int to_user)
{
    const struct nn_variable *v = &net->variables[index];
    const struct layer *layer = &net->layers[v->layer];
    for (size_t j = 0; j < v->cols; j += NN_PANEL) {
        size_t bytes = panel_width(j, v->cols) * sizeof(real);
        for (size_t k = 0; k < v->rows; k++) {
            real *ours = element(layer, v, block, k, j);
            real *theirs = user + k * v->cols + j;
            memcpy(to_user ? theirs : ours, to_user ? ours : theirs, bytes);
        }
    }
}

static nn_status read_variables(const nn_net *base, enum nn_array which, size_t slot,
                                size_t first, size_t n, void *const *out,
                                nn_patience patience)
{
    struct net *net = net_of(base);
    if (first > base->n_variables || n > base->n_variables - first) return NN_ERR_SPEC;
    nn_status status = take(net, 0, patience);
    if (status) return status;
    real *block = block_of(net, which, slot);
    if (!block) status = NN_ERR_SPEC;
    for (size_t i = 0; block && i < n; i++)
        copy_variable(net, first + i, block, out[i], 1);
    give_back_read(net);
    return status;
}

static nn_status write_variables(nn_net *base, enum nn_array which, size_t slot,
                                 size_t first, size_t n, const void *const *in,
                                 nn_patience patience)
{
    struct net *net = net_of(base);
    if (first > base->n_variables || n > base->n_variables - first) return NN_ERR_SPEC;
    nn_status status = take(net, 1, patience);
    if (status) return status;
    real *block = block_of(net, which, slot);
    if (!block) status = NN_ERR_SPEC;
    for (size_t i = first; block && i < first + n; i++) {
        const struct nn_variable *v = &net->variables[i];
        copy_variable(net, i, block, (real *)in[i - first], 0);
        struct layer *layer = &net->layers[v->layer];
        int has_panels = layer->has_kernel && v->place == 0;
        for (size_t j = 0; which == NN_VALUES && has_panels && j < v->cols;
             j += NN_PANEL)
            refresh_transpose(net, layer, j, panel_width(j, v->cols), 0, v->rows);
    }
    if (block) refresh_inverses(net);
    give_back_changed(net);
    return status;
}
