package org.sparkqwen.engine.kernels.cuda;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.sparkqwen.engine.kernels.Buffers;

/// Buffers in a GPU's memory. A buffer's address is that of the device, and only kernels and copies follow it.
///
/// Many buffers are small, so they are cut out of larger pieces of memory. Memory of the host that is adopted is not
/// copied here: the operation that first needs it brings it to the device in the form in which it reads it
/// ([DeviceWeights]). Until then the host's address stands for it.
@SuppressWarnings("restricted") // addresses are those that the driver gave
final class DeviceBuffers implements Buffers {
    private static final long ALIGNMENT = 256;
    private static final long FIRST_PIECE = 1 << 20;
    private static final long LARGEST_PIECE = 256 << 20;

    /// A piece of the device's memory.
    private record Piece(long address, long bytes) {}

    private final Gpu gpu;
    private final DeviceWeights weights;
    private final OpenMemory open;
    private final List<Piece> pieces = new ArrayList<>();
    private final List<MemorySegment> adopted = new ArrayList<>();
    private final Map<Long, Gpu.HostScratch> handedOver = new HashMap<>();
    private long next; // address of the free rest of the last piece
    private long rest; // its bytes
    private long pieceBytes = FIRST_PIECE;
    private boolean closed;

    DeviceBuffers(Gpu gpu, DeviceWeights weights, OpenMemory open) {
        this.gpu = gpu;
        this.weights = weights;
        this.open = open;
        gpu.retain();
    }

    @Override
    public synchronized MemorySegment allocate(long bytes) {
        gpu.use();
        long needed = Math.max(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
        if (needed > LARGEST_PIECE / 4) {
            return MemorySegment.ofAddress(piece(needed)).reinterpret(bytes);
        }
        if (needed > rest) {
            pieceBytes = Math.max(pieceBytes, Math.ceilDiv(needed, FIRST_PIECE) * FIRST_PIECE);
            next = piece(pieceBytes);
            rest = pieceBytes;
            pieceBytes = Math.min(4 * pieceBytes, LARGEST_PIECE);
        }
        long address = next;
        next += needed;
        rest -= needed;
        return MemorySegment.ofAddress(address).reinterpret(bytes);
    }

    private long piece(long bytes) {
        long address = gpu.allocate(bytes);
        pieces.add(new Piece(address, bytes));
        open.add(address, bytes);
        return address;
    }

    @Override
    public synchronized MemorySegment adopt(MemorySegment host) {
        weights.adopt(host);
        adopted.add(host);
        return host;
    }

    @Override
    public void refresh(MemorySegment segment) {
        weights.changed(segment);
    }

    @Override
    public void write(float[] numbers, int count, MemorySegment to) {
        gpu.use();
        open.written(to.address());
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment copy = arena.allocate(JAVA_FLOAT, count);
            MemorySegment.copy(numbers, 0, copy, JAVA_FLOAT, 0, count);
            gpu.toDevice(copy, open.address(to, (long) count * Float.BYTES));
        }
    }

    @Override
    public void copy(MemorySegment from, MemorySegment to) {
        gpu.use();
        open.written(to.address());
        gpu.copy(open.address(from, from.byteSize()), open.address(to, from.byteSize()), from.byteSize());
    }

    @Override
    public void clear(MemorySegment buffer) {
        gpu.use();
        open.written(buffer.address());
        gpu.zero(open.address(buffer, buffer.byteSize()), buffer.byteSize());
    }

    /// Attention does not read what was never written, so blocks need no zeros.
    @Override
    public boolean needsZeros() {
        return false;
    }

    @Override
    public synchronized MemorySegment onHost(MemorySegment buffer) {
        gpu.use();
        if (weights.isAdopted(buffer)) {
            return buffer;
        }
        MemorySegment host = handedOver
                .computeIfAbsent(buffer.address(), _ -> new Gpu.HostScratch(gpu))
                .reserve(buffer.byteSize());
        gpu.toHost(open.address(buffer, buffer.byteSize()), host);
        return host;
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        gpu.use();
        adopted.forEach(weights::release);
        adopted.clear();
        handedOver.values().forEach(Gpu.HostScratch::free);
        handedOver.clear();
        for (Piece piece : pieces) {
            open.remove(piece.address(), piece.bytes());
            gpu.free(piece.address(), piece.bytes());
        }
        pieces.clear();
        rest = 0;
        gpu.close();
    }
}
