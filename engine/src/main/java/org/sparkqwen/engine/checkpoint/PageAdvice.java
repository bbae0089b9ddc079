package org.sparkqwen.engine.checkpoint;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Optional;

/// What a process may tell Linux about the pages of a file that it has mapped: madvise(2) and posix_fadvise(2).
///
/// Advice changes no number, only when it is read. So nothing here throws: a call says whether it was taken.
final class PageAdvice {
    private static final int MADV_WILLNEED = 3;
    private static final int MADV_POPULATE_READ = 22; // since Linux 5.14
    private static final int POSIX_FADV_DONTNEED = 4;
    private static final int O_RDONLY = 0;
    private static final int O_CLOEXEC = 0x80000; // on x86-64 and aarch64

    private final MethodHandle madvise;
    private final MethodHandle fadvise;
    private final MethodHandle open;
    private final MethodHandle close;
    private final long pageBytes;

    @SuppressWarnings("restricted") // signatures are those of the manual pages, on 64 bits
    private PageAdvice(Linker linker) throws Throwable {
        madvise = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("madvise"),
                FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
        fadvise = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("posix_fadvise"),
                FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
        open = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("open"),
                FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT),
                Linker.Option.firstVariadicArg(2));
        close = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("close"), FunctionDescriptor.of(JAVA_INT, JAVA_INT));
        MethodHandle pageSize = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("getpagesize"), FunctionDescriptor.of(JAVA_INT));
        pageBytes = (int) pageSize.invokeExact();
    }

    /// Empty where the system is not Linux, or the JVM may call nothing native.
    static Optional<PageAdvice> ofThisSystem() {
        if (!System.getProperty("os.name").equals("Linux")) {
            return Optional.empty();
        }
        try {
            return Optional.of(new PageAdvice(Linker.nativeLinker()));
        } catch (Throwable _) { // of a method handle; no linker, no such function, or not allowed
            return Optional.empty();
        }
    }

    /// Bytes of a page, a power of two.
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

    /// A descriptor of a file to read, for [#forget]; -1 if it cannot be opened.
    int open(Path path) {
        try (Arena arena = Arena.ofConfined()) {
            return (int) open.invokeExact(arena.allocateFrom(path.toString()), O_RDONLY | O_CLOEXEC);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /// Drops a range of a file from the page cache, but for pages that anyone has mapped.
    boolean forget(int descriptor, long offset, long bytes) {
        try {
            return (int) fadvise.invokeExact(descriptor, offset, bytes, POSIX_FADV_DONTNEED) == 0;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    void close(int descriptor) {
        try {
            int _ = (int) close.invokeExact(descriptor);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
