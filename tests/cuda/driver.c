/* A stand-in for libcuda.so.1: the part of the CUDA driver interface that numba-cuda and cuda.core call.
 *
 * "Device" memory is host memory, every stream is in order and finished at once, and a kernel launch goes to
 * a callback (the PTX emulator). Written against the public prototypes of the driver interface. It is stricter
 * than it has to be: where the real driver may let a mistake pass (a copy into freed memory, a call without a
 * context, an allocation while a stream is captured), this one answers with the error that the mistake can bring.
 *
 * Errors found by the emulator are sticky, as on a real device: once a kernel has failed, every later call that
 * waits for the device fails too, until stand_in_reset().
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define API __attribute__((visibility("default")))
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

typedef int CUresult;
typedef int CUdevice;
typedef uint64_t CUdeviceptr;
typedef void *Handle;

enum {
    CUDA_SUCCESS = 0,
    CUDA_ERROR_INVALID_VALUE = 1,
    CUDA_ERROR_OUT_OF_MEMORY = 2,
    CUDA_ERROR_INVALID_DEVICE = 101,
    CUDA_ERROR_INVALID_CONTEXT = 201,
    CUDA_ERROR_NO_BINARY_FOR_GPU = 209,
    CUDA_ERROR_INVALID_PTX = 218,
    CUDA_ERROR_INVALID_HANDLE = 400,
    CUDA_ERROR_NOT_FOUND = 500,
    CUDA_ERROR_ILLEGAL_ADDRESS = 700,
    CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES = 701,
    CUDA_ERROR_LAUNCH_FAILED = 719,
    CUDA_ERROR_NOT_SUPPORTED = 801,
    CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED = 900,
    CUDA_ERROR_STREAM_CAPTURE_INVALIDATED = 901,
};

/* ---- Switches for tests ------------------------------------------------------------------------------------- */

/* What the emulator says of a kernel when it is looked up. */
typedef struct {
    int id;                     /* what the launch callback is given */
    int parameters;             /* how many parameters the kernel has */
    int sizes[256];             /* bytes of each */
    int offsets[256];           /* where each stands in the parameter buffer */
    int shared_bytes;
    int threads_at_most;
} Description;

typedef CUresult (*DescribeCallback)(const char *image, const char *name, Description *description);
typedef CUresult (*LaunchCallback)(int kernel, const unsigned *grid_and_block, unsigned shared_bytes, void **arguments);

static int devices = 0; /* as loaded there is no GPU, so that other tests in the process see none */
static int compute_capability = 80;
static uint64_t memory_total = 8ull << 30;
static uint64_t memory_used = 0;
static CUresult sticky = CUDA_SUCCESS;
static DescribeCallback describe = NULL;
static LaunchCallback emulate = NULL;
static const char *failing_function = NULL;
static CUresult failure = CUDA_SUCCESS;

/* One record for every driver function that has been called, in a list. */
typedef struct Calls {
    const char *name;
    uint64_t count;
    struct Calls *next;
} Calls;
static Calls *all_calls = NULL;

static CUresult note_call(Calls *calls) {
    if (!calls->count++) {
        calls->next = all_calls;
        all_calls = calls;
    }
    return failing_function && !strcmp(failing_function, calls->name) ? failure : CUDA_SUCCESS;
}

/* The first line of every driver function: counts the call, and fails where a test asked for it. */
#define ENTER                                                                                                        \
    do {                                                                                                             \
        static Calls calls;                                                                                          \
        calls.name = __func__;                                                                                       \
        CUresult wanted = note_call(&calls);                                                                         \
        if (wanted) return wanted;                                                                                   \
    } while (0)

API void stand_in_set_devices(int count) { devices = count; }
API void stand_in_set_compute_capability(int major, int minor) { compute_capability = 10 * major + minor; }
API void stand_in_set_memory(uint64_t total) { memory_total = total; }
API void stand_in_set_emulator(DescribeCallback describe_kernel, LaunchCallback launch_kernel) {
    describe = describe_kernel;
    emulate = launch_kernel;
}

/* Lets a function fail from now on, until stand_in_fail(NULL, 0). The name is the exported one ("cuMemAlloc_v2"); of
 * those that hand on to another here (cuStreamCreate to cuStreamCreateWithPriority), the other is the one to name. */
API void stand_in_fail(const char *name, CUresult code) {
    static char kept[128];
    failing_function = NULL;
    failure = code;
    if (name) failing_function = strncpy(kept, name, sizeof kept - 1);
}

API uint64_t stand_in_calls(const char *name) {
    for (Calls *calls = all_calls; calls; calls = calls->next)
        if (!strcmp(calls->name, name)) return calls->count;
    return 0;
}

/* ---- Errors, versions, devices ------------------------------------------------------------------------------ */

