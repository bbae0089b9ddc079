package org.sparkqwen.job.cli;

import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.StreamingPlan;
import org.sparkqwen.engine.sizing.StreamingForecast;
import org.sparkqwen.engine.sizing.WeightMemory;
import org.sparkqwen.engine.sizing.WorkingMemory;
import org.sparkqwen.job.cli.report.ByteCount;
import org.sparkqwen.job.failure.Console;
import org.sparkqwen.job.model.ExecutorOptions;
import org.sparkqwen.job.spark.ContainerMemory;

/// Prints the memory that executors need for a model, as `inspect` does, if they have the cores of this machine.
final class MemoryNeeds {
    private static final int BATCH = ExecutorOptions.DEFAULT_BATCH_TOKENS;
    private static final int CORES = Runtime.getRuntime().availableProcessors();

    private final Console out;
    private final ModelConfig config;
    private final long weights;

    /// @param weights the bytes of the packed weights
    MemoryNeeds(Console out, ModelConfig config, long weights) {
        this.out = out;
        this.config = config;
        this.weights = weights;
    }

    /// Prints the working memory of usual documents, and of those that fill the model's context.
    void printScoring() {
        int usual = Math.min(BATCH, config.maxPositions());
        printScoring(usual);
        if (config.maxPositions() > usual) {
            printScoring(config.maxPositions());
        }
    }

    private void printScoring(int window) {
        WorkingMemory memory = scoring(config, window);
        out.printf(
                "               %s off the heap and %s of heap in each executor that scores batches of %,d tokens,"
                        + " documents in windows of %,d%n",
                ByteCount.text(memory.offHeap()), ByteCount.text(memory.heap()), BATCH, window);
    }

    private static WorkingMemory scoring(ModelConfig of, int window) {
        return WorkingMemory.scoring(of, BATCH, window, CORES);
    }

    /// Prints the size of a container that holds an executor with its weights.
    void printContainer() {
        ContainerMemory container =
                ContainerMemory.of(weights, scoring(config, BATCH).offHeap(), CORES);
        out.printf(
                "  container    spark.executor.memory=%dm and spark.executor.memoryOverhead=%dm hold all of this with"
                    + " %d cores, on%n               Kubernetes and YARN; to generate, the overhead has the KV cache"
                    + " in addition%n",
                container.heap() >> 20, container.overhead() >> 20, CORES);
    }

    /// Prints what a reference model adds, and whether the weights of both fit into the memory of this machine.
    ///
    /// @param given the reference model, for a person
    /// @param otherWeights the bytes of its packed weights
    void printReference(String given, ModelConfig other, long otherWeights) {
        WorkingMemory ofOther = scoring(other, BATCH);
        WorkingMemory working = scoring(config, BATCH).plus(ofOther);
        long both = weights + otherWeights;
        long available = WeightMemory.available(config, BATCH, CORES) - ofOther.offHeap();
        out.printf(
                "  reference    %s of weights with those of %s; this machine has %s for them, so they %s%n",
                ByteCount.text(both),
                given,
                ByteCount.text(Math.max(0, available)),
                both <= available ? "fit" : "do not fit: parts of both would be read from the disk for each batch");
        out.printf(
                "               %s off the heap and %s of heap in each executor that scores with both%n",
                ByteCount.text(working.offHeap()), ByteCount.text(working.heap()));
    }

    /// Prints the forecast of streaming for this machine. Other machines may have more memory.
    void printStreaming(StreamingForecast forecast) {
        StreamingPlan plan = forecast.plan();
        out.printf(
                "  larger than  the %s of memory that are left for weights here: %s stay, and %s are read from the"
                        + " disk%n  memory       for each batch, %s%n",
                ByteCount.text(plan.memory()),
                ByteCount.text(plan.keptBytes()),
                ByteCount.text(plan.streamedBytes()),
                plan.overlapping() ? "while it computes" : "before they compute: not even two layers have room");
        out.printf(
                "               %s%n",
                forecast.diskRate().isPresent()
                        ? "the disk reads %.2f GB/s: %.1f s a batch; from some %,d tokens on (--batch-tokens) %s"
                                .formatted(
                                        forecast.diskRate().getAsDouble() / 1e9,
                                        forecast.diskSeconds().getAsDouble(),
                                        forecast.tokensAsLongAsTheDisk().getAsLong(),
                                        "arithmetic takes longer")
                        : "how fast the disk reads cannot be measured here");
        out.println("               generation reads as much for every token of all texts together: it works, slowly");
    }

    /// Prints the KV cache of generated texts.
    void printGeneration() {
        long keysAndValues = config.keyValueBytesPerToken();
        out.printf(
                "  generation   %s of keys and values a token, half with --kv bf16, a quarter with --kv int8: %,d"
                        + " tokens at a time in a GiB%n",
                ByteCount.text(keysAndValues), (1L << 30) / keysAndValues);
    }
}
