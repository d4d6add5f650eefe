/* backward.c: from the loss to dL/dz of every layer, a thread for its own rows. */
#include <string.h>

#include "engine/net.h"

/* Loss and metrics of rows [first, last) into values; dL/dz or dL/du of the last layer
   into d if `differentiates`. */
static void measure(struct net *net, size_t first, size_t last, size_t n_batch,
                    int differentiates, const real *weights)
{
    size_t m = last - first, n_out = net->base.n_out;
    struct layer *layer = &net->layers[net->base.n_layers - 1];
    const real *y = layer->u + first * n_out, *z = layer->z + first * n_out;
    const real *t = net->targets + first * net->base.target_columns;
    real *d = differentiates ? layer->d + first * n_out : NULL;
    net->loss.fn(net->values + first, d, net->loss.on_logits ? z : y, t, m, n_out,
                 weights ? weights + first : NULL, (real)(1 / (double)n_batch),
                 &net->loss.args);
    for (size_t i = 0; i < net->base.n_metrics; i++) {
        const struct metric_plan *metric = &net->metrics[i];
        real *value = net->values + (1 + i) * net->capacity + first;
        if (metric->kind == NN_METRIC_loss_value)
            metric->loss.fn(value, NULL, metric->loss.on_logits ? z : y, t, m, n_out,
                            NULL, 1, &metric->loss.args);
        else
            net->kernels->metric[metric->kind](value, y, t, m, n_out,
                                               metric->threshold);
    }
}

/* d of every layer becomes dL/dz, top down; d of the last one is dL/du before, or
   dL/dz already where the loss reads logits. Inputs of wide layers are transposed on
   the way, for the gradients over all n_batch rows. */
static void backward(struct net *net, size_t first, size_t last, size_t n_batch,
                     int drops, const struct workspace *work)
{
    size_t m = last - first, top = net->base.n_layers - 1;
    for (size_t l = net->base.n_layers; l-- > 0;) {
        struct layer *layer = &net->layers[l];
        size_t at = first * layer->n_out;
        real *d = layer->d + at;
        if (!layer->needs_dx && !(layer->has_kernel && layer->trainable)) return;
        if (!(l == top && net->loss.on_logits)) {
            if (layer->has_dropout && drops) drop(net, layer, d, d, first, m);
            if (layer->act != NN_ACT_linear)
                net->kernels->activation[layer->act].backward(
                    d, d, layer->z + at, layer->y + at, m, layer->n_out, layer->args);
        }
        if (transposes_input(layer, n_batch))
            net->kernels->transpose_rows(layer->xt + first, layer->ldxt,
                                         input_rows(net, l) + first, m, layer->n_in);
        if (!layer->needs_dx) return;
        struct layer *below = &net->layers[l - 1];
        real *dx = below->d + first * below->n_out;
        if (!layer->has_kernel) {
            memcpy(dx, d, m * layer->n_out * sizeof(real));
            continue;
        }
        multiply(net, dx, layer->n_in, layer->d_rows + first, layer->wt, NULL, m,
                 layer->n_in, layer->n_out, work);
    }
}