static const struct {
    CUresult code;
    const char *name, *text;
} error_names[] = {
    {CUDA_SUCCESS, "CUDA_SUCCESS", "no error"},
    {CUDA_ERROR_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {CUDA_ERROR_INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {CUDA_ERROR_INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {CUDA_ERROR_NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available"},
    {CUDA_ERROR_INVALID_PTX, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {CUDA_ERROR_INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {CUDA_ERROR_NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {CUDA_ERROR_ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested"},
    {CUDA_ERROR_LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {CUDA_ERROR_NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "operation not permitted when stream is capturing"},
    {CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
};

API CUresult cuGetErrorName(CUresult error, const char **name) {
    for (size_t i = 0; i < LENGTH(error_names); i++)
        if (error_names[i].code == error) return *name = error_names[i].name, CUDA_SUCCESS;
    *name = "CUDA_ERROR_UNKNOWN";
    return CUDA_SUCCESS;
}

API CUresult cuGetErrorString(CUresult error, const char **text) {
    for (size_t i = 0; i < LENGTH(error_names); i++)
        if (error_names[i].code == error) return *text = error_names[i].text, CUDA_SUCCESS;
    *text = "an error that the stand-in driver does not know";
    return CUDA_SUCCESS;
}

/* The real driver answers "no device" here where there is none; this one lets itself be initialised, because a
 * process initialises once and a test may turn the device on later. */
API CUresult cuInit(unsigned flags) {
    ENTER;
    return CUDA_SUCCESS;
}

API CUresult cuDriverGetVersion(int *version) {
    ENTER;
    *version = 13000;
    return CUDA_SUCCESS;
}

API CUresult cuDeviceGetCount(int *count) {
    ENTER;
    *count = devices;
    return CUDA_SUCCESS;
}

API CUresult cuDeviceGet(CUdevice *device, int ordinal) {
    ENTER;
    if (ordinal < 0 || ordinal >= devices) return CUDA_ERROR_INVALID_DEVICE;
    *device = ordinal;
    return CUDA_SUCCESS;
}

API CUresult cuDeviceGetName(char *name, int room, CUdevice device) {
    ENTER;
    snprintf(name, room, "Stand-in sm_%d", compute_capability);
    return CUDA_SUCCESS;
}

API CUresult cuDeviceGetUuid_v2(char *uuid, CUdevice device) {
    ENTER;
    memset(uuid, 7, 16);
    return CUDA_SUCCESS;
}
API CUresult cuDeviceGetUuid(char *uuid, CUdevice device) { return cuDeviceGetUuid_v2(uuid, device); }

API CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
    ENTER;
    *bytes = memory_total;
    return CUDA_SUCCESS;
}

API CUresult cuDeviceComputeCapability(int *major, int *minor, CUdevice device) {
    ENTER;
    *major = compute_capability / 10;
    *minor = compute_capability % 10;
    return CUDA_SUCCESS;
}

/* Limits as an A100 has them; whatever is not here is 0, "does not have it". */
static int device_attribute(int attribute) {
    switch (attribute) {
    case 1: return 1024;                   /* threads in a block */
    case 2: case 3: return 1024;           /* block x, y */
    case 4: return 64;                     /* block z */
    case 5: return 2147483647;             /* grid x */
    case 6: case 7: return 65535;          /* grid y, z */
    case 8: return 49152;                  /* shared memory of a block */
    case 9: return 65536;                  /* constant memory */
    case 10: return 32;                    /* warp size */
    case 11: return 2147483647;            /* pitch */
    case 12: return 65536;                 /* registers of a block */
    case 13: return 1410000;               /* clock, kHz */
    case 14: return 512;                   /* texture alignment */
    case 16: return 108;                   /* multiprocessors */
    case 31: return 1;                     /* concurrent kernels */
    case 36: return 1215000;               /* memory clock, kHz */
    case 37: return 5120;                  /* memory bus, bits */
    case 38: return 41943040;              /* L2 cache */
    case 39: return 2048;                  /* threads of a multiprocessor */
    case 40: return 3;                     /* copy engines */
    case 41: return 1;                     /* unified addressing */
    case 75: return compute_capability / 10;
    case 76: return compute_capability % 10;
    case 81: return 167936;                /* shared memory of a multiprocessor */
    case 82: return 65536;                 /* registers of a multiprocessor */
    case 83: return 1;                     /* managed memory */
    case 95: return 1;                     /* cooperative launch */
    case 97: return 166912;                /* shared memory of a block, on request */
    case 106: return 32;                   /* blocks of a multiprocessor */
    case 115: return 1;                    /* memory pools */
    default: return 0;
    }
}

API CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice device) {
    ENTER;
    *value = device_attribute(attribute);
    return CUDA_SUCCESS;
}

/* ---- Contexts: one for the device, current in a thread or not ----------------------------------------------- */

static char primary_context[64];
#define CONTEXT_DEPTH 64
static __thread Handle contexts[CONTEXT_DEPTH];
static __thread int depth = 0; /* contexts[depth] is the current one, contexts[0] stands for none */

API CUresult cuDevicePrimaryCtxRetain(Handle *context, CUdevice device) {
    ENTER;
    if (device < 0 || device >= devices) return CUDA_ERROR_INVALID_DEVICE;
    *context = primary_context;
    return CUDA_SUCCESS;
}

API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
    ENTER;
    return CUDA_SUCCESS;
}
API CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) {
    ENTER;
    return CUDA_SUCCESS;
}

API CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned *flags, int *active) {
    ENTER;
    *flags = 0;
    *active = contexts[depth] != NULL;
    return CUDA_SUCCESS;
}

API CUresult cuCtxGetCurrent(Handle *context) {
    ENTER;
    *context = contexts[depth];
    return CUDA_SUCCESS;
}

API CUresult cuCtxSetCurrent(Handle context) {
    ENTER;
    if (!depth) depth = 1;
    contexts[depth] = context;
    return CUDA_SUCCESS;
}

API CUresult cuCtxPushCurrent_v2(Handle context) {
    ENTER;
    if (depth + 1 == CONTEXT_DEPTH) return CUDA_ERROR_INVALID_VALUE;
    contexts[++depth] = context;
    return CUDA_SUCCESS;
}

API CUresult cuCtxPopCurrent_v2(Handle *context) {
    ENTER;
    if (!depth) return CUDA_ERROR_INVALID_CONTEXT;
    Handle popped = contexts[depth--];
    if (context) *context = popped;
    return CUDA_SUCCESS;
}

API CUresult cuCtxGetDevice(CUdevice *device) {
    ENTER;
    *device = 0;
    return contexts[depth] ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
}

API CUresult cuCtxSynchronize(void) {
    ENTER;
    return sticky;
}

API CUresult cuCtxGetId(Handle context, unsigned long long *id) {
    ENTER;
    *id = 1;
    return CUDA_SUCCESS;
}

API CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest) {
    ENTER;
    *least = 0;
    *greatest = -5;
    return CUDA_SUCCESS;
}

API CUresult cuCtxGetLimit(size_t *value, int limit) {
    ENTER;
    *value = 1024;
    return CUDA_SUCCESS;
}
API CUresult cuCtxSetLimit(int limit, size_t value) {
    ENTER;
    return CUDA_SUCCESS;
}

#define NEEDS_CONTEXT                                                                                                \
    do {                                                                                                             \
        if (!contexts[depth]) return CUDA_ERROR_INVALID_CONTEXT;                                                     \
    } while (0)

/* ---- Streams and capture ------------------------------------------------------------------------------------ */

typedef enum { NODE_KERNEL, NODE_COPY, NODE_FILL, NODE_CALL } NodeKind;

/* What a captured graph holds of one call. */
typedef struct {
    NodeKind kind;
    Handle kernel;
    unsigned grid_and_block[6], shared_bytes;
    void **arguments;
    CUdeviceptr to, from;
    size_t bytes, width;
    unsigned value;
    void (*call)(void *);
    void *data;
} Node;

typedef struct {
    Node *nodes;
    size_t count, room;
} Graph;

typedef struct {
    Graph *capturing; /* NULL where calls are carried out at once */
    int mode;         /* 0 global, 1 this thread, 2 relaxed */
    uint64_t id;
    unsigned flags;
    int priority;
    int invalidated;
    int destroyed; /* its memory stays, so that whoever uses it afterwards is told */
} Stream;

static int streams_capturing = 0; /* in a mode in which allocation is not allowed */
static Stream legacy_stream, per_thread_stream;

static Stream *stream_of(Handle handle) {
    if (handle == NULL || handle == (Handle)1) return &legacy_stream;
    return handle == (Handle)2 ? &per_thread_stream : handle;
}

/* Appends to the graph that a stream captures; where it captures none, the caller acts at once. */
static int captured(Handle handle, Node node) {
    Graph *graph = stream_of(handle)->capturing;
    if (!graph) return 0;
    if (graph->count == graph->room) {
        graph->room = 2 * graph->room + 16;
        graph->nodes = realloc(graph->nodes, graph->room * sizeof(Node));
    }
    graph->nodes[graph->count++] = node;
    return 1;
}

/* Other stand-ins (cuBLAS) record a call of their own: 1 where it was captured, 0 where it is to be done now. */
API int stand_in_captured_call(Handle stream, void (*call)(void *), void *data) {
    if (stream_of(stream)->destroyed) return sticky = CUDA_ERROR_INVALID_HANDLE, 1;
    return captured(stream, (Node){.kind = NODE_CALL, .call = call, .data = data});
}

API CUresult cuStreamCreateWithPriority(Handle *handle, unsigned flags, int priority) {
    static uint64_t created = 2;
    ENTER;
    NEEDS_CONTEXT;
    Stream *stream = calloc(1, sizeof(Stream));
    stream->flags = flags;
    stream->priority = priority;
    stream->id = ++created;
    *handle = stream;
    return CUDA_SUCCESS;
}
API CUresult cuStreamCreate(Handle *handle, unsigned flags) { return cuStreamCreateWithPriority(handle, flags, 0); }

API CUresult cuStreamDestroy_v2(Handle handle) {
    ENTER;
    if (stream_of(handle)->destroyed) return CUDA_ERROR_INVALID_HANDLE;
    stream_of(handle)->destroyed = 1;
    return CUDA_SUCCESS;
}

/* A wait inside a capture is an error and spoils the capture. */
static CUresult wait_for(Handle handle) {
    Stream *stream = stream_of(handle);
    if (stream->destroyed) return CUDA_ERROR_INVALID_HANDLE;
    if (!stream->capturing) return sticky;
    stream->invalidated = 1;
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

API CUresult cuStreamSynchronize(Handle handle) {
    ENTER;
    return wait_for(handle);
}
API CUresult cuStreamQuery(Handle handle) {
    ENTER;
    return wait_for(handle);
}
API CUresult cuStreamWaitEvent(Handle handle, Handle event, unsigned flags) {
    ENTER;
    return CUDA_SUCCESS;
}

API CUresult cuStreamGetCtx(Handle handle, Handle *context) {
    ENTER;
    *context = primary_context;
    return CUDA_SUCCESS;
}
API CUresult cuStreamGetId(Handle handle, unsigned long long *id) {
    ENTER;
    *id = stream_of(handle)->id;
    return CUDA_SUCCESS;
}
API CUresult cuStreamGetFlags(Handle handle, unsigned *flags) {
    ENTER;
    *flags = stream_of(handle)->flags;
    return CUDA_SUCCESS;
}
API CUresult cuStreamGetPriority(Handle handle, int *priority) {
    ENTER;
    *priority = stream_of(handle)->priority;
    return CUDA_SUCCESS;
}
API CUresult cuStreamGetDevice(Handle handle, int *device) {
    ENTER;
    *device = 0;
    return CUDA_SUCCESS;
}

/* The work before it is done, so a host function runs at once. */
API CUresult cuStreamAddCallback(Handle handle, void (*callback)(Handle, int, void *), void *data, unsigned flags) {
    ENTER;
    callback(handle, sticky, data);
    return CUDA_SUCCESS;
}
API CUresult cuLaunchHostFunc(Handle handle, void (*function)(void *), void *data) {
    ENTER;
    if (!captured(handle, (Node){.kind = NODE_CALL, .call = function, .data = data})) function(data);
    return CUDA_SUCCESS;
}

API CUresult cuStreamBeginCapture_v2(Handle handle, int mode) {
    ENTER;
    Stream *stream = stream_of(handle);
    if (stream == &legacy_stream) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    stream->capturing = calloc(1, sizeof(Graph));
    stream->mode = mode;
    stream->invalidated = 0;
    streams_capturing += mode != 2;
    return CUDA_SUCCESS;
}

API CUresult cuStreamEndCapture(Handle handle, Handle *graph) {
    ENTER;
    Stream *stream = stream_of(handle);
    if (!stream->capturing) return CUDA_ERROR_INVALID_VALUE;
    streams_capturing -= stream->mode != 2;
    *graph = stream->invalidated ? NULL : stream->capturing;
    stream->capturing = NULL;
    return stream->invalidated ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUDA_SUCCESS;
}

API CUresult cuStreamIsCapturing(Handle handle, int *status) {
    ENTER;
    Stream *stream = stream_of(handle);
    *status = !stream->capturing ? 0 : stream->invalidated ? 2 : 1;
    return CUDA_SUCCESS;
}

API CUresult cuStreamGetCaptureInfo_v3(Handle handle, int *status, uint64_t *id, Handle *graph, const Handle **edges,
                                       const void **edge_data, size_t *count) {
    ENTER;
    Stream *stream = stream_of(handle);
    *status = !stream->capturing ? 0 : stream->invalidated ? 2 : 1;
    if (id) *id = stream->id;
    if (graph) *graph = stream->capturing;
    if (edges) *edges = NULL;
    if (edge_data) *edge_data = NULL;
    if (count) *count = 0;
    return CUDA_SUCCESS;
}
API CUresult cuStreamGetCaptureInfo_v2(Handle handle, int *status, uint64_t *id, Handle *graph, const Handle **edges,
                                       size_t *count) {
    return cuStreamGetCaptureInfo_v3(handle, status, id, graph, edges, NULL, count);
}
API CUresult cuThreadExchangeStreamCaptureMode(int *mode) {
    ENTER;
    return CUDA_SUCCESS;
}

/* ---- Events ------------------------------------------------------------------------------------------------- */

typedef struct {
    double milliseconds;
} Event;

API CUresult cuEventCreate(Handle *event, unsigned flags) {
    ENTER;
    NEEDS_CONTEXT;
    *event = calloc(1, sizeof(Event));
    return CUDA_SUCCESS;
}
API CUresult cuEventDestroy_v2(Handle event) {
    ENTER;
    free(event);
    return CUDA_SUCCESS;
}
API CUresult cuEventRecord(Handle event, Handle stream) {
    ENTER;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    ((Event *)event)->milliseconds = now.tv_sec * 1e3 + now.tv_nsec * 1e-6;
    return CUDA_SUCCESS;
}
API CUresult cuEventRecordWithFlags(Handle event, Handle stream, unsigned flags) { return cuEventRecord(event, stream); }
API CUresult cuEventQuery(Handle event) {
    ENTER;
    return sticky;
}
API CUresult cuEventSynchronize(Handle event) {
    ENTER;
    return sticky;
}
API CUresult cuEventElapsedTime_v2(float *milliseconds, Handle from, Handle to) {
    ENTER;
    *milliseconds = ((Event *)to)->milliseconds - ((Event *)from)->milliseconds;
    return CUDA_SUCCESS;
}
API CUresult cuEventElapsedTime(float *milliseconds, Handle from, Handle to) {
    return cuEventElapsedTime_v2(milliseconds, from, to);
}

/* ---- Memory ------------------------------------------------------------------------------------------------- */

typedef struct {
    uint64_t start, bytes;
    int on_host; /* pinned: a kernel may read it, but it takes no device memory */
} Allocation;

static Allocation *allocations = NULL; /* sorted by address */
static size_t allocation_count = 0, allocation_room = 0;
static uint64_t allocation_changes = 0;
static pthread_mutex_t allocation_lock = PTHREAD_MUTEX_INITIALIZER;

/* The last allocation that starts at or below an address, or -1. */
static long allocation_at(uint64_t address) {
    long low = 0, high = (long)allocation_count - 1;
    while (low <= high) {
        long middle = (low + high) / 2;
        if (allocations[middle].start <= address) low = middle + 1;
        else high = middle - 1;
    }
    return high;
}

/* The allocation that holds a whole range, or NULL. */
static Allocation *holding(uint64_t address, size_t bytes) {
    long found = allocation_at(address);
    if (found < 0) return NULL;
    Allocation *it = &allocations[found];
    return address - it->start <= it->bytes && bytes <= it->bytes - (address - it->start) ? it : NULL;
}

/* New memory is full of ones (NaN as float32), so that nobody counts on zeros. */
static CUresult allocate(CUdeviceptr *address, size_t bytes, int on_host) {
    NEEDS_CONTEXT;
    if (!bytes) return CUDA_ERROR_INVALID_VALUE;
    if (!on_host && (bytes > memory_total || memory_used > memory_total - bytes)) return CUDA_ERROR_OUT_OF_MEMORY;
    void *memory = aligned_alloc(512, (bytes + 511) / 512 * 512);
    if (!memory) return CUDA_ERROR_OUT_OF_MEMORY;
    memset(memory, 0xFF, bytes);
    pthread_mutex_lock(&allocation_lock);
    if (allocation_count == allocation_room) {
        allocation_room = 2 * allocation_room + 64;
        allocations = realloc(allocations, allocation_room * sizeof(Allocation));
    }
    size_t place = (size_t)(allocation_at((uint64_t)memory) + 1);
    memmove(allocations + place + 1, allocations + place, (allocation_count - place) * sizeof(Allocation));
    allocations[place] = (Allocation){(uint64_t)memory, bytes, on_host};
    allocation_count++;
    allocation_changes++;
    if (!on_host) memory_used += bytes;
    pthread_mutex_unlock(&allocation_lock);
    *address = (uint64_t)memory;
    return CUDA_SUCCESS;
}

static CUresult release(CUdeviceptr address) {
    if (!address) return CUDA_SUCCESS;
    pthread_mutex_lock(&allocation_lock);
    long found = allocation_at(address);
    int known = found >= 0 && allocations[found].start == address;
    if (known) {
        if (!allocations[found].on_host) memory_used -= allocations[found].bytes;
        memmove(allocations + found, allocations + found + 1, (allocation_count - found - 1) * sizeof(Allocation));
        allocation_count--;
        allocation_changes++;
        free((void *)address);
    }
    pthread_mutex_unlock(&allocation_lock);
    return known ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

API uint64_t stand_in_memory_used(void) { return memory_used; }

/* For other stand-ins: whether a range is live memory of the device, and an error that shows at the next wait. */
API int stand_in_holds(uint64_t address, size_t bytes) { return holding(address, bytes) != NULL; }
API void stand_in_break(CUresult error) { sticky = error; }

/* Rises whenever memory is allocated or freed, so that the emulator asks for the list only then. */
API uint64_t stand_in_allocation_changes(void) { return allocation_changes; }

/* Writes start and bytes of every live allocation, by address; gives their number. */
API size_t stand_in_allocations(uint64_t *pairs, size_t at_most) {
    for (size_t i = 0; i < allocation_count && i < at_most; i++) {
        pairs[2 * i] = allocations[i].start;
        pairs[2 * i + 1] = allocations[i].bytes;
    }
    return allocation_count;
}

/* Not allowed while any stream is captured in a mode other than relaxed. */
API CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t bytes) {
    ENTER;
    return streams_capturing ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : allocate(address, bytes, 0);
}
API CUresult cuMemFree_v2(CUdeviceptr address) {
    ENTER;
    return release(address);
}
API CUresult cuMemAllocManaged(CUdeviceptr *address, size_t bytes, unsigned flags) {
    ENTER;
    return allocate(address, bytes, 0);
}
API CUresult cuMemHostAlloc(void **address, size_t bytes, unsigned flags) {
    ENTER;
    return allocate((CUdeviceptr *)address, bytes, 1);
}
API CUresult cuMemAllocHost_v2(void **address, size_t bytes) {
    ENTER;
    return allocate((CUdeviceptr *)address, bytes, 1);
}
API CUresult cuMemFreeHost(void *address) {
    ENTER;
    return release((CUdeviceptr)address);
}
API CUresult cuMemHostRegister_v2(void *address, size_t bytes, unsigned flags) {
    ENTER;
    return CUDA_SUCCESS;
}
API CUresult cuMemHostUnregister(void *address) {
    ENTER;
    return CUDA_SUCCESS;
}
API CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr *address, void *host, unsigned flags) {
    ENTER;
    *address = (CUdeviceptr)host;
    return CUDA_SUCCESS;
}

API CUresult cuMemGetInfo_v2(size_t *left, size_t *total) {
    ENTER;
    NEEDS_CONTEXT;
    *total = memory_total;
    *left = memory_total > memory_used ? memory_total - memory_used : 0;
    return CUDA_SUCCESS;
}

API CUresult cuMemGetAddressRange_v2(CUdeviceptr *start, size_t *bytes, CUdeviceptr address) {
    ENTER;
    Allocation *found = holding(address, 1);
    if (!found) return CUDA_ERROR_NOT_FOUND;
    if (start) *start = found->start;
    if (bytes) *bytes = found->bytes;
    return CUDA_SUCCESS;
}

static void pointer_attribute(void *answer, int attribute, CUdeviceptr address) {
    Allocation *found = holding(address, 1);
    switch (attribute) {
    case 1: *(Handle *)answer = primary_context; break;             /* context */
    case 2: *(int *)answer = found && found->on_host ? 1 : 2; break; /* host or device */
    case 3: *(CUdeviceptr *)answer = address; break;                /* address for the device */
    case 4: *(void **)answer = (void *)address; break;              /* address for the host */
    case 8: *(int *)answer = 0; break;                              /* managed */
    case 9: *(int *)answer = 0; break;                              /* device */
    default: *(uint64_t *)answer = 0;
    }
}
API CUresult cuPointerGetAttribute(void *answer, int attribute, CUdeviceptr address) {
    ENTER;
    pointer_attribute(answer, attribute, address);
    return holding(address, 1) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
API CUresult cuPointerGetAttributes(unsigned count, int *attributes, void **answers, CUdeviceptr address) {
    ENTER;
    for (unsigned i = 0; i < count; i++)
        if (holding(address, 1)) pointer_attribute(answers[i], attributes[i], address);
        else memset(answers[i], 0, 4);
    return CUDA_SUCCESS;
}

/* Pools: every one is the device's memory. */
static char default_pool[64];
API CUresult cuMemAllocAsync(CUdeviceptr *address, size_t bytes, Handle stream) {
    ENTER;
    return stream_of(stream)->capturing ? CUDA_ERROR_NOT_SUPPORTED : allocate(address, bytes, 0);
}
API CUresult cuMemAllocFromPoolAsync(CUdeviceptr *address, size_t bytes, Handle pool, Handle stream) {
    return cuMemAllocAsync(address, bytes, stream);
}
API CUresult cuMemFreeAsync(CUdeviceptr address, Handle stream) {
    ENTER;
    return release(address);
}
API CUresult cuDeviceGetDefaultMemPool(Handle *pool, CUdevice device) {
    ENTER;
    *pool = default_pool;
    return CUDA_SUCCESS;
}
API CUresult cuDeviceGetMemPool(Handle *pool, CUdevice device) { return cuDeviceGetDefaultMemPool(pool, device); }
API CUresult cuMemGetDefaultMemPool(Handle *pool, void *location, int kind) { return cuDeviceGetDefaultMemPool(pool, 0); }
API CUresult cuMemGetMemPool(Handle *pool, void *location, int kind) { return cuDeviceGetDefaultMemPool(pool, 0); }
API CUresult cuDeviceSetMemPool(CUdevice device, Handle pool) {
    ENTER;
    return CUDA_SUCCESS;
}
API CUresult cuMemPoolCreate(Handle *pool, const void *properties) { return cuDeviceGetDefaultMemPool(pool, 0); }
API CUresult cuMemPoolDestroy(Handle pool) {
    ENTER;
    return CUDA_SUCCESS;
}
API CUresult cuMemPoolSetAttribute(Handle pool, int attribute, void *value) {
    ENTER;
    return CUDA_SUCCESS;
}
API CUresult cuMemPoolGetAttribute(Handle pool, int attribute, void *value) {
    ENTER;
    *(uint64_t *)value = attribute >= 5 ? memory_used : 0; /* bytes reserved and used; the switches are int */
    return CUDA_SUCCESS;
}
API CUresult cuMemPoolTrimTo(Handle pool, size_t bytes) {
    ENTER;
    return CUDA_SUCCESS;
}

/* ---- Copies and fills --------------------------------------------------------------------------------------- */

typedef enum { TO_DEVICE = 1, FROM_DEVICE = 2 } Sides;

/* The device's side of a copy has to lie in one live allocation: freed or foreign memory is an error. */
static CUresult copy(uint64_t to, uint64_t from, size_t bytes, int sides, Handle stream, int waits) {
    NEEDS_CONTEXT;
    if (stream_of(stream)->destroyed) return CUDA_ERROR_INVALID_HANDLE;
    if (!bytes) return CUDA_SUCCESS;
    if ((sides & TO_DEVICE && !holding(to, bytes)) || (sides & FROM_DEVICE && !holding(from, bytes)))
        return CUDA_ERROR_INVALID_VALUE;
    if (waits && sticky) return sticky;
    if (!waits && captured(stream, (Node){.kind = NODE_COPY, .to = to, .from = from, .bytes = bytes}))
        return CUDA_SUCCESS;
    memmove((void *)to, (const void *)from, bytes);
    return CUDA_SUCCESS;
}

API CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t bytes) {
    ENTER;
    return copy(to, (uint64_t)from, bytes, TO_DEVICE, NULL, 1);
}
API CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes) {
    ENTER;
    return copy((uint64_t)to, from, bytes, FROM_DEVICE, NULL, 1);
}
API CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
    ENTER;
    return copy(to, from, bytes, TO_DEVICE | FROM_DEVICE, NULL, 1);
}
API CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
    ENTER;
    return copy(to, from, bytes, 0, NULL, 1);
}
API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, Handle stream) {
    ENTER;
    return copy(to, (uint64_t)from, bytes, TO_DEVICE, stream, 0);
}
API CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, Handle stream) {
    ENTER;
    return copy((uint64_t)to, from, bytes, FROM_DEVICE, stream, 0);
}
API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, Handle stream) {
    ENTER;
    return copy(to, from, bytes, TO_DEVICE | FROM_DEVICE, stream, 0);
}
API CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, Handle stream) {
    ENTER;
    return copy(to, from, bytes, 0, stream, 0);
}

