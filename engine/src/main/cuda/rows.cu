// What each row of a batch needs by itself: norms, rotary embedding, the split into parts, and the end of the softmax
// over the vocabulary. Every sum is taken in an order that depends on the width of the row alone.

#include "order.cuh"
#include "rotation.cuh"
#include "tiles.cuh"

/// Adds a number of each thread of the block, in an order that is always the same.
__device__ __forceinline__ float sumOfBlock(float x) {
    __shared__ float warps[32];
    for (int lane = 16; lane > 0; lane /= 2) {
        x += __shfl_xor_sync(0xffffffff, x, lane);
    }
    if ((threadIdx.x & 31) == 0) warps[threadIdx.x >> 5] = x;
    __syncthreads();
    float sum = 0;
    for (int i = 0; i < blockDim.x / 32; i++) sum += warps[i];
    return sum;
}

/// RMSNorm of a row for each block of threads: to float32 numbers if `out` is not null, else to parts.
extern "C" __global__ void __launch_bounds__(256) rmsNorm(
    const float *in, const float *weight, float *out, uint8_t *tiles, int width, int parts, int inputTiles, float epsilon) {
    beginAfterEarlier();
    int row = blockIdx.x;
    const float *x = in + (long)row * width;
    float squares = 0;
    bool even = width % 4 == 0;
    if (even) {
        for (int i = threadIdx.x * 4; i < width; i += blockDim.x * 4) {
            float4 n = *reinterpret_cast<const float4 *>(x + i);
            squares = fmaf(n.x, n.x, squares);
            squares = fmaf(n.y, n.y, squares);
            squares = fmaf(n.z, n.z, squares);
            squares = fmaf(n.w, n.w, squares);
        }
    } else {
        for (int i = threadIdx.x; i < width; i += blockDim.x) squares = fmaf(x[i], x[i], squares);
    }
    float inverse = 1.f / sqrtf(sumOfBlock(squares) / width + epsilon);
    if (out != nullptr) {
        for (int i = threadIdx.x; i < width; i += blockDim.x) {
            out[(long)row * width + i] = weight[i] * (x[i] * inverse);
        }
        return;
    }
    for (int i = threadIdx.x * 4; i < inputTiles * TILE; i += blockDim.x * 4) {
        float n[4] = {0, 0, 0, 0};
        if (even && i < width) {
            float4 four = *reinterpret_cast<const float4 *>(x + i);
            float4 by = *reinterpret_cast<const float4 *>(weight + i);
            n[0] = by.x * (four.x * inverse);
            n[1] = by.y * (four.y * inverse);
            n[2] = by.z * (four.z * inverse);
            n[3] = by.w * (four.w * inverse);
        } else {
            for (int j = 0; j < 4 && i + j < width; j++) n[j] = weight[i + j] * (x[i + j] * inverse);
        }
        for (int part = 0; part < parts; part++) {
            *reinterpret_cast<uint2 *>(tiles + tileOffset(row, i, part, parts, inputTiles)) =
                make_uint2(packed(n[0], n[1]), packed(n[2], n[3]));
            for (int j = 0; j < 4; j++) n[j] -= roundedPart(n[j]);
        }
    }
}

/// Turns float32 rows into parts: a block of threads for each row. `rows` says which rows of `in`, null for all,
/// and -1 for a row that nobody reads.
extern "C" __global__ void __launch_bounds__(256)
    split(const float *in, const int *rows, uint8_t *tiles, int width, int parts, int inputTiles) {
    beginAfterEarlier();
    int row = blockIdx.x;
    int from = rows == nullptr ? row : rows[row];
    if (from < 0) return;
    const float *x = in + (long)from * width;
    for (int i = threadIdx.x * 2; i < inputTiles * TILE; i += blockDim.x * 2) {
        float first = i < width ? x[i] : 0;
        float second = i + 1 < width ? x[i + 1] : 0;
        for (int part = 0; part < parts; part++) {
            *reinterpret_cast<uint32_t *>(tiles + tileOffset(row, i, part, parts, inputTiles)) = packed(first, second);
            first -= roundedPart(first);
            second -= roundedPart(second);
        }
    }
}

/// Copies rows that are parts: row `i` becomes row `rows[i]` of `in`; -1 for a row that nobody reads.
extern "C" __global__ void __launch_bounds__(256)
    gatherTiles(const uint8_t *in, const int *rows, uint8_t *out, int parts, int inputTiles) {
    beginAfterEarlier();
    int from = rows[blockIdx.x];
    if (from < 0) return;
    for (int i = threadIdx.x; i < parts * inputTiles * 8; i += blockDim.x) {
        int part = i / (inputTiles * 8);
        int input = i % (inputTiles * 8) * 8;
        *reinterpret_cast<uint4 *>(out + tileOffset(blockIdx.x, input, part, parts, inputTiles)) =
            *reinterpret_cast<const uint4 *>(in + tileOffset(from, input, part, parts, inputTiles));
    }
}

