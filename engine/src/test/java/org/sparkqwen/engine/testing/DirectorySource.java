package org.sparkqwen.engine.testing;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.sparkqwen.engine.hostcache.FileRange;
import org.sparkqwen.engine.hostcache.RangeSource;

/// Ranges of the files of a directory, one after the other. A log has a line for each range that was read.
///
/// @param stopAfter the number of ranges after which reading never ends
public record DirectorySource(Path directory, Path log, int stopAfter) implements RangeSource {
    public DirectorySource(Path directory, Path log) {
        this(directory, log, Integer.MAX_VALUE);
    }

    @Override
    public int threads() {
        return 1;
    }

    @Override
    public void read(FileRange range, Sink sink) throws IOException {
        if (reads().size() >= stopAfter) {
            System.out.println("stalled");
            while (!Thread.currentThread().isInterrupted()) {
                LockSupport.park();
            }
        }
        try (FileChannel file = FileChannel.open(directory.resolve(range.file()))) {
            ByteBuffer buffer = ByteBuffer.allocate(range.bytes());
            file.read(buffer, range.from());
            sink.write(buffer.flip());
        }
        Files.writeString(
                log,
                "%s %d%n".formatted(range.file(), range.from()),
                StandardOpenOption.CREATE,
                StandardOpenOption.APPEND);
    }

    /// Returns what was read, in that order.
    public List<String> reads() throws IOException {
        return Files.exists(log) ? Files.readAllLines(log) : List.of();
    }
}
