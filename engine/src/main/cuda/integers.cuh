// Weights that are integers with scales, in device memory and in shared memory.
//
// Like tiles.cuh, a matrix is cut into tiles of 64 outputs and 64 inputs: [outputs / 64][inputs / 64], and each has
//
//     INT8_TILES   [8 chunks][64 outputs] of 8 inputs, 8 bits each, and a float32 scale for each output: 4,352 bytes
//     INT4_TILES   [8 chunks][64 outputs] of 8 inputs, 4 bits each, 8 added, the first in the lowest bits, and float16
//                  scales [2 groups of 32 inputs][64 outputs]: 2,304 bytes
#pragma once

#include "tiles.cuh"

#include <cuda_fp16.h>

/// How weights lie in device memory.
enum WeightTiles { TILES, INT8_TILES, INT4_TILES };

constexpr int INTEGER_SCALES = 8 * TILE * 8; // offset of the scales of 8 bits
constexpr int NIBBLE_SCALES = 8 * TILE * 4; // and of 4 bits

__host__ __device__ constexpr int packedTileBytes(int format) {
    return format == TILES ? TILE_BYTES : format == INT8_TILES ? INTEGER_SCALES + TILE * 4 : NIBBLE_SCALES + TILE * 4;
}

/// An integer as float32, to which something was added so that it is at least 0. It is put into the last bits of 2²³,
/// because the instruction that converts numbers runs at an eighth of the speed of others.
template <int ADDED>
__device__ __forceinline__ float integerOf(uint32_t x) {
    return __uint_as_float(0x4b000000 | x) - (8388608.f + ADDED);
}

/// Widens a tile in shared memory, which a group of four warps does.
///
/// @param to the first part's tile
/// @param partBytes distance of the second part's tile
template <int FORMAT, int PARTS>
__device__ __forceinline__ void widen(const uint8_t *packedTile, uint8_t *to, int partBytes) {
    int output = threadIdx.x & 63;
    int firstChunk = (threadIdx.x >> 6 & 1) * 4; // a thread's chunks have one scale of 4 bits
    uint2 words[4]; // read before anything is written, so that the reads do not wait for each other
    float scale;
    if constexpr (FORMAT == INT8_TILES) {
        scale = reinterpret_cast<const float *>(packedTile + INTEGER_SCALES)[output];
#pragma unroll
        for (int i = 0; i < 4; i++) {
            words[i] = reinterpret_cast<const uint2 *>(packedTile)[(firstChunk + i) * TILE + output];
        }
    } else {
        const __half *scales = reinterpret_cast<const __half *>(packedTile + NIBBLE_SCALES);
        scale = __half2float(scales[firstChunk / 4 * TILE + output]);
#pragma unroll
        for (int i = 0; i < 4; i++) {
            words[i].x = reinterpret_cast<const uint32_t *>(packedTile)[(firstChunk + i) * TILE + output];
        }
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
        float weight[8];
#pragma unroll
        for (int j = 0; j < 8; j++) {
            if constexpr (FORMAT == INT8_TILES) {
                uint32_t above = (j < 4 ? words[i].x : words[i].y) ^ 0x80808080; // 128 added to each integer
                weight[j] = integerOf<128>(__byte_perm(above, 0, 0x4440 + (j & 3))) * scale;
            } else {
                weight[j] = integerOf<8>(words[i].x >> 4 * j & 15) * scale;
            }
        }
        int at = output * 128 + (firstChunk + i ^ output & 7) * 16;
#pragma unroll
        for (int part = 0; part < PARTS; part++) {
            *reinterpret_cast<uint4 *>(to + part * partBytes + at) = make_uint4(
                packed(weight[0], weight[1]), packed(weight[2], weight[3]), packed(weight[4], weight[5]),
                packed(weight[6], weight[7]));
#pragma unroll
            for (int j = 0; j < 8; j++) weight[j] -= roundedPart(weight[j]);
        }
    }
}
