/* Instructions that compute: a function each, named OPERATION_TYPE, made from tables of expressions.
 *
 * Floats are computed as PTX says where it says it exactly (add, mul, fma, div, sqrt, rounding modes); approximations
 * (ex2, lg2, sin ...) come from the C library and are better here than on a device.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "emulator.h"

#define UNARY(name, to, from, expression)                                                                            \
    void name(Block *block, const Instruction *it) {                                                                 \
        to *d = ROW(to, 0);                                                                                          \
        const from *a = ROW(from, 1);                                                                                \
        EACH_LANE(const from x = a[lane]; d[lane] = (to)(expression));                                               \
    }
#define BINARY(name, to, from, expression)                                                                           \
    void name(Block *block, const Instruction *it) {                                                                 \
        to *d = ROW(to, 0);                                                                                          \
        const from *a = ROW(from, 1), *b = ROW(from, 2);                                                             \
        EACH_LANE(const from x = a[lane]; const from y = b[lane]; d[lane] = (to)(expression));                       \
    }
#define TERNARY(name, to, from, third, expression)                                                                   \
    void name(Block *block, const Instruction *it) {                                                                 \
        to *d = ROW(to, 0);                                                                                          \
        const from *a = ROW(from, 1), *b = ROW(from, 2);                                                             \
        const third *c = ROW(third, 3);                                                                              \
        EACH_LANE(const from x = a[lane]; const from y = b[lane]; const third z = c[lane]; d[lane] = (to)(expression)); \
    }

/* PTX computes in 16 bits and more; bytes are only moved and converted. A predicate is a byte, 0 or 1. */
#define EACH_UNSIGNED(USE) USE(u16, uint16_t) USE(u32, uint32_t) USE(u64, uint64_t)
#define EACH_SIGNED(USE) USE(s16, int16_t) USE(s32, int32_t) USE(s64, int64_t)
#define EACH_INTEGER(USE) EACH_UNSIGNED(USE) EACH_SIGNED(USE)
#define EACH_WIDTH(USE) USE(u8, uint8_t) EACH_UNSIGNED(USE)
#define EACH_FLOAT(USE) USE(f32, float) USE(f64, double)

/* ---- Moves, and rows of one width read as another ------------------------------------------------------------- */

#define COPY(name, type) UNARY(copy_##name, type, type, x)
EACH_WIDTH(COPY)