static void fill_now(CUdeviceptr to, unsigned value, size_t width, size_t count) {
    for (size_t i = 0; i < count; i++) memcpy((char *)to + i * width, &value, width);
}

static CUresult fill(CUdeviceptr to, unsigned value, size_t width, size_t count, Handle stream, int waits) {
    NEEDS_CONTEXT;
    if (to % width || !holding(to, width * count)) return CUDA_ERROR_INVALID_VALUE;
    Node node = {.kind = NODE_FILL, .to = to, .bytes = count, .width = width, .value = value};
    if (waits || !captured(stream, node)) fill_now(to, value, width, count);
    return CUDA_SUCCESS;
}

API CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count) {
    ENTER;
    return fill(to, value, 1, count, NULL, 1);
}
API CUresult cuMemsetD16_v2(CUdeviceptr to, unsigned short value, size_t count) {
    ENTER;
    return fill(to, value, 2, count, NULL, 1);
}
API CUresult cuMemsetD32_v2(CUdeviceptr to, unsigned value, size_t count) {
    ENTER;
    return fill(to, value, 4, count, NULL, 1);
}
API CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, Handle stream) {
    ENTER;
    return fill(to, value, 1, count, stream, 0);
}
API CUresult cuMemsetD16Async(CUdeviceptr to, unsigned short value, size_t count, Handle stream) {
    ENTER;
    return fill(to, value, 2, count, stream, 0);
}
API CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, Handle stream) {
    ENTER;
    return fill(to, value, 4, count, stream, 0);
}

