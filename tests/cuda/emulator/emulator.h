/* What the parts of the emulator share. decoding.py and kernel.py mirror Instruction, Program and Launch.
 *
 * A grid is run one block of threads after the other. A block's registers are kept by register, not by thread: the
 * "row" of a register holds its value in every thread, so that an instruction is one loop over rows, which the C
 * compiler turns into vector code. Immediates and special registers are rows too, and need no case of their own.
 */
#ifndef EMULATOR_H
#define EMULATOR_H

#include <stdint.h>

#define WARP 32
#define THREADS_AT_MOST 1024
#define OPERANDS_AT_MOST 14

/* Shared and local memory as generic addresses: windows where no host address lies. */
#define SHARED_WINDOW 0x007e000000000000ull
#define LOCAL_WINDOW 0x007d000000000000ull
#define WINDOW_BYTES (1ull << 32)

enum Flow { FLOW_ON, FLOW_BRANCH, FLOW_EXIT, FLOW_BARRIER };
enum Space { SPACE_GENERIC, SPACE_GLOBAL, SPACE_SHARED, SPACE_LOCAL };

typedef struct Block Block;
typedef struct Instruction Instruction;

struct Instruction {
    void (*run)(Block *, const Instruction *);
    int64_t value;                       /* what the instruction needs beside its operands: an offset, a table */
    int32_t operands[OPERANDS_AT_MOST];  /* rows, as bytes a thread that stand before them */
    int32_t guard, guard_negated;        /* the row of its predicate, or -1 */
    int32_t flow, target;                /* enum Flow; where a branch goes */
    int32_t computes;                    /* only computes: writes operand 0, `width` bytes, from other rows */
    int32_t space, width, count;         /* memory: enum Space, bytes of an element, elements of a vector */
    int32_t rounding;                    /* of fenv.h; 0 to nearest */
    int32_t leader;                      /* a basic block starts here */
    int32_t source;                      /* the instruction of the PTX that this came from */
};

/* The special registers, in the order of their rows at the start of a block's registers. */
enum Special {
    TID_X, TID_Y, TID_Z, NTID_X, NTID_Y, NTID_Z, CTAID_X, CTAID_Y, CTAID_Z, NCTAID_X, NCTAID_Y, NCTAID_Z,
    LANEID, WARPID, NWARPID, LANEMASK_EQ, LANEMASK_LT, LANEMASK_LE, LANEMASK_GT, LANEMASK_GE,
    DYNAMIC_SHARED_BYTES, ALL_SHARED_BYTES, CLOCK, SPECIALS
};

typedef struct {
    uint64_t value;
    int32_t row, width;
} Constant;

typedef struct {
    const Instruction *instructions;
    const Constant *constants;
    int32_t instruction_count, constant_count;
    int32_t row_bytes;   /* all rows, for one thread */
    int32_t special_row; /* where the special registers begin */
    int32_t spare_row;   /* eight bytes a thread for results that not all threads take */
    int32_t shared_bytes, local_bytes;
    int32_t fenced;      /* has a fence: blocks may then pass values to one another */
} Program;

/* Who wrote and who read a word last. Moments rise with every barrier, block and launch, so that nothing is cleared. */
typedef struct {
    uint32_t write_moment, write_thread, write_step;
    uint32_t read_moment, read_thread, read_step, readers;
} Access;

/* Memory that a kernel may touch, and the record of who did: by words of four bytes, and by bytes for smaller ones. */
typedef struct {
    uint64_t start, end;
    Access *words, *bytes;
} Region;

typedef struct {
    Region *regions; /* sorted by address */
    int64_t count, last;
    uint32_t moment;
} Memory;

typedef struct {
    uint32_t grid[3], block[3];
    uint32_t dynamic_shared_bytes;
    int32_t check_races;
    const uint8_t *parameters;
    Region *module_variables;
    int64_t module_variable_count;
    uint64_t (*counters)[3]; /* requests, transactions and the fewest possible, by instruction; NULL: do not count */
    uint64_t instructions, lane_instructions;
    uint32_t kinds_found;
    int32_t failed_at; /* instruction, or -1 */
    char failure[512];
    char findings[4096]; /* a line each, which begins with the instruction of the PTX */
} Launch;

struct Block {
    const Program *program;
    Memory *memory;
    Launch *launch;
    uint8_t *registers;
    uint8_t *shared, *shared_written, *local;
    Region shared_region;
    int32_t shared_bytes;
    int32_t threads, lanes; /* lanes: the threads, filled up to whole warps */
    int32_t pc[THREADS_AT_MOST];
    uint8_t waiting[THREADS_AT_MOST];
    const int32_t *active; /* the threads that run this instruction */
    int32_t active_count;
    int32_t all; /* they are all there are */
    uint32_t first_thread;
    uint32_t launch_moment, first_moment; /* when this launch, this block began */
    uint32_t step;
    uint32_t warp_synced[THREADS_AT_MOST / WARP]; /* the step in which a warp last came together */
    int32_t source; /* the instruction of the PTX that runs */
    int32_t failed;
};

enum Finding {
    RACE_SHARED_READ, RACE_SHARED_WRITE, RACE_GLOBAL_READ, RACE_GLOBAL_WRITE, UNINITIALISED_SHARED
};

void fail(Block *block, const char *format, ...) __attribute__((format(printf, 2, 3)));
void found(Block *block, enum Finding kind, const char *format, ...) __attribute__((format(printf, 3, 4)));
void free_accesses(Region *region);

#define ROW(type, place) ((type *)(block->registers + (size_t)it->operands[place] * block->lanes))

/* The loop of an instruction that only computes: over all lanes, whoever is active, for that is one loop without a
 * choice. Where not all threads are active its result goes to a spare row first (run_computing in lanes.c). Rows may be
 * the same row, never rows that overlap in part. */
#define EACH_LANE(...)                                                                                               \
    do {                                                                                                             \
        const int lanes = block->lanes & ~(WARP - 1);                                                                \
        _Pragma("GCC ivdep") for (int lane = 0; lane < lanes; lane++) { __VA_ARGS__; }                               \
    } while (0)

/* The loop of one that does more: over the threads that are active, in order. */
#define EACH_ACTIVE(...)                                                                                             \
    do                                                                                                               \
        for (int k = 0; k < block->active_count; k++) {                                                              \
            const int lane = block->active[k];                                                                       \
            __VA_ARGS__;                                                                                             \
        }                                                                                                            \
    while (0)

#endif
