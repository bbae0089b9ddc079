package org.sparkqwen.job.cli;

import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.sizing.DeviceMemory;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.model.DeviceChoice;
import org.sparkqwen.job.model.ExecutorOptions;
import org.sparkqwen.job.model.ModelDistribution;
import org.sparkqwen.job.storage.ModelLocation;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// The options that say which model is run, and how.
final class ModelOptions {
    @ChangesNoRow
    @Option(
            names = "--model",
            paramLabel = "DIR",
            description = "The model is this Hugging Face directory of a Qwen3 with config.json, safetensors"
                    + " (plain, or in GPTQ, AWQ, compressed-tensors or FP8) and tokenizer.json, a GGUF file, or a"
                    + " directory that pack wrote. It is a path of this machine,"
                    + " or a URI of any file system that Spark reads, such as hdfs: or s3a:. Default: the small"
                    + " sample model.")
    private @Nullable String model;

    @Mixin
    private LoraOption lora = new LoraOption();

    @ChangesNoRow
    @Option(
            names = "--model-distribution",
            paramLabel = "HOW",
            defaultValue = "auto",
            description = "This option says how executors get the model. With shared, the path is on every host, such"
                    + " as NFS, and nothing is copied. With fetch, each host copies the model once into its"
                    + " cache, from a URI or from a path that all hosts see, such as a slow NFS. With broadcast,"
                    + " the files of this machine travel over Spark's own network, and hosts serve each other."
                    + " auto takes shared where the executors see the path, fetch for a URI, and broadcast"
                    + " otherwise, and says what it chose. Copies are verified by sha256 and kept in --cache-dir."
                    + " Default: ${DEFAULT-VALUE}.")
    private ModelDistribution distribution = ModelDistribution.AUTO;

    @ChangesNoRow // the identity of a run has the device that was found
    @Option(
            names = "--device",
            converter = DeviceNames.class,
            paramLabel = "WHAT",
            defaultValue = "auto",
            description = "Executors compute on this device. cpu is the processor. cuda is an NVIDIA GPU, the one that"
                    + " Spark gives to each task, and in local mode the first one or those of"
                    + " spark.driver.resource.gpu. cuda:N is the GPU with number N of each host. auto takes cuda where"
                    + " spark.executor.resource.gpu.amount gives GPUs to executors, or in local mode"
                    + " spark.driver.resource.gpu.amount to the driver, and cpu otherwise. A GPU's log-probabilities"
                    + " differ from those of the processor in their last digits. Default: ${DEFAULT-VALUE}.")
    private DeviceChoice device = DeviceChoice.AUTO;

    @ChangesNoRow
    @Option(
            names = "--allow-other-device",
            description = "A run that was begun on GPUs goes on with the processor, or the other way round. Without"
                    + " this option that is refused, because the numbers of both differ in their last digits. The"
                    + " column model says which rows are which.")
    boolean allowOtherDevice;

    @ChangesNoRow
    @Option(
            names = "--kernels",
            converter = KernelNames.class,
            paramLabel = "KIND",
            defaultValue = "auto",
            description = "On the processor, code runs machine code for AVX-512 or, in float32, AVX2, vector runs the"
                    + " vector code, and scalar runs the readable reference. auto takes the best that can run. All give"
                    + " the same bits. Default: ${DEFAULT-VALUE}.")
    private KernelChoice kernels = KernelChoice.AUTO;

    @Option(
            names = "--precision",
            converter = PrecisionNames.class,
            paramLabel = "NAME",
            description = "Linear layers multiply in this precision. float32 is what transformers computes in"
                    + " float32. float32x2 splits each activation into two bfloat16 numbers: it is nearly as exact"
                    + " and several times as fast on processors with AMX. bfloat16 rounds activations to bfloat16,"
                    + " as the instruction VDPBF16PS, and bfloat16-amx as the AMX instruction TDPBF16PS does. int8"
                    + " rounds activations to 8 bits where weights are integers. Each has its own bits on every"
                    + " machine, but needs its instructions to be fast. GPUs have float32 and bfloat16. Default:"
                    + " float32.")
    private @Nullable Precision precision;

    @ChangesNoRow
    @Option(
            names = "--threads",
            paramLabel = "N",
            defaultValue = "0",
            description = "Each executor computes with N threads. Default: all of its cores.")
    int threads;

    @ChangesNoRow
    @Option(
            names = "--batch-tokens",
            paramLabel = "N",
            description = "N tokens go through the model together, in an executor with all its tasks. Default: "
                    + ExecutorOptions.DEFAULT_BATCH_TOKENS
                    + ", and on a GPU as many as its memory has room for, up to "
                    + DeviceMemory.MOST_BATCH_TOKENS
                    + ".")
    private @Nullable Integer batchTokens;

