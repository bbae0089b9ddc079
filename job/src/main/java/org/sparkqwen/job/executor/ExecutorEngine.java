package org.sparkqwen.job.executor;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.sparkqwen.engine.Engine;
import org.sparkqwen.engine.hostcache.CacheEviction;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.job.model.ExecutorOptions;
import org.sparkqwen.job.model.HostDirectory;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.storage.CacheDirectory;

/// The engines of one executor JVM. The first task that needs a model opens its engine, and all tasks share it. An
/// engine that no task uses stays open for the next one, until a task comes with another model.
public final class ExecutorEngine {
    @GuardedBy("itself")
    private static final Map<Key, ExecutorEngine> OPEN = new HashMap<>();

    /// The turns of engines that the same tasks use. Each engine has a thread for each core, so two that computed at
    /// once would wait for each other's threads in each operation.
    private static final ReentrantLock TURN = new ReentrantLock(true);

    /// The engines of [#OPEN], readable without waiting for one that is being opened.
    private static volatile List<Engine> engines = List.of();

    private final List<HostDirectory> directories;
    private final Engine engine;

    @GuardedBy("OPEN")
    private int users;

    /// @param directories those of the model's files, and of its adapter's if it has one
    private ExecutorEngine(List<HostDirectory> directories, Engine engine) {
        this.directories = List.copyOf(directories);
        this.engine = engine;
    }

    /// The key of an engine: tasks whose models have equal keys share one.
    private record Key(String place, String identity, ExecutorOptions options, double memoryShare) {
        static Key of(ModelReference model, double memoryShare) {
            return new Key(model.place(), model.identity(), model.options(), memoryShare);
        }
    }

    /// A task's use of a shared engine, until it is closed.
    public interface Lease extends AutoCloseable {
        Engine engine();

        @Override
        void close();
    }

    /// Opens `model`'s engine, or shares the one that is open. Other tasks wait while it is opened, because they
    /// need the same engine. The first task of a host may take long, because it copies and packs the model.
    public static Lease lease(ModelReference model) {
        return lease(model, 1);
    }

    /// Opens or shares an engine like [#lease(ModelReference)], which uses a part of the memory for weights,
    /// because the same tasks use another engine, too. The batches of both take turns.
    ///
    /// @param memoryShare above 0 and at most 1
    public static Lease lease(ModelReference model, double memoryShare) {
        Key key = Key.of(model, memoryShare);
        synchronized (OPEN) {
            ExecutorEngine shared = OPEN.get(key);
            if (shared == null) {
                closeIdle();
                shared = open(model, memoryShare);
                OPEN.put(key, shared);
                publish();
            }
            shared.users++;
            return shared.new Share();
        }
    }

    private static ExecutorEngine open(ModelReference model, double memoryShare) {
        Path cache = CacheDirectory.of(model.options().cacheDirectory());
        List<HostDirectory> directories = new ArrayList<>();
        try {
            directories.add(model.onThisHost());
            Path directory = directories.getFirst().path();
            Optional<HostDirectory> adapter = model.adapterOnThisHost();
            adapter.ifPresent(directories::add);
            ModelConfig config = ModelConfig.read(directory);
            EngineOptions options = ExecutorResources.engineOptions(model.options(), config)
                    .withAdapter(adapter.map(HostDirectory::path).orElse(null))
                    .withMemoryShare(memoryShare);
            ExecutorEngine opened = new ExecutorEngine(directories, open(directory, options));
            CacheEviction.trim(cache, model.options().cacheBytes());
            return opened;
        } catch (RuntimeException | Error e) {
            directories.forEach(HostDirectory::close);
            throw e;
        }
    }

    private static Engine open(Path directory, EngineOptions options) {
        return options.memoryShare() < 1 ? Engine.open(directory, options, TURN) : Engine.open(directory, options);
    }

    /// Returns the engines that are open now.
    public static List<Engine> engines() {
        return engines;
    }

    @GuardedBy("OPEN")
    private static void publish() {
        engines = OPEN.values().stream().map(open -> open.engine).toList();
    }

    @GuardedBy("OPEN")
    private static void closeIdle() {
        for (Iterator<ExecutorEngine> all = OPEN.values().iterator(); all.hasNext(); ) {
            ExecutorEngine open = all.next();
            if (open.users == 0) {
                open.engine.close();
                open.directories.forEach(HostDirectory::close);
                all.remove();
            }
        }
        publish();
    }

    private final class Share implements Lease {
        @GuardedBy("OPEN")
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
