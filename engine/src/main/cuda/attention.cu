// Grouped-query attention over the paged KV cache, and the writing of keys and values to it.
//
// Keys are read in blocks of 32 positions that start at multiples of 32, with the online softmax of FlashAttention (Dao
// et al. 2022, arXiv:2205.14135). A row of a tile is one query head of one token. Whatever other rows its tile has, a
// row goes through the same products and sums: a block of keys that all lie behind its token leaves it unchanged.
//
// In float32, queries, keys, probabilities and values are two float16 parts each, which hold 22 bits: an error of a
// score is one of its exponent, so 16 bits would not do. A product of two numbers is the sum of three: the first
// parts', the second part of the left with the first of the right, and the other way round. Numbers beyond 65,504
// overflow, and the result shows it. In bfloat16, they are one bfloat16 number each.
//
// A block of the cache has for each head the keys of 32 positions, and then for each head the values. What a position
// has there depends on the format:
//
//     float32    first parts [headDim], second parts [headDim]; in bfloat16 the second parts are not there
//     bfloat16   numbers [headDim], in float32 as float16
//     8 bits     integers [headDim]; behind all positions a scale for each 128 numbers and position

#include "order.cuh"
#include "rotation.cuh"
#include "tiles.cuh"

#include <cuda_fp16.h>

constexpr int BLOCK = 32;

enum Format { FLOAT32, BFLOAT16, INT8 };

/// Consecutive tokens of one sequence.
struct Span {
    int row; // of the first token in the batch
    int tokens;
    int position; // of the first token in the sequence
    int block; // index of the sequence's first block among the addresses
};

/// Where keys and values lie.
struct Cache {
    const Span *spans;
    const long *blocks; // addresses of blocks
    long shift; // to be added to each address
    int heads;
    int headDim;
    int keyBytes; // of a head's keys in a block
    int valueBytes; // of a head's values in a block
};

__device__ __forceinline__ uint8_t *keysOf(const Cache &cache, const Span &span, int block, int head) {
    return reinterpret_cast<uint8_t *>(cache.blocks[span.block + block] + cache.shift) + (long)head * cache.keyBytes;
}

__device__ __forceinline__ uint8_t *valuesOf(const Cache &cache, const Span &span, int block, int head) {
    return reinterpret_cast<uint8_t *>(cache.blocks[span.block + block] + cache.shift)
        + (long)cache.heads * cache.keyBytes + (long)head * cache.valueBytes;
}

__device__ __forceinline__ void copyChunk(void *to, const void *from, bool there) {
    uint32_t address = (uint32_t)__cvta_generic_to_shared(to);
    int bytes = there ? 16 : 0; // the rest is filled with zeros
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(bytes) : "memory");
}

__device__ __forceinline__ void loadMatrices(uint32_t (&registers)[4], const void *from) {
    uint32_t address = (uint32_t)__cvta_generic_to_shared(from);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
                 : "r"(address)
                 : "memory");
}

__device__ __forceinline__ void loadTransposed(uint32_t (&registers)[4], const void *from) {
    uint32_t address = (uint32_t)__cvta_generic_to_shared(from);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
                 : "r"(address)
                 : "memory");
}

/// The number that the first part stands for.
template <int PARTS>
__device__ __forceinline__ float firstPart(float x) {
    return PARTS == 2 ? __half2float(__float2half_rn(x)) : roundedPart(x);
}

/// The bits of a part.
template <int PARTS>
__device__ __forceinline__ uint16_t bitsOf(float x) {
    return PARTS == 2 ? __half_as_ushort(__float2half_rn(x)) : __bfloat16_as_ushort(__float2bfloat16_rn(x));
}

/// The bits of two parts, the first in the lower half.
template <int PARTS>
__device__ __forceinline__ uint32_t pair(float x, float y) {
    if constexpr (PARTS == 1) return packed(x, y);
    __half2 both = __floats2half2_rn(x, y);
    return *reinterpret_cast<uint32_t *>(&both);
}

/// sums += a · b for 16 rows, 8 columns and 16 inputs.
template <int PARTS>
__device__ __forceinline__ void mma(float (&sums)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    if constexpr (PARTS == 2) {
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                     "{%0, %1, %2, %3};"
                     : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    } else {
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                     "{%0, %1, %2, %3};"
                     : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    }
}