    @ChangesNoRow
    @Option(
            names = "--max-sequences",
            paramLabel = "N",
            defaultValue = "" + ExecutorOptions.DEFAULT_MAX_SEQUENCES,
            description = "An executor generates at most N texts at the same time, counting all its tasks. Default:"
                    + " ${DEFAULT-VALUE}.")
    int maxSequences = ExecutorOptions.DEFAULT_MAX_SEQUENCES;

    @Option(
            names = "--kv",
            paramLabel = "FORMAT",
            defaultValue = "f32",
            description = "This option sets the format of the KV cache of generated texts. f32 is exact. bf16 takes"
                    + " half the memory and rounds. int8 takes a quarter and rounds more. Default: ${DEFAULT-VALUE}.")
    KeyValueFormat keyValues = KeyValueFormat.F32;

    @Option(
            names = "--weights",
            paramLabel = "ENCODING",
            description = "This option says in which encoding each host packs the weights of the model. stored keeps"
                    + " all numbers. int8 and int4 round matrices to 8 and 4 bits, with a scale for each 128 and"
                    + " 32 inputs, so they take less memory, and texts are generated faster. pack --verify says"
                    + " what that changes. A packed model has an encoding already. Default: stored.")
    private @Nullable WeightEncoding weights;

    @ChangesNoRow
    @Option(
            names = "--memory",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description = "The KV cache of each executor takes at most this much memory, such as 2g. The memory is"
                    + " off the heap, or the GPU's. Default: what spark.executor.memoryOverhead leaves, and on a GPU"
                    + " what the weights and a batch leave. On the processor where there is no overhead, it is an"
                    + " eighth of the machine's memory and at most 4g.")
    private @Nullable Long memory;

    @Mixin
    private CacheOption cache = new CacheOption();

    @ChangesNoRow
    @Option(
            names = "--cache-size",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description = "The --cache-dir of each host holds at most this much, such as 100g. Beyond that, the"
                    + " longest unused entries are deleted. Entries that were not used for 30 days are deleted in"
                    + " any case. Entries that a run uses are never deleted. Default: half of what the disk would"
                    + " have free without the cache.")
    private @Nullable Long cacheSize;

    /// Takes over what the device has decided, so that the manifest of a run has it.
    ///
    /// @param options how executors run the model
    void complete(ExecutorOptions options) {
        if (batchTokens == null && options.batchTokens() > 0) {
            batchTokens = options.batchTokens();
        }
    }

    /// Returns what a command with these options chooses by default.
    ///
    /// @param model the model's directory or URI; null for the small sample model
    /// @param lora the adapter's option
    /// @param cache the option that says where models are kept
    static ModelChoice defaults(@Nullable String model, LoraOption lora, CacheOption cache) {
        ModelOptions options = new ModelOptions();
        options.model = model;
        options.lora = lora;
        options.cache = cache;
        return options.choice();
    }

    /// Returns what these options choose, without opening the model.
    ModelChoice choice() {
        if (threads < 0 || threads > ExecutorOptions.MOST_THREADS) {
            throw Refusal.usage("--threads must be from 1 to %,d, or 0 for all cores, not %d"
                    .formatted(ExecutorOptions.MOST_THREADS, threads));
        }
        if (batchTokens != null && batchTokens < 1) {
            throw Refusal.usage("--batch-tokens must be at least 1, not " + batchTokens);
        }
        if (maxSequences < 1) {
            throw Refusal.usage("--max-sequences must be at least 1, not " + maxSequences);
        }
        ExecutorOptions options = ExecutorOptions.DEFAULT
                .withKernels(kernels())
                .withThreads(threads)
                .withBatchTokens(batchTokens == null ? 0 : batchTokens)
                .withMaxSequences(maxSequences)
                .withKeyValues(keyValues)
                .withWeights(weights == null ? WeightEncoding.STORED : weights)
                .withMemory(memory == null ? 0 : memory)
                .withCacheDirectory(cache.given())
                .withCacheBytes(cacheSize == null ? 0 : cacheSize);
        return new ModelChoice(ModelLocation.of(model), distribution, device, options, lora.location());
    }

    /// Returns the choice of another model, which runs in the same way, with its weights as its files have them and
    /// without an adapter.
    ///
    /// @param other the directory, or a URI
    ModelChoice choiceOf(String other) {
        ModelChoice own = choice();
        return new ModelChoice(
                ModelLocation.of(other), distribution, device, own.options().withWeights(WeightEncoding.STORED), null);
    }

    /// Returns the back-end and its precision.
    KernelChoice kernels() {
        return kernels.in(precision == null ? Precision.FLOAT32 : precision);
    }

    ModelDistribution distribution() {
        return distribution;
    }
}
