package org.sparkqwen.job;

import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.SparkEnv;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.EngineOptions;
import org.sparkqwen.engine.checkpoint.Fingerprint;
import org.sparkqwen.engine.checkpoint.InvalidModelException;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.TensorPlan;
import org.sparkqwen.engine.tokenizer.Tokenizer;

/// A model that was checked on the driver, and how executors run it. Travels to them; they open the same directory,
/// which every host must see under the same path.
///
/// @param directory an absolute path
/// @param label `name@sha256`, the first twelve digits: what the output's `model` column says
/// @param sha256 of the whole model, see [Fingerprint]
/// @param threads that an executor computes with; 0 for as many as it has cores
/// @param batchTokens tokens that go through the model together when scoring
/// @param maxSequences texts that a task generates at the same time
/// @param cacheDirectory where executors keep packed weights; null for each host's default
public record ModelReference(
        String directory,
        String label,
        String sha256,
        KernelChoice kernels,
        int threads,
        int batchTokens,
        int maxSequences,
        @Nullable String cacheDirectory)
        implements Serializable {

    private static final int LABEL_DIGITS = 12;

    private static final Pattern EXECUTOR_COMMAND =
            Pattern.compile("CoarseGrainedExecutorBackend .*--cores (\\d{1,4})\\b");

    /// Tokens that fill the kernels' tiles many times over and need some 250 MB of working memory for 4B.
    public static final int DEFAULT_BATCH_TOKENS = 2048;

    public static final int DEFAULT_MAX_SEQUENCES = 64;

    /// Checks everything about a model but the values of its weights, and fingerprints it: reads every byte once,
    /// unless the cache knows it.
    ///
    /// @param cacheDirectory an absolute path; null for the default
    /// @throws InvalidModelException if the engine cannot run it
    public static ModelReference open(
            Path directory,
            KernelChoice kernels,
            int threads,
            int batchTokens,
            int maxSequences,
            @Nullable String cacheDirectory) {
        Path absolute = directory.toAbsolutePath().normalize();
        try (WeightFiles weights = WeightFiles.open(absolute)) {
            ModelConfig config = ModelConfig.read(absolute);
            List<String> differences = TensorPlan.of(config).differences(weights);
            if (!differences.isEmpty()) {
                throw new InvalidModelException("%s: %s%s; see: inspect --model %s"
                        .formatted(
                                absolute,
                                differences.getFirst(),
                                differences.size() > 1 ? " and %d more faults".formatted(differences.size() - 1) : "",
                                directory));
            }
            String sha256 = Fingerprint.of(weights, CacheDirectory.of(cacheDirectory));
            String label = "%s@%s".formatted(absolute.getFileName(), sha256.substring(0, LABEL_DIGITS));
            return new ModelReference(
                    absolute.toString(), label, sha256, kernels, threads, batchTokens, maxSequences, cacheDirectory);
        }
    }

    /// With all the cores of an executor, the default batch sizes and cache.
    ///
    /// @throws InvalidModelException if the engine cannot run it
    public static ModelReference open(Path directory) {
        return open(directory, KernelChoice.AUTO, 0, DEFAULT_BATCH_TOKENS, DEFAULT_MAX_SEQUENCES, null);
    }

    public Path path() {
        return Path.of(directory);
    }

    ModelConfig config() {
        return ModelConfig.read(path());
    }

    boolean hasTokenizer() {
        return Files.exists(tokenizerJson());
    }

    /// @throws InvalidModelException if the model has none, or one of another kind
    Tokenizer tokenizer() {
        return Tokenizer.read(tokenizerJson());
    }

    private Path tokenizerJson() {
        return path().resolve("tokenizer.json");
    }

    /// Called on an executor: what the engine there is opened with.
    EngineOptions engineOptions() {
        return new EngineOptions(
                kernels,
                threads == 0 ? executorCores() : threads,
                batchTokens,
                maxSequences,
                CacheDirectory.of(cacheDirectory));
    }

    /// The cores this executor may use, from the first of these that says:
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
