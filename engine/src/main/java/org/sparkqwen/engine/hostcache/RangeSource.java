package org.sparkqwen.engine.hostcache;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

/// The source from which a host copies a model's files. Several threads read ranges at once.
public interface RangeSource {
    /// The number of ranges that are best read at once.
    int threads();

    /// The order in which to read `ranges`.
    default List<FileRange> order(List<FileRange> ranges) {
        return ranges;
    }

    /// Reads a range, from its first byte to its last.
    ///
    /// @throws IOException with a message that says which file cannot be read
    void read(FileRange range, Sink sink) throws IOException;

    /// Takes a range's bytes, one after the other.
    interface Sink {
        void write(ByteBuffer bytes) throws IOException;
    }
}
