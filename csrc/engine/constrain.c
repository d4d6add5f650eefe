/* constrain.c: what parameters must be after every update: w becomes w desired / (1e-7
   + norm), norm = sqrt(sum w^2) over an axis;

   max_norm: desired = min(norm, max_value)
   unit_norm: desired = 1
   min_max_norm: desired = rate clip(norm, min_value, max_value) + (1 - rate) norm
   non_neg: no norm; w is kept where w >= 0, else 0 */
#include <math.h>

#include "engine/net.h"

/* Keras 3's, in the network's type. */
#define NORM_EPSILON REAL(1e-7)

static real norm_factor(const struct nn_constraint_spec *spec, real norm)
{
    real most = (real)spec->max_value, least = (real)spec->min_value;
    real rate = (real)spec->rate, desired = 1;
    if (spec->kind == NN_CONSTRAINT_max_norm) {
        desired = norm > most ? most : norm;
    } else if (spec->kind == NN_CONSTRAINT_min_max_norm) {
        real bounded = norm > most ? most : norm < least ? least : norm;
        desired = rate * bounded + (1 - rate) * norm;
    }
    return desired / (NORM_EPSILON + norm);
}

/* sqrt(sum of squares) of n elements of a variable in logical order. */
static real norm_of(const struct net *net, const struct nn_variable *variable,
                    size_t first, size_t n)
{
    real values[NN_SUM_BLOCK];
    double sum = 0;
    for (size_t end = first + n, part; first < end; first += part) {
        part = min_size(NN_SUM_BLOCK, end - first);
        gather_logical(net, variable, net->params, first, part, values);
        sum += net->kernels->sum_squares(values, part);
    }
    return (real)sqrt(sum);
}

/* Columns [j, j + width) of a matrix, which this thread owns, by their norms. */
static void constrain_columns(const struct net *net, const struct layer *layer,
                              const struct nn_variable *variable, size_t j,
                              size_t width, const struct nn_constraint_spec *spec)
{
    real squares[NN_PANEL];
    real *w = element(layer, variable, net->params, 0, j);
    size_t ld = layer->has_kernel ? width : variable->cols;
    net->kernels->column_dots(squares, w, w, ld, width, variable->rows);
    for (size_t i = 0; i < width; i++)
        squares[i] = norm_factor(spec, (real)sqrt((double)squares[i]));
    for (size_t k = 0; k < variable->rows; k++)
        for (size_t i = 0; i < width; i++)
            w[k * ld + i] *= squares[i];
}

/* Elements [first, first + n), in logical order, times a factor; factor NULL: those
   below 0, and NaN, become 0. */
static void scale_logical(const struct net *net, const struct layer *layer,
                          const struct nn_variable *variable, size_t first, size_t n,
                          const real *factor)
{
    for (size_t i = first; i < first + n; i++) {
        real *w = element(layer, variable, net->params, i / variable->cols,
                          i % variable->cols);
        if (factor)
            *w *= *factor;
        else if (!(*w >= 0))
            *w = 0;
    }
}

/* This thread's part of one variable. Rows, columns or panels of columns are shared
   out; over everything, only rank 0 works. */
static void constrain_variable(struct net *net, const struct nn_variable *variable,
                               const struct nn_team *team)
{
    struct layer *layer = &net->layers[variable->layer];
    const struct nn_constraint_spec *spec = &layer->constraint[variable->place];
    size_t rows = variable->rows, cols = variable->cols, first, last;
    int axis = variable->rank == 1 ? NN_ALL_AXES : spec->axis;
    if (spec->kind == NN_CONSTRAINT_non_neg) {
        share(rows, team->rank, team->size, &first, &last);
        scale_logical(net, layer, variable, first * cols, (last - first) * cols, NULL);
    } else if (axis == 1) {
        share(rows, team->rank, team->size, &first, &last);
        for (size_t k = first; k < last; k++) {
            real factor = norm_factor(spec, norm_of(net, variable, k * cols, cols));
            scale_logical(net, layer, variable, k * cols, cols, &factor);
        }
    } else if (axis == 0) {
        share((cols + NN_PANEL - 1) / NN_PANEL, team->rank, team->size, &first, &last);
        for (size_t p = first; p < last; p++)
            constrain_columns(net, layer, variable, p * NN_PANEL,
                              panel_width(p * NN_PANEL, cols), spec);
    } else if (team->rank == 0) {
        real factor = norm_factor(spec, norm_of(net, variable, 0, rows * cols));
        scale_logical(net, layer, variable, 0, rows * cols, &factor);
    }
}

/* All of them; threads meet before, and where a transpose must follow. */
static void constrain(struct net *net, const struct nn_team *team)
{
    nn_barrier_wait(team);
    for (size_t i = 0; i < net->base.n_variables; i++) {
        const struct nn_variable *variable = &net->variables[i];
        const struct layer *layer = &net->layers[variable->layer];
        if (is_constrained(layer, variable->place))
            constrain_variable(net, variable, team);
    }
    nn_barrier_wait(team);
    for (size_t i = 0; i < net->n_units; i++)
        if (i % team->size == team->rank &&
            is_constrained(&net->layers[net->units[i].layer], net->units[i].place))
            refresh_unit(net, &net->units[i]);
}
