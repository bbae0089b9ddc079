package org.sparkqwen.engine.disk;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;

/// Reads a file past the page cache, several pieces at a time, so that the disk continues while a thread that has read
/// one waits for a processor.
public final class DirectReads implements AutoCloseable {
    /// The bytes of one read call: enough for a disk to be busy, and soon over when nobody waits any longer.
    public static final long PIECE_BYTES = 8 << 20;

    private static final int READERS = 3;

    /// What places in the file, numbers of bytes and addresses are multiples of.
    public static final int BLOCK = LinuxFile.BLOCK;

    private final LinuxFile file;
    private final ExecutorService readers = Executors.newFixedThreadPool(
            READERS, Thread.ofPlatform().daemon().name("weights-reader-", 1).factory());

    private DirectReads(LinuxFile file) {
        this.file = file;
    }

    /// Opens a file; empty if it cannot be read past the page cache: [LinuxFile#openDirect].
    public static Optional<DirectReads> open(Path path) {
        return LinuxFile.openDirect(path).map(DirectReads::new);
    }

    /// Reads bytes like [LinuxFile#read]; returns soon after `cancelled`.
    ///
    /// @throws IllegalStateException if the disk fails, or the file is shorter
    public void read(long position, MemorySegment to, MappedPages.Cancelled cancelled) {
        AtomicLong next = new AtomicLong();
        Callable<Void> pieces = () -> {
            for (long from = next.getAndAdd(PIECE_BYTES);
                    from < to.byteSize() && !cancelled.now();
                    from = next.getAndAdd(PIECE_BYTES)) {
                file.read(position + from, to.asSlice(from, Math.min(PIECE_BYTES, to.byteSize() - from)));
            }
            return null;
        };
        try {
            for (Future<Void> reader : readers.invokeAll(Collections.nCopies(READERS, pieces))) {
                reader.get();
            }
        } catch (ExecutionException e) {
            Throwable cause = Objects.requireNonNull(e.getCause());
            throw new IllegalStateException(cause.getMessage(), cause);
        } catch (InterruptedException e) {
            throw new IllegalStateException("nobody interrupts a thread that reads weights", e);
        }
    }

    /// Closes the file. Must not be called while anything is read.
    @Override
    public void close() {
        readers.close();
        file.close();
    }
}
