package org.sparkqwen.engine.hostcache;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/// A part of a file that is copied in one go, and not again once it is there.
///
/// @param file its name
/// @param from the first byte
/// @param bytes up to [#MAX_BYTES]; 0 for a file that is empty
public record FileRange(String file, long from, int bytes) implements Serializable {
    /// Small enough to pass through a heap of 1 GiB several at a time, large enough that starting one costs
    /// nothing.
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
