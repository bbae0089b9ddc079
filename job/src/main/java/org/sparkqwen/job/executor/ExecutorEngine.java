package org.sparkqwen.job.executor;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.sparkqwen.engine.Engine;
import org.sparkqwen.engine.hostcache.CacheEviction;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.DeviceException;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.job.model.ExecutorOptions;
import org.sparkqwen.job.model.HostDirectory;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.spark.LocalMode;
import org.sparkqwen.job.storage.CacheDirectory;

/// The engines of one executor JVM. The first task that needs a model opens its engine, and all tasks share it, or on
/// GPUs all tasks of a GPU. An engine that no task uses stays open for the next one, until a task of its device comes
/// with another model.
public final class ExecutorEngine {
    @GuardedBy("itself")
    private static final Map<Key, ExecutorEngine> OPEN = new HashMap<>();

    /// The turns of engines that the same tasks use, by their device. Each engine has a thread for each core, so
    /// two that computed at once would wait for each other's threads in each operation.
    private static final Map<Device, ReentrantLock> TURNS = new ConcurrentHashMap<>();

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
    ///
    /// @param options with the device of the tasks
    private record Key(String place, String identity, ExecutorOptions options, double memoryShare) {
        static Key of(ModelReference model, double memoryShare) {
            ExecutorOptions options = model.options();
            return new Key(model.place(), model.identity(), options.on(TaskDevice.of(model.device())), memoryShare);
        }

        Device device() {
            return options.kernels().device();
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
                closeIdle(key.device());
                shared = open(model, key);
                OPEN.put(key, shared);
                publish();
            }
            shared.users++;
            return shared.new Share();
        }
    }

    private static ExecutorEngine open(ModelReference model, Key key) {
        Path cache = CacheDirectory.of(model.options().cacheDirectory());
        List<HostDirectory> directories = new ArrayList<>();
        try {
            directories.add(model.onThisHost());
            Path directory = directories.getFirst().path();
            Optional<HostDirectory> adapter = model.adapterOnThisHost();
            adapter.ifPresent(directories::add);
            EngineOptions options = ExecutorResources.engineOptions(
                    key.options(), directory, adapter.map(HostDirectory::path).orElse(null), key.memoryShare());
            ExecutorEngine opened = new ExecutorEngine(directories, open(directory, options));
            CacheEviction.trim(cache, model.options().cacheBytes());
            return opened;
        } catch (RuntimeException | Error e) {
            directories.forEach(HostDirectory::close);
            throw e;
        }
    }

    private static Engine open(Path directory, EngineOptions options) {
        return options.memoryShare() < 1
                ? Engine.open(
                        directory,
                        options,
                        TURNS.computeIfAbsent(options.kernels().device(), device -> new ReentrantLock(true)))
                : Engine.open(directory, options);
    }

    /// Does work of a task on its device. A process that has lost a GPU cannot use it again, so the executor ends,
    /// and Spark runs its tasks in another one: it ends the JVM of an executor in which a task fails with a
    /// [VirtualMachineError].
    static <T> T onDevice(Supplier<T> work) {
        try {
            return work.get();
        } catch (DeviceException e) {
            if (e.reason() == DeviceException.Reason.LOST && !LocalMode.isInThisProcess()) {
                InternalError end = new InternalError(e.getMessage() + "; this executor ends");
                end.addSuppressed(e);
                throw end;
            }
            throw e;
        }
    }

    /// Returns the engines that are open now.
    public static List<Engine> engines() {
        return engines;
    }

    @GuardedBy("OPEN")
    private static void publish() {
        engines = OPEN.values().stream().map(open -> open.engine).toList();
    }

    /// Closes the engines of a device that no task uses.
    @GuardedBy("OPEN")
    private static void closeIdle(Device device) {
        for (Iterator<Map.Entry<Key, ExecutorEngine>> all = OPEN.entrySet().iterator(); all.hasNext(); ) {
            Map.Entry<Key, ExecutorEngine> entry = all.next();
            ExecutorEngine open = entry.getValue();
            if (open.users == 0 && entry.getKey().device().equals(device)) {
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