/* ---- Libraries and kernels ---------------------------------------------------------------------------------- */

typedef struct {
    char *image; /* PTX, ended by a zero */
} Library;

typedef struct {
    Library *library;
    char *name;
    Description description;
} Kernel;

/* Never freed, like kernels and captured arguments: a graph may hold them longer than their owner, and a test is
 * short. */
API CUresult cuLibraryLoadData(Handle *handle, const void *image, int *options, void **option_values,
                               unsigned option_count, int *library_options, void **library_values,
                               unsigned library_count) {
    ENTER;
    if (!memcmp(image, "\177ELF", 4)) {
        fprintf(stderr, "[stand-in driver] this image is machine code; the emulator runs PTX only\n");
        return CUDA_ERROR_NO_BINARY_FOR_GPU;
    }
    Library *library = calloc(1, sizeof(Library));
    library->image = strdup(image);
    *handle = library;
    return CUDA_SUCCESS;
}
API CUresult cuModuleLoadDataEx(Handle *handle, const void *image, unsigned count, int *options, void **values) {
    return cuLibraryLoadData(handle, image, options, values, count, NULL, NULL, 0);
}
API CUresult cuModuleLoadData(Handle *handle, const void *image) {
    return cuLibraryLoadData(handle, image, NULL, NULL, 0, NULL, NULL, 0);
}
API CUresult cuLibraryUnload(Handle library) {
    ENTER;
    return CUDA_SUCCESS;
}
API CUresult cuModuleUnload(Handle library) {
    ENTER;
    return CUDA_SUCCESS;
}

