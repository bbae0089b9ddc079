package org.sparkqwen.job.model;

import java.io.Serializable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.SparkEnv;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.KeyValueOptions;
import org.sparkqwen.job.storage.CacheDirectory;

/// The way in which each executor runs a model. Of these options only the KV cache's format changes the output.
///
/// @param threads how many threads an executor computes with; 0 for as many as it has cores
/// @param batchTokens the tokens that go through the model together
/// @param maxSequences how many texts an executor generates at the same time
/// @param keyValues the format of the KV cache in generation
/// @param memory the most bytes of the KV cache; 0 for what [KeyValueMemory] finds
/// @param cacheDirectory where executors keep models and packed weights; null for each host's default
/// @param cacheBytes the most bytes of that directory; 0 for half of what its disk would have free without it
public record ExecutorOptions(
        KernelChoice kernels,
        int threads,
        int batchTokens,
        int maxSequences,
        KeyValueFormat keyValues,
        long memory,
        @Nullable String cacheDirectory,
        long cacheBytes)
        implements Serializable {

    /// The default batch. It fills the kernels' tiles many times over, and needs some 250 MB of working memory for
    /// 4B.
    public static final int DEFAULT_BATCH_TOKENS = 2048;

    public static final int DEFAULT_MAX_SEQUENCES = 64;

    /// The default options: all the cores of an executor, an exact KV cache, and the default sizes and cache
    /// directory.
    public static final ExecutorOptions DEFAULT = new ExecutorOptions(
            KernelChoice.AUTO, 0, DEFAULT_BATCH_TOKENS, DEFAULT_MAX_SEQUENCES, KeyValueFormat.F32, 0, null, 0);

    private static final Pattern EXECUTOR_COMMAND =
            Pattern.compile("CoarseGrainedExecutorBackend .*--cores (\\d{1,4})\\b");

    /// Returns the options with which an executor opens its engine. Called on an executor.
    public EngineOptions engineOptions(ModelConfig config) {
        int cores = threads == 0 ? executorCores() : threads;
        long bytes = memory == 0 ? KeyValueMemory.ofThisExecutor(config, batchTokens, cores) : memory;
        return new EngineOptions(
                kernels,
                cores,
                batchTokens,
                maxSequences,
                new KeyValueOptions(keyValues, bytes),
                CacheDirectory.of(cacheDirectory));
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