/// Brings keys or values of a whole head, whose addresses follow from each other at compile time.
template <int HD, int PARTS, int FORMAT, int THREADS>
__device__ __forceinline__ void loadWhole(uint16_t *to, const uint8_t *from, int count) {
    constexpr int PITCH = HD + 8;
    constexpr int CHUNKS = HD / 8; // of a position, 16 bytes each
    constexpr int POSITIONS = THREADS / CHUNKS; // that all threads copy at a time
    constexpr int POSITION_BYTES = (FORMAT == FLOAT32 ? 2 : 1) * HD * 2;
    int chunk = threadIdx.x % CHUNKS;
    int first = threadIdx.x / CHUNKS;
    to += first * PITCH + chunk * 8;
    from += first * POSITION_BYTES + chunk * 16;
#pragma unroll
    for (int part = 0; part < PARTS; part++) {
#pragma unroll
        for (int i = 0; i < BLOCK / POSITIONS; i++) {
            bool there = first + i * POSITIONS < count && (FORMAT == FLOAT32 || part == 0);
            int at = i * POSITIONS * POSITION_BYTES + (FORMAT == FLOAT32 ? part * HD * 2 : 0);
            copyChunk(to + (part * BLOCK + i * POSITIONS) * PITCH, from + at, there);
        }
    }
}

/// Brings keys or values of a head's 32 positions to shared memory, as parts: [PARTS][32][HD + 8].
///
/// @param count positions that there are; the others are filled with zeros
template <int HD, int PARTS, int FORMAT>
__device__ __forceinline__ void load(uint16_t *to, const uint8_t *from, int headDim, int count) {
    constexpr int PITCH = HD + 8;
    if (FORMAT != INT8 && headDim == HD) {
        if (blockDim.x == 128) {
            loadWhole<HD, PARTS, FORMAT, 128>(to, from, count);
        } else {
            loadWhole<HD, PARTS, FORMAT, 32>(to, from, count);
        }
        return;
    }
    for (int i = threadIdx.x; i < BLOCK * HD; i += blockDim.x) {
        int position = i / HD;
        int number = i % HD;
        uint16_t first = 0;
        uint16_t second = 0;
        if (position < count && number < headDim) {
            if (FORMAT == INT8) {
                const float *scales = reinterpret_cast<const float *>(from + BLOCK * headDim);
                float x = (float)reinterpret_cast<const int8_t *>(from)[position * headDim + number]
                    * scales[number / 128 * BLOCK + position];
                first = bitsOf<PARTS>(x);
                second = bitsOf<PARTS>(x - firstPart<PARTS>(x));
            } else {
                const uint16_t *numbers = reinterpret_cast<const uint16_t *>(from);
                first = numbers[(FORMAT == FLOAT32 ? 2 : 1) * position * headDim + number];
                if (FORMAT == FLOAT32) second = numbers[(position * 2 + 1) * headDim + number];
            }
        }
        to[position * PITCH + number] = first;
        if (PARTS == 2) to[(BLOCK + position) * PITCH + number] = second;
    }
}

struct Attention {
    Cache cache;
    const int2 *tiles; // span, and first row of the tile: token · group + head within the group
    const float *queries; // [rows of the batch, heads, headDim]
    uint8_t *out; // the same as tiles of a product's operand
    int outInputTiles;
    int group; // query heads of a head of the cache
    float scale; // factor of the scores, times log2(e)
};

