/* Lanes and scheduling: which threads of a block run next, barriers, and what the threads of a warp tell each other.
 *
 * Every thread has a program counter. Those with the lowest one run together to the end of their basic block: threads
 * that went different ways so meet again where the ways join.
 */
#include <fenv.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emulator.h"

#define STEPS_AT_MOST 20000000u

void fail(Block *block, const char *format, ...) {
    va_list values;
    if (block->failed) return;
    block->failed = 1;
    va_start(values, format);
    vsnprintf(block->launch->failure, sizeof block->launch->failure, format, values);
    va_end(values);
}

/* The first finding of a kind speaks for all of its kind in a launch. */
void found(Block *block, enum Finding kind, const char *format, ...) {
    va_list values;
    if (block->launch->kinds_found >> kind & 1) return;
    block->launch->kinds_found |= 1u << kind;
    char *text = block->launch->findings;
    size_t all = sizeof block->launch->findings, length = strlen(text);
    snprintf(text + length, all - length, "%s%d ", length ? "\n" : "", block->source);
    length = strlen(text);
    va_start(values, format);
    vsnprintf(text + length, all - length, format, values);
    va_end(values);
}

/* ---- Scheduling --------------------------------------------------------------------------------------------- */

/* Fills `lanes` with the threads at the lowest program counter that can run; gives that counter, or -1 for none. */
static int choose(Block *block, int32_t *lanes) {
    int lowest = block->program->instruction_count, count = 0;
    for (int lane = 0; lane < block->threads; lane++)
        if (!block->waiting[lane] && block->pc[lane] < lowest) lowest = block->pc[lane];
    if (lowest == block->program->instruction_count) return -1;
    for (int lane = 0; lane < block->threads; lane++)
        if (!block->waiting[lane] && block->pc[lane] == lowest) lanes[count++] = lane;
    block->active = lanes;
    block->active_count = count;
    block->all = count == block->threads;
    return lowest;
}

static int holds(const Block *block, const Instruction *it, int lane) {
    return (block->registers[(size_t)it->guard * block->lanes + lane] != 0) != it->guard_negated;
}

/* Runs an instruction that computes, and lets only the active threads have what it made. */
static void run_computing(Block *block, const Instruction *it) {
    Instruction aside = *it;
    aside.operands[0] = block->program->spare_row;
    it->run(block, &aside);
    const uint8_t *from = block->registers + (size_t)aside.operands[0] * block->lanes;
    uint8_t *to = block->registers + (size_t)it->operands[0] * block->lanes;
    switch (it->width) {
    case 1: EACH_ACTIVE(to[lane] = from[lane]); break;
    case 2: EACH_ACTIVE(((uint16_t *)to)[lane] = ((const uint16_t *)from)[lane]); break;
    case 4: EACH_ACTIVE(((uint32_t *)to)[lane] = ((const uint32_t *)from)[lane]); break;
    default: EACH_ACTIVE(((uint64_t *)to)[lane] = ((const uint64_t *)from)[lane]);
    }
}

static void run_active(Block *block, const Instruction *it) {
    if (it->computes && !block->all) run_computing(block, it);
    else it->run(block, it);
}

/* Runs one instruction in those of the active threads that its predicate lets through. */
static void run_guarded(Block *block, const Instruction *it) {
    int32_t lanes[THREADS_AT_MOST];
    const int32_t *active = block->active;
    int count = 0, active_count = block->active_count, all = block->all;
    for (int k = 0; k < active_count; k++)
        if (holds(block, it, active[k])) lanes[count++] = active[k];
    if (!count) return;
    block->active = lanes;
    block->active_count = count;
    block->all = count == block->threads;
    run_active(block, it);
    block->active = active;
    block->active_count = active_count;
    block->all = all;
}

static void run_one(Block *block, const Instruction *it) {
    block->launch->instructions++;
    block->launch->lane_instructions += block->active_count;
    block->source = it->source;
    if (it->rounding) fesetround(it->rounding);
    if (it->guard < 0) run_active(block, it);
    else run_guarded(block, it);
    if (it->rounding) fesetround(FE_TONEAREST);
}

