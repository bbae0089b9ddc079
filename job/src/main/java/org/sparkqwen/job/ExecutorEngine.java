package org.sparkqwen.job;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.sparkqwen.engine.Engine;

/// The engines of one executor JVM: one for each model, opened by the first task that needs it and shared by all. An
/// engine that no task uses stays open for the next one, until a task comes with another model.
final class ExecutorEngine {
    private static final Map<ModelReference, ExecutorEngine> OPEN = new HashMap<>();

    /// The engines of [#OPEN], to be read without waiting for one that is being opened.
    private static volatile List<Engine> engines = List.of();

    private final Engine engine;
    private int users;

    private ExecutorEngine(Engine engine) {
        this.engine = engine;
    }

    /// A task's share in an engine.
    interface Lease extends AutoCloseable {
        Engine engine();

        @Override
        void close();
    }

    /// Opens `model`'s engine, or joins those who use it. Tasks that come meanwhile wait: they need the same
    /// engine.
    static Lease lease(ModelReference model) {
        synchronized (OPEN) {
            ExecutorEngine shared = OPEN.get(model);
            if (shared == null) {
                closeIdle();
                shared = new ExecutorEngine(model.openEngine());
                OPEN.put(model, shared);
                publish();
            }
            shared.users++;
            return shared.new Share();
        }
    }

    /// Engines that are open now.
    static List<Engine> engines() {
        return engines;
    }

    private static void publish() {
        engines = OPEN.values().stream().map(open -> open.engine).toList();
    }

    private static void closeIdle() {
        OPEN.values().removeIf(open -> {
            if (open.users == 0) {
                open.engine.close();
            }
            return open.users == 0;
        });
        publish();
    }

    private final class Share implements Lease {
        private boolean closed;

        @Override
        public Engine engine() {
            return engine;
        }

        @Override
        public void close() {
            synchronized (OPEN) {
                if (!closed) {
                    closed = true;
                    users--;
                }
            }
        }
    }
}