/// A block of threads computes rows of one head of the cache, 16 in each warp: 64 rows, or where no text has more than
/// 16, these alone, so that more blocks run at a time.
template <int HD, int PARTS, int FORMAT>
__global__ void __launch_bounds__(128, FORMAT == INT8 || HD * PARTS == 256 ? 2 : 3) attention(const __grid_constant__ Attention p) {
    constexpr int PITCH = HD + 8;
    constexpr int OPERAND = PARTS * BLOCK * PITCH;
    extern __shared__ __align__(16) uint16_t memory[]; // [2 stages][keys, values][PARTS][32][PITCH]

    beginAfterEarlier();
    int head = blockIdx.y;
    int2 tile = p.tiles[blockIdx.x];
    Span span = p.cache.spans[tile.x];
    int headDim = p.cache.headDim;
    int lane = threadIdx.x & 31;
    int quarter = lane & 3;
    int rows = span.tokens * p.group;
    bool idle = tile.y + (threadIdx.x >> 5) * 16 >= rows; // a warp that has no row only copies
    int firstRow = tile.y + (threadIdx.x >> 5) * 16 + (lane >> 2);
    int warpPosition = span.position + (tile.y + (threadIdx.x >> 5) * 16) / p.group; // of the warp's first row
    int queryWidth = p.cache.heads * p.group * headDim;

    // Rows behind the last are computed like the last, and not written.
    int position[2];
    long offset[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
        int row = min(firstRow + half * 8, rows - 1);
        int token = row / p.group;
        position[half] = span.position + token;
        offset[half] = (long)(span.row + token) * queryWidth + (head * p.group + row - token * p.group) * headDim;
    }
    uint32_t query[PARTS][HD / 16][4];
#pragma unroll
    for (int k = 0; k < HD / 16; k++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            int number = k * 16 + (i >> 1) * 8 + quarter * 2;
            float2 x = make_float2(0, 0);
            if (number < headDim) x = *reinterpret_cast<const float2 *>(p.queries + offset[i & 1] + number);
            query[0][k][i] = pair<PARTS>(x.x, x.y);
            if constexpr (PARTS == 2) {
                query[1][k][i] = pair<PARTS>(x.x - firstPart<PARTS>(x.x), x.y - firstPart<PARTS>(x.y));
            }
        }
    }

    float out[HD / 8][4];
#pragma unroll
    for (int i = 0; i < HD / 8; i++) {
#pragma unroll
        for (int j = 0; j < 4; j++) out[i][j] = 0;
    }
    float maximum[2] = {-INFINITY, -INFINITY};
    float sum[2] = {0, 0};

    int lastRow = min(tile.y + (int)blockDim.x / 2, rows) - 1;
    int lastPosition = span.position + lastRow / p.group;
    int blocks = lastPosition / BLOCK + 1;
    int known = span.position + span.tokens; // positions that have keys and values
    auto fetch = [&](int block) {
        uint16_t *to = memory + (block & 1) * 2 * OPERAND;
        int count = min(BLOCK, known - block * BLOCK);
        load<HD, PARTS, FORMAT>(to, keysOf(p.cache, span, block, head), headDim, count);
        load<HD, PARTS, FORMAT>(to + OPERAND, valuesOf(p.cache, span, block, head), headDim, count);
        asm volatile("cp.async.commit_group;" ::: "memory");
    };
    fetch(0);
    for (int block = 0; block < blocks; block++) {
        if (block + 1 < blocks) {
            fetch(block + 1);
            asm volatile("cp.async.wait_group 1;" ::: "memory");
        } else {
            asm volatile("cp.async.wait_group 0;" ::: "memory");
        }
        __syncthreads();
        if (idle) {
            __syncthreads();
            continue;
        }
        const uint16_t *keys = memory + (block & 1) * 2 * OPERAND;
        const uint16_t *values = keys + OPERAND;

        float scores[4][4];
#pragma unroll
        for (int i = 0; i < 4; i++) {
#pragma unroll
            for (int j = 0; j < 4; j++) scores[i][j] = 0;
        }
#pragma unroll
        for (int k = 0; k < HD / 16; k++) {
#pragma unroll
            for (int pair = 0; pair < 2; pair++) { // 16 keys each
                const uint16_t *from =
                    keys + (pair * 16 + (lane >> 4) * 8 + (lane & 7)) * PITCH + k * 16 + ((lane >> 3) & 1) * 8;
                uint32_t key[4];
                loadMatrices(key, from);
                mma<PARTS>(scores[pair * 2], query[0][k], key[0], key[1]);
                mma<PARTS>(scores[pair * 2 + 1], query[0][k], key[2], key[3]);
                if constexpr (PARTS == 2) {
                    mma<PARTS>(scores[pair * 2], query[1][k], key[0], key[1]);
                    mma<PARTS>(scores[pair * 2 + 1], query[1][k], key[2], key[3]);
                    loadMatrices(key, from + BLOCK * PITCH);
                    mma<PARTS>(scores[pair * 2], query[0][k], key[0], key[1]);
                    mma<PARTS>(scores[pair * 2 + 1], query[0][k], key[2], key[3]);
                }
            }
        }

        bool hides = block * BLOCK + BLOCK - 1 > warpPosition; // whether some row of the warp does not see all keys
        float correction[2];
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float greatest = maximum[half];
#pragma unroll
            for (int i = 0; i < 4; i++) {
#pragma unroll
                for (int j = 0; j < 2; j++) {
                    float &score = scores[i][half * 2 + j];
                    score *= p.scale;
                    if (hides && block * BLOCK + i * 8 + quarter * 2 + j > position[half]) score = -INFINITY;
                    greatest = fmaxf(greatest, score);
                }
            }
            greatest = fmaxf(greatest, __shfl_xor_sync(0xffffffff, greatest, 1));
            greatest = fmaxf(greatest, __shfl_xor_sync(0xffffffff, greatest, 2));
            correction[half] = powerOfTwo(maximum[half] - greatest);
            maximum[half] = greatest;
            sum[half] *= correction[half];
#pragma unroll
            for (int i = 0; i < 4; i++) {
#pragma unroll
                for (int j = 0; j < 2; j++) {
                    float &score = scores[i][half * 2 + j];
                    score = powerOfTwo(score - greatest);
                    sum[half] += score;
                }
            }
        }
        if (__any_sync(0xffffffff, correction[0] != 1 || correction[1] != 1)) { // seldom after the first blocks
#pragma unroll
            for (int i = 0; i < HD / 8; i++) {
#pragma unroll
                for (int j = 0; j < 4; j++) out[i][j] *= correction[j >> 1];
            }
        }

