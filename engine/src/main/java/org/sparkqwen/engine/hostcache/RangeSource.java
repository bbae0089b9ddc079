package org.sparkqwen.engine.hostcache;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

/// Where a host copies a model's files from. Several threads read ranges at once.
public interface RangeSource {
    /// How many ranges are best read at once.
    int threads();

    /// The order in which to read `ranges`.
    default List<FileRange> order(List<FileRange> ranges) {
        return ranges;
    }

    /// Reads a range, from its first byte to its last.
    ///
    /// @throws IOException whose message says which file cannot be read
    void read(FileRange range, Sink sink) throws IOException;

    /// What takes a range's bytes, one after the other.
    interface Sink {
        void write(ByteBuffer bytes) throws IOException;
    }
}
