// Brings packed weights to the tiles that products read, and looks up the vectors of tokens.
//
// Packed weights lie in panels of 32 outputs, as the engine's files WeightFormat, Bf16Panels, F32Panels and
// IntegerLayout describe them.

#include "integers.cuh"
#include "order.cuh"

enum Format { F32, BF16, INT8, INT4 };

__device__ __forceinline__ long panelBytes(int format, int inputs) {
    switch (format) {
        case F32: return (long)inputs * 128;
        case BF16: return (long)inputs * 64;
        case INT8: return (long)((inputs + 127) / 128) * 256 + (long)((inputs + 3) / 4) * 128;
        default: return (long)((inputs + 31) / 32) * 64 + (long)((inputs + 7) / 8) * 128;
    }
}

/// An integer of a panel in 8 bits.
__device__ __forceinline__ int integer8(const uint8_t *panel, int input, int column) {
    const uint8_t *group = panel + (long)(input / 128) * (256 + 32 * 128);
    int within = input % 128;
    return reinterpret_cast<const int8_t *>(group)[256 + (within / 4) * 128 + column * 4 + within % 4];
}

__device__ __forceinline__ float scale8(const uint8_t *panel, int input, int column) {
    return reinterpret_cast<const float *>(panel + (long)(input / 128) * (256 + 32 * 128))[column];
}

/// An integer of a panel in 4 bits.
__device__ __forceinline__ int integer4(const uint8_t *panel, int input, int column) {
    const uint8_t *group = panel + (long)(input / 32) * (64 + 4 * 128);
    int within = input % 32;
    int place = within % 8;
    uint8_t both = group[64 + (within / 8) * 128 + column * 4 + place % 4];
    return (int)((place < 4 ? both & 15 : both >> 4) ^ 8) - 8;
}

__device__ __forceinline__ __half scale4(const uint8_t *panel, int input, int column) {
    return reinterpret_cast<const __half *>(panel + (long)(input / 32) * (64 + 4 * 128))[column];
}

/// A weight of a panel: a number, or an integer times the scale of its group.
__device__ __forceinline__ float ofPanel(const uint8_t *panel, int format, int input, int column) {
    switch (format) {
        case F32: return reinterpret_cast<const float *>(panel)[(long)input * 32 + column];
        case BF16: {
            int slot = column % 16 * 2 + column / 16;
            return __bfloat162float(reinterpret_cast<const __nv_bfloat16 *>(panel)[(long)input * 32 + slot]);
        }
        case INT8: return (float)integer8(panel, input, column) * scale8(panel, input, column);
        default: return (float)integer4(panel, input, column) * __half2float(scale4(panel, input, column));
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

/// Writes a matrix of integers in panels as the tiles of integers.cuh: a block of threads for 64 inputs of a panel.
/// What is not there stays 0. The arguments are those of `tile`.
extern "C" __global__ void __launch_bounds__(256) tileIntegers(
    const uint8_t *panels,
    int format,
    int firstPanel,
    int outputs,
    int inputs,
    uint8_t *tiles,
    int inputTiles,
    int firstRow,
    int interleaved) {
    const uint8_t *panel = panels + blockIdx.x * panelBytes(format, inputs);
    int column = threadIdx.x & 31;
    int chunk = threadIdx.x >> 5;
    int output = (firstPanel + blockIdx.x) * 32 + column;
    int input = blockIdx.y * 64 + chunk * 8;
    if (output >= outputs || input >= inputs) return;
    int row = interleaved < 0 ? firstRow + output : firstRow + output / 8 * 16 + interleaved * 8 + output % 8;
    int tileBytes = packedTileBytes(format == INT8 ? INT8_TILES : INT4_TILES);
    uint8_t *tile = tiles + ((long)(row / TILE) * inputTiles + blockIdx.y) * tileBytes;
    row %= TILE;
    if (format == INT8) {
        for (int i = 0; i < 8 && input + i < inputs; i++) {
            tile[(chunk * TILE + row) * 8 + i] = (uint8_t)integer8(panel, input + i, column);
        }
        if (chunk == 0) {
            reinterpret_cast<float *>(tile + INTEGER_SCALES)[row] = scale8(panel, input, column);
        }
    } else {
        uint32_t word = 0;
        for (int i = 0; i < 8; i++) {
            int integer = input + i < inputs ? integer4(panel, input + i, column) : 0;
            word |= (uint32_t)(integer + 8) << 4 * i;
        }
        reinterpret_cast<uint32_t *>(tile)[chunk * TILE + row] = word;
        if (chunk % 4 == 0) {
            reinterpret_cast<__half *>(tile + NIBBLE_SCALES)[chunk / 4 * TILE + row] = scale4(panel, input, column);
        }
    }
}

/// Looks up the vectors of tokens in panels: a block of threads for each token.
extern "C" __global__ void __launch_bounds__(256)
    embedPanels(const uint8_t *panels, int format, int inputs, const int *tokens, float *out) {
    beginAfterEarlier();
    int token = tokens[blockIdx.x];
    const uint8_t *panel = panels + (token / 32) * panelBytes(format, inputs);
    for (int i = threadIdx.x; i < inputs; i += blockDim.x) {
        out[(long)blockIdx.x * inputs + i] = ofPanel(panel, format, i, token % 32);
    }
}

/// Looks up the vectors of tokens in tiles of one part, which have exact bfloat16 weights.
extern "C" __global__ void __launch_bounds__(256)
    embedTiles(const uint8_t *tiles, int inputs, int inputTiles, const int *tokens, float *out) {
    beginAfterEarlier();
    int token = tokens[blockIdx.x];
    for (int i = threadIdx.x; i < inputs; i += blockDim.x) {
        out[(long)blockIdx.x * inputs + i] =
            __bfloat162float(*reinterpret_cast<const __nv_bfloat16 *>(tiles + tileOffset(token, i, 0, 1, inputTiles)));
    }
}

/// Looks up the vectors of tokens in rows.
extern "C" __global__ void __launch_bounds__(256)
    embedRows(const uint8_t *rows, int format, long rowBytes, int inputs, const int *tokens, float *out) {
    beginAfterEarlier();
    const uint8_t *row = rows + tokens[blockIdx.x] * rowBytes;
    for (int i = threadIdx.x; i < inputs; i += blockDim.x) {
        out[(long)blockIdx.x * inputs + i] = ofRow(row, format, i);
    }
}
