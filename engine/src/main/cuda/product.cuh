// Products of activations and weights on Hopper's matrix units, with what becomes of the results in the same kernel.
//
// A block of threads computes tiles of the output, one after the other. One of its warps copies operands to shared
// memory ahead of time, and each group of four other warps multiplies 64 rows. An output is one sum in float32 over the
// inputs in ascending order, 16 at a time: for each 64 inputs, the products of the first parts of activations and
// weights come first, then those of the activations' second parts, then those of the weights' second parts. That order
// depends neither on the number of rows nor on the size of the output's tiles, and so neither do the bits.
//
// Weights that are integers stay integers in device memory. Further groups of four warps widen them in shared memory to
// the same parts that they would be as tiles.
#pragma once

#include "barrier.cuh"
#include "integers.cuh"
#include "order.cuh"
#include "tiles.cuh"
#include "wgmma.cuh"

/// What becomes of an output.
enum Epilogue { STORE, ADD, SWIGLU, SCORE };

/// Some outputs that have a buffer of their own: `[rows, outputs]`, and a bias or null.
struct Segment {
    float *out;
    const float *bias;
    int first; // the first column
    int outputs;
};

/// What the head keeps of 128 logits of a row.
struct Chunk {
    float maximum;
    float sum; // of e = exp(d), with d = logit - maximum
    float first; // of e · d
    float second; // of e · d²
    int likeliest; // the first column with the maximum
};

struct Product {
    const uint8_t *a; // tiles of the activations
    const uint8_t *w; // tiles of the weights
    const uint8_t *const *ofRowTile; // weights of each 64 rows, which are those of an expert; null if all have the same
    int rows;
    int outputs; // columns of the weights that are computed
    int inputTiles;
    int rowTiles; // of 64 rows
    int outputTiles; // of 64 columns
    int segments;
    Segment segment[3]; // for STORE; ADD adds to the first one's buffer
    uint8_t *tiles; // for SWIGLU: [rows, outputs / 2] as tiles
    int tilesInputTiles;
    int chunks; // for SCORE: of a row
    Chunk *chunk; // [rows, chunks]
    const int *targets; // [rows]
    float *chosen; // [rows]: the target's logit
};

__device__ __forceinline__ uint64_t descriptor(uint32_t address) {
    // start address, distance of 1,024 bytes between groups of 8 rows, swizzle of 128 bytes
    return (uint64_t)((address & 0x3ffff) >> 4) | (uint64_t)1 << 16 | (uint64_t)(1024 >> 4) << 32 | (uint64_t)1 << 62;
}

template <int BN>
__device__ __forceinline__ void multiply(float (&sums)[BN / 2], uint32_t a, uint32_t w) {
    uint64_t left = descriptor(a);
    uint64_t right = descriptor(w);
#pragma unroll
    for (int k = 0; k < TILE / 16; k++) {
        wgmma<BN>(sums, left + 2 * k, right + 2 * k); // 16 inputs are 32 bytes
    }
}

/// Reduces 128 logits of a row, of which each thread of four has 32, to a Chunk.
///
/// @param first index of the thread's first logit among its sums
template <int SUMS>
__device__ __forceinline__ Chunk reduced(const float (&sums)[SUMS], int first, int firstColumn) {
    int quarter = threadIdx.x & 3;
    auto at = [&](int i) { return first + (i >> 1) * 4 + (i & 1); }; // of the thread's logit i
    Chunk chunk;
    chunk.maximum = -INFINITY;
    int greatest = -1; // the number of the thread's first greatest logit
#pragma unroll
    for (int i = 0; i < 32; i++) {
        if (sums[at(i)] > chunk.maximum) {
            chunk.maximum = sums[at(i)];
            greatest = i;
        }
    }
    chunk.likeliest =
        greatest < 0 ? 0x7fffffff : firstColumn + (greatest >> 1) * 8 + quarter * 2 + (greatest & 1);
#pragma unroll
    for (int lane = 1; lane < 4; lane *= 2) {
        float maximum = __shfl_xor_sync(0xffffffff, chunk.maximum, lane);
        int likeliest = __shfl_xor_sync(0xffffffff, chunk.likeliest, lane);
        if (maximum > chunk.maximum || (maximum == chunk.maximum && likeliest < chunk.likeliest)) {
            chunk.maximum = maximum;
            chunk.likeliest = likeliest;
        }
    }
    chunk.sum = 0;
    chunk.first = 0;
    chunk.second = 0;
#pragma unroll
    for (int i = 0; i < 32; i++) {
        float difference = sums[at(i)] - chunk.maximum;
        float e = exponential(difference);
        float limited = fmaxf(difference, -104.f); // 0 · -∞ would be NaN
        chunk.sum += e;
        chunk.first += e * limited;
        chunk.second += e * limited * limited;
    }
#pragma unroll
    for (int lane = 1; lane < 4; lane *= 2) {
        chunk.sum += __shfl_xor_sync(0xffffffff, chunk.sum, lane);
        chunk.first += __shfl_xor_sync(0xffffffff, chunk.first, lane);
        chunk.second += __shfl_xor_sync(0xffffffff, chunk.second, lane);
    }
    return chunk;
}