API CUresult cuLibraryGetKernel(Handle *handle, Handle library, const char *name) {
    ENTER;
    Kernel *kernel = calloc(1, sizeof(Kernel));
    kernel->library = library;
    kernel->name = strdup(name);
    CUresult result = describe ? describe(kernel->library->image, name, &kernel->description) : CUDA_ERROR_NOT_FOUND;
    *handle = result ? NULL : kernel;
    return result;
}
API CUresult cuModuleGetFunction(Handle *handle, Handle module, const char *name) {
    return cuLibraryGetKernel(handle, module, name);
}
API CUresult cuLibraryGetModule(Handle *module, Handle library) {
    ENTER;
    *module = library;
    return CUDA_SUCCESS;
}
API CUresult cuLibraryGetKernelCount(unsigned *count, Handle library) {
    ENTER;
    *count = 1;
    return CUDA_SUCCESS;
}
API CUresult cuLibraryGetGlobal(CUdeviceptr *address, size_t *bytes, Handle library, const char *name) {
    ENTER;
    return CUDA_ERROR_NOT_FOUND;
}
API CUresult cuKernelGetFunction(Handle *function, Handle kernel) {
    ENTER;
    *function = kernel;
    return CUDA_SUCCESS;
}
API CUresult cuKernelGetLibrary(Handle *library, Handle kernel) {
    ENTER;
    *library = ((Kernel *)kernel)->library;
    return CUDA_SUCCESS;
}
API CUresult cuFuncGetModule(Handle *module, Handle kernel) { return cuKernelGetLibrary(module, kernel); }
API CUresult cuKernelGetName(const char **name, Handle kernel) {
    ENTER;
    *name = ((Kernel *)kernel)->name;
    return CUDA_SUCCESS;
}
API CUresult cuFuncGetName(const char **name, Handle kernel) { return cuKernelGetName(name, kernel); }

