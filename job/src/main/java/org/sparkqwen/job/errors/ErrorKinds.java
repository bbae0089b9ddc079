package org.sparkqwen.job.errors;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.spark.util.AccumulatorV2;

/// The accumulator of rejected rows by kind of error. Each row counts once, however many samples it has. Executors'
/// heartbeats bring its value while tasks run, and then another thread than the task's reads it.
public final class ErrorKinds extends AccumulatorV2<ErrorKind, Map<String, ErrorKind>> {
    private static final long serialVersionUID = 1L;

    /// The most kinds that are kept, however many reasons the data cause. Rows of later kinds have no kind of their
    /// own.
    private static final int MOST = 20;

    private static final String OTHERS = "other reasons";

    private final ConcurrentHashMap<String, ErrorKind> kinds = new ConcurrentHashMap<>();

    @Override
    public boolean isZero() {
        return kinds.isEmpty();
    }

    @Override
    public AccumulatorV2<ErrorKind, Map<String, ErrorKind>> copy() {
        ErrorKinds copy = new ErrorKinds();
        copy.kinds.putAll(kinds);
        return copy;
    }

    @Override
    public void reset() {
        kinds.clear();
    }

    @Override
    public void add(ErrorKind kind) {
        String key = kind.key();
        boolean room = kinds.containsKey(key) || kinds.size() < MOST;
        ErrorKind added = room ? kind : new ErrorKind(OTHERS, kind.rows(), kind.example());
        kinds.merge(added.key(), added, ErrorKind::plus);
    }

    @Override
    public void merge(AccumulatorV2<ErrorKind, Map<String, ErrorKind>> other) {
        other.value().values().forEach(this::add);
    }

    /// Returns the kinds by [ErrorKind#key].
    @Override
    public Map<String, ErrorKind> value() {
        return Map.copyOf(kinds);
    }
}