/// The segment of a column.
__device__ __forceinline__ int segmentOf(const Product &p, int column) {
    return p.segments > 2 && column >= p.segment[2].first ? 2 : p.segments > 1 && column >= p.segment[1].first ? 1 : 0;
}

/// Whether the columns of a tile are all of one segment, and pairs of them can be written at once.
template <int BN>
__device__ __forceinline__ bool isInside(const Product &p, int firstColumn) {
    const Segment &segment = p.segment[segmentOf(p, firstColumn)];
    return firstColumn + BN <= segment.first + segment.outputs && ((segment.first | segment.outputs) & 1) == 0;
}

/// 1 / x for x from 1 on, rounded to the nearest number, and 0 where x is 2¹²⁶ or more. Without a branch, so that many
/// are under way at a time.
__device__ __forceinline__ float reciprocal(float x) {
    float result;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
    return x < 0x1p126f ? fmaf(result, fmaf(-x, result, 1.f), result) : 0.f;
}

/// Does with a thread's sums what the epilogue says. A thread has two rows, 8 apart, and of each 8 columns two.
template <int EPILOGUE, int BN, int PARTS>
__device__ __forceinline__ void finish(const Product &p, float (&sums)[BN / 2], int firstRow, int firstColumn) {
    int lane = threadIdx.x & 31;
    int quarter = lane & 3;
    int upper = firstRow + ((threadIdx.x >> 5) & 3) * 16 + (lane >> 2);
    if (EPILOGUE == SCORE && firstColumn + BN > p.outputs) { // what lies behind the vocabulary does not count
#pragma unroll
        for (int i = 0; i < BN / 2; i++) {
            if (firstColumn + (i >> 2) * 8 + quarter * 2 + (i & 1) >= p.outputs) sums[i] = -INFINITY;
        }
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
        int row = upper + half * 8;
        if constexpr (EPILOGUE == SCORE) {
#pragma unroll
            for (int part = 0; part < BN / 128; part++) {
                int first = firstColumn + part * 128;
                int ofChunk = part * 64 + half * 2; // index of the thread's first sum
                Chunk chunk = reduced(sums, ofChunk, first);
                if (row < p.rows && first < p.outputs) {
                    if (quarter == 0) {
                        p.chunk[(long)row * p.chunks + first / 128] = chunk;
                    }
                    int target = p.targets[row] - first;
                    if (target >= 0 && target < 128) {
#pragma unroll
                        for (int i = 0; i < 32; i++) {
                            if (target == (i >> 1) * 8 + quarter * 2 + (i & 1)) {
                                p.chosen[row] = sums[ofChunk + (i >> 1) * 4 + (i & 1)];
                            }
                        }
                    }
                }
            }
        } else if (row < p.rows) {
            if constexpr (EPILOGUE == SWIGLU) {
                int first = firstColumn >> 1;
                RowOfTiles<PARTS> to(p.tiles, row, first, p.tilesInputTiles);
                int left = (p.outputs >> 1) - first - quarter * 2; // outputs that there are, from the thread's first
#pragma unroll
                for (int i = 0; i < BN / 16; i++) {
                    float out[2];
#pragma unroll
                    for (int j = 0; j < 2; j++) {
                        float gate = sums[i * 8 + half * 2 + j];
                        float up = sums[i * 8 + 4 + half * 2 + j];
                        out[j] = gate * reciprocal(1.f + exponential(-gate)) * up;
                    }
                    if (i * 8 < left) to.write(i, out[0], out[1]);
                }
            } else if constexpr (EPILOGUE == ADD) {
                float *sum = p.segment[0].out + (long)row * p.outputs + firstColumn + quarter * 2;
                int left = p.outputs - firstColumn - quarter * 2; // columns that there are, from the thread's first
                bool even = (p.outputs & 1) == 0;
                constexpr int TOGETHER = 8; // numbers that are requested before the first is needed
                if (even && firstColumn + BN <= p.outputs) {
#pragma unroll
                    for (int first = 0; first < BN / 8; first += TOGETHER) {
                        float2 *to[TOGETHER];
                        float2 before[TOGETHER];
#pragma unroll
                        for (int i = 0; i < TOGETHER; i++) {
                            to[i] = reinterpret_cast<float2 *>(sum + (first + i) * 8);
                            before[i] = *to[i];
                        }
#pragma unroll
                        for (int i = 0; i < TOGETHER; i++) {
                            float x = sums[(first + i) * 4 + half * 2];
                            float y = sums[(first + i) * 4 + half * 2 + 1];
                            *to[i] = make_float2(before[i].x + x, before[i].y + y);
                        }
                    }
                } else {
#pragma unroll
                    for (int i = 0; i < BN / 8; i++) {
                        if (i * 8 < left) sum[i * 8] += sums[i * 4 + half * 2];
                        if (i * 8 + 1 < left) sum[i * 8 + 1] += sums[i * 4 + half * 2 + 1];
                    }
                }
            } else if (isInside<BN>(p, firstColumn)) {
                Segment segment = p.segment[segmentOf(p, firstColumn)];
                int first = firstColumn - segment.first + quarter * 2;
                float *to = segment.out + (long)row * segment.outputs + first;
#pragma unroll
                for (int i = 0; i < BN / 8; i++) {
                    float x = sums[i * 4 + half * 2];
                    float y = sums[i * 4 + half * 2 + 1];
                    if (segment.bias != nullptr) {
                        x += segment.bias[first + i * 8];
                        y += segment.bias[first + i * 8 + 1];
                    }
                    *reinterpret_cast<float2 *>(to + i * 8) = make_float2(x, y);
                }
            } else {
#pragma unroll
                for (int i = 0; i < BN / 8; i++) {
                    int column = firstColumn + i * 8 + quarter * 2;
                    float x = sums[i * 4 + half * 2];
                    float y = sums[i * 4 + half * 2 + 1];
                    Segment segment = p.segment[segmentOf(p, column)];
                    int output = column - segment.first;
                    float *to = segment.out + (long)row * segment.outputs + output;
                    if (segment.bias != nullptr) {
                        x += output < segment.outputs ? segment.bias[output] : 0;
                        y += output + 1 < segment.outputs ? segment.bias[output + 1] : 0;
                    }
                    if (output < segment.outputs) to[0] = x;
                    if (output + 1 < segment.outputs) to[1] = y;
                }
            }
        }
    }
}