#pragma unroll
        for (int k = 0; k < 2; k++) { // 16 positions each
            uint32_t weight[PARTS][4];
#pragma unroll
            for (int i = 0; i < 4; i++) {
                float x = scores[k * 2 + (i >> 1)][(i & 1) * 2];
                float y = scores[k * 2 + (i >> 1)][(i & 1) * 2 + 1];
                weight[0][i] = pair<PARTS>(x, y);
                if constexpr (PARTS == 2) {
                    weight[1][i] = pair<PARTS>(x - firstPart<PARTS>(x), y - firstPart<PARTS>(y));
                }
            }
#pragma unroll
            for (int n = 0; n < HD / 16; n++) {
                const uint16_t *from = values + (k * 16 + (lane & 15)) * PITCH + n * 16 + (lane >> 4) * 8;
                uint32_t value[4];
                loadTransposed(value, from);
                mma<PARTS>(out[n * 2], weight[0], value[0], value[1]);
                mma<PARTS>(out[n * 2 + 1], weight[0], value[2], value[3]);
                if constexpr (PARTS == 2) {
                    mma<PARTS>(out[n * 2], weight[1], value[0], value[1]);
                    mma<PARTS>(out[n * 2 + 1], weight[1], value[2], value[3]);
                    loadTransposed(value, from + BLOCK * PITCH);
                    mma<PARTS>(out[n * 2], weight[0], value[0], value[1]);
                    mma<PARTS>(out[n * 2 + 1], weight[0], value[2], value[3]);
                }
            }
        }
        __syncthreads();
    }

#pragma unroll
    for (int half = 0; half < 2; half++) {
        float total = sum[half];
        total += __shfl_xor_sync(0xffffffff, total, 1);
        total += __shfl_xor_sync(0xffffffff, total, 2);
        float inverse = 1.f / total;
        int row = firstRow + half * 8;
        if (row < rows) {
            int token = row / p.group;
            int first = (head * p.group + row - token * p.group) * headDim;
            token += span.row;
            if (headDim == HD) {
                RowOfTiles<PARTS> to(p.out, token, first, p.outInputTiles);
#pragma unroll
                for (int i = 0; i < HD / 8; i++) {
                    to.write(i, out[i][half * 2] * inverse, out[i][half * 2 + 1] * inverse);
                }
            } else {
#pragma unroll
                for (int i = 0; i < HD / 8; i++) {
                    int number = i * 8 + quarter * 2;
                    if (number < headDim) {
                        writePair<PARTS>(
                            p.out, token, first + number, p.outInputTiles, out[i][half * 2] * inverse,
                            out[i][half * 2 + 1] * inverse);
                    }
                }
            }
        }
    }
}

struct Storing {
    Cache cache;
    const int2 *tokens; // span, and token of the span
    const float *keys; // [rows of the batch, heads, headDim]
    const float *values;
    int format;
    int parts;
};

