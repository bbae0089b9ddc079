package org.sparkqwen.job.cli;

import org.apache.spark.SparkConf;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.model.ExecutorOptions;
import org.sparkqwen.job.model.ModelDistribution;
import org.sparkqwen.job.model.ModelLocation;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.run.JobRun;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// The options that say which model is run, and how.
final class ModelOptions {
    @ChangesNoRow
    @Option(
            names = "--model",
            paramLabel = "DIR",
            description = {
                "Hugging Face directory of a Qwen3: config.json, safetensors, tokenizer.json; or what pack wrote."
                        + " A path of this machine, or a URI: hdfs:, s3a:, any file system that Spark reads. Default:"
                        + " the small sample model."
            })
    private @Nullable String model;

    @ChangesNoRow
    @Option(
            names = "--model-distribution",
            paramLabel = "HOW",
            defaultValue = "auto",
            description = "How executors come to the model. shared: the path is on every host, such as NFS; nothing is"
                    + " copied. fetch: each host copies it once into its cache, from a URI or a path that all see, such"
                    + " as a slow NFS. broadcast: the files of this machine travel over Spark's own network, and hosts"
                    + " serve each other. auto: shared where the executors see the path, fetch for a URI, else"
                    + " broadcast; it says what it chose. Copies are verified by sha256 and kept in --cache-dir."
                    + " Default: ${DEFAULT-VALUE}.")
    private ModelDistribution distribution = ModelDistribution.AUTO;

    @ChangesNoRow
    @Option(
            names = "--kernels",
            converter = KernelNames.class,
            paramLabel = "KIND",
            defaultValue = "auto",
            description = "auto, vector or scalar; they give the same bits. Default: ${DEFAULT-VALUE}.")
    KernelChoice kernels = KernelChoice.AUTO;

    @ChangesNoRow
    @Option(
            names = "--threads",
            paramLabel = "N",
            defaultValue = "0",
            description = "Threads that compute in each executor. Default: its cores.")
    int threads;

    @ChangesNoRow
    @Option(
            names = "--batch-tokens",
            paramLabel = "N",
            defaultValue = "" + ExecutorOptions.DEFAULT_BATCH_TOKENS,
            description = "Tokens that go through the model together. Default: ${DEFAULT-VALUE}.")
    int batchTokens;

    @ChangesNoRow
    @Option(
            names = "--max-sequences",
            paramLabel = "N",
            defaultValue = "" + ExecutorOptions.DEFAULT_MAX_SEQUENCES,
            description = "Texts that an executor generates at the same time, of all its tasks. Default:"
                    + " ${DEFAULT-VALUE}.")
    int maxSequences;

    @Option(
            names = "--kv",
            paramLabel = "FORMAT",
            defaultValue = "f32",
            description =
                    "How the keys and values of texts that are generated are kept: f32, exact; or bf16, in half the"
                            + " memory, rounded. Default: ${DEFAULT-VALUE}.")
    KeyValueFormat keyValues = KeyValueFormat.F32;

    @ChangesNoRow
    @Option(
            names = "--memory",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description = "Memory that they take at most in each executor, off its heap, such as 2g. Default: what"
                    + " spark.executor.memoryOverhead leaves; where there is none an eighth of the machine's, at most"
                    + " 4g.")
    private @Nullable Long memory;

    @Mixin
    private CacheOption cache = new CacheOption();

    @ChangesNoRow
    @Option(
            names = "--cache-size",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description = "What --cache-dir may hold on each host, such as 100g: beyond that, what was not used for"
                    + " longest is deleted, and in any case what was not used for 30 days; never what a run uses."
                    + " Default: half of what the disk would have free without it.")
    private @Nullable Long cacheSize;

    /// Returns the model, checked on this machine. If it lies elsewhere, this machine gets its own copy first.
    ///
    /// @param run the options whose Spark configuration says how to reach a remote model
    ModelReference open(RunOptions run) {
        if (threads < 0) {
            throw Refusal.usage("--threads must be at least 1, or 0 for all cores, not " + threads);
        }
        if (batchTokens < 1) {
            throw Refusal.usage("--batch-tokens must be at least 1, not " + batchTokens);
        }
        if (maxSequences < 1) {
            throw Refusal.usage("--max-sequences must be at least 1, not " + maxSequences);
        }
        ExecutorOptions options = new ExecutorOptions(
                kernels,
                threads,
                batchTokens,
                maxSequences,
                keyValues,
                memory == null ? 0 : memory,
                cache.given(),
                cacheSize == null ? 0 : cacheSize);
        return switch (ModelLocation.of(model)) {
            case ModelLocation.Local local -> ModelReference.open(local.directory(), options);
            case ModelLocation.Remote remote -> fetch(remote, JobRun.configuration(run.settings()), options);
        };
    }

    private ModelReference fetch(ModelLocation.Remote remote, SparkConf conf, ExecutorOptions options) {
        if (distribution == ModelDistribution.SHARED && !ModelDistribution.inOneProcess(conf)) {
            throw Refusal.usage("--model-distribution shared is for a path that every host sees, not for %s; take fetch"
                    .formatted(remote.uri()));
        }
        return ModelReference.fetch(remote.files(conf), options);
    }

    ModelDistribution distribution() {
        return distribution;
    }
}