/// Copies float32 rows: row `i` becomes row `rows[i]` of `in`.
extern "C" __global__ void __launch_bounds__(256) gatherRows(const float *in, const int *rows, float *out, int width) {
    beginAfterEarlier();
    const float *from = in + (long)rows[blockIdx.x] * width;
    float *to = out + (long)blockIdx.x * width;
    for (int i = threadIdx.x; i < width; i += blockDim.x) to[i] = from[i];
}

/// Adds rows of experts' outputs, times their shares, to each token's sum, in the order of its experts: a block of
/// threads for each token. Products are rounded before they are added.
///
/// @param starts index of a token's first place, and of the first one behind its last
/// @param places rows of `outputs`
extern "C" __global__ void __launch_bounds__(256) addShares(
    const float *outputs, const int *starts, const int *places, const float *shares, float *sum, int width) {
    beginAfterEarlier();
    int first = starts[blockIdx.x];
    int end = starts[blockIdx.x + 1];
    if (first == end) return;
    float *to = sum + (long)blockIdx.x * width;
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        float x = to[i];
        for (int j = first; j < end; j++) {
            x = __fadd_rn(x, __fmul_rn(outputs[(long)places[j] * width + i], shares[j]));
        }
        to[i] = x;
    }
}

/// Applies RMSNorm, if `weight` is not null, and then the rotary embedding to a head: a warp for each head of a token.
extern "C" __global__ void __launch_bounds__(128) rotate(
    float *x,
    const float *weight,
    float epsilon,
    int heads,
    int headDim,
    int tokens,
    const int *positions,
    const float *cosines,
    const float *sines) {
    beginAfterEarlier();
    long unit = (long)blockIdx.x * 4 + (threadIdx.x >> 5);
    if (unit >= (long)tokens * heads) return;
    int lane = threadIdx.x & 31;
    int half = headDim / 2;
    float *head = x + unit * headDim;
    long at = (long)positions[unit / heads] * half;
    if (headDim == 128) {
        float4 *four = reinterpret_cast<float4 *>(head) + lane;
        *four = rotated(*four, weight, epsilon, anglesOf(cosines, sines, positions[unit / heads]));
        return;
    }
    float inverse = 1;
    if (weight != nullptr) {
        float squares = 0;
        for (int i = lane; i < headDim; i += 32) squares = fmaf(head[i], head[i], squares);
        for (int other = 16; other > 0; other /= 2) squares += __shfl_xor_sync(0xffffffff, squares, other);
        inverse = 1.f / sqrtf(squares / headDim + epsilon);
    }
    for (int i = lane; i < half; i += 32) {
        float left = head[i];
        float right = head[i + half];
        if (weight != nullptr) {
            left = weight[i] * (left * inverse);
            right = weight[i + half] * (right * inverse);
        }
        float cosine = cosines[at + i];
        float sine = sines[at + i];
        head[i] = fmaf(-right, sine, left * cosine);
        head[i + half] = fmaf(left, sine, right * cosine);
    }
}

struct Chunk {
    float maximum;
    float sum;
    float first;
    float second;
    int likeliest;
};

struct Score {
    double logSumExp;
    double logProbability;
    double mean;
    double deviation;
    int likeliest;
    float maximum;
};

/// Reduces stored logits to the chunks that the head's product makes, with the same order of additions: a block of
/// threads for 64 chunks of a row, four threads for each chunk.
extern "C" __global__ void __launch_bounds__(256)
    reduceLogits(const float *logits, int width, int count, Chunk *chunks, int chunksOfRow) {
    beginAfterEarlier();
    int index = blockIdx.y * 64 + (threadIdx.x >> 2);
    int quarter = threadIdx.x & 3;
    bool there = index < chunksOfRow;
    const float *from = logits + (long)blockIdx.x * width + (there ? index : 0) * 128;
    int columns = there ? count - index * 128 : 0;
    float logit[32];
    Chunk chunk = {-INFINITY, 0, 0, 0, 0x7fffffff};
    for (int i = 0; i < 32; i++) {
        int column = (i >> 1) * 8 + quarter * 2 + (i & 1);
        logit[i] = column < columns ? from[column] : 0;
        if (column < columns && logit[i] > chunk.maximum) {
            chunk.maximum = logit[i];
            chunk.likeliest = index * 128 + column;
        }
    }
    for (int lane = 1; lane < 4; lane *= 2) {
        float maximum = __shfl_xor_sync(0xffffffff, chunk.maximum, lane);
        int likeliest = __shfl_xor_sync(0xffffffff, chunk.likeliest, lane);
        if (maximum > chunk.maximum || (maximum == chunk.maximum && likeliest < chunk.likeliest)) {
            chunk.maximum = maximum;
            chunk.likeliest = likeliest;
        }
    }
    for (int i = 0; i < 32; i++) {
        int column = (i >> 1) * 8 + quarter * 2 + (i & 1);
        if (column < columns) chunk.sum += exponential(logit[i] - chunk.maximum);
    }
    for (int lane = 1; lane < 4; lane *= 2) {
        chunk.sum += __shfl_xor_sync(0xffffffff, chunk.sum, lane);
    }
    if (there && quarter == 0) chunks[(long)blockIdx.x * chunksOfRow + index] = chunk;
}

