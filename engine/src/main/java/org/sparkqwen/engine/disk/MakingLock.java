package org.sparkqwen.engine.disk;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Path;
import java.util.concurrent.CancellationException;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.message.Quote;

/// The right to make a file or a directory of the cache, held by one thread of one process of a host. The operating
/// system takes it from a process that ends, however it ends; the lock's file stays.
public final class MakingLock implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(MakingLock.class);

    /// Lets one thread at a time have a lock's file open, because a file's lock belongs to the whole process, and
    /// goes when any of its threads closes the file.
    private static final ReentrantLock IN_THIS_PROCESS = new ReentrantLock();

    private final FileChannel channel;

    private MakingLock(FileChannel channel) {
        this.channel = channel;
    }

    /// Waits until nobody else makes the same, and takes the lock.
    ///
    /// @param what the other maker's activity, for a person: `packs the same model`
    /// @throws IOException if `file` cannot be made, or its file system knows no locks
    /// @throws CancellationException if the thread is interrupted
    public static MakingLock acquire(Path file, String what) throws IOException {
        try {
            IN_THIS_PROCESS.lockInterruptibly();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw cancelled(e);
        }
        try {
            return new MakingLock(lock(file, what));
        } catch (IOException | RuntimeException e) {
            IN_THIS_PROCESS.unlock();
            throw e;
        }
    }

    private static FileChannel lock(Path file, String what) throws IOException {
        FileChannel channel = LockFile.open(file);
        try {
            FileLock lock = channel.tryLock();
            if (lock == null) {
                LOG.info("waiting for another process that {}; it holds {}", what, Quote.line(file.toString()));
                channel.lock();
            }
            return channel;
        } catch (IOException e) {
            channel.close();
            if (Thread.currentThread().isInterrupted()) {
                throw cancelled(e);
            }
            throw e;
        }
    }

    /// Does `work` if nobody makes what `file` stands for, and nobody can begin to meanwhile.
    ///
    /// @return whether it was done
    public static boolean ifFree(Path file, Deletion work) throws IOException {
        if (IN_THIS_PROCESS.isHeldByCurrentThread() || !IN_THIS_PROCESS.tryLock()) {
            return false;
        }
        try (FileChannel channel = LockFile.open(file)) {
            if (channel.tryLock() == null) {
                return false;
            }
            work.run();
            return true;
        } finally {
            IN_THIS_PROCESS.unlock();
        }
    }

    /// Work that is done under a lock.
    public interface Deletion {
        void run() throws IOException;
    }

    private static CancellationException cancelled(Exception cause) {
        CancellationException cancelled = new CancellationException("interrupted while waiting for another process");
        cancelled.initCause(cause);
        return cancelled;
    }

    @Override
    public void close() throws IOException {
        try {
            channel.close();
        } finally {
            IN_THIS_PROCESS.unlock();
        }
    }
}