/// Writes the key and the value of a token and a head: a warp for each, and a block of threads for four heads.
extern "C" __global__ void __launch_bounds__(128) storeKeyValues(const __grid_constant__ Storing p) {
    beginAfterEarlier();
    int2 token = p.tokens[blockIdx.x];
    int head = blockIdx.y * 4 + (threadIdx.x >> 5);
    int lane = threadIdx.x & 31;
    if (head >= p.cache.heads) return;
    Span span = p.cache.spans[token.x];
    int headDim = p.cache.headDim;
    int position = span.position + token.y;
    int slot = position % BLOCK;
    long from = ((long)(span.row + token.y) * p.cache.heads + head) * headDim;
    for (int which = 0; which < 2; which++) {
        const float *numbers = (which == 0 ? p.keys : p.values) + from;
        uint8_t *block = which == 0 ? keysOf(p.cache, span, position / BLOCK, head)
                                    : valuesOf(p.cache, span, position / BLOCK, head);
        if (p.format == INT8) {
            float *scales = reinterpret_cast<float *>(block + BLOCK * headDim);
            for (int first = 0; first < headDim; first += 128) {
                int end = min(headDim, first + 128);
                float greatest = 0;
                bool finite = true;
                for (int i = first + lane; i < end; i += 32) {
                    finite &= fabsf(numbers[i]) <= 3.402823466e38f;
                    greatest = fmaxf(greatest, fabsf(numbers[i]));
                }
                for (int other = 1; other < 32; other *= 2) {
                    greatest = fmaxf(greatest, __shfl_xor_sync(0xffffffff, greatest, other));
                }
                finite = __all_sync(0xffffffff, finite);
                bool some = finite && greatest >= 0x1p-100f;
                float factor = some ? 127.f / greatest : 0.f;
                for (int i = first + lane; i < end; i += 32) {
                    reinterpret_cast<int8_t *>(block)[slot * headDim + i] =
                        some ? (int8_t)__float2int_rn(numbers[i] * factor) : (int8_t)0;
                }
                if (lane == 0) {
                    scales[first / 128 * BLOCK + slot] = !finite ? NAN : some ? greatest / 127.f : 0.f;
                }
            }
        } else {
            uint16_t *to = reinterpret_cast<uint16_t *>(block) + slot * (p.format == FLOAT32 ? 2 : 1) * headDim;
            for (int i = lane; i < headDim; i += 32) {
                float x = numbers[i];
                if (p.format == BFLOAT16) x = roundedPart(x);
                if (p.parts == 1) {
                    to[i] = bitsOf<1>(x);
                } else {
                    to[i] = bitsOf<2>(x);
                    if (p.format == FLOAT32) to[headDim + i] = bitsOf<2>(x - firstPart<2>(x));
                }
            }
        }
    }
}

struct Preparing {
    Cache cache;
    const int2 *tokens; // span, and token of the span; those of the batch's rows first, then copies
    int rows; // of the batch
    float *queries; // [rows, heads · group, 128], rotated in place
    const float *keys; // [rows, heads, 128]
    const float *values;
    const float *queryNorm; // [128], or null
    const float *keyNorm;
    const float *cosines; // [positions, 64]
    const float *sines;
    float epsilon;
    int group;
    int format;
    int parts;
};

