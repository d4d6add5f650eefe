/* build.c: from specifications to a network with its memory. Nothing here runs while
   it trains. */
#include "base/cpu.h"
#include "engine/net.h"

/* What x may name: beyond it, numbers next to each other are one. */
#define MOST_INDICES ((size_t)(2 / REAL_EPSILON))

/* kernels_by_isa[isa]: the table built for it, or NULL. setup.py lists them. */
#define NN_TABLE_OF(isa) NN_PASTE(nn_kernels_##isa, _, NN_DTYPE)
#define NN_DECLARE(isa) extern const struct nn_kernels NN_TABLE_OF(isa);
NN_ISA_LIST(NN_DECLARE)
static const struct nn_kernels *const kernels_by_isa[NN_ISA_END] = {
#define NN_ENTRY(isa) [NN_ISA_##isa] = &NN_TABLE_OF(isa),
    NN_ISA_LIST(NN_ENTRY)
#undef NN_ENTRY
};

static void destroy(nn_net *base)
{
    struct net *net = net_of(base);
    if (!net) return;
    for (size_t i = 0; i < sizeof net->scratch / sizeof *net->scratch; i++)
        nn_free(atomic_load(&net->scratch[i]));
    void *blocks[] = {net->layers,      net->variables,     net->params,
                      net->grads,       net->slots[0],      net->slots[1],
                      net->slots[2],    net->slots[3],      net->slots[4],
                      net->wt,          net->metrics,       net->units,
                      net->norm_blocks, net->train_sums.of, net->eval_sums.of,
                      net->batch,       net->orders.of,     net->work,
                      net->tiny.block,  net->tiny.ops,      net->narrow,
                      net->statistics,  net->gathers,       net->numbers};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        nn_free(blocks[i]);
    nn_free(net);
}

/* Reserve n elements of a flat block at the next aligned place. */
static nn_status reserve(size_t *total, size_t rows, size_t cols, size_t *offset)
{
    size_t n, bytes = *total * sizeof(real);
    *offset = *total;
    if (__builtin_mul_overflow(rows, cols, &n) || !nn_add_size(&bytes, n, sizeof(real)))
        return NN_ERR_SIZE;
    *total = bytes / sizeof(real);
    return NN_OK;
}

/* The noise of a rate, or of a standard deviation; the formulas of kernels/noise.c. */
static struct nn_noise_plan plan_noise(const nn_layer_spec *spec)
{
    const double rate = spec->dropout, low = -1.7580993408473766;
    double scale = rate, shift = 0;
    if (spec->noise == NN_NOISE_dropout) scale = rate < 1 ? 1 / (1 - rate) : 0;
    if (spec->noise == NN_NOISE_gaussian_dropout) scale = sqrt(rate / (1 - rate));
    if (spec->noise == NN_NOISE_alpha_dropout) {
        scale = 1 / sqrt((1 - rate) * (1 + rate * low * low));
        shift = -scale * low * rate;
    }
    int draws =
        spec->noise == NN_NOISE_dropout || spec->noise == NN_NOISE_alpha_dropout;
    return (struct nn_noise_plan){.kind = spec->noise,
                                  .threshold =
                                      draws ? (uint64_t)(rate * 4294967296.0) : 0,
                                  .seed = spec->dropout_seed,
                                  .scale = (real)scale,
                                  .shift = (real)shift,
                                  .low = (real)(scale * low + shift)};
}

static int is_possible(const nn_layer_spec *spec)
{
    // The variance of gaussian_dropout and the scale of alpha_dropout end below 1.
    double most = spec->noise == NN_NOISE_dropout          ? 1
                  : spec->noise == NN_NOISE_gaussian_noise ? INFINITY
                                                           : 1 - DBL_EPSILON;
    return spec->kind < NN_KIND_END && spec->activation < NN_ACT_END &&
           spec->noise < NN_NOISE_END && spec->dropout >= 0 && spec->dropout <= most &&
           spec->kernel_constraint.kind < NN_CONSTRAINT_END &&
           spec->bias_constraint.kind < NN_CONSTRAINT_END;
}

