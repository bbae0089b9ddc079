package org.sparkqwen.job.input;

import java.io.Serializable;
import java.util.Iterator;
import java.util.NoSuchElementException;
import org.sparkqwen.job.spark.RowNumber;
import org.sparkqwen.job.spark.SparkRow;

/// The rows `from` (inclusive) to `to` (exclusive) of a split, counted from its first.
///
/// @param rows the rows that the split had when the run was planned
/// @param first the number of row `from` in the run, see [PlannedRows]
public record Piece(Split split, long from, long to, long rows, long first) implements Serializable {
    /// Estimates this piece's bytes in the file, as if all rows of the split were equally long.
    public double bytes() {
        return rows == 0 ? 0 : (double) split.length() * (to - from) / rows;
    }

    /// Takes these rows out of all rows of the split, and adds their numbers after their columns.
    Iterator<SparkRow> numbered(Iterator<SparkRow> all) {
        return RowNumber.append(of(all), first);
    }

    /// Takes these rows out of all rows of the split. It fails if the split has more or fewer rows than were
    /// planned, so that no row is lost or doubled when a file changes during a run.
    public <T> Iterator<T> of(Iterator<T> all) {
        return new Iterator<>() {
            private long next;

            @Override
            public boolean hasNext() {
                while (next < from && all.hasNext()) {
                    all.next();
                    next++;
                }
                boolean fewer = next < to && !all.hasNext();
                boolean more = next == rows && all.hasNext();
                if (fewer || more) {
                    throw new IllegalStateException("%s has changed while it was read; begin anew with --mode overwrite"
                            .formatted(split.path()));
                }
                return next < to;
            }

            @Override
            public T next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                next++;
                return all.next();
            }
        };
    }
}
