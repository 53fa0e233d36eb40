/* Memory and its checks: bounds, alignment, races, shared memory that nobody has written; traffic where it is counted.
 *
 * A race is two threads at one word, one of them writing, with nothing between them that orders the two: no barrier of
 * their block, no meeting of their warp (bar.warp.sync, a shuffle or a vote), and not the end of the launch. Blocks are
 * ordered by nothing, unless the kernel has a fence, for then it may order them itself. Atomic operations race with
 * nothing. Sub-word accesses are recorded by byte and not compared with whole words.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "emulator.h"

#define API __attribute__((visibility("default")))

/* ---- Regions: what a kernel may touch ------------------------------------------------------------------------ */

/* The record for all of a region, zero and without memory until it is touched. */
static Access *new_accesses(uint64_t count) {
    void *made = mmap(NULL, (count + 1) * sizeof(Access), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made != MAP_FAILED) return made;
    fprintf(stderr, "[emulator] no room to record the accesses to %llu words\n", (unsigned long long)count);
    abort();
}

static uint64_t size(const Region *region) { return region->end - region->start; }

void free_accesses(Region *region) {
    if (region->words) munmap(region->words, (size(region) / 4 + 2) * sizeof(Access));
    if (region->bytes) munmap(region->bytes, (size(region) + 1) * sizeof(Access));
    region->words = region->bytes = NULL;
}

API Memory *new_memory(void) { return calloc(1, sizeof(Memory)); }

/* Tells of all that is allocated (start and bytes, by address). What stays where it was keeps its record. */
API void set_regions(Memory *memory, const uint64_t *pairs, int64_t count) {
    Region *regions = calloc(count + 1, sizeof(Region));
    int64_t old = 0;
    for (int64_t i = 0; i < count; i++) {
        regions[i] = (Region){.start = pairs[2 * i], .end = pairs[2 * i] + pairs[2 * i + 1]};
        for (; old < memory->count && memory->regions[old].start < regions[i].start; old++)
            free_accesses(&memory->regions[old]);
        if (old == memory->count || memory->regions[old].start != regions[i].start) continue;
        if (memory->regions[old].end == regions[i].end) regions[i] = memory->regions[old];
        else free_accesses(&memory->regions[old]);
        old++;
    }
    for (; old < memory->count; old++) free_accesses(&memory->regions[old]);
    free(memory->regions);
    *memory = (Memory){.regions = regions, .count = count, .moment = memory->moment};
}

/* The last region that starts at or below an address, or NULL. */
static Region *region_below(Block *block, uint64_t address) {
    Memory *memory = block->memory;
    if (memory->count) {
        Region *last = &memory->regions[memory->last];
        if (address >= last->start && address < last->end) return last;
    }
    int64_t low = 0, high = memory->count - 1;
    while (low <= high) {
        int64_t middle = (low + high) / 2;
        if (memory->regions[middle].start <= address) low = middle + 1;
        else high = middle - 1;
    }
    for (int64_t i = 0; i < block->launch->module_variable_count; i++) {
        Region *variable = &block->launch->module_variables[i];
        if (address >= variable->start && address < variable->end) return variable;
    }
    if (high < 0) return NULL;
    memory->last = high;
    return &memory->regions[high];
}

/* ---- Places: where an access really goes ---------------------------------------------------------------------- */

typedef struct {
    uint8_t *at;
    Region *region; /* NULL: local memory, which nobody else sees */
    uint64_t offset;
    int shared;
} Place;

static Place nowhere(void) { return (Place){0}; }

static Place in_shared(Block *block, int lane, uint64_t address, unsigned bytes) {
    if (address + bytes > (uint64_t)block->shared_bytes) {
        fail(block, "out of bounds: %u bytes at byte %llu of %d bytes of shared memory, thread %d", bytes,
             (unsigned long long)address, block->shared_bytes, lane);
        return nowhere();
    }
    return (Place){block->shared + address, &block->shared_region, address, 1};
}

static Place in_local(Block *block, int lane, uint64_t address, unsigned bytes) {
    if (address + bytes > (uint64_t)block->program->local_bytes) {
        fail(block, "out of bounds: %u bytes at byte %llu of %d bytes of local memory, thread %d", bytes,
             (unsigned long long)address, block->program->local_bytes, lane);
        return nowhere();
    }
    return (Place){block->local + (size_t)lane * block->program->local_bytes + address, NULL, address, 0};
}

static Place in_global(Block *block, int lane, uint64_t address, unsigned bytes) {
    Region *region = region_below(block, address);
    if (region && address + bytes <= region->end) return (Place){(uint8_t *)address, region, address - region->start, 0};
    if (region && address - region->start < 2 * size(region) + 65536)
        fail(block, "out of bounds: %u bytes at byte %llu of an allocation of %llu bytes, thread %u of the grid", bytes,
             (unsigned long long)(address - region->start), (unsigned long long)size(region),
             block->first_thread + lane);
    else
        fail(block, "out of bounds: %u bytes at %#llx, which is in no allocation, thread %u of the grid", bytes,
             (unsigned long long)address, block->first_thread + lane);
    return nowhere();
}

