package org.sparkqwen.job.sql;

import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.NoSuchElementException;
import org.apache.spark.sql.catalyst.InternalRow;

/// Iterates over a partition's rows in the order of their numbers, which are in the first column and count from 0. Rows
/// that are done early wait here, however many they are.
final class NumberedRows implements Iterator<InternalRow> {
    private final Iterator<InternalRow> rows;
    private final Map<Long, InternalRow> early = new HashMap<>();
    private long next;

    /// @param rows the rows in any order, each valid until the next one is asked for
    NumberedRows(Iterator<InternalRow> rows) {
        this.rows = rows;
    }

    @Override
    public boolean hasNext() {
        return !early.isEmpty() || rows.hasNext();
    }

    @Override
    public InternalRow next() {
        InternalRow waiting = early.remove(next);
        if (waiting != null) {
            next++;
            return waiting;
        }
        while (rows.hasNext()) {
            InternalRow row = rows.next();
            long number = row.getLong(0);
            if (number == next) {
                next++;
                return row;
            }
            early.put(number, row.copy());
        }
        throw new NoSuchElementException("row %d is missing".formatted(next));
    }
}
