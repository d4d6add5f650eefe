/* backward.c: from the loss to dL/dz of every layer, a thread for its own rows. */
#include <string.h>

#include "engine/net.h"

/* What gradients are larger by, until their update. */
static double loss_scale(const struct net *net)
{
    return net->optimizer.loss_scale > 0 ? net->optimizer.loss_scale : 1;
}

/* Loss and metrics of rows [first, last) into values; dL/dz or dL/du of the last layer
   into d if `differentiates`. */
static void measure(struct net *net, size_t first, size_t last, double scale,
                    int differentiates, const real *weights)
{
    size_t m = last - first, n_out = net->base.n_out;
    struct layer *layer = &net->layers[net->base.n_layers - 1];
    const real *y = layer->u + first * n_out, *z = layer->z + first * n_out;
    const real *t = net->targets + first * net->base.target_columns;
    real *d = differentiates ? layer->d + first * n_out : NULL;
    net->loss.fn(net->values + first, d, net->loss.on_logits ? z : y, t, m, n_out,
                 weights ? weights + first : NULL, (real)(scale * loss_scale(net)),
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

/* Whether anything at or below a layer is trained. */
static int is_reached(const struct layer *layer)
{
    return layer->needs_dx || layer->learns;
}

/* d of a layer becomes dL/dz; that of the last one is dL/du before, or dL/dz already
   where the loss reads logits. The input of a wide layer is transposed on the way, for
   the gradient over all n_batch rows. */
static void backward_to_z(struct net *net, size_t l, size_t first, size_t last,
                          size_t n_batch, int trains)
{
    struct layer *layer = &net->layers[l];
    size_t at = first * layer->n_out, m = last - first, n = m * layer->n_out;
    real *d = layer->d + at;
    if (!(l + 1 == net->base.n_layers && net->loss.on_logits)) {
        double share = loss_scale(net) / (double)n_batch;
        if (layer->has_noise && trains) disturb(net, layer, d, d, first, m, 1);
        if (layer->activity[0] || layer->activity[1])
            net->kernels->add_penalty(d, layer->y + at, n,
                                      (real)(layer->activity[0] * share),
                                      (real)(2 * layer->activity[1] * share));
        if (layer->act != NN_ACT_linear)
            net->kernels->activation[layer->act].backward(
                d, d, layer->z + at, layer->y + at, m, layer->n_out, layer->args);
    }
    if (transposes_input(layer, n_batch))
        net->kernels->transpose_rows(layer->xt + first, layer->ldxt,
                                     input_rows(net, l) + first, m, layer->n_in);
}

/* d of the layer below becomes dL/du. */
static void backward_to_below(struct net *net, size_t l, size_t first, size_t last,
                              size_t n_batch, int trains, const struct workspace *work)
{
    struct layer *layer = &net->layers[l], *below = layer - 1;
    real *dx = below->d + first * below->n_out;
    size_t m = last - first;
    if (layer->has_kernel) {
        multiply(net, dx, layer->n_in, layer->d_rows + first, layer->wt, NULL, m,
                 layer->n_in, layer->n_out, work);
        return;
    }
    struct nn_norm norm = trains ? norm_in_training(layer, n_batch) : layer->norm;
    transform_back(net, layer, dx, layer->d + first * layer->n_out,
                   input_rows(net, l) + first, first, m, &norm);
}