static Place place_of(Block *block, const Instruction *it, int lane, uint64_t address) {
    unsigned bytes = it->width * it->count;
    int space = it->space;
    if (address % bytes) {
        fail(block, "misaligned: %u bytes at an address that leaves %u over, thread %u of the grid", bytes,
             (unsigned)(address % bytes), block->first_thread + lane);
        return nowhere();
    }
    if (space == SPACE_GENERIC) {
        if (address - SHARED_WINDOW < WINDOW_BYTES) return in_shared(block, lane, address - SHARED_WINDOW, bytes);
        if (address - LOCAL_WINDOW < WINDOW_BYTES) return in_local(block, lane, address - LOCAL_WINDOW, bytes);
        space = SPACE_GLOBAL;
    }
    if (space == SPACE_SHARED) return in_shared(block, lane, address, bytes);
    return space == SPACE_LOCAL ? in_local(block, lane, address, bytes) : in_global(block, lane, address, bytes);
}

/* ---- Races ---------------------------------------------------------------------------------------------------- */

enum Readers { ONE_THREAD, SEVERAL_OF_A_WARP, SEVERAL_WARPS, SEVERAL_BLOCKS };

/* Whether an earlier access by one other thread is unordered with one that a thread of this block makes now. */
static int unordered(const Block *block, int lane, uint32_t since, uint32_t moment, uint32_t thread, uint32_t step) {
    if (moment < since || thread == block->first_thread + lane) return 0;
    if (moment < block->first_moment) return !block->program->fenced;
    if (moment < block->memory->moment) return 0;
    int warp = (int)(thread - block->first_thread) / WARP;
    return warp != lane / WARP || step >= block->warp_synced[warp];
}

static int races_with_readers(const Block *block, const Access *access, int lane, uint32_t since) {
    if (access->read_moment < since) return 0;
    if (access->readers == SEVERAL_BLOCKS && !block->program->fenced) return 1;
    if (access->read_moment == block->memory->moment) {
        if (access->readers == SEVERAL_WARPS) return 1;
        if (access->readers == SEVERAL_OF_A_WARP) {
            int warp = (int)(access->read_thread - block->first_thread) / WARP;
            return warp != lane / WARP || access->read_step >= block->warp_synced[warp];
        }
    }
    return unordered(block, lane, since, access->read_moment, access->read_thread, access->read_step);
}

static void note_reader(const Block *block, Access *access, int lane, uint32_t since) {
    uint32_t now = block->memory->moment, me = block->first_thread + lane;
    if (access->read_moment < since) access->readers = ONE_THREAD;
    else if (access->readers == SEVERAL_BLOCKS) ;
    else if (access->read_moment < block->first_moment) access->readers = SEVERAL_BLOCKS;
    else if (access->read_moment < now) access->readers = ONE_THREAD;
    else if (access->read_thread == me) ;
    else if ((int)(access->read_thread - block->first_thread) / WARP != lane / WARP) access->readers = SEVERAL_WARPS;
    else if (access->readers == ONE_THREAD) access->readers = SEVERAL_OF_A_WARP;
    access->read_moment = now;
    access->read_thread = me;
    access->read_step = block->step;
}

/* What the threads of other blocks did to shared memory was to other memory, so there a block is all there is. */
static uint32_t since(const Block *block, const Place *place) {
    return place->shared ? block->first_moment : block->launch_moment;
}

/* The records of an access: of each word, or of each byte where it is smaller. */
static Access *records(const Place *place, unsigned bytes, unsigned *count) {
    Region *region = place->region;
    if (bytes >= 4) {
        if (!region->words) region->words = new_accesses(size(region) / 4 + 1);
        *count = bytes / 4;
        return region->words + place->offset / 4;
    }
    if (!region->bytes) region->bytes = new_accesses(size(region));
    *count = bytes;
    return region->bytes + place->offset;
}

static void note_read(Block *block, const Place *place, unsigned bytes, int lane) {
    unsigned count;
    uint32_t from = since(block, place);
    Access *access = records(place, bytes, &count);
    for (unsigned i = 0; i < count; i++, access++) {
        if (unordered(block, lane, from, access->write_moment, access->write_thread, access->write_step))
            found(block, place->shared ? RACE_SHARED_READ : RACE_GLOBAL_READ,
                  "race in %s memory: thread %u reads byte %llu, which thread %u has written with no barrier between",
                  place->shared ? "shared" : "global", block->first_thread + lane,
                  (unsigned long long)place->offset + (bytes >= 4 ? 4 : 1) * i, access->write_thread);
        note_reader(block, access, lane, from);
    }
}

