package org.sparkqwen.engine.kernels.cuda;

import java.lang.foreign.MemorySegment;

/// The operands of operations on the device: the addresses of their float32 numbers, and their rows in the tiles that
/// products read ([TiledRows]).
final class DeviceOperands {
    private final Gpu gpu;
    private final Arguments arguments;
    private final OpenMemory open;
    private final DeviceWeights weights;
    private final int parts;
    private final TiledRows split;

    /// @param arguments free for a kernel's arguments at each call
    /// @param parts bfloat16 numbers that stand for an activation
    DeviceOperands(Gpu gpu, Arguments arguments, OpenMemory open, DeviceWeights weights, int parts) {
        this.gpu = gpu;
        this.arguments = arguments;
        this.open = open;
        this.weights = weights;
        this.parts = parts;
        split = new TiledRows(gpu);
    }

    /// The bfloat16 numbers that stand for an activation in tiles.
    int parts() {
        return parts;
    }

    /// The address of an operand that is read as float32 numbers.
    long read(MemorySegment operand) {
        return open.address(operand, 0);
    }

    /// The address of an operand to which float32 numbers are written.
    long written(MemorySegment operand, long floats) {
        open.written(operand.address());
        return open.address(operand, floats * Float.BYTES);
    }

    /// The address of a norm's weight or a bias.
    long parameter(MemorySegment operand, long floats) {
        return weights.isAdopted(operand)
                ? weights.plain(operand, floats * Float.BYTES)
                : open.address(operand, floats * Float.BYTES);
    }

    /// The tiles of an operand: those that were written in place of float32 numbers, or tiles made of these.
    long tiles(MemorySegment in, int rows, int width) {
        long written = writtenTiles(in, rows, width);
        return written != 0 ? written : splitTiles(open.address(in, (long) rows * width * Float.BYTES), rows, width);
    }

    /// The tiles that were written in place of an operand's float32 numbers; 0 if it has float32 numbers.
    long writtenTiles(MemorySegment in, int rows, int width) {
        return open.writtenTiles(in.address(), rows, width);
    }

    /// Makes tiles of float32 numbers. They are there until the next call.
    ///
    /// @param from address of `[rows, width]`
    /// @return the address of the tiles
    long splitTiles(long from, int rows, int width) {
        long tiles = split.reserve(rows, width, parts);
        split(from, 0, rows, width, tiles);
        return tiles;
    }

    /// Splits float32 numbers into the parts of tiles.
    ///
    /// @param rowIndices address of the index of each row in `from`, negative for none; 0 for rows in their order
    /// @param to address of the tiles
    void split(long from, long rowIndices, int rows, int width, long to) {
        if (rows > 0) {
            arguments.clear().add(from).add(rowIndices).add(to);
            arguments.add(width).add(parts).add(TiledRows.tiles(width));
            gpu.launch("rows", "split", rows, 1, Gpu.ROW_THREADS, arguments);
        }
    }

    /// Makes room for the tiles that an operation writes in place of an operand's float32 numbers.
    long reserveTiles(MemorySegment out, int rows, int width) {
        open.address(out, (long) rows * width * Float.BYTES);
        return reserve(open.tilesOf(out.address()), rows, width);
    }

    /// Makes room for tiles of which a kernel writes only the inputs that there are.
    long reserve(TiledRows tiled, int rows, int width) {
        long address = tiled.reserve(rows, width, parts);
        if (width % TiledRows.TILE != 0) {
            gpu.zero(address, (long) TiledRows.tiles(rows) * parts * TiledRows.tiles(width) * TiledRows.TILE_BYTES);
        }
        return address;
    }

    void free() {
        split.free();
    }
}