/* A register of several values, and the other way round: mov.b64 {%r1, %r2}, %rd1. */
#define PACK(count, part, whole)                                                                                     \
    void pack_##count##_##part(Block *block, const Instruction *it) {                                                \
        EACH_LANE(part##_t parts[count]; for (int q = 0; q < count; q++) parts[q] = ROW(part##_t, 1 + q)[lane];      \
                  memcpy(&ROW(whole, 0)[lane], parts, sizeof parts));                                                \
    }                                                                                                                \
    void unpack_##count##_##part(Block *block, const Instruction *it) {                                              \
        const whole *from = ROW(whole, count);                                                                       \
        EACH_ACTIVE(part##_t parts[count]; memcpy(parts, &from[lane], sizeof parts);                                   \
                  for (int q = 0; q < count; q++) if (it->operands[q] >= 0) ROW(part##_t, q)[lane] = parts[q]);      \
    }
PACK(2, uint8, uint16_t)
PACK(2, uint16, uint32_t)
PACK(4, uint8, uint32_t)
PACK(2, uint32, uint64_t)
PACK(4, uint16, uint64_t)

/* ---- Integers --------------------------------------------------------------------------------------------------- */

#define INTEGER(name, type)                                                                                          \
    BINARY(add_##name, type, type, (uint64_t)x + (uint64_t)y)                                                        \
    BINARY(sub_##name, type, type, (uint64_t)x - (uint64_t)y)                                                        \
    BINARY(mul_##name, type, type, (uint64_t)x * (uint64_t)y)                                                         \
    TERNARY(mad_##name, type, type, type, (uint64_t)x * (uint64_t)y + (uint64_t)z)                                    \
    BINARY(min_##name, type, type, x < y ? x : y)                                                                    \
    BINARY(max_##name, type, type, x > y ? x : y)                                                                    \
    UNARY(neg_##name, type, type, 0 - (uint64_t)x)
EACH_INTEGER(INTEGER)

/* Division by zero has no defined result; this one shows. The smallest number by -1 is not to stop the emulator. */
#define UNSIGNED(name, type)                                                                                         \
    BINARY(div_##name, type, type, y ? x / y : (type)-1)                                                             \
    BINARY(rem_##name, type, type, y ? x % y : x)
#define SIGNED(name, type)                                                                                           \
    UNARY(abs_##name, type, type, x < 0 ? (type)(0 - (uint64_t)x) : x)                                               \
    BINARY(div_##name, type, type, y == 0 ? -1 : y == -1 ? (type)(0 - (uint64_t)x) : x / y)                          \
    BINARY(rem_##name, type, type, y == 0 ? x : y == -1 ? 0 : x % y)
EACH_UNSIGNED(UNSIGNED)
EACH_SIGNED(SIGNED)

/* Products of twice the width, and their upper halves. */
#define WIDE(name, type, wider, twice)                                                                               \
    BINARY(mul_wide_##name, twice, type, (twice)x * (twice)y)                                                         \
    TERNARY(mad_wide_##name, twice, type, twice, (uint64_t)((twice)x * (twice)y) + (uint64_t)z)                      \
    BINARY(mul_hi_##name, type, type, ((wider)x * (wider)y) >> (8 * sizeof(type)))                                   \
    TERNARY(mad_hi_##name, type, type, type, (uint64_t)(((wider)x * (wider)y) >> (8 * sizeof(type))) + (uint64_t)z)
WIDE(u16, uint16_t, uint32_t, uint32_t)
WIDE(s16, int16_t, int32_t, int32_t)
WIDE(u32, uint32_t, uint64_t, uint64_t)
WIDE(s32, int32_t, int64_t, int64_t)
BINARY(mul_hi_u64, uint64_t, uint64_t, (unsigned __int128)x * y >> 64)
BINARY(mul_hi_s64, int64_t, int64_t, (__int128)x * y >> 64)
TERNARY(mad_hi_u64, uint64_t, uint64_t, uint64_t, (uint64_t)((unsigned __int128)x * y >> 64) + z)
TERNARY(mad_hi_s64, int64_t, int64_t, int64_t, (uint64_t)((__int128)x * y >> 64) + (uint64_t)z)

/* Sums with a carry: the last operand is the row of the carry, which each of them reads, writes or both. */
#define CARRY(name, type, wider)                                                                                     \
    void add_cc_##name(Block *block, const Instruction *it) {                                                        \
        EACH_ACTIVE(wider sum = (wider)ROW(type, 1)[lane] + ROW(type, 2)[lane]; ROW(type, 0)[lane] = (type)sum;        \
                  ROW(uint8_t, 3)[lane] = sum >> (8 * sizeof(type)) & 1);                                            \
    }                                                                                                                \
    void addc_##name(Block *block, const Instruction *it) {                                                          \
        EACH_ACTIVE(wider sum = (wider)ROW(type, 1)[lane] + ROW(type, 2)[lane] + ROW(uint8_t, 3)[lane];                \
                  ROW(type, 0)[lane] = (type)sum;                                                                    \
                  if (it->value) ROW(uint8_t, 3)[lane] = sum >> (8 * sizeof(type)) & 1);                             \
    }                                                                                                                \
    void sub_cc_##name(Block *block, const Instruction *it) {                                                        \
        EACH_ACTIVE(wider sum = (wider)ROW(type, 1)[lane] - ROW(type, 2)[lane]; ROW(type, 0)[lane] = (type)sum;        \
                  ROW(uint8_t, 3)[lane] = sum >> (8 * sizeof(type)) & 1);                                            \
    }                                                                                                                \
    void subc_##name(Block *block, const Instruction *it) {                                                          \
        EACH_ACTIVE(wider sum = (wider)ROW(type, 1)[lane] - ROW(type, 2)[lane] - ROW(uint8_t, 3)[lane];                \
                  ROW(type, 0)[lane] = (type)sum;                                                                    \
                  if (it->value) ROW(uint8_t, 3)[lane] = sum >> (8 * sizeof(type)) & 1);                             \
    }
CARRY(u32, uint32_t, uint64_t)
CARRY(u64, uint64_t, unsigned __int128)

/* ---- Bits ------------------------------------------------------------------------------------------------------- */

#define BITS(name, type)                                                                                             \
    BINARY(and_##name, type, type, x & y)                                                                             \
    BINARY(or_##name, type, type, x | y)                                                                             \
    BINARY(xor_##name, type, type, x ^ y)                                                                            \
    UNARY(not_##name, type, type, ~x)                                                                                \
    UNARY(cnot_##name, type, type, !x)
EACH_WIDTH(BITS)
UNARY(not_pred, uint8_t, uint8_t, !x)

/* A shift by the width or more leaves nothing, or the sign. */
#define SHIFT(name, type)                                                                                            \
    void shl_##name(Block *block, const Instruction *it) {                                                           \
        type *d = ROW(type, 0);                                                                                      \
        const type *a = ROW(type, 1);                                                                                \
        const uint32_t *b = ROW(uint32_t, 2);                                                                        \
        EACH_LANE(d[lane] = b[lane] >= 8 * sizeof(type) ? 0 : (type)((uint64_t)a[lane] << b[lane]));                 \
    }                                                                                                                \
    void shr_##name(Block *block, const Instruction *it) {                                                           \
        const type sign = (type)-1 > (type)0 ? 0 : (type)-1;                                                         \
        type *d = ROW(type, 0);                                                                                      \
        const type *a = ROW(type, 1);                                                                                \
        const uint32_t *b = ROW(uint32_t, 2);                                                                        \
        EACH_LANE(const uint32_t by = b[lane] < 8 * sizeof(type) ? b[lane] : 8 * sizeof(type) - 1;                   \
                  const type shifted = a[lane] >> by;                                                                \
                  d[lane] = b[lane] < 8 * sizeof(type) || sign ? shifted : 0);                                       \
    }
EACH_INTEGER(SHIFT)

UNARY(popc_u32, uint32_t, uint32_t, __builtin_popcount(x))
UNARY(popc_u64, uint32_t, uint64_t, __builtin_popcountll(x))
UNARY(clz_u32, uint32_t, uint32_t, x ? __builtin_clz(x) : 32)
UNARY(clz_u64, uint32_t, uint64_t, x ? __builtin_clzll(x) : 64)
UNARY(bfind_u32, uint32_t, uint32_t, x ? 31 - __builtin_clz(x) : -1)
UNARY(bfind_u64, uint32_t, uint64_t, x ? 63 - __builtin_clzll(x) : -1)
UNARY(bfind_shiftamt_u32, uint32_t, uint32_t, x ? __builtin_clz(x) : -1)
UNARY(bfind_s32, uint32_t, int32_t, (x < 0 ? ~x : x) ? 31 - __builtin_clz(x < 0 ? ~x : x) : -1)
UNARY(bfind_s64, uint32_t, int64_t, (x < 0 ? ~x : x) ? 63 - __builtin_clzll(x < 0 ? ~x : x) : -1)

static uint64_t reversed(uint64_t x) {
    x = (x & 0x5555555555555555ull) << 1 | (x >> 1 & 0x5555555555555555ull);
    x = (x & 0x3333333333333333ull) << 2 | (x >> 2 & 0x3333333333333333ull);
    x = (x & 0x0f0f0f0f0f0f0f0full) << 4 | (x >> 4 & 0x0f0f0f0f0f0f0f0full);
    return __builtin_bswap64(x);
}
UNARY(brev_u32, uint32_t, uint32_t, reversed(x) >> 32)
UNARY(brev_u64, uint64_t, uint64_t, reversed(x))

static uint64_t ones(uint32_t count) { return count >= 64 ? ~0ull : (1ull << count) - 1; }

static uint64_t shifted_right(uint64_t x, uint32_t by) { return by >= 64 ? 0 : x >> by; }

/* Bits `start` and on of x; a signed field is filled up with its highest bit. */
static uint64_t field(uint64_t x, uint32_t start, uint32_t length, int width, int is_signed) {
    start &= 255;
    length &= 255;
    uint64_t bits = shifted_right(x, start) & ones(length);
    uint32_t top = start + length - 1 < (uint32_t)width - 1 ? start + length - 1 : (uint32_t)width - 1;
    return is_signed && length && x >> top & 1 ? bits | ~ones(top - start + 1 > 64 ? 0 : top - start + 1) : bits;
}

#define FIELD(name, type, plain, is_signed)                                                                          \
    void bfe_##name(Block *block, const Instruction *it) {                                                           \
        const uint32_t *start = ROW(uint32_t, 2), *length = ROW(uint32_t, 3);                                        \
        EACH_LANE(ROW(type, 0)[lane] = (type)field(ROW(plain, 1)[lane], start[lane], length[lane],                   \
                                                   8 * sizeof(type), is_signed));                                    \
    }
FIELD(u32, uint32_t, uint32_t, 0)
FIELD(s32, int32_t, uint32_t, 1)
FIELD(u64, uint64_t, uint64_t, 0)
FIELD(s64, int64_t, uint64_t, 1)

#define INSERT(name, type)                                                                                           \
    void bfi_##name(Block *block, const Instruction *it) {                                                           \
        const uint32_t *starts = ROW(uint32_t, 3), *lengths = ROW(uint32_t, 4);                                      \
        EACH_LANE(const uint32_t start = starts[lane] & 255;                                                         \
                  const uint64_t mask = start >= 64 ? 0 : ones(lengths[lane] & 255) << start;                        \
                  const uint64_t moved = start >= 64 ? 0 : (uint64_t)ROW(type, 1)[lane] << start;                    \
                  ROW(type, 0)[lane] = (type)((moved & mask) | (ROW(type, 2)[lane] & ~mask)));                       \
    }
INSERT(u32, uint32_t)
INSERT(u64, uint64_t)

/* Four bytes picked from eight; a selector's fourth bit spreads the sign of its byte. */
static uint32_t permuted(uint32_t low, uint32_t high, uint32_t selectors) {
    uint64_t all = (uint64_t)high << 32 | low;
    uint32_t made = 0;
    for (int q = 0; q < 4; q++) {
        uint32_t selector = selectors >> 4 * q & 15, byte = all >> 8 * (selector & 7) & 255;
        if (selector & 8) byte = byte & 128 ? 255 : 0;
        made |= byte << 8 * q;
    }
    return made;
}
TERNARY(prmt_u32, uint32_t, uint32_t, uint32_t, permuted(x, y, z))

static uint64_t pair(uint32_t low, uint32_t high) { return (uint64_t)high << 32 | low; }
TERNARY(shf_l_wrap, uint32_t, uint32_t, uint32_t, pair(x, y) << (z & 31) >> 32)
TERNARY(shf_r_wrap, uint32_t, uint32_t, uint32_t, pair(x, y) >> (z & 31))
TERNARY(shf_l_clamp, uint32_t, uint32_t, uint32_t, z >= 32 ? x : pair(x, y) << z >> 32)
TERNARY(shf_r_clamp, uint32_t, uint32_t, uint32_t, z >= 32 ? y : pair(x, y) >> z)

/* Any function of three bits; it->value is its table. */
static uint32_t looked_up(uint32_t x, uint32_t y, uint32_t z, int table) {
    uint32_t made = 0;
    for (int i = 0; i < 8; i++)
        if (table >> i & 1) made |= (i & 4 ? x : ~x) & (i & 2 ? y : ~y) & (i & 1 ? z : ~z);
    return made;
}
TERNARY(lop3_u32, uint32_t, uint32_t, uint32_t, looked_up(x, y, z, (int)it->value))

/* ---- Comparisons and choices --------------------------------------------------------------------------------------- */

#define COMPARE(name, type)                                                                                          \
    BINARY(eq_##name, uint8_t, type, x == y)                                                                         \
    BINARY(ne_##name, uint8_t, type, x != y)                                                                         \
    BINARY(lt_##name, uint8_t, type, x < y)                                                                          \
    BINARY(le_##name, uint8_t, type, x <= y)                                                                         \
    BINARY(gt_##name, uint8_t, type, x > y)                                                                          \
    BINARY(ge_##name, uint8_t, type, x >= y)
EACH_INTEGER(COMPARE)

/* Of floats, a comparison with NaN is false; those named with a u are true. */
#define COMPARE_FLOAT(name, type)                                                                                    \
    BINARY(eq_##name, uint8_t, type, x == y)                                                                         \
    BINARY(ne_##name, uint8_t, type, x < y || x > y)                                                                 \
    BINARY(lt_##name, uint8_t, type, x < y)                                                                          \
    BINARY(le_##name, uint8_t, type, x <= y)                                                                         \
    BINARY(gt_##name, uint8_t, type, x > y)                                                                          \
    BINARY(ge_##name, uint8_t, type, x >= y)                                                                         \
    BINARY(equ_##name, uint8_t, type, !(x < y || x > y))                                                             \
    BINARY(neu_##name, uint8_t, type, x != y)                                                                        \
    BINARY(ltu_##name, uint8_t, type, !(x >= y))                                                                     \
    BINARY(leu_##name, uint8_t, type, !(x > y))                                                                      \
    BINARY(gtu_##name, uint8_t, type, !(x <= y))                                                                     \
    BINARY(geu_##name, uint8_t, type, !(x < y))                                                                      \
    BINARY(num_##name, uint8_t, type, x == x && y == y)                                                              \
    BINARY(nan_##name, uint8_t, type, x != x || y != y)
EACH_FLOAT(COMPARE_FLOAT)

#define SELECT(name, type) TERNARY(selp_##name, type, type, uint8_t, z ? x : y)
EACH_WIDTH(SELECT)

/* ---- Floats ----------------------------------------------------------------------------------------------------------- */

#define FLOAT(name, type, F)                                                                                         \
    BINARY(add_##name, type, type, x + y)                                                                            \
    BINARY(sub_##name, type, type, x - y)                                                                            \
    BINARY(mul_##name, type, type, x * y)                                                                             \
    BINARY(div_##name, type, type, x / y)                                                                            \
    TERNARY(fma_##name, type, type, type, F(fma)(x, y, z))                                                           \
    BINARY(min_##name, type, type, x != x ? y : y != y ? x : x < y || (x == y && signbit(x)) ? x : y)                \
    BINARY(max_##name, type, type, x != x ? y : y != y ? x : x > y || (x == y && signbit(y)) ? x : y)                \
    BINARY(min_NaN_##name, type, type, x != x || y != y ? (type)NAN : x < y || (x == y && signbit(x)) ? x : y)       \
    BINARY(max_NaN_##name, type, type, x != x || y != y ? (type)NAN : x > y || (x == y && signbit(y)) ? x : y)       \
    BINARY(copysign_##name, type, type, F(copysign)(y, x))                                                           \
    UNARY(neg_##name, type, type, -x)                                                                                \
    UNARY(abs_##name, type, type, F(fabs)(x))                                                                        \
    UNARY(rcp_##name, type, type, 1 / x)                                                                             \
    UNARY(sqrt_##name, type, type, F(sqrt)(x))                                                                       \
    UNARY(rsqrt_##name, type, type, 1 / sqrt(x))                                                                     \
    UNARY(ex2_##name, type, type, F(exp2)(x))                                                                        \
    UNARY(lg2_##name, type, type, F(log2)(x))                                                                        \
    UNARY(sin_##name, type, type, F(sin)(x))                                                                         \
    UNARY(cos_##name, type, type, F(cos)(x))                                                                         \
    UNARY(tanh_##name, type, type, F(tanh)(x))                                                                       \
    UNARY(rni_##name, type, type, F(nearbyint)(x))                                                                   \
    UNARY(rzi_##name, type, type, F(trunc)(x))                                                                       \
    UNARY(rmi_##name, type, type, F(floor)(x))                                                                       \
    UNARY(rpi_##name, type, type, F(ceil)(x))                                                                        \
    UNARY(saturate_##name, type, type, x > 0 ? (x < 1 ? x : 1) : 0)                                                  \
    UNARY(finite_##name, uint8_t, type, isfinite(x) != 0)                                                            \
    UNARY(infinite_##name, uint8_t, type, isinf(x) != 0)                                                             \
    UNARY(number_##name, uint8_t, type, x == x)                                                                      \
    UNARY(notanumber_##name, uint8_t, type, x != x)                                                                  \
    UNARY(normal_##name, uint8_t, type, isnormal(x) != 0)                                                            \
    UNARY(subnormal_##name, uint8_t, type, fpclassify(x) == FP_SUBNORMAL)
#define SINGLE(function) function##f
#define DOUBLE(function) function
FLOAT(f32, float, SINGLE)
FLOAT(f64, double, DOUBLE)

/* What .ftz does to a result. */
UNARY(flush_f32, float, float, fabsf(x) < 1.17549435e-38f ? copysignf(0, x) : x)

/* ---- Conversions ------------------------------------------------------------------------------------------------------- */

/* Integers are cut off or filled up; floats are rounded first (rni, rzi ...), then kept within the type's bounds. */
#define CONVERT_1(to, to_type, from, from_type) UNARY(cvt_##to##_##from, to_type, from_type, x)
#define CONVERT_FROM(from, from_type)                                                                                \
    CONVERT_1(u8, uint8_t, from, from_type)                                                                          \
    CONVERT_1(s8, int8_t, from, from_type)                                                                           \
    CONVERT_1(u16, uint16_t, from, from_type)                                                                        \
    CONVERT_1(s16, int16_t, from, from_type)                                                                         \
    CONVERT_1(u32, uint32_t, from, from_type)                                                                        \
    CONVERT_1(s32, int32_t, from, from_type)                                                                         \
    CONVERT_1(u64, uint64_t, from, from_type)                                                                        \
    CONVERT_1(s64, int64_t, from, from_type)                                                                         \
    CONVERT_1(f32, float, from, from_type)                                                                           \
    CONVERT_1(f64, double, from, from_type)
CONVERT_FROM(u8, uint8_t)
CONVERT_FROM(s8, int8_t)
EACH_INTEGER(CONVERT_FROM)
UNARY(cvt_f32_f64, float, double, x)
UNARY(cvt_f64_f32, double, float, x)

/* NaN becomes 0, and what is too large or too small the largest or smallest there is. */
#define TO_INTEGER(to, type, least, most)                                                                            \
    UNARY(cvt_##to##_f32, type, float, x != x ? 0 : (double)x <= (double)(least) ? (least) : (double)x >= (double)(most) ? (most) : (type)x) \
    UNARY(cvt_##to##_f64, type, double, x != x ? 0 : x <= (double)(least) ? (least) : x >= (double)(most) ? (most) : (type)x)
TO_INTEGER(u8, uint8_t, 0, UINT8_MAX)
TO_INTEGER(s8, int8_t, INT8_MIN, INT8_MAX)
TO_INTEGER(u16, uint16_t, 0, UINT16_MAX)
TO_INTEGER(s16, int16_t, INT16_MIN, INT16_MAX)
TO_INTEGER(u32, uint32_t, 0, UINT32_MAX)
TO_INTEGER(s32, int32_t, INT32_MIN, INT32_MAX)
TO_INTEGER(u64, uint64_t, 0, UINT64_MAX)
TO_INTEGER(s64, int64_t, INT64_MIN, INT64_MAX)

/* Integers kept within bounds (cvt.sat); some bounds are wider than the type. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtype-limits"
#define SATURATE(to, type, from, from_type, least, most)                                                             \
    UNARY(cvt_sat_##to##_##from, type, from_type, x < (int64_t)(least) ? (least) : x > (int64_t)(most) ? (most) : (type)x)
#define SATURATE_FROM(from, from_type)                                                                               \
    SATURATE(u8, uint8_t, from, from_type, 0, UINT8_MAX)                                                             \
    SATURATE(s8, int8_t, from, from_type, INT8_MIN, INT8_MAX)                                                        \
    SATURATE(u16, uint16_t, from, from_type, 0, UINT16_MAX)                                                          \
    SATURATE(s16, int16_t, from, from_type, INT16_MIN, INT16_MAX)                                                    \
    SATURATE(u32, uint32_t, from, from_type, 0, UINT32_MAX)                                                          \
    SATURATE(s32, int32_t, from, from_type, INT32_MIN, INT32_MAX)
SATURATE_FROM(s32, int32_t)
SATURATE_FROM(s64, int64_t)
#pragma GCC diagnostic pop

/* TF32 keeps ten bits of the fraction, rounded to nearest, ties away from zero. */
UNARY(cvt_tf32_u32, uint32_t, uint32_t, (x + 0x1000u) & 0xffffe000u)

#ifdef __FLT16_MAX__
UNARY(cvt_f32_f16, float, _Float16, x)
UNARY(cvt_f64_f16, double, _Float16, x)
UNARY(cvt_f16_f32, _Float16, float, x)
UNARY(cvt_f16_f64, _Float16, double, x)
BINARY(add_f16, _Float16, _Float16, (float)x + (float)y)
BINARY(sub_f16, _Float16, _Float16, (float)x - (float)y)
BINARY(mul_f16, _Float16, _Float16, (float)x * (float)y)
TERNARY(fma_f16, _Float16, _Float16, _Float16, (double)x * (double)y + (double)z)
UNARY(neg_f16, _Float16, _Float16, -x)
#endif

/* ---- Addresses ---------------------------------------------------------------------------------------------------------- */

UNARY(to_generic, uint64_t, uint64_t, x + (uint64_t)it->value)
UNARY(is_in_window, uint8_t, uint64_t, x - (uint64_t)it->value < WINDOW_BYTES)
UNARY(is_global, uint8_t, uint64_t, x < LOCAL_WINDOW)