/// Writes a head of 128 numbers, of which each thread of a warp has four, to a block of the cache.
__device__ __forceinline__ void storeHead(uint8_t *block, int slot, float4 x, int format, int parts) {
    int lane = threadIdx.x & 31;
    if (format == INT8) {
        float greatest = fmaxf(fmaxf(fabsf(x.x), fabsf(x.y)), fmaxf(fabsf(x.z), fabsf(x.w)));
        bool finite = fabsf(x.x) <= 3.402823466e38f && fabsf(x.y) <= 3.402823466e38f && fabsf(x.z) <= 3.402823466e38f
            && fabsf(x.w) <= 3.402823466e38f;
        for (int other = 1; other < 32; other *= 2) {
            greatest = fmaxf(greatest, __shfl_xor_sync(0xffffffff, greatest, other));
        }
        finite = __all_sync(0xffffffff, finite);
        bool some = finite && greatest >= 0x1p-100f;
        float factor = some ? 127.f / greatest : 0.f;
        char4 integers = some ? make_char4(
                             __float2int_rn(x.x * factor), __float2int_rn(x.y * factor), __float2int_rn(x.z * factor),
                             __float2int_rn(x.w * factor))
                              : make_char4(0, 0, 0, 0);
        reinterpret_cast<char4 *>(block)[slot * 32 + lane] = integers;
        if (lane == 0) {
            reinterpret_cast<float *>(block + BLOCK * 128)[slot] = !finite ? NAN : some ? greatest / 127.f : 0.f;
        }
        return;
    }
    if (format == BFLOAT16) {
        x = make_float4(roundedPart(x.x), roundedPart(x.y), roundedPart(x.z), roundedPart(x.w));
    }
    uint2 *to = reinterpret_cast<uint2 *>(block) + slot * (format == FLOAT32 ? 64 : 32) + lane;
    if (parts == 1) {
        *to = make_uint2(pair<1>(x.x, x.y), pair<1>(x.z, x.w));
        return;
    }
    *to = make_uint2(pair<2>(x.x, x.y), pair<2>(x.z, x.w));
    if (format == FLOAT32) {
        to[32] = make_uint2(
            pair<2>(x.x - firstPart<2>(x.x), x.y - firstPart<2>(x.y)),
            pair<2>(x.z - firstPart<2>(x.z), x.w - firstPart<2>(x.w)));
    }
}

/// Rotates queries, and rotates and stores keys, and stores values, all of heads of 128 numbers. A block of threads has
/// 16 heads of a token, queries first, and each of its warps requests four heads before it needs the first.
extern "C" __global__ void __launch_bounds__(128) prepareAttention(const __grid_constant__ Preparing p) {
    constexpr int TOGETHER = 4;
    beginAfterEarlier();
    int queryHeads = p.cache.heads * p.group;
    int heads = queryHeads + 2 * p.cache.heads;
    int2 token = p.tokens[blockIdx.x];
    int lane = threadIdx.x & 31;
    int firstHead = (blockIdx.y * 4 + (threadIdx.x >> 5)) * TOGETHER;
    Span span = p.cache.spans[token.x];
    int position = span.position + token.y;
    long row = span.row + token.y;
    float4 *queries = reinterpret_cast<float4 *>(p.queries) + row * queryHeads * 32 + lane;
    const float4 *keys = reinterpret_cast<const float4 *>(p.keys) + row * p.cache.heads * 32 + lane;
    const float4 *values = reinterpret_cast<const float4 *>(p.values) + row * p.cache.heads * 32 + lane;
    float4 numbers[TOGETHER];
#pragma unroll
    for (int i = 0; i < TOGETHER; i++) {
        int head = firstHead + i;
        int key = head - queryHeads;
        int value = key - p.cache.heads;
        if (head < heads) numbers[i] = key < 0 ? queries[head * 32] : value < 0 ? keys[key * 32] : values[value * 32];
    }
    Angles angles = anglesOf(p.cosines, p.sines, position);
#pragma unroll
    for (int i = 0; i < TOGETHER; i++) {
        int head = firstHead + i;
        int key = head - queryHeads;
        int value = key - p.cache.heads;
        if (key < 0) {
            if (blockIdx.x >= p.rows) continue; // the row of a copy was rotated
            queries[head * 32] = rotated(numbers[i], p.queryNorm, p.epsilon, angles);
        } else if (value < 0) {
            uint8_t *block = keysOf(p.cache, span, position / BLOCK, key);
            float4 x = rotated(numbers[i], p.keyNorm, p.epsilon, angles);
            storeHead(block, position % BLOCK, x, p.format, p.parts);
        } else if (head < heads) {
            uint8_t *block = valuesOf(p.cache, span, position / BLOCK, value);
            storeHead(block, position % BLOCK, numbers[i], p.format, p.parts);
        }
    }
}

#define FORMATS(HD, PARTS)                                                                                             \
    template __global__ void attention<HD, PARTS, FLOAT32>(const __grid_constant__ Attention);                         \
    template __global__ void attention<HD, PARTS, BFLOAT16>(const __grid_constant__ Attention);                        \
    template __global__ void attention<HD, PARTS, INT8>(const __grid_constant__ Attention);

FORMATS(64, 1)
FORMATS(64, 2)
FORMATS(128, 1)
FORMATS(128, 2)
