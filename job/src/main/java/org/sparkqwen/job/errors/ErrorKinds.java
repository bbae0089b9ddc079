package org.sparkqwen.job.errors;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.spark.util.AccumulatorV2;

/// What tasks find wrong with rows, counted by kind: each row once, whatever its samples are. Executors' heartbeats
/// bring it while tasks run; it is read then by another thread than the task's.
public final class ErrorKinds extends AccumulatorV2<ErrorKind, Map<String, ErrorKind>> {
    private static final long serialVersionUID = 1L;

    /// So many at most, whatever data makes of reasons; what comes after is of no kind of its own.
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

    /// By [ErrorKind#key].
    @Override
    public Map<String, ErrorKind> value() {
        return Map.copyOf(kinds);
    }
}
