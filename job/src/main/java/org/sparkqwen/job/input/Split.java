package org.sparkqwen.job.input;

import java.io.Serializable;
import java.util.Comparator;

/// A part of an input file that one task reads, as Spark cuts it. For text formats it consists of the lines that begin
/// in it, for Parquet and ORC of the row groups and stripes whose middle lies in it. A file that cannot be cut is one
/// split. A reader gives the rows of a split in the same order each time.
///
/// @param path the path as Hadoop writes it, such as `file:/data/a.parquet`
/// @param start the first byte
/// @param length in bytes
public record Split(String path, long start, long length) implements Comparable<Split>, Serializable {
    /// The split of an input that does not lie in files. Its rows may come in another order each time.
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