static nn_status describe_layer(struct layer *layer, const nn_layer_spec *spec,
                                size_t n_in)
{
    if (!is_possible(spec)) return NN_ERR_SPEC;
    layer->kind = spec->kind;
    layer->n_in = layer->n_out = n_in;
    layer->has_kernel = spec->kind == NN_KIND_dense;
    layer->has_bias = layer->has_kernel && spec->use_bias;
    layer->trainable = spec->trainable;
    layer->act = spec->activation;
    layer->by_rows = layer->act == NN_ACT_softmax || layer->act == NN_ACT_log_softmax;
    for (int i = 0; i < 3; i++)
        layer->args[i] = (real)spec->activation_args[i];
    layer->has_noise = spec->dropout > 0;
    layer->noise = plan_noise(spec);
    layer->l1[0] = spec->kernel_l1, layer->l2[0] = spec->kernel_l2;
    layer->l1[1] = spec->bias_l1, layer->l2[1] = spec->bias_l2;
    layer->activity[0] = spec->activity_l1, layer->activity[1] = spec->activity_l2;
    layer->constraint[0] = spec->kernel_constraint;
    layer->constraint[1] = spec->bias_constraint;
    switch (spec->kind) {
    case NN_KIND_dense:
        layer->n_out = spec->units;
        return spec->units ? NN_OK : NN_ERR_SPEC;
    case NN_KIND_embedding:
        layer->vocabulary = spec->vocabulary;
        layer->table_columns = spec->units;
        layer->passed = spec->columns;
        if (!spec->units || !spec->vocabulary || spec->columns >= n_in)
            return NN_ERR_SPEC;
        if (spec->vocabulary > MOST_INDICES) return NN_ERR_SIZE;
        if (__builtin_mul_overflow(n_in - spec->columns, spec->units, &layer->n_out) ||
            __builtin_add_overflow(layer->n_out, spec->columns, &layer->n_out))
            return NN_ERR_SIZE;
        return NN_OK;
    case NN_KIND_gather:
        layer->n_out = spec->n_order;
        for (size_t j = 0; j < spec->n_order; j++)
            if (spec->order[j] >= n_in) return NN_ERR_SPEC;
        return spec->n_order ? NN_OK : NN_ERR_SPEC;
    case NN_KIND_none:
        return NN_OK;
    default:
        if (!spec->columns || n_in % spec->columns) return NN_ERR_SPEC;
        layer->norm = (struct nn_norm){.kind = spec->kind,
                                       .groups = n_in / spec->columns,
                                       .columns = spec->columns,
                                       .epsilon = (real)spec->epsilon};
        layer->momentum = spec->momentum;
        return NN_OK;
    }
}

/* A single row or column is its own transpose, in memory. */
static int needs_own_transpose(const struct layer *layer)
{
    return layer->has_kernel && layer->needs_dx && layer->n_in > 1 && layer->n_out > 1;
}

/* Point at the kernels' transposes, once there is memory. */
static void lay_transposes(struct net *net)
{
    size_t n_wt = 0, offset = 0;
    for (size_t l = 0; l < net->base.n_layers; l++) {
        struct layer *layer = &net->layers[l];
        layer->wt = net->params + layer->offset[0];
        if (needs_own_transpose(layer)) {
            reserve(&n_wt, layer->n_in, layer->n_out, &offset);
            layer->wt = net->wt + offset;
        }
    }
}

/* Variable `place` of a layer; a layer's lie one after the other. */
static void add_variable(struct net *net, size_t l, int place, size_t rows, size_t cols,
                         int rank, size_t *size)
{
    struct layer *layer = &net->layers[l];
    net->variables[net->base.n_variables++] =
        (struct nn_variable){l, rows, cols, place, rank};
    layer->offset[place] = layer->offset[0] + *size;
    *size += rows * cols;
    layer->learns |= layer->trainable && place < 2;
}

/* The variables of one layer, and their place in the flat blocks. */
static nn_status describe_variables(struct net *net, size_t l,
                                    const nn_layer_spec *spec)
{
    struct layer *layer = &net->layers[l];
    const struct nn_norm *norm = &layer->norm;
    size_t size = 0, rows = 0, cols = norm->columns;
    int is_table = layer->kind == NN_KIND_embedding;
    int has_statistics = layer->kind == NN_KIND_batch_normalization;
    int has_gamma = layer->kind == NN_KIND_prelu || (cols && spec->scale);
    if (layer->kind == NN_KIND_unit_normalization) has_gamma = 0;
    if (layer->has_kernel) {
        rows = layer->n_in + (size_t)layer->has_bias;
        cols = layer->n_out;
    } else if (is_table) {
        rows = layer->vocabulary;
        cols = spec->units;
    } else if (cols && layer->kind != NN_KIND_unit_normalization) {
        layer->has_bias = spec->center && layer->kind != NN_KIND_rms_normalization &&
                          layer->kind != NN_KIND_prelu;
        rows = (size_t)(has_gamma + layer->has_bias + 2 * has_statistics);
    }
    if (!rows) return NN_OK;
    nn_status status = reserve(&net->n_params, rows, cols, &layer->offset[0]);
    if (status) return status;
    if (layer->has_kernel || is_table)
        add_variable(net, l, 0, is_table ? rows : layer->n_in, cols, 2, &size);
    else if (has_gamma)
        add_variable(net, l, 0, 1, cols, 1, &size);
    layer->has_gamma = has_gamma;
    if (layer->has_bias) add_variable(net, l, 1, 1, cols, 1, &size);
    for (int place = 2; has_statistics && place < 4; place++)
        add_variable(net, l, place, 1, cols, 1, &size);
    return NN_OK;
}

