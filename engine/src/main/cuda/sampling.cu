// The choice of the next token of each text, as `Sampler` and `Candidates` describe it, without a sort and without a
// copy of the logits: a block of threads for each row.
//
// Weights are added as integers, in steps of 2⁻⁴⁰ of the greatest. Such sums do not depend on their order, so atomic
// additions are exact, and a text is the same among any others.

#include "order.cuh"
#include "tiles.cuh"

constexpr int THREADS = 1024;
constexpr int WARPS = THREADS / 32;
constexpr int DIGITS = 256;
constexpr float COLDEST = 1e-30f;
constexpr double STEPS = 1099511627776.; // 2⁴⁰

typedef unsigned long long Sum;

/// What is done to the logit of one token before a choice.
struct Change {
    long token;
    long forbidden;
    double bias;
    double repetition;
    double penalty;
    double saved; // the token's logit meanwhile
};

struct Choice {
    const Sum *allowed; // a bit for each token; null for all
    Change *changes;
    long changeCount;
    long forced; // a token, or -1
    long topK; // 0 for all
    double temperature; // 0 for the most likely token
    double topP;
    double minP;
    double random; // from 0 to below 1
};

struct Chosen {
    int token; // -1 if there is none
    float logit;
};

struct Row {
    const float *logits;
    const Sum *allowed;
    int count;
    float maximum;
    float temperature;
    uint32_t leastKey; // of logits that top-k leaves
    uint32_t leastWeight; // bits of the least weight that stays

    __device__ float logit(int i) const {
        bool may = allowed == nullptr || (allowed[i >> 6] >> (i & 63) & 1) != 0;
        return may ? logits[i] : -INFINITY;
    }

    /// The bits of a number in an order that is that of numbers.
    __device__ static uint32_t key(float x) {
        uint32_t bits = __float_as_uint(x);
        return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    }

    /// A token's weight, from 0 to 1; 0 if it must not be chosen.
    __device__ float weight(int i) const {
        float x = logit(i);
        if (x == -INFINITY || key(x) < leastKey) return 0;
        float w = exponential((x - maximum) / temperature);
        return __float_as_uint(w) < leastWeight ? 0 : w;
    }
};

__device__ __forceinline__ Sum steps(float weight) {
    return (Sum)((double)weight * STEPS);
}

__device__ Sum sumOfBlock(Sum x, Sum *warps) {
    for (int lane = 16; lane > 0; lane /= 2) x += __shfl_xor_sync(0xffffffff, x, lane);
    __syncthreads();
    if ((threadIdx.x & 31) == 0) warps[threadIdx.x >> 5] = x;
    __syncthreads();
    Sum sum = 0;
    for (int i = 0; i < WARPS; i++) sum += warps[i];
    return sum;
}

/// Finds the greatest number of 32 bits such that the numbers of at least that size have `wanted` together, digit by
/// digit from the highest.
template <class Number, class Amount>
__device__ uint32_t threshold(int count, Sum wanted, Sum *histogram, Number number, Amount amount) {
    __shared__ int digit;
    __shared__ Sum left;
    uint32_t prefix = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        __syncthreads();
        for (int i = threadIdx.x; i < DIGITS; i += THREADS) histogram[i] = 0;
        __syncthreads();
        for (int i = threadIdx.x; i < count; i += THREADS) {
            Sum of = amount(i);
            uint32_t x = number(i);
            if (of > 0 && (shift == 24 || x >> (shift + 8) == prefix >> (shift + 8))) {
                atomicAdd(&histogram[x >> shift & 255], of);
            }
        }
        __syncthreads();
        if (threadIdx.x == 0) {
            Sum need = wanted;
            int at = DIGITS - 1;
            while (at > 0 && histogram[at] < need) need -= histogram[at--];
            digit = at;
            left = need;
        }
        __syncthreads();
        prefix |= (uint32_t)digit << shift;
        wanted = left;
    }
    return prefix;
}

