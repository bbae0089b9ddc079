// Brings packed weights to the tiles that products read, and looks up the vectors of tokens.
//
// Packed weights lie in panels of 32 outputs, as the engine's files WeightFormat, Bf16Panels, F32Panels and
// IntegerLayout describe them.

#include "tiles.cuh"

#include <cuda_fp16.h>

enum Format { F32, BF16, INT8, INT4 };

__device__ __forceinline__ long panelBytes(int format, int inputs) {
    switch (format) {
        case F32: return (long)inputs * 128;
        case BF16: return (long)inputs * 64;
        case INT8: return (long)((inputs + 127) / 128) * 256 + (long)((inputs + 3) / 4) * 128;
        default: return (long)((inputs + 31) / 32) * 64 + (long)((inputs + 7) / 8) * 128;
    }
}

/// A weight of a panel: a number, or an integer times the scale of its group.
__device__ __forceinline__ float ofPanel(const uint8_t *panel, int format, int input, int column) {
    switch (format) {
        case F32: return reinterpret_cast<const float *>(panel)[(long)input * 32 + column];
        case BF16: {
            int slot = column % 16 * 2 + column / 16;
            return __bfloat162float(reinterpret_cast<const __nv_bfloat16 *>(panel)[(long)input * 32 + slot]);
        }
        case INT8: {
            const uint8_t *group = panel + (long)(input / 128) * (256 + 32 * 128);
            float scale = reinterpret_cast<const float *>(group)[column];
            int within = input % 128;
            int8_t integer = reinterpret_cast<const int8_t *>(group)[256 + (within / 4) * 128 + column * 4 + within % 4];
            return (float)integer * scale;
        }
        default: {
            const uint8_t *group = panel + (long)(input / 32) * (64 + 4 * 128);
            float scale = __half2float(reinterpret_cast<const __half *>(group)[column]);
            int within = input % 32;
            int place = within % 8;
            uint8_t both = group[64 + (within / 8) * 128 + column * 4 + place % 4];
            int integer = (int)((place < 4 ? both & 15 : both >> 4) ^ 8) - 8;
            return (float)integer * scale;
        }
    }
}

/// A weight of a row of its own.
__device__ __forceinline__ float ofRow(const uint8_t *row, int format, int input) {
    // Groups of rows have odd lengths, so their scales lie at any address.
    auto bytes = [&](long at, int count) {
        uint32_t word = 0;
        for (int i = 0; i < count; i++) word |= (uint32_t)row[at + i] << (8 * i);
        return word;
    };
    switch (format) {
        case F32: return __uint_as_float(bytes((long)input * 4, 4));
        case BF16: return __uint_as_float(bytes((long)input * 2, 2) << 16);
        case INT8: {
            long group = (long)(input / 128) * (4 + 128);
            float scale = __uint_as_float(bytes(group, 4));
            return (float)(int8_t)row[group + 4 + input % 128] * scale;
        }
        default: {
            long group = (long)(input / 32) * (2 + 16);
            float scale = __half2float(__ushort_as_half((unsigned short)bytes(group, 2)));
            int within = input % 32;
            uint8_t both = row[group + 2 + within / 2];
            int integer = (int)((within % 2 == 0 ? both & 15 : both >> 4) ^ 8) - 8;
            return (float)integer * scale;
        }
    }
}

/// Writes a matrix in panels as tiles: a block of threads for 64 inputs of a panel.
///
/// @param firstPanel the panel at which `panels` begins
/// @param firstRow the row of the tiles that gets the matrix's first output
/// @param interleaved -1, or in which eights of sixteen rows the outputs go: 0 or 1, for the gate and the up of SwiGLU
extern "C" __global__ void __launch_bounds__(256) tile(
    const uint8_t *panels,
    int format,
    int firstPanel,
    int outputs,
    int inputs,
    uint8_t *tiles,
    int parts,
    int inputTiles,
    int firstRow,
    int interleaved) {
    const uint8_t *panel = panels + blockIdx.x * panelBytes(format, inputs);
    int column = threadIdx.x & 31;
    int output = (firstPanel + blockIdx.x) * 32 + column;
    int input = blockIdx.y * 64 + (threadIdx.x >> 5) * 8;
    if (output >= outputs) return;
    int row = interleaved < 0 ? firstRow + output : firstRow + output / 8 * 16 + interleaved * 8 + output % 8;
    float weight[8];
    for (int i = 0; i < 8; i++) {
        weight[i] = input + i < inputs ? ofPanel(panel, format, input + i, column) : 0;
    }
    for (int part = 0; part < parts; part++) {
        uint4 chunk = make_uint4(
            packed(weight[0], weight[1]), packed(weight[2], weight[3]), packed(weight[4], weight[5]),
            packed(weight[6], weight[7]));
        *reinterpret_cast<uint4 *>(tiles + tileOffset(row, input, part, parts, inputTiles)) = chunk;
        for (int i = 0; i < 8; i++) weight[i] -= roundedPart(weight[i]);
    }
}

/// Looks up the vectors of tokens in panels: a block of threads for each token.
extern "C" __global__ void __launch_bounds__(256)
    embedPanels(const uint8_t *panels, int format, int inputs, const int *tokens, float *out) {
    int token = tokens[blockIdx.x];
    const uint8_t *panel = panels + (token / 32) * panelBytes(format, inputs);
    for (int i = threadIdx.x; i < inputs; i += blockDim.x) {
        out[(long)blockIdx.x * inputs + i] = ofPanel(panel, format, i, token % 32);
    }
}

/// Looks up the vectors of tokens in tiles of one part, which have exact bfloat16 weights.
extern "C" __global__ void __launch_bounds__(256)
    embedTiles(const uint8_t *tiles, int inputs, int inputTiles, const int *tokens, float *out) {
    int token = tokens[blockIdx.x];
    for (int i = threadIdx.x; i < inputs; i += blockDim.x) {
        out[(long)blockIdx.x * inputs + i] =
            __bfloat162float(*reinterpret_cast<const __nv_bfloat16 *>(tiles + tileOffset(token, i, 0, 1, inputTiles)));
    }
}

/// Looks up the vectors of tokens in rows.
extern "C" __global__ void __launch_bounds__(256)
    embedRows(const uint8_t *rows, int format, long rowBytes, int inputs, const int *tokens, float *out) {
    const uint8_t *row = rows + tokens[blockIdx.x] * rowBytes;
    for (int i = threadIdx.x; i < inputs; i += blockDim.x) {
        out[(long)blockIdx.x * inputs + i] = ofRow(row, format, i);
    }
}
