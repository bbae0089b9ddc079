package org.sparkqwen.job.input;

import java.io.Serializable;
import java.util.Comparator;

/// A piece of an input file that one task reads, as Spark cuts it: of text formats the lines that begin in it, of
/// Parquet and ORC the row groups and stripes whose middle lies in it, of a file that cannot be cut all of it. A
/// reader gives the rows of a split in the same order each time.
///
/// @param path as Hadoop writes it, such as `file:/data/a.parquet`
/// @param start first byte
/// @param length bytes
public record Split(String path, long start, long length) implements Comparable<Split>, Serializable {
    /// All of an input that does not lie in files; its rows may come in another order each time.
    public static final Split WHOLE_SOURCE = new Split("", 0, 0);

    private static final Comparator<Split> ORDER =
            Comparator.comparing(Split::path).thenComparingLong(Split::start).thenComparingLong(Split::length);

    boolean isWholeSource() {
        return path.isEmpty();
    }

    @Override
    public int compareTo(Split other) {
        return ORDER.compare(this, other);
    }
}