/* Sends the active threads on from the last instruction of their basic block. */
static void go_on(Block *block, const Instruction *it, int next) {
    for (int k = 0; k < block->active_count; k++) {
        int lane = block->active[k];
        int taken = it->flow != FLOW_ON && (it->guard < 0 || holds(block, it, lane));
        block->pc[lane] = taken ? it->target : next;
    }
}

/* Runs the active threads from `pc` to the end of its basic block. */
static void run_basic_block(Block *block, int pc) {
    const Instruction *code = block->program->instructions;
    int i = pc;
    for (;; i++) {
        block->step++;
        if (code[i].flow != FLOW_ON) break;
        run_one(block, &code[i]);
        if (block->failed) {
            block->launch->failed_at = code[i].source;
            return;
        }
        if (code[i + 1].leader) break;
    }
    if (code[i].flow != FLOW_ON) {
        block->launch->instructions++;
        block->launch->lane_instructions += block->active_count;
    }
    go_on(block, &code[i], i + 1);
}

/* ---- Barriers ----------------------------------------------------------------------------------------------- */

static void wait_at_barrier(Block *block, int pc) {
    const Instruction *it = &block->program->instructions[pc];
    for (int k = 0; k < block->active_count; k++) {
        int lane = block->active[k];
        if (it->guard < 0 || holds(block, it, lane)) block->waiting[lane] = 1;
        else block->pc[lane] = pc + 1;
    }
}

/* Nobody can run: lets those who wait go on together, if they are all there and wait at the same place. */
static void release_barrier(Block *block, int32_t *lanes) {
    int count = 0, first = -1;
    for (int lane = 0; lane < block->threads; lane++) {
        if (!block->waiting[lane]) continue;
        if (first < 0) first = block->pc[lane];
        if (block->pc[lane] != first) {
            block->launch->failed_at = block->program->instructions[first].source;
            fail(block, "divergent barrier: thread %d of the block waits at another barrier than thread %d", lane,
                 lanes[0]);
            return;
        }
        lanes[count++] = lane;
    }
    const Instruction *it = &block->program->instructions[first];
    block->launch->failed_at = it->source;
    if (count != block->threads) {
        fail(block, "divergent barrier: %d of %d threads of the block wait at it, the others have ended", count,
             block->threads);
        return;
    }
    block->active = lanes;
    block->active_count = count;
    block->all = 1;
    it->run(block, it);
    block->launch->instructions++;
    block->launch->lane_instructions += count;
    for (int lane = 0; lane < block->threads; lane++) {
        block->pc[lane] = first + 1;
        block->waiting[lane] = 0;
    }
    block->memory->moment++;
}

static void run_block(Block *block) {
    int32_t lanes[THREADS_AT_MOST];
    uint32_t steps = 0;
    while (!block->failed) {
        int pc = choose(block, lanes);
        if (pc >= 0 && block->program->instructions[pc].flow == FLOW_BARRIER) wait_at_barrier(block, pc);
        else if (pc >= 0) run_basic_block(block, pc);
        else if (memchr(block->waiting, 1, sizeof block->waiting)) release_barrier(block, lanes);
        else return;
        if (++steps == STEPS_AT_MOST) {
            if (pc >= 0) block->launch->failed_at = block->program->instructions[pc].source;
            fail(block, "a block has not ended after %u basic blocks", STEPS_AT_MOST);
        }
    }
}

/* ---- Launches ----------------------------------------------------------------------------------------------- */

static void fill_row(Block *block, int row, int width, uint64_t value) {
    uint8_t *to = block->registers + (size_t)row * block->lanes;
    for (int lane = 0; lane < block->lanes; lane++) memcpy(to + (size_t)lane * width, &value, width);
}

static uint32_t *special(Block *block, enum Special which) {
    return (uint32_t *)(block->registers + ((size_t)block->program->special_row + 4 * which) * block->lanes);
}

static void fill_special(Block *block, enum Special which, uint32_t value) {
    fill_row(block, block->program->special_row + 4 * which, 4, value);
}

