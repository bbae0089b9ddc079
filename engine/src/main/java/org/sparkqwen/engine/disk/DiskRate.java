package org.sparkqwen.engine.disk;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.OptionalDouble;

/// Measures how fast a disk reads a large file from one end to the other.
public final class DiskRate {
    /// The bytes of which the start of a read past the page cache is a multiple.
    private static final int PAGE = 4096;

    /// The fewest bytes for a measurement, because less says little.
    private static final long LEAST_BYTES = 32 << 20;

    private static final long MOST_BYTES = 1 << 30;
    private static final long MOST_NANOS = 1_000_000_000;

    private DiskRate() {}

    /// Measures the bytes a second in a second of reading the end of `file`, in the way of `StreamedFile`. Absent
    /// if the file is small, or if it can only be read through the page cache and cannot be driven out of memory
    /// before, because the system takes no such advice or another process has mapped it.
    public static OptionalDouble measure(Path file) {
        Optional<DirectReads> direct = DirectReads.open(file);
        if (direct.isEmpty()) {
            return throughPageCache(file);
        }
        try (DirectReads past = direct.get()) {
            return measure(past, Files.size(file));
        } catch (IOException _) {
            return OptionalDouble.empty();
        }
    }

    private static OptionalDouble measure(DirectReads file, long size) {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment buffer = arena.allocate(LEAST_BYTES, LinuxFile.BLOCK);
            long first = Math.max(0, size - MOST_BYTES) / LinuxFile.BLOCK * LinuxFile.BLOCK;
            return measure(size - first, from -> {
                file.read(first + from, buffer, () -> false);
                return true;
            });
        }
    }

    private static OptionalDouble throughPageCache(Path file) {
        try (Arena arena = Arena.ofConfined();
                FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long start = Math.max(0, channel.size() - MOST_BYTES) / PAGE * PAGE;
            MemorySegment end = channel.map(FileChannel.MapMode.READ_ONLY, start, channel.size() - start, arena);
            try (MappedPages pages = new MappedPages(file, end, start, PageAdvice.ofThisSystem())) {
                pages.release(0, end.byteSize());
                return measure(end.byteSize(), from -> {
                    boolean onDisk = !end.asSlice(from, LEAST_BYTES).isLoaded();
                    pages.read(from, from + LEAST_BYTES, () -> false);
                    return onDisk;
                });
            }
        } catch (IOException _) {
            return OptionalDouble.empty();
        }
    }

    private interface Reading {
        /// Reads [#LEAST_BYTES] from `from` on. Returns whether they came from the disk.
        boolean read(long from);
    }

    private static OptionalDouble measure(long size, Reading reading) {
        long bytes = 0;
        long start = System.nanoTime();
        while (bytes + LEAST_BYTES <= size && System.nanoTime() - start < MOST_NANOS) {
            if (!reading.read(bytes)) {
                return OptionalDouble.empty();
            }
            bytes += LEAST_BYTES;
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        return bytes == 0 ? OptionalDouble.empty() : OptionalDouble.of(bytes / seconds);
    }
}
