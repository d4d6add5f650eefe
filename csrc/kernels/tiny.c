/* tiny.c: the step of a small network in two functions, over a plan (struct nn_tiny)
   that the engine lays once: nothing is looked up, cut or shared out while it trains.
   The bits are the panel engine's, since tiles, kernels and views are. */
#include "kernels/simd/simd.h"
#include "kernels/table.h"

static void tiny_measure(const struct nn_tiny *net, size_t m, const real *weights)
{
    const struct nn_tiny_layer *top = net->layers + net->n_layers - 1;
    for (size_t i = 0; i <= net->n_metrics; i++) {
        const struct nn_tiny_loss *loss = net->losses + i;
        real *value = net->values + i * net->capacity;
        const real *p = loss->on_logits ? top->z : top->y;
        if (i == 0)
            loss->loss(value, top->d, p, net->targets, m, top->n_out, weights,
                       (real)(1 / (double)m), &loss->args);
        else if (loss->metric)
            loss->metric(value, p, net->targets, m, top->n_out, loss->threshold);
        else
            loss->loss(value, NULL, p, net->targets, m, top->n_out, NULL, 1,
                       &loss->args);
    }
}

static void tiny_gradients(const struct nn_tiny *net, size_t m, const real *weights)
{
    const struct nn_tiny_layer *first = net->layers, *top = first + net->n_layers - 1;
    for (const struct nn_tiny_layer *l = first; l <= top; l++) {
        product(l->z, l->n_out, l->x_rows, 0, l->w, l->bias, m, l->n_out, l->n_in);
        if (l->forward) l->forward(l->y, l->z, m, l->n_out, l->args);
    }
    tiny_measure(net, m, weights);
    for (const struct nn_tiny_layer *l = top;; l--) {
        if (l->backward && !(l == top && net->losses->on_logits))
            l->backward(l->d, l->d, l->z, l->y, m, l->n_out, l->args);
        if (l == first) break;
        product(l[-1].d, l->n_in, l->d_rows, 0, l->wt, NULL, m, l->n_in, l->n_out);
    }
    for (const struct nn_tiny_layer *l = first; l <= top; l++) {
        gradient(l->dw, l->x_rows, 0, l->d, l->n_out, l->n_in, l->n_out, m);
        if (l->db) column_sums(l->db, l->d, l->n_out, l->n_out, m);
    }
}

static void tiny_update(const struct nn_tiny *net, const struct nn_step *step)
{
    const struct nn_tiny_layer *first = net->layers;
    net->optimizer(net->params, net->slots[0], net->slots[1], net->slots[2], net->grads,
                   net->n_params, step);
    for (const struct nn_tiny_layer *l = first + 1; l < first + net->n_layers; l++)
        if (l->own_wt) transpose(l->wt, l->n_in, l->w, l->n_out, l->n_in, l->n_out);
}
