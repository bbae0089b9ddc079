package org.sparkqwen.job.columns;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.spark.util.AccumulatorV2;

/// The remarks of tasks about rows that are processed all the same, with row counts. They become warnings of the run.
/// Executors' heartbeats bring them while tasks run.
public final class RowNotes extends AccumulatorV2<String, Map<String, Long>> {
    private static final long serialVersionUID = 1L;

    /// The most remarks that are kept, however many different ones the data cause.
    private static final int MOST = 20;

    private static final String OTHERS = "further notes are left out";

    private final ConcurrentHashMap<String, Long> rows = new ConcurrentHashMap<>();

    @Override
    public boolean isZero() {
        return rows.isEmpty();
    }

    @Override
    public AccumulatorV2<String, Map<String, Long>> copy() {
        RowNotes copy = new RowNotes();
        copy.rows.putAll(rows);
        return copy;
    }

    @Override
    public void reset() {
        rows.clear();
    }

    @Override
    public void add(String note) {
        add(note, 1);
    }

    private void add(String note, long count) {
        rows.merge(rows.containsKey(note) || rows.size() < MOST ? note : OTHERS, count, Long::sum);
    }

    @Override
    public void merge(AccumulatorV2<String, Map<String, Long>> other) {
        other.value().forEach(this::add);
    }

    @Override
    public Map<String, Long> value() {
        return Map.copyOf(rows);
    }

    /// Returns the remarks as lines for a person.
    public List<String> warnings() {
        return rows.entrySet().stream()
                .map(note -> "in %,d rows of this start, %s".formatted(note.getValue(), note.getKey()))
                .sorted()
                .toList();
    }
}