/* Rows that stay the same from block to block. */
static void fill_rows(Block *block) {
    const Launch *launch = block->launch;
    for (int i = 0; i < block->program->constant_count; i++) {
        const Constant *constant = &block->program->constants[i];
        fill_row(block, constant->row, constant->width, constant->value);
    }
    for (int lane = 0; lane < block->threads; lane++) {
        uint32_t in_warp = lane % WARP;
        special(block, TID_X)[lane] = lane % launch->block[0];
        special(block, TID_Y)[lane] = lane / launch->block[0] % launch->block[1];
        special(block, TID_Z)[lane] = lane / launch->block[0] / launch->block[1];
        special(block, LANEID)[lane] = in_warp;
        special(block, WARPID)[lane] = lane / WARP;
        special(block, LANEMASK_EQ)[lane] = 1u << in_warp;
        special(block, LANEMASK_LT)[lane] = (1u << in_warp) - 1;
        special(block, LANEMASK_LE)[lane] = (2u << in_warp) - 1;
        special(block, LANEMASK_GT)[lane] = ~((2u << in_warp) - 1);
        special(block, LANEMASK_GE)[lane] = ~((1u << in_warp) - 1);
    }
    for (int axis = 0; axis < 3; axis++) {
        fill_special(block, NTID_X + axis, launch->block[axis]);
        fill_special(block, NCTAID_X + axis, launch->grid[axis]);
    }
    fill_special(block, NWARPID, (block->threads + WARP - 1) / WARP);
    fill_special(block, DYNAMIC_SHARED_BYTES, launch->dynamic_shared_bytes);
    fill_special(block, ALL_SHARED_BYTES, block->shared_bytes);
    fill_special(block, CLOCK, 0);
}

/* A block starts with shared memory that holds nonsense, and says so of every byte. */
static void begin_block(Block *block, uint64_t number) {
    const Launch *launch = block->launch;
    fill_special(block, CTAID_X, number % launch->grid[0]);
    fill_special(block, CTAID_Y, number / launch->grid[0] % launch->grid[1]);
    fill_special(block, CTAID_Z, number / launch->grid[0] / launch->grid[1]);
    memset(block->shared, 0xA5, block->shared_bytes);
    memset(block->shared_written, 0, block->shared_bytes);
    memset(block->pc, 0, sizeof block->pc);
    memset(block->waiting, 0, sizeof block->waiting);
    memset(block->warp_synced, 0, sizeof block->warp_synced);
    block->first_thread = (uint32_t)(number * block->threads);
    block->first_moment = ++block->memory->moment;
    block->step = 0;
}

/* Runs a grid; 0 where it came to its end. */
__attribute__((visibility("default"))) int emulate(const Program *program, Memory *memory, Launch *launch) {
    Block *block = calloc(1, sizeof(Block));
    uint64_t blocks = (uint64_t)launch->grid[0] * launch->grid[1] * launch->grid[2];
    block->program = program;
    block->memory = memory;
    block->launch = launch;
    block->threads = launch->block[0] * launch->block[1] * launch->block[2];
    block->lanes = (block->threads + WARP - 1) / WARP * WARP;
    block->shared_bytes = program->shared_bytes + launch->dynamic_shared_bytes;
    block->registers = aligned_alloc(64, ((size_t)program->row_bytes * block->lanes + 127) / 64 * 64);
    block->shared = malloc(2 * (size_t)block->shared_bytes + 16);
    block->shared_written = block->shared + block->shared_bytes + 8;
    block->shared_region = (Region){.start = 0, .end = block->shared_bytes};
    block->local = calloc(program->local_bytes + 1, block->threads);
    memset(block->registers, 0, (size_t)program->row_bytes * block->lanes);
    block->launch_moment = ++memory->moment;
    launch->failed_at = -1;
    fill_rows(block);
    for (uint64_t number = 0; number < blocks && !block->failed; number++) {
        begin_block(block, number);
        run_block(block);
    }
    int failed = block->failed;
    free_accesses(&block->shared_region);
    free(block->local);
    free(block->shared);
    free(block->registers);
    free(block);
    return failed;
}

/* ---- What threads of a block and of a warp tell each other --------------------------------------------------- */

/* What fenv.h calls the ways to round, which differ from machine to machine. */
const int rounding_rz = FE_TOWARDZERO, rounding_rm = FE_DOWNWARD, rounding_rp = FE_UPWARD;

