// How operands of a product lie in device memory, and how a float32 number becomes bfloat16 parts.
//
// A matrix [rows][inputs] is cut into tiles of 64 rows and 64 inputs, of which each takes 8 KB:
//
//     [rows / 64][parts][inputs / 64][64 rows][64 inputs]
//
// Within a tile, the 16-byte chunk c of row r lies at place c ^ (r % 8), as the matrix instruction reads shared memory
// with a swizzle of 128 bytes. So a tile is copied to shared memory as it is. Rows and inputs that fill up the last
// tiles are zeros, or belong to rows whose results nobody reads.
//
// A number is the sum of its parts: the first is the number rounded to bfloat16, the second is what the first left.
#pragma once

#include <cuda_bf16.h>
#include <cstdint>

constexpr int TILE = 64;
constexpr int TILE_BYTES = TILE * TILE * 2;

__device__ __forceinline__ long tileOffset(int row, int input, int part, int parts, int inputTiles) {
    long tile = ((long)(row >> 6) * parts + part) * inputTiles + (input >> 6);
    int chunk = ((input >> 3) & 7) ^ (row & 7);
    return tile * TILE_BYTES + (row & 63) * 128 + chunk * 16 + (input & 7) * 2;
}

__device__ __forceinline__ float roundedPart(float x) {
    return __bfloat162float(__float2bfloat16_rn(x));
}

/// The bits of two numbers in bfloat16, the first in the lower half.
__device__ __forceinline__ uint32_t packed(float first, float second) {
    __nv_bfloat162 both = __floats2bfloat162_rn(first, second);
    return *reinterpret_cast<uint32_t *>(&both);
}

/// Writes two neighbouring numbers as parts; the first input is even.
template <int PARTS>
__device__ __forceinline__ void writePair(uint8_t *tiles, int row, int input, int inputTiles, float x, float y) {
    *reinterpret_cast<uint32_t *>(tiles + tileOffset(row, input, 0, PARTS, inputTiles)) = packed(x, y);
    if constexpr (PARTS == 2) {
        *reinterpret_cast<uint32_t *>(tiles + tileOffset(row, input, 1, PARTS, inputTiles)) =
            packed(x - roundedPart(x), y - roundedPart(y));
    }
}

/// Where a thread writes its numbers of a row: two of each 8 neighbours, as the matrix units leave their results.
template <int PARTS>
struct RowOfTiles {
    uint8_t *to; // the thread's place in the first chunk of the row in a tile
    int swizzle;
    long partBytes; // from a part to the next

    /// @param first a multiple of 64, or of the number of inputs that are written, which is a power of two from 8 on
    __device__ __forceinline__ RowOfTiles(uint8_t *tiles, int row, int first, int inputTiles)
        : to(tiles + ((long)(row >> 6) * PARTS * inputTiles + (first >> 6)) * TILE_BYTES + (row & 63) * 128
             + (threadIdx.x & 3) * 4),
          swizzle(((first >> 3) & 7) ^ (row & 7)), partBytes((long)inputTiles * TILE_BYTES) {}

    /// Writes the thread's two numbers of the 8 inputs with a number that is known when the kernel is compiled.
    __device__ __forceinline__ void write(int eight, float x, float y) const {
        uint8_t *chunk = to + (eight >> 3) * TILE_BYTES + (((eight & 7) ^ swizzle) << 4);
        *reinterpret_cast<uint32_t *>(chunk) = packed(x, y);
        if constexpr (PARTS == 2) {
            *reinterpret_cast<uint32_t *>(chunk + partBytes) = packed(x - roundedPart(x), y - roundedPart(y));
        }
    }
};

/// 2ˣ within two units of the last place of float32, and 0 where it is below 2⁻¹²⁶.
__device__ __forceinline__ float powerOfTwo(float x) {
    float result;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
    return result;
}

/// eˣ within some units of the last place of float32.
__device__ __forceinline__ float exponential(float x) {
    return powerOfTwo(x * 1.4426950408889634f);
}
