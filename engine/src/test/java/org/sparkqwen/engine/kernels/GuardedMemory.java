package org.sparkqwen.engine.kernels;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/// Memory that ends before a page which may not be read or written. An access past its end ends the JVM.
@SuppressWarnings("restricted") // signatures are those of the manual pages, on 64 bits
public final class GuardedMemory {
    private static final long PAGE = 4096;
    private static final int PROT_NONE = 0;
    private static final int PROT_READ_WRITE = 3;
    private static final int MAP_PRIVATE_ANONYMOUS = 0x22;
    private static final MethodHandle MMAP;
    private static final MethodHandle MPROTECT;

    static {
        Linker linker = Linker.nativeLinker();
        MMAP = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("mmap"),
                FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
        MPROTECT = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("mprotect"),
                FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
    }

    private GuardedMemory() {}

    /// Allocates memory that is never freed, because the process that needs it is short.
    ///
    /// @param bytes a multiple of 4
    public static MemorySegment allocate(long bytes) {
        try {
            long pages = Math.ceilDiv(Math.max(1, bytes), PAGE) * PAGE;
            MemorySegment all = (MemorySegment)
                    MMAP.invokeExact(MemorySegment.NULL, pages + PAGE, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0L);
            MemorySegment mapped = all.reinterpret(pages + PAGE);
            int result = (int) MPROTECT.invokeExact(mapped.asSlice(pages), PAGE, PROT_NONE);
            if (result != 0) {
                throw new IllegalStateException("mprotect failed");
            }
            return mapped.asSlice(pages - bytes, bytes);
        } catch (Throwable e) { // as invokeExact declares
            throw new IllegalStateException(e);
        }
    }
}