/* Layers, variables, and the lengths of the flat blocks. */
static nn_status describe(struct net *net, const nn_layer_spec *specs, size_t *n_wt)
{
    size_t n_in = net->base.n_in;
    int trainable_below = 0;
    size_t offset, n_gathered = 0;
    for (size_t l = 0; l < net->base.n_layers; l++) {
        struct layer *layer = &net->layers[l];
        nn_status status = describe_layer(layer, &specs[l], n_in);
        if (status) return status;
        int is_last = l + 1 == net->base.n_layers;
        layer->keeps_input =
            net->kernels->activation[layer->act].reads_input || is_last;
        layer->needs_dx = trainable_below;
        status = describe_variables(net, l, &specs[l]);
        if (!status && needs_own_transpose(layer))
            status = reserve(n_wt, layer->n_in, layer->n_out, &offset);
        if (status) return status;
        // Numbers of rows have no gradient: nothing below would learn.
        if (layer->kind == NN_KIND_embedding) {
            if (trainable_below) return NN_ERR_SPEC;
            layer->needs_dx = 0;
        }
        trainable_below |= layer->learns;
        if (layer->has_kernel)
            net->flops += 2.0 * (double)layer->n_in * (double)layer->n_out;
        n_gathered += layer->kind == NN_KIND_gather ? layer->n_out : 0;
        net->has_activity |= layer->activity[0] != 0 || layer->activity[1] != 0;
        net->crosses_rows |= crosses_rows(layer);
        n_in = layer->n_out;
        net->elements += (double)n_in;
    }
    net->base.n_out = n_in;
    net->gathers = nn_alloc(n_gathered, sizeof *net->gathers);
    if (!net->gathers) return NN_ERR_MEMORY;
    uint32_t *order = net->gathers;
    for (size_t l = 0; l < net->base.n_layers; l++) {
        struct layer *layer = &net->layers[l];
        if (layer->kind != NN_KIND_gather) continue;
        layer->order = memcpy(order, specs[l].order, layer->n_out * sizeof *order);
        order += layer->n_out;
    }
    return NN_OK;
}

/* Point normalizations at their variables; batch normalizations at six vectors more. */
static nn_status lay_statistics(struct net *net)
{
    size_t n = 0;
    for (size_t l = 0; l < net->base.n_layers; l++)
        if (net->layers[l].kind == NN_KIND_batch_normalization)
            n += 6 * net->layers[l].norm.columns;
    net->statistics = nn_alloc(n, sizeof(real));
    if (!net->statistics) return NN_ERR_MEMORY;
    real *next = net->statistics;
    for (size_t l = 0; l < net->base.n_layers; l++) {
        struct layer *layer = &net->layers[l];
        struct nn_norm *norm = &layer->norm;
        if (!norm->columns) continue;
        if (layer->has_gamma) norm->gamma = net->params + layer->offset[0];
        if (layer->has_bias) norm->beta = net->params + layer->offset[1];
        if (layer->kind != NN_KIND_batch_normalization) continue;
        norm->mean = net->params + layer->offset[2];
        norm->inverse = next;
        for (int i = 0; i < 5; i++)
            layer->of_batch[i] = next += norm->columns;
        next += norm->columns;
    }
    refresh_inverses(net);
    return NN_OK;
}

/* Whether predictions of many rows run in kernels/narrow.c: where lanes along columns
   are not as full as lanes along rows. */
static int is_narrow(const struct net *net)
{
    size_t by_rows = 0, by_columns = 0, lanes = net->kernels->lanes;
    if (net->engine_wish == PANEL_ENGINE || net->base.n_in > NN_PANEL) return 0;
    for (size_t l = 0; l < net->base.n_layers; l++) {
        const struct layer *layer = &net->layers[l];
        if (!layer->has_kernel || layer->n_out > NN_PANEL) return 0;
        by_rows += layer->n_in * layer->n_out;
        by_columns += layer->n_in * ((layer->n_out + lanes - 1) / lanes * lanes);
    }
    return net->engine_wish == TINY_ENGINE || 20 * by_rows <= 19 * by_columns;
}

