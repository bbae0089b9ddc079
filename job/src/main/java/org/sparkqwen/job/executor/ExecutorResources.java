package org.sparkqwen.job.executor;

import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.SparkEnv;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.DeviceException;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.KeyValueOptions;
import org.sparkqwen.engine.sizing.DeviceMemory;
import org.sparkqwen.job.model.DeviceChoice;
import org.sparkqwen.job.model.ExecutorOptions;
import org.sparkqwen.job.spark.LocalMode;
import org.sparkqwen.job.storage.CacheDirectory;

/// The cores, the memory and the cache directory of this executor. They complete the options of its engine.
final class ExecutorResources {
    private static final Pattern EXECUTOR_COMMAND =
            Pattern.compile("CoarseGrainedExecutorBackend .*--cores (\\d{1,4})\\b");

    private ExecutorResources() {}

    /// Returns the options with which this executor opens its engine.
    ///
    /// @param options with the device of the tasks that share the engine
    /// @param model the model's directory, or its GGUF file, on this host
    /// @param adapter the directory of an adapter on this host; null for none
    /// @param memoryShare the part of the memory for weights that the engine may use
    /// @throws DeviceException if the device is a GPU that is not there, or has too little memory
    static EngineOptions engineOptions(
            ExecutorOptions options, Path model, @Nullable Path adapter, double memoryShare) {
        ModelConfig config = ModelConfig.read(model);
        Device device = options.kernels().device();
        EngineOptions there = device.isGpu()
                ? onGpu(options, device.orFirst(), config, model, adapter, memoryShare)
                : onProcessor(options, config, model, adapter);
        return there.withWeights(options.weights())
                .withAdapter(adapter)
                .withMemoryShare(memoryShare)
                .withCache(CacheDirectory.of(options.cacheDirectory()));
    }

    private static EngineOptions onProcessor(
            ExecutorOptions options, ModelConfig config, Path model, @Nullable Path adapter) {
        int threads = options.threads() == 0 ? executorCores() : options.threads();
        int batchTokens = options.batchTokens() == 0 ? ExecutorOptions.DEFAULT_BATCH_TOKENS : options.batchTokens();
        long memory = options.memory() == 0
                ? KeyValueMemory.ofThisExecutor(config, model, adapter, options.weights(), batchTokens, threads)
                : options.memory();
        return new EngineOptions(options.kernels(), threads, batchTokens, options.maxSequences())
                .withKeyValues(new KeyValueOptions(options.keyValues(), memory));
    }

    private static EngineOptions onGpu(
            ExecutorOptions options,
            Device device,
            ModelConfig config,
            Path model,
            @Nullable Path adapter,
            double memoryShare) {
        int threads = options.threads() == 0 ? Math.max(1, executorCores() / executorGpus()) : options.threads();
        DeviceMemory memory = GpuMemory.of(GpuMemory.described(device), config, model, adapter, options, memoryShare);
        long keyValues = options.memory() == 0 ? Math.max(1, memory.left()) : options.memory();
        return new EngineOptions(options.kernels().on(device), threads, memory.batchTokens(), options.maxSequences())
                .withKeyValues(new KeyValueOptions(options.keyValues(), keyValues));
    }

    /// Returns the number of GPUs for which this executor has engines.
    private static int executorGpus() {
        SparkEnv env = SparkEnv.get();
        String setting = LocalMode.isInThisProcess() ? DeviceChoice.OF_DRIVER : DeviceChoice.OF_EXECUTOR;
        return env == null ? 1 : Math.max(1, env.conf().getInt(setting, 1));
    }

    /// Returns the cores that this executor may use, from the first of these that says:
    ///
    /// 1. `spark.executor.cores`, which YARN and Kubernetes always set;
    /// 2. `--cores` on the command line of the executor's JVM, which a standalone worker gives it;
    /// 3. the processors that this JVM sees, as in local mode.
    private static int executorCores() {
        int processors = Runtime.getRuntime().availableProcessors();
        SparkEnv env = SparkEnv.get();
        if (env != null && env.conf().contains("spark.executor.cores")) {
            return Math.min(processors, env.conf().getInt("spark.executor.cores", processors));
        }
        Matcher cores = EXECUTOR_COMMAND.matcher(System.getProperty("sun.java.command", ""));
        return cores.find() ? Math.min(processors, Integer.parseInt(cores.group(1))) : processors;
    }
}
