/* A stand-in for cuBLAS: the few functions that multiply matrices in float32, over host memory, with the argument
 * checks of the real one (cuBLAS documentation, cublas<t>gemm). Matrices are column-major.
 *
 * While a stream is captured a call is recorded in the stand-in driver's graph; that driver has to be loaded first.
 * The pointers to alpha and beta are read when the call is made, as the real one reads them in its default mode.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define API __attribute__((visibility("default")))

enum {
    CUBLAS_STATUS_SUCCESS = 0,
    CUBLAS_STATUS_NOT_INITIALIZED = 1,
    CUBLAS_STATUS_INVALID_VALUE = 7,
};
#define CUDA_ERROR_ILLEGAL_ADDRESS 700

typedef struct {
    void *stream, *workspace;
    size_t workspace_bytes;
    int math_mode;
} Context;

static uint64_t multiplications = 0, wrong_calls = 0;
static int contexts_alive = 0, last_math_mode = 0;

/* What tests ask: products done (a batch counts as one), calls turned down, handles not destroyed, the mode of the last. */
API uint64_t stand_in_multiplications(void) { return multiplications; }
API uint64_t stand_in_wrong_calls(void) { return wrong_calls; }
API int stand_in_contexts(void) { return contexts_alive; }
API int stand_in_math_mode(void) { return last_math_mode; }

API int cublasCreate_v2(Context **handle) {
    if (!handle) return CUBLAS_STATUS_INVALID_VALUE;
    *handle = calloc(1, sizeof(Context));
    contexts_alive++;
    return CUBLAS_STATUS_SUCCESS;
}

API int cublasDestroy_v2(Context *handle) {
    if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
    free(handle);
    contexts_alive--;
    return CUBLAS_STATUS_SUCCESS;
}

API int cublasGetVersion_v2(Context *handle, int *version) {
    *version = 130000;
    return CUBLAS_STATUS_SUCCESS;
}

API int cublasSetStream_v2(Context *handle, void *stream) {
    if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
    handle->stream = stream;
    handle->workspace = NULL; /* as the real one does: a new stream drops the caller's workspace */
    handle->workspace_bytes = 0;
    return CUBLAS_STATUS_SUCCESS;
}

API int cublasSetWorkspace_v2(Context *handle, void *workspace, size_t bytes) {
    if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
    if ((uintptr_t)workspace % 256) return CUBLAS_STATUS_INVALID_VALUE;
    handle->workspace = workspace;
    handle->workspace_bytes = bytes;
    return CUBLAS_STATUS_SUCCESS;
}

API int cublasSetMathMode(Context *handle, int mode) {
    if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
    handle->math_mode = last_math_mode = mode;
    return CUBLAS_STATUS_SUCCESS;
}

typedef struct {
    int transpose_a, transpose_b;
    int rows, columns, inner;
    float alpha, beta;
    const float *a, *b;
    float *c;
    int64_t lda, ldb, ldc;
    long long stride_a, stride_b, stride_c;
    int batch;
} Product;

/* C = alpha op(A) op(B) + beta C; where beta is 0, C is not read. */
static void multiply_one(const Product *it, const float *a, const float *b, float *c) {
    for (int64_t j = 0; j < it->columns; j++)
        for (int64_t i = 0; i < it->rows; i++) {
            double sum = 0;
            for (int64_t k = 0; k < it->inner; k++)
                sum += (double)a[it->transpose_a ? k + i * it->lda : i + k * it->lda] *
                       b[it->transpose_b ? j + k * it->ldb : k + j * it->ldb];
            float *to = &c[i + j * it->ldc];
            *to = (float)(it->alpha * sum + (it->beta == 0 ? 0 : (double)it->beta * *to));
        }
}

typedef struct {
    int (*captured)(void *, void (*)(void *), void *);
    int (*holds)(uint64_t, size_t);
    void (*break_)(int);
} Driver;

static const Driver *driver(void) {
    static Driver found;
    if (!found.captured) {
        *(void **)&found.holds = dlsym(RTLD_DEFAULT, "stand_in_holds");
        *(void **)&found.break_ = dlsym(RTLD_DEFAULT, "stand_in_break");
        *(void **)&found.captured = dlsym(RTLD_DEFAULT, "stand_in_captured_call");
    }
    return &found;
}

