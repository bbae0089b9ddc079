package org.sparkqwen.engine.disk;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A lock on a part of the cache that is in use. Many may share it, and while one does, no process of the host deletes
/// the part. The operating system releases it for a process that ends, however it ends.
///
/// The lock's file, `<key>.use`, lies beside what it stands for. Its time of change is that of the last use.
public final class UseLock implements AutoCloseable {
    /// A lock without a file, for what nobody else deletes, or if no file can be made: there nobody deletes either.
    public static final UseLock NONE = new UseLock(null);

    private static final Logger LOG = LoggerFactory.getLogger(UseLock.class);

    /// The locks that this process holds. A file's lock belongs to the whole process, and goes when any of its
    /// threads closes the file, so the file is opened once and counted.
    @GuardedBy("itself")
    private static final Map<Path, Shared> SHARED = new HashMap<>();

    private final @Nullable Path file;

    @GuardedBy("SHARED")
    private boolean closed;

    private static final class Shared {
        private final FileChannel channel;

        @GuardedBy("SHARED")
        private int users;

        Shared(FileChannel channel) {
            this.channel = channel;
        }
    }

    private UseLock(@Nullable Path file) {
        this.file = file;
    }

    /// Takes a share of the lock, and waits while another process deletes what `file` stands for.
    public static UseLock share(Path file) {
        Path path = file.toAbsolutePath().normalize();
        synchronized (SHARED) {
            try {
                Shared shared = SHARED.get(path);
                if (shared == null) {
                    shared = new Shared(lock(path));
                    SHARED.put(path, shared);
                }
                shared.users++;
                touch(shared.channel);
                return new UseLock(path);
            } catch (IOException e) {
                LOG.debug("{} cannot be locked", path, e);
                return NONE;
            }
        }
    }

    private static FileChannel lock(Path file) throws IOException {
        FileChannel channel = LockFile.open(file);
        try {
            channel.lock(0, Long.MAX_VALUE, true);
            return channel;
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    /// Sets the time of change by writing. Setting it by the file's name would open and close the file, and so
    /// release the lock.
    private static void touch(FileChannel channel) {
        try {
            channel.write(ByteBuffer.wrap(new byte[] {'\n'}), 0);
        } catch (IOException e) {
            LOG.debug("a time of last use stays what it was", e);
        }
    }

    /// Does `work` if no process uses what `file` stands for, and none can begin to meanwhile.
    ///
    /// @return whether it was done
    public static boolean ifUnused(Path file, MakingLock.Deletion work) throws IOException {
        Path path = file.toAbsolutePath().normalize();
        synchronized (SHARED) {
            if (SHARED.containsKey(path)) {
                return false;
            }
            try (FileChannel channel = LockFile.open(path)) {
                if (channel.tryLock() == null) {
                    return false;
                }
                work.run();
                return true;
            }
        }
    }

    @Override
    public void close() {
        if (file == null) {
            return;
        }
        synchronized (SHARED) {
            Shared shared = SHARED.get(file);
            if (closed || shared == null) {
                return;
            }
            closed = true;
            touch(shared.channel);
            if (--shared.users == 0) {
                SHARED.remove(file);
                try {
                    shared.channel.close();
                } catch (IOException e) {
                    LOG.debug("{} cannot be closed", file, e);
                }
            }
        }
    }
}