/// The groups of four warps that widen integers. The head's epilogue needs more registers, so it has one group alone.
__host__ __device__ constexpr int wideningGroups(int format, int epilogue, int groups) {
    return format == TILES ? 0 : epilogue == SCORE ? 1 : groups;
}

/// The steps of 64 inputs whose weights are there as wide numbers, of weights that are integers.
__host__ __device__ constexpr int wideStages(int parts) {
    return 4 - parts;
}

/// @tparam BM rows of a tile of the output, 64 for each group of four warps
/// @tparam BN columns of a tile of the output
/// @tparam FORMAT of the weights in device memory
/// @tparam W_PARTS bfloat16 numbers that stand for a weight when it is multiplied
/// @tparam STAGES steps of 64 inputs whose operands are under way or in use
template <int EPILOGUE, int BM, int BN, int A_PARTS, int W_PARTS, int FORMAT, int STAGES, int BLOCKS>
__global__ void __launch_bounds__(128 * (BM / 64 + wideningGroups(FORMAT, EPILOGUE, BM / 64)) + 32, BLOCKS)
    product(const __grid_constant__ Product p) {
    constexpr int GROUPS = BM / 64;
    constexpr int A_BYTES = A_PARTS * GROUPS * TILE_BYTES;
    constexpr int W_PART_BYTES = (BN / 64) * TILE_BYTES;
    constexpr int W_BYTES = W_PARTS * W_PART_BYTES;
    constexpr int PACKED_TILE = packedTileBytes(FORMAT);
    constexpr int PACKED_BYTES = FORMAT == TILES ? 0 : (BN / 64) * PACKED_TILE;
    constexpr int COPIED_BYTES = A_BYTES + (FORMAT == TILES ? W_BYTES : PACKED_BYTES);
    constexpr int WIDE_STAGES = FORMAT == TILES ? STAGES : wideStages(W_PARTS);
    constexpr int WIDENING = wideningGroups(FORMAT, EPILOGUE, GROUPS);
    constexpr int COPYING = GROUPS + WIDENING; // the group of the warp that copies
    constexpr int TOGETHER = 16; // tiles of rows that pass through the same weights together, for the L2 cache
    extern __shared__ __align__(1024) uint8_t shared[];
    uint8_t *activations = shared; // [STAGES]
    uint8_t *weights = activations + STAGES * A_BYTES; // [WIDE_STAGES]
    uint8_t *integers = weights + WIDE_STAGES * W_BYTES; // [STAGES], from which weights are widened
    __shared__ __align__(8) uint64_t full[STAGES];
    __shared__ __align__(8) uint64_t wide[WIDE_STAGES]; // integers are widened
    __shared__ __align__(8) uint64_t empty[STAGES];

    int rowTiles = (p.rows + BM - 1) / BM;
    int columnTiles = (p.outputs + BN - 1) / BN;
    int tiles = rowTiles * columnTiles;
    int group = threadIdx.x / 128;

    if (threadIdx.x == 0) {
        for (int i = 0; i < STAGES; i++) {
            initialize(&full[i], 1);
            initialize(&empty[i], GROUPS);
        }
        for (int i = 0; WIDENING > 0 && i < WIDE_STAGES; i++) {
            initialize(&wide[i], 128); // the threads of the group that widened
        }
        fenceInitialization();
    }
    __syncthreads();

    // A batch of few rows has the first rows of a tile alone. Results of the others are not written.
    int aBytes = p.rows < TILE ? (p.rows + 7) / 8 * 1024 : TILE_BYTES;
    int copiedBytes = COPIED_BYTES - A_PARTS * GROUPS * (TILE_BYTES - aBytes);

    auto place = [&](int tile, int &rowTile, int &columnTile) {
        int before = tile / (TOGETHER * columnTiles) * TOGETHER;
        int together = min(TOGETHER, rowTiles - before);
        int within = tile - before * columnTiles;
        rowTile = before + within % together;
        columnTile = within / together;
    };

    if (group == COPYING) {
        if (threadIdx.x == COPYING * 128) {
            auto copyActivations = [&](int stage, int rowTile, int k) {
                uint8_t *to = activations + stage * A_BYTES;
#pragma unroll
                for (int part = 0; part < A_PARTS; part++) {
#pragma unroll
                    for (int i = 0; i < GROUPS; i++) {
                        int block = min(rowTile * GROUPS + i, p.rowTiles - 1);
                        long at = ((long)block * A_PARTS + part) * p.inputTiles + k;
                        copyTile(to + (part * GROUPS + i) * TILE_BYTES, p.a + at * TILE_BYTES, aBytes, &full[stage]);
                    }
                }
            };
            auto copyWeights = [&](int stage, const uint8_t *from, int columnTile, int k) {
                uint8_t *to = FORMAT == TILES ? weights + stage * W_BYTES : integers + stage * PACKED_BYTES;
#pragma unroll
                for (int part = 0; part < (FORMAT == TILES ? W_PARTS : 1); part++) {
#pragma unroll
                    for (int i = 0; i < BN / 64; i++) {
                        int block = min(columnTile * (BN / 64) + i, p.outputTiles - 1);
                        long at = ((long)block * (FORMAT == TILES ? W_PARTS : 1) + part) * p.inputTiles + k;
                        copyTile(
                            to + (part * (BN / 64) + i) * PACKED_TILE, from + at * PACKED_TILE, PACKED_TILE,
                            &full[stage]);
                    }
                }
            };
            // Weights do not depend on earlier kernels, so the first are under way while these end.
            int ahead = p.ofRowTile == nullptr && blockIdx.x < tiles ? min(STAGES, p.inputTiles) : 0;
            int rowTile, columnTile;
            place(blockIdx.x, rowTile, columnTile);
            for (int step = 0; step < ahead; step++) {
                expect(&full[step], copiedBytes);
                copyWeights(step, p.w, columnTile, step);
            }
            awaitEarlier();
            letNextStart();
            int step = 0;
            for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
                place(tile, rowTile, columnTile);
                const uint8_t *from = p.ofRowTile == nullptr ? p.w : p.ofRowTile[rowTile * GROUPS];
                for (int k = 0; k < p.inputTiles; k++, step++) {
                    int stage = step % STAGES;
                    if (step >= ahead) {
                        if (step >= STAGES) await(&empty[stage], (step / STAGES - 1) & 1);
                        expect(&full[stage], copiedBytes);
                        copyWeights(stage, from, columnTile, k);
                    }
                    copyActivations(stage, rowTile, k);
                }
            }
        }
    } else if (WIDENING > 0 && group >= GROUPS) {
        if constexpr (WIDENING > 0) {
            int step = 0;
            for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
                for (int k = 0; k < p.inputTiles; k++, step++) {
                    if (step % WIDENING != group - GROUPS) continue; // groups take turns, so a fence costs less
                    int stage = step % STAGES;
                    await(&full[stage], (step / STAGES) & 1);
                    int before = step - WIDE_STAGES; // the step whose weights were here
                    if (before >= 0) await(&empty[before % STAGES], (before / STAGES) & 1);
                    uint8_t *to = weights + step % WIDE_STAGES * W_BYTES;
#pragma unroll
                    for (int block = 0; block < BN / 64; block++) {
                        widen<FORMAT, W_PARTS>(
                            integers + stage * PACKED_BYTES + block * PACKED_TILE, to + block * TILE_BYTES,
                            W_PART_BYTES);
                    }
                    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
                    arrive(&wide[step % WIDE_STAGES]);
                }
            }
        }
    } else {
        awaitEarlier();
        int step = 0;
        for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
            int rowTile, columnTile;
            place(tile, rowTile, columnTile);
            float sums[BN / 2];
#pragma unroll
            for (int i = 0; i < BN / 2; i++) {
                sums[i] = 0;
            }
            for (int k = 0; k < p.inputTiles; k++, step++) {
                int stage = step % STAGES;
                await(&full[stage], (step / STAGES) & 1);
                if constexpr (FORMAT != TILES) await(&wide[step % WIDE_STAGES], (step / WIDE_STAGES) & 1);
                uint32_t a = sharedAddress(activations) + stage * A_BYTES + group * TILE_BYTES;
                uint32_t w = sharedAddress(weights) + step % WIDE_STAGES * W_BYTES;
                asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
                multiply<BN>(sums, a, w);
                if constexpr (A_PARTS == 2) multiply<BN>(sums, a + GROUPS * TILE_BYTES, w);
                if constexpr (W_PARTS == 2) multiply<BN>(sums, a, w + W_PART_BYTES);
                asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
                if (k > 0) { // the products before these are done, so their stage is free
                    asm volatile("wgmma.wait_group.sync.aligned 1;" ::: "memory");
                    if (threadIdx.x % 128 == 0) arrive(&empty[(step - 1) % STAGES]);
                }
            }
            asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
            if (threadIdx.x % 128 == 0) arrive(&empty[(step - 1) % STAGES]);
            finish<EPILOGUE, BN, A_PARTS>(p, sums, rowTile * BM + group * 64, columnTile * BN);
        }
    }
}

#define PRODUCT(EPILOGUE, BM, BN, A, W, FORMAT, STAGES, BLOCKS)                                                        \
    template __global__ void product<EPILOGUE, BM, BN, A, W, FORMAT, STAGES, BLOCKS>(const __grid_constant__ Product);