static void lay_narrow(struct net *net)
{
    for (size_t l = 0; l < net->base.n_layers; l++) {
        const struct layer *layer = &net->layers[l];
        net->narrow[l] = (struct nn_narrow_layer){
            .n_in = layer->n_in,
            .n_out = layer->n_out,
            .w = net->params + layer->offset[0],
            .bias = layer->has_bias ? net->params + layer->offset[1] : NULL,
            .act = layer->act,
            .forward = net->kernels->activation[layer->act].forward,
            .args = {layer->args[0], layer->args[1], layer->args[2]}};
    }
}

/* Scratch of one thread's predictions: two layers in turn, of as many rows as keep
   narrow ones in an L1 cache, and 512 columns of wide ones in an L2 cache. The input
   and the output lie elsewhere, but for narrow networks. */
#define NARROW_BYTES (32 << 10)
#define WIDE_ROWS 192
#define WIDE_BYTES (4 << 20)
static nn_status size_scratch(struct net *net, int narrow)
{
    size_t columns = narrow ? net->base.n_in : 1, bytes = 0, n;
    for (size_t l = 0; l + !narrow < net->base.n_layers; l++)
        if (net->layers[l].n_out > columns) columns = net->layers[l].n_out;
    if (columns > PTRDIFF_MAX / 8) return NN_ERR_SIZE;
    columns = (columns + 3) / 4 * 4;
    size_t rows = (narrow ? NARROW_BYTES : WIDE_BYTES) / sizeof(real) / 2 / columns;
    size_t most = narrow ? NN_CHAIN : WIDE_ROWS, least = 2 * NN_ROW_LANES;
    net->scratch_rows = rows < least  ? least
                        : rows > most ? most
                                      : rows / NN_ROW_LANES * NN_ROW_LANES;
    net->scratch_columns = columns;
    if (!nn_add_size(&bytes, net->scratch_rows, sizeof(real *)) ||
        __builtin_mul_overflow(net->scratch_rows, 2 * columns, &n) ||
        !nn_add_size(&bytes, n, sizeof(real)))
        return NN_ERR_SIZE;
    net->scratch_size = bytes;
    return NN_OK;
}

static nn_status build(struct net *net, const nn_layer_spec *specs)
{
    size_t n = net->base.n_layers, n_wt = 0;
    net->layers = nn_alloc(n, sizeof *net->layers);
    net->variables = nn_alloc(n, 4 * sizeof *net->variables);
    if (!net->layers || !net->variables) return NN_ERR_MEMORY;
    net->base.variables = net->variables;
    nn_status status = describe(net, specs, &n_wt);
    if (status) return status;
    int narrow = is_narrow(net);
    status = size_scratch(net, narrow);
    if (status) return status;
    net->params = nn_alloc(net->n_params, sizeof(real));
    net->wt = nn_alloc(n_wt, sizeof(real));
    if (!net->params || !net->wt) return NN_ERR_MEMORY;
    lay_transposes(net);
    status = lay_statistics(net);
    if (status) return status;
    if (narrow) {
        net->narrow = nn_alloc(n, sizeof *net->narrow);
        if (!net->narrow) return NN_ERR_MEMORY;
        lay_narrow(net);
    }
    return NN_OK;
}

static nn_status create(nn_net **out, nn_isa isa, size_t n_in,
                        const nn_layer_spec *layers, size_t n_layers, uint64_t seed)
{
    *out = NULL;
    if (n_in == 0 || n_in > PTRDIFF_MAX / sizeof(real) || n_layers == 0)
        return NN_ERR_SIZE;
    if (isa >= NN_ISA_END || !kernels_by_isa[isa] || !nn_cpu_has(isa))
        return NN_ERR_ISA;
    struct net *net = nn_alloc(1, sizeof *net);
    if (!net) return NN_ERR_MEMORY;
    net->kernels = kernels_by_isa[isa];
    net->forced_threads = nn_forced_threads();
    net->engine_wish = read_engine_wish();
    net->base = (nn_net){.engine = &NN_ENGINE,
                         .dtype = NN_REAL_IS_F32 ? NN_F32 : NN_F64,
                         .isa = isa,
                         .n_in = n_in,
                         .n_layers = n_layers,
                         .last_team = 1,
                         .counters = {.seed = seed}};
    nn_status status = build(net, layers);
    if (status) {
        destroy(&net->base);
        return status;
    }
    net->base.target_columns = net->base.n_out;
    *out = &net->base;
    return NN_OK;
}
