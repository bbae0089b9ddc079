package org.sparkqwen.job.executor;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.SparkEnv;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.KeyValueOptions;
import org.sparkqwen.job.model.ExecutorOptions;
import org.sparkqwen.job.storage.CacheDirectory;

/// The cores, the memory and the cache directory of this executor. They complete the options of its engine.
final class ExecutorResources {
    private static final Pattern EXECUTOR_COMMAND =
            Pattern.compile("CoarseGrainedExecutorBackend .*--cores (\\d{1,4})\\b");

    private ExecutorResources() {}

    /// Returns the options with which this executor opens its engine.
    static EngineOptions engineOptions(ExecutorOptions options, ModelConfig config) {
        int threads = options.threads() == 0 ? executorCores() : options.threads();
        long memory = options.memory() == 0
                ? KeyValueMemory.ofThisExecutor(config, options.batchTokens(), threads)
                : options.memory();
        return new EngineOptions(options.kernels(), threads, options.batchTokens(), options.maxSequences())
                .withKeyValues(new KeyValueOptions(options.keyValues(), memory))
                .withWeights(options.weights())
                .withCache(CacheDirectory.of(options.cacheDirectory()));
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
