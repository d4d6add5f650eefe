/* turn.h: many may read or one may change, first come, first served.

   Who comes takes a number and waits until it is called. A reader lets the next in at
   once; a change waits until the readers before it have left, and is alone. So nobody
   is overtaken: changes in a row let every waiting reader in between, and readers
   without end let a change in. Who is inside leaves without waiting for anybody, the
   GIL included.

   The state is one word, so that a fork's child can replace it at once when it first
   looks: those who were inside did not come along. What a change left half done there
   stays broken. */
#ifndef NN_TURN_H
#define NN_TURN_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/parallel.h"

struct nn_turn {
    _Atomic uint64_t word;
};

union nn_turn_state {
    uint64_t word;
    struct {
        uint16_t next, called; /* the number to give out; the one that may come in */
        uint16_t readers;      /* inside */
        uint16_t changing : 1, broken : 1;
        uint16_t forks : 14;
    } at;
};

/* The state as it is for this process; *word is what stands in memory. */
static inline union nn_turn_state nn_turn_look(struct nn_turn *turn, uint64_t *word)
{
    union nn_turn_state state = {.word = *word = atomic_load(&turn->word)};
    unsigned forks = nn_forks() & 0x3fff;
    if (state.at.forks != forks) {
        unsigned broken = state.at.broken | state.at.changing;
        state.word = 0;
        state.at.broken = broken & 1;
        state.at.forks = forks & 0x3fff;
    }
    return state;
}

/* NN_TURN_BROKEN: a fork broke a change off. */
enum nn_turn_answer { NN_TURN_BROKEN, NN_TURN_TAKEN, NN_TURN_OTHERS };

/* Wait for one's turn and come in; where `at_once`, rather be told that it is others'
   turn than wait. */
static inline enum nn_turn_answer nn_turn_take(struct nn_turn *turn, int to_change,
                                               int at_once)
{
    uint64_t word;
    union nn_turn_state state;
    int has_number = 0;
    uint16_t number = 0;
    for (;;) {
        state = nn_turn_look(turn, &word);
        if (state.at.broken) return NN_TURN_BROKEN;
        int waits = state.at.called != (has_number ? number : state.at.next) ||
                    (to_change && state.at.readers);
        if (waits && at_once) return NN_TURN_OTHERS;
        if (waits && has_number) {
            nn_pause();
            continue;
        }
        if (!has_number) number = state.at.next++;
        if (!waits && to_change) state.at.changing = 1;
        if (!waits && !to_change) {
            state.at.readers++;
            state.at.called++;
        }
        if (!atomic_compare_exchange_weak(&turn->word, &word, state.word)) continue;
        if (!waits) return NN_TURN_TAKEN;
        has_number = 1;
    }
}

static inline void nn_turn_leave(struct nn_turn *turn, int was_changed)
{
    uint64_t word;
    union nn_turn_state state;
    do {
        state = nn_turn_look(turn, &word);
        if (was_changed) {
            state.at.changing = 0;
            state.at.called++;
        } else {
            state.at.readers--;
        }
    } while (!atomic_compare_exchange_weak(&turn->word, &word, state.word));
}

#endif
