package org.sparkqwen.engine.kernels.cuda;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// Brings the small arrays of a batch to the device: tokens, positions, and tables of blocks.
///
/// They are written to pinned memory of the host, which the device copies while the host goes on. Both sides are rings:
/// when one is full, the host waits for all work and begins anew.
final class Uploads implements AutoCloseable {
    private static final long CAPACITY = 128 << 20;
    private static final long ALIGNMENT = 16;

    private final Gpu gpu;
    private final MemorySegment host;
    private final long device;
    private long used;
    private long rounds;
    private int[] lastInts = {};
    private long lastAddress;
    private long lastRound = -1;

    Uploads(Gpu gpu) {
        this.gpu = gpu;
        host = gpu.allocateHost(CAPACITY);
        device = gpu.allocate(CAPACITY);
    }

    /// How often the rings began anew; addresses of earlier rounds are no longer valid.
    long rounds() {
        return rounds;
    }

    /// Brings integers to the device.
    ///
    /// @return their address, valid until [#rounds] changes
    long ints(int[] numbers) {
        long at = reserve((long) numbers.length * Integer.BYTES);
        MemorySegment.copy(numbers, 0, host, JAVA_INT, at, numbers.length);
        return send(at, (long) numbers.length * Integer.BYTES);
    }

    /// Brings integers to the device, unless those of the last call are the same ones and still there.
    long sameInts(int[] numbers) {
        if (lastRound != rounds || !Arrays.equals(lastInts, numbers)) {
            lastAddress = ints(numbers);
            lastInts = numbers.clone();
            lastRound = rounds;
        }
        return lastAddress;
    }

    long longs(long[] numbers) {
        long at = reserve((long) numbers.length * Long.BYTES);
        MemorySegment.copy(numbers, 0, host, JAVA_LONG, at, numbers.length);
        return send(at, (long) numbers.length * Long.BYTES);
    }

    long floats(float[] numbers) {
        long at = reserve((long) numbers.length * Float.BYTES);
        MemorySegment.copy(numbers, 0, host, JAVA_FLOAT, at, numbers.length);
        return send(at, (long) numbers.length * Float.BYTES);
    }

    /// Begins a new round if the next array of so many bytes would.
    void require(long bytes) {
        long at = (used + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        if (at + bytes > CAPACITY) {
            reserve(bytes);
            used = 0;
        }
    }

    private long reserve(long bytes) {
        if (bytes > CAPACITY) {
            throw new IllegalArgumentException("a batch needs a table of %,d bytes".formatted(bytes));
        }
        long at = (used + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        if (at + bytes > CAPACITY) {
            gpu.synchronize();
            rounds++;
            at = 0;
        }
        used = at + bytes;
        return at;
    }

    private long send(long at, long bytes) {
        gpu.toDevice(host.asSlice(at, bytes), device + at);
        return device + at;
    }

    @Override
    public void close() {
        gpu.freeHost(host);
        gpu.free(device, CAPACITY);
    }
}