static void note_write(Block *block, const Place *place, unsigned bytes, int lane) {
    unsigned count;
    uint32_t from = since(block, place);
    Access *access = records(place, bytes, &count);
    for (unsigned i = 0; i < count; i++, access++) {
        int writers = unordered(block, lane, from, access->write_moment, access->write_thread, access->write_step);
        if (writers || races_with_readers(block, access, lane, from))
            found(block, place->shared ? RACE_SHARED_WRITE : RACE_GLOBAL_WRITE,
                  "race in %s memory: thread %u writes byte %llu, which thread %u has %s with no barrier between",
                  place->shared ? "shared" : "global", block->first_thread + lane,
                  (unsigned long long)place->offset + (bytes >= 4 ? 4 : 1) * i,
                  writers ? access->write_thread : access->read_thread, writers ? "written" : "read");
        access->write_moment = block->memory->moment;
        access->write_thread = block->first_thread + lane;
        access->write_step = block->step;
    }
}

/* ---- Traffic: sectors of 32 bytes of global memory, wavefronts of 32 banks of shared memory ------------------- */

typedef struct {
    uint64_t addresses[WARP];
    int count;
} Request;

static int sectors(const Request *request, unsigned bytes) {
    uint64_t seen[WARP * 2];
    int count = 0;
    for (int i = 0; i < request->count; i++)
        for (uint64_t sector = request->addresses[i] / 32; sector <= (request->addresses[i] + bytes - 1) / 32; sector++) {
            int known = 0;
            for (int j = 0; j < count; j++) known |= seen[j] == sector;
            if (!known) seen[count++] = sector;
        }
    return count;
}

/* Words that lie in one bank are fetched one after the other; a word asked for twice is fetched once. */
static int wavefronts(const Request *request, unsigned bytes) {
    uint64_t seen[WARP * 4];
    int count = 0, in_bank[32] = {0}, most = 0;
    for (int i = 0; i < request->count; i++)
        for (unsigned q = 0; q < (bytes + 3) / 4; q++) {
            uint64_t word = request->addresses[i] / 4 + q;
            int known = 0;
            for (int j = 0; j < count; j++) known |= seen[j] == word;
            if (known) continue;
            seen[count++] = word;
            if (++in_bank[word % 32] > most) most = in_bank[word % 32];
        }
    return most;
}

static void count_request(uint64_t *counter, const Request *request, unsigned bytes, int shared) {
    if (!request->count) return;
    counter[1] += shared ? wavefronts(request, bytes) : sectors(request, bytes);
    counter[2] += shared ? 1 : (request->count * bytes + 31) / 32;
}

/* A warp's request is served whole; from shared memory in parts that move at most 128 bytes. */
static void count_traffic(Block *block, const Instruction *it, const uint64_t *base) {
    uint64_t *counter = block->launch->counters[it->source];
    unsigned bytes = it->width * it->count;
    int last_warp = -1, last_part = -1;
    Request request = {.count = 0};
    for (int k = 0; k < block->active_count; k++) {
        int lane = block->active[k], warp = lane / WARP;
        int part = it->space == SPACE_SHARED ? lane / (bytes == 16 ? 8 : bytes == 8 ? 16 : WARP) : warp;
        if (part != last_part) {
            count_request(counter, &request, bytes, it->space == SPACE_SHARED);
            request.count = 0;
        }
        counter[0] += warp != last_warp;
        last_warp = warp;
        last_part = part;
        request.addresses[request.count++] = base[lane] + it->value;
    }
    count_request(counter, &request, bytes, it->space == SPACE_SHARED);
}

static int counted(const Block *block, const Instruction *it) {
    return block->launch->counters && (it->space == SPACE_GLOBAL || it->space == SPACE_SHARED);
}

/* ---- Loads and stores ------------------------------------------------------------------------------------------ */

static void check_written(Block *block, const Place *place, unsigned bytes, int lane) {
    for (unsigned i = 0; i < bytes; i++)
        if (!block->shared_written[place->offset + i]) {
            found(block, UNINITIALISED_SHARED, "uninitialised shared memory: thread %u reads byte %llu",
                  block->first_thread + lane, (unsigned long long)place->offset + i);
            return;
        }
}

