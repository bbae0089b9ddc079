package org.sparkqwen.engine.disk;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/// A file by its descriptor, for operations that Java's channels do not offer: posix_fadvise(2), and reading with
/// O_DIRECT of open(2), past the page cache.
///
/// Such reads go from the disk into the reader's own memory, always the same. No page is allocated, charged, mapped and
/// freed again for them, which would take ten times as much processor time.
final class LinuxFile implements AutoCloseable {
    /// The bytes of which positions, addresses and sizes of [#read] are multiples. Disks require 512 or 4096.
    static final int BLOCK = 4096;

    private static final int POSIX_FADV_DONTNEED = 4;
    private static final int O_RDONLY = 0;
    private static final int O_CLOEXEC = 0x80000; // on x86-64 and aarch64

    /// The value of O_DIRECT by processor: these two differ.
    private static final Map<String, Integer> O_DIRECT = Map.of("amd64", 0x4000, "aarch64", 0x10000);

    private static final StructLayout STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

    private final Path path;
    private final int descriptor;
    private final Functions functions;

    private LinuxFile(Path path, int descriptor, Functions functions) {
        this.path = path;
        this.descriptor = descriptor;
        this.functions = functions;
    }

    private record Functions(MethodHandle open, MethodHandle pread, MethodHandle fadvise, MethodHandle close) {
        @SuppressWarnings("restricted") // signatures are those of the manual pages, on 64 bits
        static Functions of(Linker linker) {
            return new Functions(
                    linker.downcallHandle(
                            linker.defaultLookup().findOrThrow("open"),
                            FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT),
                            Linker.Option.firstVariadicArg(2)),
                    linker.downcallHandle(
                            linker.defaultLookup().findOrThrow("pread"),
                            FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG),
                            Linker.Option.captureCallState("errno")),
                    linker.downcallHandle(
                            linker.defaultLookup().findOrThrow("posix_fadvise"),
                            FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT)),
                    linker.downcallHandle(
                            linker.defaultLookup().findOrThrow("close"), FunctionDescriptor.of(JAVA_INT, JAVA_INT)));
        }
    }

    /// Opens a file; empty if the system is not Linux, the JVM may call nothing native, or the file cannot be
    /// opened.
    static Optional<LinuxFile> open(Path path) {
        return open(path, 0);
    }

    /// Opens a file for reading past the page cache; empty also if the file system cannot do that.
    static Optional<LinuxFile> openDirect(Path path) {
        Integer direct = O_DIRECT.get(System.getProperty("os.arch"));
        return direct == null ? Optional.empty() : open(path, direct).filter(LinuxFile::readsOneBlock);
    }

    private static Optional<LinuxFile> open(Path path, int flags) {
        if (!System.getProperty("os.name").equals("Linux")) {
            return Optional.empty();
        }
        try (Arena arena = Arena.ofConfined()) {
            Functions functions = Functions.of(Linker.nativeLinker());
            MemorySegment name = arena.allocateFrom(path.toString());
            int descriptor = (int) functions.open().invokeExact(name, O_RDONLY | O_CLOEXEC | flags);
            return descriptor < 0 ? Optional.empty() : Optional.of(new LinuxFile(path, descriptor, functions));
        } catch (Throwable _) { // of a method handle; no linker, no such function, or not allowed
            return Optional.empty();
        }
    }

    /// Whether one block can be read, because some file systems refuse only then. Closes the file if not.
    private boolean readsOneBlock() {
        try (Arena arena = Arena.ofConfined()) {
            read(0, arena.allocate(BLOCK, BLOCK));
            return true;
        } catch (IOException _) {
            close();
            return false;
        }
    }

    /// Fills `to` with the bytes from byte `position` of the file on. If the file ends within the last block, the
    /// rest of that block is left as it is.
    ///
    /// @param position a multiple of [#BLOCK], as are the address and the size of `to`
    /// @throws IOException if the disk fails, or the file is shorter
    void read(long position, MemorySegment to) throws IOException {
        long done = 0;
        while (done < to.byteSize()) {
            long count = readOnce(position + done, to.asSlice(done));
            done += count;
            if (count % BLOCK != 0 && to.byteSize() - done < BLOCK) {
                return; // within the last block the file ends
            }
            if (count == 0 || count % BLOCK != 0) {
                throw new EOFException("%s ends after %,d bytes".formatted(path, position + done));
            }
        }
    }

    private long readOnce(long position, MemorySegment to) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            long count = (long) functions.pread().invokeExact(state, descriptor, to, to.byteSize(), position);
            if (count < 0) {
                throw new IOException("%s cannot be read at byte %,d (errno %d)"
                        .formatted(path, position, (int) ERRNO.get(state, 0L)));
            }
            return count;
        } catch (IOException e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /// Drops a range of the file from the page cache, except for pages that anyone has mapped. Returns whether the
    /// system took the advice.
    boolean forget(long offset, long bytes) {
        try {
            return (int) functions.fadvise().invokeExact(descriptor, offset, bytes, POSIX_FADV_DONTNEED) == 0;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public void close() {
        try {
            int _ = (int) functions.close().invokeExact(descriptor);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