extern "C" __global__ void __launch_bounds__(THREADS)
    chooseTokens(float *allLogits, int width, int count, const Choice *choices, Chosen *out) {
    __shared__ Sum histogram[DIGITS];
    __shared__ Sum sums[WARPS];
    __shared__ float greatest[WARPS];
    __shared__ int columns[WARPS];
    __shared__ int chosen;
    beginAfterEarlier();
    Choice choice = choices[blockIdx.x];
    float *logits = allLogits + (long)blockIdx.x * width;
    if (choice.forced >= 0) {
        if (threadIdx.x == 0) out[blockIdx.x] = {(int)choice.forced, logits[choice.forced]};
        return;
    }
    for (long i = threadIdx.x; i < choice.changeCount; i += THREADS) {
        Change &change = choice.changes[i];
        if (change.token < 0 || change.token >= count) continue;
        float logit = logits[change.token];
        change.saved = logit;
        logit = (float)(logit + change.bias);
        if (change.repetition != 1) {
            logit = (float)(logit > 0 ? logit / change.repetition : logit * change.repetition);
        }
        logit = (float)(logit - change.penalty);
        logits[change.token] = change.forbidden ? -INFINITY : logit;
    }
    __syncthreads();

    Row row = {logits, choice.allowed, count, -INFINITY, 1.f, 0, 0};
    int likeliest = -1;
    long candidates = 0;
    for (int i = threadIdx.x; i < count; i += THREADS) {
        float x = row.logit(i);
        candidates += x != -INFINITY;
        if (x > row.maximum) {
            row.maximum = x;
            likeliest = i;
        }
    }
    for (int round = 0; round < 2; round++) {
        for (int lane = 16; lane > 0; lane /= 2) {
            float other = __shfl_xor_sync(0xffffffff, row.maximum, lane);
            int at = __shfl_xor_sync(0xffffffff, likeliest, lane);
            if (other > row.maximum || (other == row.maximum && at < likeliest)) {
                row.maximum = other;
                likeliest = at;
            }
        }
        if (round == 0) {
            if ((threadIdx.x & 31) == 0) {
                greatest[threadIdx.x >> 5] = row.maximum;
                columns[threadIdx.x >> 5] = likeliest;
            }
            __syncthreads();
            row.maximum = greatest[threadIdx.x & 31];
            likeliest = columns[threadIdx.x & 31];
        }
    }
    if (threadIdx.x == 0) chosen = likeliest;

    if (likeliest >= 0 && choice.temperature > 0) {
        row.temperature = fminf(fmaxf((float)choice.temperature, COLDEST), 3.402823466e38f);
        if (choice.topK > 0 && choice.topK < (long)sumOfBlock((Sum)candidates, sums)) {
            row.leastKey = threshold(
                count, (Sum)choice.topK, histogram, [&](int i) { return Row::key(row.logit(i)); },
                [&](int i) { return (Sum)(row.logit(i) != -INFINITY); });
        }
        auto total = [&]() {
            Sum mine = 0;
            for (int i = threadIdx.x; i < count; i += THREADS) mine += steps(row.weight(i));
            return sumOfBlock(mine, sums);
        };
        if (choice.topP < 1) {
            Sum wanted = (Sum)ceil(choice.topP * (double)total());
            row.leastWeight = threshold(
                count, wanted > 0 ? wanted : 1, histogram, [&](int i) { return __float_as_uint(row.weight(i)); },
                [&](int i) { return steps(row.weight(i)); });
        }
        if (choice.minP > 0) {
            row.leastWeight = max(row.leastWeight, __float_as_uint((float)choice.minP));
        }

        // Each warp has a range of tokens. The one in which the cumulative weight passes the random number looks
        // closer.
        int range = (count + WARPS - 1) / WARPS;
        int lane = threadIdx.x & 31;
        int from = (threadIdx.x >> 5) * range;
        int end = min(from + range, count);
        Sum mine = 0;
        for (int i = from + lane; i < end; i += 32) mine += steps(row.weight(i));
        Sum all = sumOfBlock(mine, sums);
        Sum target = (Sum)(choice.random * (double)all);
        if (target >= all) target = all - 1;
        Sum before = 0;
        for (int i = 0; i < (threadIdx.x >> 5); i++) before += sums[i];
        Sum own = sums[threadIdx.x >> 5];
        if (before <= target && target < before + own) {
            for (int i = from; i < end; i += 32) {
                Sum here = i + lane < end ? steps(row.weight(i + lane)) : 0;
                Sum up = here;
                for (int step = 1; step < 32; step *= 2) {
                    Sum other = __shfl_up_sync(0xffffffff, up, step);
                    if (lane >= step) up += other;
                }
                unsigned passed = __ballot_sync(0xffffffff, before + up > target);
                if (passed != 0) {
                    if (lane == 0) chosen = i + __ffs(passed) - 1;
                    break;
                }
                before += __shfl_sync(0xffffffff, up, 31);
            }
        }
    }
    __syncthreads();

    for (long i = threadIdx.x; i < choice.changeCount; i += THREADS) {
        Change &change = choice.changes[i];
        if (change.token >= 0 && change.token < count) logits[change.token] = (float)change.saved;
    }
    __syncthreads();
    if (threadIdx.x == 0) out[blockIdx.x] = {chosen, chosen < 0 ? 0.f : logits[chosen]};
}
