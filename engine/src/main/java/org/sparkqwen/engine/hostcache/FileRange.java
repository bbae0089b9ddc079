package org.sparkqwen.engine.hostcache;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/// A part of a file that is copied as a whole, and not again once it is there.
///
/// @param file name of the file
/// @param from offset of the first byte
/// @param bytes number of bytes, up to [#MAX_BYTES]; 0 for a file that is empty
public record FileRange(String file, long from, int bytes) implements Serializable {
    /// The most bytes of a range: small enough that several pass through a heap of 1 GiB at a time, and large
    /// enough that starting one costs nothing.
    public static final int MAX_BYTES = 32 << 20;

    /// The ranges of a file, in their order.
    public static List<FileRange> of(String file, long bytes) {
        List<FileRange> ranges = new ArrayList<>();
        long from = 0;
        do {
            ranges.add(new FileRange(file, from, (int) Math.min(MAX_BYTES, bytes - from)));
            from += MAX_BYTES;
        } while (from < bytes);
        return ranges;
    }
}