API CUresult cuKernelGetParamInfo(Handle handle, size_t index, size_t *offset, size_t *bytes) {
    ENTER;
    const Description *description = &((Kernel *)handle)->description;
    if (index >= (size_t)description->parameters) return CUDA_ERROR_INVALID_VALUE;
    *offset = description->offsets[index];
    if (bytes) *bytes = description->sizes[index];
    return CUDA_SUCCESS;
}
API CUresult cuFuncGetParamInfo(Handle handle, size_t index, size_t *offset, size_t *bytes) {
    return cuKernelGetParamInfo(handle, index, offset, bytes);
}

API CUresult cuKernelGetAttribute(int *value, int attribute, Handle handle, CUdevice device) {
    ENTER;
    const Description *description = &((Kernel *)handle)->description;
    switch (attribute) {
    case 0: *value = description->threads_at_most; break;
    case 1: *value = description->shared_bytes; break;
    case 4: *value = 32; break; /* registers: an invention, PTX has not been assembled */
    case 5: *value = 90; break; /* version of the PTX */
    case 6: *value = compute_capability; break;
    default: *value = 0;
    }
    return CUDA_SUCCESS;
}
API CUresult cuFuncGetAttribute(int *value, int attribute, Handle kernel) {
    return cuKernelGetAttribute(value, attribute, kernel, 0);
}
API CUresult cuKernelSetAttribute(int attribute, int value, Handle kernel, CUdevice device) {
    ENTER;
    return CUDA_SUCCESS;
}
API CUresult cuFuncSetAttribute(Handle kernel, int attribute, int value) {
    ENTER;
    return CUDA_SUCCESS;
}
API CUresult cuKernelSetCacheConfig(Handle kernel, int config, CUdevice device) {
    ENTER;
    return CUDA_SUCCESS;
}

