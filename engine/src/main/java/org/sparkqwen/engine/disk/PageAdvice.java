package org.sparkqwen.engine.disk;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/// Gives Linux advice about the pages of a file that the process has mapped: madvise(2).
///
/// Advice changes no number, only when it is read. So no method throws: each returns whether the advice was taken.
public final class PageAdvice {
    private static final int MADV_WILLNEED = 3;
    private static final int MADV_POPULATE_READ = 22; // since Linux 5.14

    private final MethodHandle madvise;
    private final long pageBytes;

    @SuppressWarnings("restricted") // signatures are those of the manual pages, on 64 bits
    private PageAdvice(Linker linker) throws Throwable {
        madvise = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("madvise"),
                FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
        MethodHandle pageSize = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("getpagesize"), FunctionDescriptor.of(JAVA_INT));
        pageBytes = (int) pageSize.invokeExact();
    }

    /// The advice of this system; empty if it is not Linux, or if the JVM may call nothing native.
    public static Optional<PageAdvice> ofThisSystem() {
        if (!System.getProperty("os.name").equals("Linux")) {
            return Optional.empty();
        }
        try {
            return Optional.of(new PageAdvice(Linker.nativeLinker()));
        } catch (Throwable _) { // of a method handle; no linker, no such function, or not allowed
            return Optional.empty();
        }
    }

    /// The bytes of a page, a power of two.
    long pageBytes() {
        return pageBytes;
    }

    /// Starts to read pages from the disk, and does not wait.
    boolean willNeed(MemorySegment pages) {
        return advise(pages, MADV_WILLNEED);
    }

    /// Reads pages from the disk and maps them, and returns when that is done.
    boolean populate(MemorySegment pages) {
        return advise(pages, MADV_POPULATE_READ);
    }

    private boolean advise(MemorySegment pages, int advice) {
        try {
            return (int) madvise.invokeExact(pages, pages.byteSize(), advice) == 0;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