void nothing(Block *block, const Instruction *it) {}

void unsupported(Block *block, const Instruction *it) { fail(block, "the emulator does not know this instruction"); }

void trap(Block *block, const Instruction *it) { fail(block, "the kernel stopped itself"); }

/* The warps of the active threads come together: what their threads wrote before, all of them may read. */
static void sync_warps(Block *block) {
    for (int k = 0; k < block->active_count; k++) block->warp_synced[block->active[k] / WARP] = block->step;
}

void sync_warp(Block *block, const Instruction *it) { sync_warps(block); }

/* How many of the active threads hold a predicate. */
static int count_true(const Block *block, const uint8_t *truth) {
    int count = 0;
    for (int k = 0; k < block->active_count; k++) count += truth[block->active[k]] != 0;
    return count;
}

/* Of a whole block, at a barrier. */
void barrier_count(Block *block, const Instruction *it) {
    uint32_t count = count_true(block, ROW(uint8_t, 1));
    uint32_t *to = ROW(uint32_t, 0);
    EACH_ACTIVE(to[lane] = count);
}
void barrier_and(Block *block, const Instruction *it) {
    uint8_t all = count_true(block, ROW(uint8_t, 1)) == block->active_count;
    uint8_t *to = ROW(uint8_t, 0);
    EACH_ACTIVE(to[lane] = all);
}
void barrier_or(Block *block, const Instruction *it) {
    uint8_t any = count_true(block, ROW(uint8_t, 1)) > 0;
    uint8_t *to = ROW(uint8_t, 0);
    EACH_ACTIVE(to[lane] = any);
}

/* Bits of the active threads of every warp, and of those among them that hold a predicate. */
typedef struct {
    uint32_t active[THREADS_AT_MOST / WARP], holding[THREADS_AT_MOST / WARP];
} Votes;

static Votes votes(Block *block, const uint8_t *truth) {
    Votes it = {0};
    for (int k = 0; k < block->active_count; k++) {
        int lane = block->active[k];
        it.active[lane / WARP] |= 1u << lane % WARP;
        if (truth && truth[lane]) it.holding[lane / WARP] |= 1u << lane % WARP;
    }
    return it;
}

/* Bits of the threads of a warp that have not ended: only they need to take part where a mask names them. */
static uint32_t alive(const Block *block, int warp) {
    uint32_t bits = 0;
    for (int lane = warp * WARP; lane < block->threads && lane < (warp + 1) * WARP; lane++)
        bits |= (uint32_t)(block->pc[lane] < block->program->instruction_count) << lane % WARP;
    return bits;
}

static void check_members(Block *block, const uint32_t *members, const Votes *cast) {
    for (int k = 0; k < block->active_count; k++) {
        int lane = block->active[k];
        if (!(members[lane] >> lane % WARP & 1)) {
            fail(block, "thread %d takes part in a vote or shuffle whose mask %#x leaves it out", lane, members[lane]);
            return;
        }
        if (cast && members[lane] & alive(block, lane / WARP) & ~cast->active[lane / WARP]) {
            fail(block, "the mask %#x of a vote names threads that do not take part (those that do: %#x)",
                 members[lane], cast->active[lane / WARP]);
            return;
        }
    }
}

#define VOTE(name, type, expression)                                                                                 \
    void name(Block *block, const Instruction *it) {                                                                 \
        Votes cast = votes(block, ROW(uint8_t, 1));                                                       \
        check_members(block, ROW(uint32_t, 2), &cast);                                                               \
        type *to = ROW(type, 0);                                                                                     \
        EACH_ACTIVE(uint32_t active = cast.active[lane / WARP]; uint32_t holding = cast.holding[lane / WARP];          \
                  (void)active; to[lane] = (expression));                                                            \
        sync_warps(block);                                                                                           \
    }
VOTE(vote_all, uint8_t, holding == active)
VOTE(vote_any, uint8_t, holding != 0)
VOTE(vote_uni, uint8_t, holding == active || !holding)
VOTE(vote_ballot, uint32_t, holding)

