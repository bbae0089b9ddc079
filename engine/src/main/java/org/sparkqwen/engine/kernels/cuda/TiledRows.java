package org.sparkqwen.engine.kernels.cuda;

/// Rows of activations in the form in which a product reads them, see `tiles.cuh`.
final class TiledRows {
    /// The rows and the inputs of a tile.
    static final int TILE = 64;

    static final int TILE_BYTES = TILE * TILE * Short.BYTES;

    private final Gpu.Scratch memory;
    private long address;
    private int rows; // 0 if there is nothing in it
    private int width;
    private int parts;

    TiledRows(Gpu gpu) {
        memory = new Gpu.Scratch(gpu);
    }

    static int tiles(int count) {
        return Math.ceilDiv(count, TILE);
    }

    /// Makes room for rows that a kernel is about to write.
    ///
    /// @return the address
    long reserve(int newRows, int newWidth, int newParts) {
        long bytes = (long) tiles(newRows) * newParts * tiles(newWidth) * TILE_BYTES;
        address = memory.reserve(bytes);
        rows = newRows;
        width = newWidth;
        parts = newParts;
        return address;
    }

    /// Notes that these rows are no longer those of the buffer.
    void forget() {
        rows = 0;
    }

    /// @param offset bytes of float32 numbers before the first row that is wanted
    /// @return the address of the tiles; 0 if these rows are not there
    long find(long offset, int wantedRows, int wantedWidth) {
        if (rows == 0 || wantedWidth != width) {
            return 0;
        }
        long rowBytes = (long) width * Float.BYTES;
        long first = offset / rowBytes;
        if (first + wantedRows > rows) {
            return 0;
        }
        if (offset % rowBytes != 0 || first % TILE != 0) {
            throw new IllegalArgumentException("an operand begins amid the rows of a tile, at row " + first);
        }
        return address + first / TILE * parts * tiles(width) * TILE_BYTES;
    }

    void free() {
        memory.free();
        rows = 0;
    }
}
