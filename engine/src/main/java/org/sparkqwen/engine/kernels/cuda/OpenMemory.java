package org.sparkqwen.engine.kernels.cuda;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.sparkqwen.engine.kernels.format.Memory;

/// The memory of the device that buffers own, and the rows in it that also lie in tiles.
///
/// A kernel that gets an address of the host, or one that was freed, ends the process's use of the device. So every
/// operand is looked up here before its address is passed on.
///
/// Operations that only prepare the input of products write tiles in place of float32 numbers ([TiledRows]). They
/// belong to the buffer for which they were made until something else is written to it.
final class OpenMemory {
    private final Gpu gpu;
    private final TreeMap<Long, Long> pieces = new TreeMap<>();
    private final TreeMap<Long, TiledRows> tiled = new TreeMap<>();
    private long lastPiece; // the one that was found last
    private long lastEnd;

    OpenMemory(Gpu gpu) {
        this.gpu = gpu;
    }

    synchronized void add(long address, long bytes) {
        pieces.put(address, bytes);
    }

    synchronized void remove(long address, long bytes) {
        pieces.remove(address);
        lastEnd = 0;
        Map<Long, TiledRows> inside = tiled.subMap(address, address + bytes);
        inside.values().forEach(TiledRows::free);
        inside.clear();
    }

    /// The address of an operand of at least `bytes` bytes.
    ///
    /// @throws IllegalArgumentException if it is no buffer of this back-end
    synchronized long address(MemorySegment operand, long bytes) {
        long address = Memory.addressOfBytes(operand, bytes);
        if (!contains(address, operand.byteSize())) {
            throw new IllegalArgumentException("an operand is no buffer of this back-end");
        }
        return address;
    }

    /// The addresses of the first `count` operands, of at least `bytes` bytes each.
    ///
    /// @param to receives them from index `at` on
    /// @throws IllegalArgumentException if one is no buffer of this back-end
    synchronized void addresses(List<MemorySegment> operands, int count, long bytes, long[] to, int at) {
        for (int i = 0; i < count; i++) {
            to[at + i] = address(operands.get(i), bytes);
        }
    }

    private boolean contains(long address, long bytes) {
        if (address >= lastPiece && address + bytes <= lastEnd) {
            return true; // most operands lie near the one before
        }
        Map.Entry<Long, Long> piece = pieces.floorEntry(address);
        if (piece == null || address + bytes > piece.getKey() + piece.getValue()) {
            return false;
        }
        lastPiece = piece.getKey();
        lastEnd = lastPiece + piece.getValue();
        return true;
    }

    /// Notes that float32 numbers are written to a buffer.
    synchronized void written(long address) {
        TiledRows rows = tiled.get(address);
        if (rows != null) {
            rows.forget();
        }
    }

    /// The tiles that belong to a buffer, whatever is in them.
    synchronized TiledRows tilesOf(long address) {
        return tiled.computeIfAbsent(address, _ -> new TiledRows(gpu));
    }

    /// The tiles of rows that operations have written to a buffer, or to one of which it is a part.
    ///
    /// @return the address of the first row's tiles; 0 if the buffer has float32 numbers
    synchronized long writtenTiles(long address, int rows, int width) {
        Map.Entry<Long, TiledRows> below = tiled.floorEntry(address);
        return below == null ? 0 : below.getValue().find(address - below.getKey(), rows, width);
    }

    synchronized void close() {
        tiled.values().forEach(TiledRows::free);
        tiled.clear();
    }
}