/* Operands: a row for each element, then the addresses. */
#define LOAD(bits)                                                                                                   \
    void load_##bits(Block *block, const Instruction *it) {                                                          \
        const uint64_t *base = ROW(uint64_t, it->count);                                                             \
        unsigned bytes = it->width * it->count;                                                                      \
        if (counted(block, it)) count_traffic(block, it, base);                                                      \
        for (int k = 0; k < block->active_count; k++) {                                                              \
            int lane = block->active[k];                                                                             \
            Place place = place_of(block, it, lane, base[lane] + it->value);                                         \
            if (!place.at) return;                                                                                   \
            if (place.shared) check_written(block, &place, bytes, lane);                                             \
            if (place.region && block->launch->check_races) note_read(block, &place, bytes, lane);                   \
            for (int q = 0; q < it->count; q++) memcpy(&ROW(uint##bits##_t, q)[lane], place.at + bits / 8 * q, bits / 8); \
        }                                                                                                            \
    }                                                                                                                \
    void store_##bits(Block *block, const Instruction *it) {                                                         \
        const uint64_t *base = ROW(uint64_t, it->count);                                                             \
        unsigned bytes = it->width * it->count;                                                                      \
        if (counted(block, it)) count_traffic(block, it, base);                                                      \
        for (int k = 0; k < block->active_count; k++) {                                                              \
            int lane = block->active[k];                                                                             \
            Place place = place_of(block, it, lane, base[lane] + it->value);                                         \
            if (!place.at) return;                                                                                   \
            if (place.shared) memset(block->shared_written + place.offset, 1, bytes);                                \
            if (place.region && block->launch->check_races) note_write(block, &place, bytes, lane);                  \
            for (int q = 0; q < it->count; q++) memcpy(place.at + bits / 8 * q, &ROW(uint##bits##_t, q)[lane], bits / 8); \
        }                                                                                                            \
    }
LOAD(8)
LOAD(16)
LOAD(32)
LOAD(64)

/* A kernel's parameter is the same for all its threads. */
#define PARAMETER(bits)                                                                                              \
    void parameter_##bits(Block *block, const Instruction *it) {                                                     \
        uint##bits##_t value, *to = ROW(uint##bits##_t, 0);                                                          \
        memcpy(&value, block->launch->parameters + it->value, sizeof value);                                         \
        EACH_ACTIVE(to[lane] = value);                                                                                 \
    }
PARAMETER(8)
PARAMETER(16)
PARAMETER(32)
PARAMETER(64)

/* ---- Atomic operations: one thread after the other -------------------------------------------------------------- */

/* Operands: what was there before (or -1), the addresses, one or two values. */
#define ATOMIC(name, type, expression)                                                                               \
    void atomic_##name(Block *block, const Instruction *it) {                                                        \
        type *to = it->operands[0] < 0 ? NULL : ROW(type, 0);                                                        \
        const uint64_t *base = ROW(uint64_t, 1);                                                                     \
        const type *values = ROW(type, 2), *others = it->operands[3] < 0 ? values : ROW(type, 3);                    \
        for (int k = 0; k < block->active_count; k++) {                                                              \
            int lane = block->active[k];                                                                             \
            Place place = place_of(block, it, lane, base[lane] + it->value);                                         \
            if (!place.at) return;                                                                                   \
            if (place.shared) check_written(block, &place, sizeof(type), lane);                                      \
            type old, value = values[lane], other = others[lane];                                                    \
            memcpy(&old, place.at, sizeof old);                                                                      \
            type made = (expression);                                                                                \
            (void)value, (void)other;                                                                                \
            memcpy(place.at, &made, sizeof made);                                                                    \
            if (place.shared) memset(block->shared_written + place.offset, 1, sizeof(type));                         \
            if (to) to[lane] = old;                                                                                  \
        }                                                                                                            \
    }

#define ATOMIC_NUMBER(suffix, type)                                                                                  \
    ATOMIC(add_##suffix, type, old + value)                                                                          \
    ATOMIC(min_##suffix, type, value < old ? value : old)                                                            \
    ATOMIC(max_##suffix, type, value > old ? value : old)
#define ATOMIC_BITS(suffix, type)                                                                                    \
    ATOMIC(and_##suffix, type, old & value)                                                                          \
    ATOMIC(or_##suffix, type, old | value)                                                                           \
    ATOMIC(xor_##suffix, type, old ^ value)                                                                          \
    ATOMIC(exch_##suffix, type, value)                                                                               \
    ATOMIC(cas_##suffix, type, old == value ? other : old)
ATOMIC_NUMBER(u32, uint32_t)
ATOMIC_NUMBER(s32, int32_t)
ATOMIC_NUMBER(u64, uint64_t)
ATOMIC_NUMBER(s64, int64_t)
ATOMIC_NUMBER(f32, float)
ATOMIC_NUMBER(f64, double)
ATOMIC_BITS(b16, uint16_t)
ATOMIC_BITS(b32, uint32_t)
ATOMIC_BITS(b64, uint64_t)
ATOMIC(inc_u32, uint32_t, old >= value ? 0 : old + 1)
ATOMIC(dec_u32, uint32_t, old == 0 || old > value ? value : old - 1)