static int matrix_is_outside(const float *start, int64_t rows, int64_t columns, int64_t ld, int64_t stride, int batch) {
    int64_t last = stride * (batch - 1);
    uint64_t first_byte = (uint64_t)(start + (last < 0 ? last : 0));
    return rows && columns && !driver()->holds(first_byte, 4 * ((columns - 1) * ld + rows + llabs(last)));
}

/* A product that reaches beyond the device's memory fails as a kernel would. */
static int is_outside(const Product *it) {
    int64_t m = it->rows, n = it->columns, k = it->inner;
    int ta = it->transpose_a, tb = it->transpose_b;
    int outside = matrix_is_outside(it->a, ta ? k : m, ta ? m : k, it->lda, it->stride_a, it->batch) ||
                  matrix_is_outside(it->b, tb ? n : k, tb ? k : n, it->ldb, it->stride_b, it->batch) ||
                  matrix_is_outside(it->c, m, n, it->ldc, it->stride_c, it->batch);
    if (outside) driver()->break_(CUDA_ERROR_ILLEGAL_ADDRESS);
    return outside;
}

static void multiply(void *data) {
    const Product *it = data;
    if (is_outside(it)) return;
    for (int i = 0; i < it->batch; i++)
        multiply_one(it, it->a + i * it->stride_a, it->b + i * it->stride_b, it->c + i * it->stride_c);
    multiplications++;
}

static int64_t at_least_one(int value) { return value > 1 ? value : 1; }

/* Results of a batch lie behind each other, or side by side in the same columns. */
static int results_overlap(const Product *it) {
    int64_t apart = llabs(it->stride_c);
    int behind = apart >= it->ldc * (it->columns - 1) + it->rows;
    int beside = apart >= it->rows && apart * (it->batch - 1) + it->rows <= it->ldc;
    return it->batch > 1 && apart != 0 && !behind && !beside;
}

/* Codes: 0 as it is, 1 transposed, 2 conjugated, which for real numbers is transposed. */
static int is_wrong(const Product *it, int a_code, int b_code) {
    return a_code < 0 || a_code > 2 || b_code < 0 || b_code > 2 || it->rows < 0 || it->columns < 0 || it->inner < 0 ||
           it->batch < 0 || it->lda < at_least_one(it->transpose_a ? it->inner : it->rows) ||
           it->ldb < at_least_one(it->transpose_b ? it->columns : it->inner) || it->ldc < at_least_one(it->rows) ||
           results_overlap(it);
}

static int submit(Context *handle, Product product, int a_code, int b_code, const float *alpha, const float *beta) {
    if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
    if (!alpha || !beta || is_wrong(&product, a_code, b_code)) {
        wrong_calls++;
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (!product.rows || !product.columns || !product.batch) return CUBLAS_STATUS_SUCCESS;
    product.alpha = *alpha;
    product.beta = *beta;
    Product *kept = malloc(sizeof product); /* a graph may need it for ever */
    *kept = product;
    if (driver()->captured(handle->stream, multiply, kept)) return CUBLAS_STATUS_SUCCESS;
    multiply(kept);
    free(kept);
    return CUBLAS_STATUS_SUCCESS;
}

API int cublasSgemmStridedBatched(Context *handle, int a_code, int b_code, int m, int n, int k, const float *alpha,
                                  const float *a, int lda, long long stride_a, const float *b, int ldb,
                                  long long stride_b, const float *beta, float *c, int ldc, long long stride_c,
                                  int batch) {
    Product product = {.transpose_a = a_code != 0, .transpose_b = b_code != 0, .rows = m, .columns = n, .inner = k,
                       .a = a, .b = b, .c = c, .lda = lda, .ldb = ldb, .ldc = ldc, .stride_a = stride_a,
                       .stride_b = stride_b, .stride_c = stride_c, .batch = batch};
    return submit(handle, product, a_code, b_code, alpha, beta);
}

API int cublasSgemm_v2(Context *handle, int a_code, int b_code, int m, int n, int k, const float *alpha, const float *a,
                       int lda, const float *b, int ldb, const float *beta, float *c, int ldc) {
    return cublasSgemmStridedBatched(handle, a_code, b_code, m, n, k, alpha, a, lda, 0, b, ldb, 0, beta, c, ldc, 0, 1);
}