void activemask(Block *block, const Instruction *it) {
    Votes cast = votes(block, NULL);
    uint32_t *to = ROW(uint32_t, 0);
    EACH_ACTIVE(to[lane] = cast.active[lane / WARP]);
}

/* Which lane of its warp a lane reads from, or -1 where its own value stays (PTX ISA, shfl.sync). */
static int source_lane(int mode, int lane, int b, int c) {
    int segment = c >> 8 & 31, clamp = c & 31;
    int last = (lane & segment) | (clamp & ~segment), first = lane & segment;
    b &= 31;
    switch (mode) {
    case 0: return lane - b >= last ? lane - b : -1;
    case 1: return lane + b <= last ? lane + b : -1;
    case 2: return (lane ^ b) <= last ? lane ^ b : -1;
    default: b = first | (b & ~segment); return b <= last ? b : -1;
    }
}

/* Operands: to, in range (or -1), value, b, c, members; value: up, down, bfly, idx. */
void shuffle(Block *block, const Instruction *it) {
    uint32_t *to = ROW(uint32_t, 0);
    uint8_t *in_range = it->operands[1] < 0 ? NULL : ROW(uint8_t, 1);
    const uint32_t *value = ROW(uint32_t, 2), *b = ROW(uint32_t, 3), *c = ROW(uint32_t, 4), *members = ROW(uint32_t, 5);
    uint32_t result[THREADS_AT_MOST];
    Votes cast = votes(block, NULL);
    check_members(block, members, NULL);
    for (int k = 0; k < block->active_count; k++) {
        int lane = block->active[k], from = source_lane((int)it->value, lane % WARP, b[lane], c[lane]);
        if (in_range) in_range[lane] = from >= 0;
        if (from < 0) from = lane % WARP;
        if (!(cast.active[lane / WARP] >> from & 1)) {
            fail(block, "thread %d shuffles from lane %d, which has ended or is elsewhere in the code", lane, from);
            return;
        }
        result[lane] = value[lane / WARP * WARP + from];
    }
    for (int k = 0; k < block->active_count; k++) to[block->active[k]] = result[block->active[k]];
    sync_warps(block);
}

/* mma.sync.m16n8k8 in TF32: D (16x8) = A (16x8) B (8x8) + C, spread over a warp as the PTX ISA draws it.
 * Operands: D in 4 registers, A in 4, B in 2, C in 4. */
static float as_tf32(uint32_t bits) {
    float value;
    bits &= 0xffffe000u;
    memcpy(&value, &bits, 4);
    return value;
}

static void multiply_in_warp(Block *block, const Instruction *it, int first) {
    double a[16][8], b[8][8];
    for (int lane = 0; lane < WARP; lane++) {
        int group = lane >> 2, within = lane & 3;
        for (int q = 0; q < 4; q++)
            a[group + 8 * (q & 1)][within + 4 * (q >> 1)] = as_tf32(ROW(uint32_t, 4 + q)[first + lane]);
        for (int q = 0; q < 2; q++) b[within + 4 * q][group] = as_tf32(ROW(uint32_t, 8 + q)[first + lane]);
    }
    float result[WARP][4];
    for (int lane = 0; lane < WARP; lane++)
        for (int q = 0; q < 4; q++) {
            int row = (lane >> 2) + 8 * (q >> 1), column = 2 * (lane & 3) + (q & 1);
            double sum = ROW(float, 10 + q)[first + lane];
            for (int k = 0; k < 8; k++) sum += a[row][k] * b[k][column];
            result[lane][q] = (float)sum;
        }
    for (int lane = 0; lane < WARP; lane++)
        for (int q = 0; q < 4; q++) ROW(float, q)[first + lane] = result[lane][q];
}

void mma_m16n8k8_tf32(Block *block, const Instruction *it) {
    Votes cast = votes(block, NULL);
    for (int warp = 0; warp < (block->threads + WARP - 1) / WARP; warp++)
        if (cast.active[warp] == 0xffffffffu) multiply_in_warp(block, it, warp * WARP);
        else if (cast.active[warp]) fail(block, "mma.sync needs the whole warp; only %#x take part", cast.active[warp]);
    sync_warps(block);
}