/// Combines a row's chunks: a warp for each row. `chosen` has the targets' logits, or is null.
extern "C" __global__ void __launch_bounds__(32)
    combine(const Chunk *chunks, int chunksOfRow, const float *chosen, const int *targets, Score *scores) {
    beginAfterEarlier();
    const Chunk *of = chunks + (long)blockIdx.x * chunksOfRow;
    float maximum = -INFINITY;
    int likeliest = 0x7fffffff;
    for (int i = threadIdx.x; i < chunksOfRow; i += 32) {
        if (of[i].maximum > maximum) {
            maximum = of[i].maximum;
            likeliest = of[i].likeliest;
        }
    }
    for (int lane = 16; lane > 0; lane /= 2) {
        float other = __shfl_xor_sync(0xffffffff, maximum, lane);
        int column = __shfl_xor_sync(0xffffffff, likeliest, lane);
        if (other > maximum || (other == maximum && column < likeliest)) {
            maximum = other;
            likeliest = column;
        }
    }
    double total = 0;
    double first = 0;
    double second = 0;
    for (int i = threadIdx.x; i < chunksOfRow; i += 32) {
        Chunk chunk = of[i];
        double shift = (double)chunk.maximum - maximum;
        double weight = exp(shift);
        if (chunk.maximum == -INFINITY && chunk.sum == chunk.sum) weight = shift = 0; // a chunk without any weight
        total += weight * chunk.sum;
        first += weight * (chunk.first + shift * chunk.sum);
        second += weight * (chunk.second + shift * (2.0 * chunk.first + shift * chunk.sum));
    }
    for (int lane = 16; lane > 0; lane /= 2) {
        total += __shfl_xor_sync(0xffffffff, total, lane);
        first += __shfl_xor_sync(0xffffffff, first, lane);
        second += __shfl_xor_sync(0xffffffff, second, lane);
    }
    if (threadIdx.x == 0) {
        Score score;
        score.logSumExp = maximum + log(total);
        score.logProbability = chosen == nullptr ? 0 : chosen[blockIdx.x] - score.logSumExp;
        double mean = first / total;
        score.mean = mean - log(total);
        score.deviation = sqrt(fmax(0.0, second / total - mean * mean));
        if (total != total) score.deviation = total;
        score.likeliest = chosen == nullptr ? likeliest : likeliest == targets[blockIdx.x];
        score.maximum = maximum;
        scores[blockIdx.x] = score;
    }
}

/// Finds the first of the greatest of the first `count` logits of each row: a block of threads for each row.
extern "C" __global__ void __launch_bounds__(1024) likeliest(const float *logits, int width, int count, int *out) {
    beginAfterEarlier();
    __shared__ float greatest[32];
    __shared__ int columns[32];
    const float *of = logits + (long)blockIdx.x * width;
    float maximum = -INFINITY;
    int column = threadIdx.x < count ? threadIdx.x : 0;
    for (int i = threadIdx.x; i < count; i += blockDim.x) {
        if (of[i] > maximum) {
            maximum = of[i];
            column = i;
        }
    }
    for (int round = 0; round < 2; round++) {
        for (int lane = 16; lane > 0; lane /= 2) {
            float other = __shfl_xor_sync(0xffffffff, maximum, lane);
            int at = __shfl_xor_sync(0xffffffff, column, lane);
            if (other > maximum || (other == maximum && at < column)) {
                maximum = other;
                column = at;
            }
        }
        if (round == 1) break;
        if ((threadIdx.x & 31) == 0) {
            greatest[threadIdx.x >> 5] = maximum;
            columns[threadIdx.x >> 5] = column;
        }
        __syncthreads();
        maximum = greatest[threadIdx.x & 31];
        column = columns[threadIdx.x & 31];
    }
    if (threadIdx.x == 0) out[blockIdx.x] = column;
}