API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, Handle kernel, int threads, size_t shared) {
    ENTER;
    *blocks = threads ? 2048 / threads : 1;
    return CUDA_SUCCESS;
}
API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, Handle kernel, int threads,
                                                                  size_t shared, unsigned flags) {
    return cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, kernel, threads, shared);
}
API CUresult cuOccupancyMaxPotentialBlockSize(int *grid, int *block, Handle kernel, void *callback, size_t shared,
                                              int limit) {
    ENTER;
    *grid = 108;
    *block = 256;
    return CUDA_SUCCESS;
}
API CUresult cuOccupancyMaxPotentialBlockSizeWithFlags(int *grid, int *block, Handle kernel, void *callback,
                                                       size_t shared, int limit, unsigned flags) {
    return cuOccupancyMaxPotentialBlockSize(grid, block, kernel, callback, shared, limit);
}

/* ---- Launches ----------------------------------------------------------------------------------------------- */

static CUresult check_launch(const Kernel *kernel, const unsigned *shape, unsigned shared_bytes) {
    for (int i = 0; i < 6; i++)
        if (!shape[i] || shape[i] > (unsigned)device_attribute(i < 3 ? 5 + i : 2 + i - 3)) return CUDA_ERROR_INVALID_VALUE;
    unsigned threads = shape[3] * shape[4] * shape[5];
    if (threads > 1024) return CUDA_ERROR_INVALID_VALUE;
    if (kernel->description.threads_at_most && threads > (unsigned)kernel->description.threads_at_most)
        return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
    unsigned shared_in_all = shared_bytes + kernel->description.shared_bytes;
    return shared_in_all > (unsigned)device_attribute(97) ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

/* A kernel's error shows at the next call that waits, as it does on a device. */
static void run_kernel(const Kernel *kernel, const unsigned *shape, unsigned shared_bytes, void **arguments) {
    if (sticky || !emulate) return;
    CUresult result = emulate(kernel->description.id, shape, shared_bytes, arguments);
    if (result) sticky = result;
}

static void **copy_of_arguments(const Kernel *kernel, void **arguments) {
    void **copies = calloc(kernel->description.parameters + 1, sizeof(void *));
    for (int i = 0; i < kernel->description.parameters; i++) {
        copies[i] = malloc(kernel->description.sizes[i]);
        memcpy(copies[i], arguments[i], kernel->description.sizes[i]);
    }
    return copies;
}

static CUresult launch(const Kernel *kernel, const unsigned *shape, unsigned shared_bytes, Handle stream,
                       void **arguments) {
    NEEDS_CONTEXT;
    if (!kernel || stream_of(stream)->destroyed) return CUDA_ERROR_INVALID_HANDLE;
    CUresult wrong = check_launch(kernel, shape, shared_bytes);
    if (wrong) return wrong;
    if (!stream_of(stream)->capturing) return run_kernel(kernel, shape, shared_bytes, arguments), CUDA_SUCCESS;
    Node node = {.kind = NODE_KERNEL, .kernel = (Handle)kernel, .shared_bytes = shared_bytes};
    memcpy(node.grid_and_block, shape, sizeof node.grid_and_block);
    node.arguments = copy_of_arguments(kernel, arguments);
    captured(stream, node);
    return CUDA_SUCCESS;
}

API CUresult cuLaunchKernel(Handle kernel, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                            unsigned block_y, unsigned block_z, unsigned shared_bytes, Handle stream, void **arguments,
                            void **extra) {
    ENTER;
    unsigned shape[6] = {grid_x, grid_y, grid_z, block_x, block_y, block_z};
    return launch(kernel, shape, shared_bytes, stream, arguments);
}

API CUresult cuLaunchCooperativeKernel(Handle kernel, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                                       unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                                       Handle stream, void **arguments) {
    ENTER;
    unsigned shape[6] = {grid_x, grid_y, grid_z, block_x, block_y, block_z};
    return launch(kernel, shape, shared_bytes, stream, arguments);
}

typedef struct {
    unsigned grid_and_block[6], shared_bytes;
    Handle stream;
    void *attributes;
    unsigned attribute_count;
} LaunchConfig;

API CUresult cuLaunchKernelEx(const LaunchConfig *config, Handle kernel, void **arguments, void **extra) {
    ENTER;
    return launch(kernel, config->grid_and_block, config->shared_bytes, config->stream, arguments);
}

/* ---- Graphs: an instance is a copy of the list of nodes ------------------------------------------------------ */

static Graph *copy_of_graph(const Graph *graph) {
    Graph *copied = calloc(1, sizeof(Graph));
    copied->count = copied->room = graph->count;
    copied->nodes = malloc((graph->count + 1) * sizeof(Node));
    memcpy(copied->nodes, graph->nodes, graph->count * sizeof(Node));
    return copied;
}

static CUresult destroy_graph(Handle handle) {
    Graph *graph = handle;
    if (graph) free(graph->nodes);
    free(graph);
    return CUDA_SUCCESS;
}

API CUresult cuGraphCreate(Handle *graph, unsigned flags) {
    ENTER;
    *graph = calloc(1, sizeof(Graph));
    return CUDA_SUCCESS;
}
API CUresult cuGraphClone(Handle *copied, Handle graph) {
    ENTER;
    *copied = copy_of_graph(graph);
    return CUDA_SUCCESS;
}
API CUresult cuGraphDestroy(Handle graph) {
    ENTER;
    return destroy_graph(graph);
}
API CUresult cuGraphExecDestroy(Handle graph) {
    ENTER;
    return destroy_graph(graph);
}

typedef struct {
    uint64_t flags;
    Handle upload_stream, failed_node;
    int result;
} InstantiateParameters;

API CUresult cuGraphInstantiateWithParams(Handle *instance, Handle graph, InstantiateParameters *parameters) {
    ENTER;
    if (parameters) parameters->result = 0;
    *instance = copy_of_graph(graph);
    return CUDA_SUCCESS;
}
API CUresult cuGraphInstantiateWithFlags(Handle *instance, Handle graph, unsigned long long flags) {
    return cuGraphInstantiateWithParams(instance, graph, NULL);
}
API CUresult cuGraphInstantiate(Handle *instance, Handle graph, unsigned long long flags) {
    return cuGraphInstantiateWithParams(instance, graph, NULL);
}
API CUresult cuGraphUpload(Handle instance, Handle stream) {
    ENTER;
    return CUDA_SUCCESS;
}
API CUresult cuGraphGetNodes(Handle graph, Handle *nodes, size_t *count) {
    ENTER;
    *count = ((Graph *)graph)->count;
    return CUDA_SUCCESS;
}

static void replay(const Node *node) {
    switch (node->kind) {
    case NODE_KERNEL: run_kernel(node->kernel, node->grid_and_block, node->shared_bytes, node->arguments); break;
    case NODE_COPY: memmove((void *)node->to, (const void *)node->from, node->bytes); break;
    case NODE_FILL: fill_now(node->to, node->value, node->width, node->bytes); break;
    case NODE_CALL: node->call(node->data); break;
    }
}

API CUresult cuGraphLaunch(Handle instance, Handle stream) {
    ENTER;
    NEEDS_CONTEXT;
    const Graph *graph = instance;
    if (stream_of(stream)->destroyed) return CUDA_ERROR_INVALID_HANDLE;
    for (size_t i = 0; i < graph->count; i++)
        if (!captured(stream, graph->nodes[i])) replay(&graph->nodes[i]);
    return CUDA_SUCCESS;
}

/* Objects that live as long as a graph: they live for ever here. */
API CUresult cuUserObjectCreate(Handle *object, void *data, void (*destroy)(void *), unsigned count, unsigned flags) {
    ENTER;
    *object = data;
    return CUDA_SUCCESS;
}
API CUresult cuUserObjectRetain(Handle object, unsigned count) {
    ENTER;
    return CUDA_SUCCESS;
}
API CUresult cuUserObjectRelease(Handle object, unsigned count) {
    ENTER;
    return CUDA_SUCCESS;
}
API CUresult cuGraphRetainUserObject(Handle graph, Handle object, unsigned count, unsigned flags) {
    ENTER;
    return CUDA_SUCCESS;
}
API CUresult cuGraphReleaseUserObject(Handle graph, Handle object, unsigned count) {
    ENTER;
    return CUDA_SUCCESS;
}

/* ---- The rest, and how functions are found ------------------------------------------------------------------- */

API CUresult cuProfilerStart(void) {
    ENTER;
    return CUDA_SUCCESS;
}
API CUresult cuProfilerStop(void) {
    ENTER;
    return CUDA_SUCCESS;
}
API CUresult cuModuleGetLoadingMode(int *mode) {
    ENTER;
    *mode = 1;
    return CUDA_SUCCESS;
}

/* Everything as it was when loaded, but for memory, streams and counters, which belong to whoever made them. */
API void stand_in_reset(void) {
    devices = 0;
    compute_capability = 80;
    memory_total = 8ull << 30;
    sticky = CUDA_SUCCESS;
    stand_in_fail(NULL, CUDA_SUCCESS);
}

static CUresult not_supported(const char *name) {
    fprintf(stderr, "[stand-in driver] %s is not there; tests/cuda/driver.c is the place to add it\n", name);
    return CUDA_ERROR_NOT_SUPPORTED;
}

/* A function that says which one was asked for when it is called: callers look up hundreds that they never call. */
static void *function_that_is_missing(const char *name) {
#if defined(__x86_64__)
    static unsigned char *page = NULL;
    static size_t used = 0;
    if (!page || used + 32 > 65536) {
        page = mmap(NULL, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED) return page = NULL;
        used = 0;
    }
    unsigned char *code = page + used;
    const char *kept = strdup(name);
    void *target = (void *)not_supported;
    used += 32;
    memcpy(code, "\x48\xBF", 2); /* movabs rdi, kept */
    memcpy(code + 2, &kept, 8);
    memcpy(code + 10, "\x48\xB8", 2); /* movabs rax, target */
    memcpy(code + 12, &target, 8);
    memcpy(code + 20, "\xFF\xE0", 2); /* jmp rax */
    return code;
#else
    return NULL;
#endif
}

/* The newest form of a function is the one that is meant: "cuMemAlloc" is cuMemAlloc_v2. Only of the capture's
 * description are two forms in use that take different arguments; the version tells them apart. */
API CUresult cuGetProcAddress_v2(const char *name, void **function, int version, uint64_t flags, int *status) {
    static const char *forms[] = {"_v3", "_v2", ""};
    static void *self = NULL;
    char form[160];
    if (status) *status = 0;
    if (!self) {
        Dl_info info;
        dladdr((void *)cuInit, &info);
        self = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
    }
    int older = !strcmp(name, "cuStreamGetCaptureInfo") && version < 12030;
    for (size_t i = older; i < LENGTH(forms); i++) {
        snprintf(form, sizeof form, "%s%s", name, forms[i]);
        if ((*function = dlsym(self, form))) return CUDA_SUCCESS;
    }
    *function = function_that_is_missing(name);
    return *function ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}
API CUresult cuGetProcAddress(const char *name, void **function, int version, uint64_t flags) {
    return cuGetProcAddress_v2(name, function, version, flags, NULL);
}
