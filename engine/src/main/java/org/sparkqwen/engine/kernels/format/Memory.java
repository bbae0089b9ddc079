package org.sparkqwen.engine.kernels.format;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;

/// All of native memory as one segment, for kernels that address it directly.
///
/// The JVM compiles vector loads from a segment for the kinds of segment that have passed through them anywhere. Once a
/// heap segment has, every kernel on native memory runs at a fifth of its speed. One constant segment that spans the
/// address space keeps kernels out of reach of other code. The price is that nothing checks an access, so each
/// operation checks its operands once, before its loops, with `Operands` and [#address].
public final class Memory {
    @SuppressWarnings("restricted") // every address this class hands out was checked first
    public static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    private Memory() {}

    /// The address of a native segment that holds at least `floats` floats.
    ///
    /// @throws IllegalArgumentException if `segment` lies on the Java heap
    /// @throws IndexOutOfBoundsException if it is shorter
    public static long address(MemorySegment segment, long floats) {
        return addressOfBytes(segment, Math.multiplyExact(floats, Float.BYTES));
    }

    /// The address of a native segment that holds at least `bytes` bytes; it throws like [#address].
    public static long addressOfBytes(MemorySegment segment, long bytes) {
        if (!segment.isNative()) {
            throw new IllegalArgumentException("kernels work on native memory, not on the Java heap");
        }
        if (bytes < 0 || segment.byteSize() < bytes) {
            throw new IndexOutOfBoundsException(
                    "an operand has %,d bytes, the operation needs %,d".formatted(segment.byteSize(), bytes));
        }
        return segment.address();
    }

    public static float getFloat(long address) {
        return ALL.get(JAVA_FLOAT_UNALIGNED, address);
    }

    public static void setFloat(long address, float value) {
        ALL.set(JAVA_FLOAT_UNALIGNED, address, value);
    }

    public static int getInt(long address) {
        return ALL.get(JAVA_INT_UNALIGNED, address);
    }

    public static byte getByte(long address) {
        return ALL.get(JAVA_BYTE, address);
    }

    public static short getShort(long address) {
        return ALL.get(JAVA_SHORT_UNALIGNED, address);
    }

    public static void setShort(long address, short value) {
        ALL.set(JAVA_SHORT_UNALIGNED, address, value);
    }
}
