package org.sparkqwen.job.cli.report;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.SparkConf;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.checkpoint.PackedLayout;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.StreamingPlan;
import org.sparkqwen.engine.model.Weights;
import org.sparkqwen.engine.scoring.ScoreDetails;
import org.sparkqwen.engine.sizing.DeviceMemory;
import org.sparkqwen.engine.sizing.WeightMemory;
import org.sparkqwen.engine.sizing.WorkingMemory;
import org.sparkqwen.job.model.ExecutorOptions;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.spark.ContainerMemory;
import org.sparkqwen.job.spark.ExecutorMemory;

/// How a model fits into memory: its weights into that of this machine, and a batch into that of an executor.
public final class ModelFit {
    private ModelFit() {}

    /// Returns lines for a person.
    ///
    /// @param window the tokens of the longest window that is computed at once
    /// @param conf the configuration with which executors would start
    public static List<String> lines(ModelReference model, int window, SparkConf conf) {
        return lines(model, null, ScoreDetails.NONE, window, conf);
    }

    /// Returns lines for a person about two models that each executor has.
    ///
    /// @param reference the reference model; null for none
    /// @param details what is computed of the first model's distributions
    public static List<String> lines(
            ModelReference model,
            @Nullable ModelReference reference,
            ScoreDetails details,
            int window,
            SparkConf conf) {
        if (model.device().isGpu()) {
            return onGpus(model, reference, window);
        }
        ExecutorMemory executor = ExecutorMemory.of(conf);
        int batch = batchTokens(model);
        int threads = threads(model, executor);
        WorkingMemory working = WorkingMemory.scoring(model.config(), batch, window, threads);
        if (details.best() > 0) {
            working = working.plus(WorkingMemory.ranking(model.config()));
        }
        if (reference != null) {
            working = working.plus(WorkingMemory.scoring(reference.config(), batch, window, threads));
        }
        return lines(model, reference, working, executor);
    }

    /// Returns lines for a person, of a run that embeds.
    ///
    /// @param longest the tokens of the longest text
    /// @param conf the configuration with which executors would start
    public static List<String> ofEmbedding(ModelReference model, int longest, SparkConf conf) {
        if (model.device().isGpu()) {
            return onGpus(model, null, longest);
        }
        ExecutorMemory executor = ExecutorMemory.of(conf);
        int batch = batchTokens(model);
        int threads = threads(model, executor);
        return lines(model, null, WorkingMemory.embedding(model.config(), batch, longest, threads), executor);
    }

    /// Returns lines about executors with GPUs. Which GPUs they have is not known here.
    private static List<String> onGpus(ModelReference model, @Nullable ModelReference reference, int window) {
        int batch = batchTokens(model);
        DeviceMemory own = onGpu(model, batch, window);
        List<String> lines = new ArrayList<>();
        lines.add("weights     %s, in the memory of each GPU".formatted(ByteCount.text(own.weights())));
        long working = own.working();
        if (reference != null) {
            DeviceMemory second = onGpu(reference, batch, window);
            lines.add("reference   %s, in the memory of each GPU".formatted(ByteCount.text(second.weights())));
            working += second.working();
        }
        lines.add("GPUs        %s more for a batch of %,d tokens; the KV cache of generated texts gets the rest"
                .formatted(ByteCount.text(working), batch));
        return lines;
    }

    private static DeviceMemory onGpu(ModelReference model, int batch, int window) {
        long weights = DeviceMemory.weightBytes(
                model.config(), layout(model), model.options().kernels().precision());
        return DeviceMemory.of(model.config(), Long.MAX_VALUE, weights, batch, window);
    }

    private static int batchTokens(ModelReference model) {
        int given = model.options().batchTokens();
        return given > 0
                ? given
                : model.device().isGpu() ? DeviceMemory.MOST_BATCH_TOKENS : ExecutorOptions.DEFAULT_BATCH_TOKENS;
    }

    private static int threads(ModelReference model, ExecutorMemory executor) {
        return model.options().threads() == 0
                ? executor.cores()
                : model.options().threads();
    }

    private static List<String> lines(
            ModelReference model, @Nullable ModelReference reference, WorkingMemory working, ExecutorMemory executor) {
        int batch = batchTokens(model);
        int threads = threads(model, executor);
        List<String> lines = new ArrayList<>();
        if (reference == null) {
            lines.add("weights     " + weights(model, batch, threads, 1));
        } else {
            double own = model.weightBytes();
            double share = own / (own + reference.weightBytes());
            lines.add("weights     " + weights(model, batch, threads, share));
            lines.add("reference   " + weights(reference, batch, threads, 1 - share));
        }
        lines.add("executors   %s of heap and %s off the heap for a batch with %d threads"
                .formatted(ByteCount.text(working.heap()), ByteCount.text(working.offHeap()), threads));
        lines.add("            " + heap(working, executor));
        if (executor.overhead().isPresent()) {
            long weights = executor.hasWeights() ? weightBytes(model, reference) : 0;
            lines.add("            "
                    + overhead(working, weights, executor.overhead().getAsLong()));
        }
        return lines;
    }

    private static String weights(ModelReference model, int batch, int threads, double share) {
        ModelConfig config = model.config();
        PackedLayout layout = layout(model);
        long memory = (long) (share * WeightMemory.available(config, batch, threads));
        StreamingPlan plan = Weights.streamingPlan(config, layout, memory);
        String whole = "%s, mapped once on each host; this machine has %s for them"
                .formatted(ByteCount.text(plan.bytes()), ByteCount.text(plan.memory()));
        return plan.streams()
                ? "%s, so %s would be read from the disk for each batch"
                        .formatted(whole, ByteCount.text(plan.streamedBytes()))
                : whole + ", so they fit";
    }

    private static PackedLayout layout(ModelReference model) {
        ModelConfig config = model.config();
        try (WeightFiles files = WeightFiles.open(
                model.path(), config.family().names(), model.adapterPath().orElse(null))) {
            return Weights.layout(config, files, model.encoding());
        }
    }

    private static String heap(WorkingMemory working, ExecutorMemory executor) {
        long needed = working.heap() + ExecutorMemory.OF_SPARK;
        return executor.heap() >= needed
                ? "their heap of %s is enough".formatted(ByteCount.text(executor.heap()))
                : "their heap of %s is too small: give at least %s with %s"
                        .formatted(
                                ByteCount.text(executor.heap()),
                                ByteCount.text(needed),
                                executor.isDriver() ? "--driver-memory" : "--conf spark.executor.memory");
    }

    /// Returns the bytes of all packed weights that an executor maps.
    private static long weightBytes(ModelReference model, @Nullable ModelReference reference) {
        return layout(model).bytes()
                + (reference == null ? 0 : layout(reference).bytes());
    }

    /// @param weights bytes of the weights, if the overhead has them; 0 elsewhere
    private static String overhead(WorkingMemory working, long weights, long overhead) {
        long needed = weights > 0
                ? ContainerMemory.beside(weights, working.offHeap())
                : working.offHeap() + ExecutorMemory.OF_JVM;
        String has = ByteCount.text(overhead) + (weights > 0 ? ", which has the weights," : "");
        return overhead >= needed
                ? "their memory overhead of %s is enough, and the KV cache of generated texts gets the rest"
                        .formatted(has)
                : "their memory overhead of %s is too small: give at least %s with --conf spark.executor.memoryOverhead"
                        .formatted(has, ByteCount.text(needed));
    }
}
