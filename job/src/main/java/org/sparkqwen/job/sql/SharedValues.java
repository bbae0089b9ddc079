package org.sparkqwen.job.sql;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Supplier;

/// Keeps values that queries share, such as open models. The first query that needs a value makes it, and others that
/// need it wait meanwhile. No lock is held while a value is made, so queries that need other values go on.
///
/// @param <K> the keys, which say what a value is made of
/// @param <V> the values
final class SharedValues<K, V> {
    private final int most;

    @GuardedBy("this")
    private final Map<K, CompletableFuture<V>> values = new LinkedHashMap<>(16, 0.75f, true);

    /// @param most the most values that are kept. The longest unused one is dropped first, and queries that have it
    ///     keep theirs.
    SharedValues(int most) {
        this.most = most;
    }

    /// Returns the value of a key, which `maker` makes if there is none. A value that could not be made is not
    /// kept.
    ///
    /// @throws CancellationException if this thread is interrupted while it waits for another query
    V get(K key, Supplier<V> maker) {
        while (true) {
            CompletableFuture<V> own = new CompletableFuture<>();
            Optional<CompletableFuture<V>> others = keep(key, own);
            if (others.isEmpty()) {
                return make(key, own, maker);
            }
            try {
                return others.get().get();
            } catch (ExecutionException _) {
                // The other query failed, perhaps because it was cancelled. This one tries by itself.
            } catch (InterruptedException _) {
                Thread.currentThread().interrupt();
                throw new CancellationException("the query was cancelled while another one opened its model");
            }
        }
    }

    /// Keeps `own` as the value of a key, or returns what another query keeps there.
    private synchronized Optional<CompletableFuture<V>> keep(K key, CompletableFuture<V> own) {
        CompletableFuture<V> others = values.get(key);
        if (others != null) {
            return Optional.of(others);
        }
        values.put(key, own);
        if (values.size() > most) {
            values.remove(values.keySet().iterator().next());
        }
        return Optional.empty();
    }

    private V make(K key, CompletableFuture<V> own, Supplier<V> maker) {
        try {
            V value = maker.get();
            own.complete(value);
            return value;
        } finally {
            if (!own.isDone()) {
                drop(key, own); // first, so that those who wait do not find it again
                own.completeExceptionally(new IllegalStateException("the value could not be made"));
            }
        }
    }

    private synchronized void drop(K key, CompletableFuture<V> own) {
        values.remove(key, own);
    }
}
