package org.sparkqwen.job.cli.report;

import java.util.ArrayList;
import java.util.List;
import org.sparkqwen.engine.kernels.DeviceDescription;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.sizing.DeviceMemory;

/// How a model fits into the memory of a GPU: its weights, batches, and the KV cache of generated texts.
///
/// @param fits whether the weights and a batch of the smallest default size have room
/// @param lines lines for a person
public record GpuFit(boolean fits, List<String> lines) {
    public GpuFit {
        lines = List.copyOf(lines);
    }

    /// Plans for a GPU of this machine.
    ///
    /// @param weights bytes of the weights in its memory
    public static GpuFit of(DeviceDescription gpu, ModelConfig config, long weights) {
        String title = "cuda:%d is %s (%s), driver %s, with %s of memory, %s free"
                .formatted(
                        gpu.index(),
                        gpu.name(),
                        gpu.architecture(),
                        gpu.driver(),
                        ByteCount.text(gpu.memoryBytes()),
                        ByteCount.text(gpu.freeBytes()));
        return of(title, gpu.freeBytes(), config, weights);
    }

    /// Plans for a GPU that is elsewhere.
    ///
    /// @param bytes the memory that it has
    /// @param weights bytes of the weights in its memory
    public static GpuFit of(long bytes, ModelConfig config, long weights) {
        return of("a GPU with %s of memory".formatted(ByteCount.text(bytes)), bytes, config, weights);
    }

    private static GpuFit of(String title, long bytes, ModelConfig config, long weights) {
        List<String> lines = new ArrayList<>();
        lines.add(title);
        DeviceMemory memory = DeviceMemory.of(config, bytes, weights);
        if (!memory.fits()) {
            lines.add("the model does not fit: %s of weights and %s for a batch of %,d tokens are more than %s"
                    .formatted(
                            ByteCount.text(weights),
                            ByteCount.text(memory.working()),
                            memory.batchTokens(),
                            ByteCount.text(memory.memory())));
            return new GpuFit(false, lines);
        }
        lines.add("%s of weights, and %s for batches of %,d tokens, the default of --batch-tokens there"
                .formatted(ByteCount.text(weights), ByteCount.text(memory.working()), memory.batchTokens()));
        lines.add("%s are left for the KV cache of generate: %,d tokens at a time"
                .formatted(ByteCount.text(memory.left()), memory.left() / config.keyValueBytesPerToken()));
        int longest = config.maxPositions();
        DeviceMemory whole = DeviceMemory.of(config, bytes, weights, memory.batchTokens(), longest);
        lines.add("documents in windows of %,d tokens take %s and %s"
                .formatted(
                        longest,
                        ByteCount.text(whole.working()),
                        whole.fits() ? "fit" : "do not fit; take a smaller --context"));
        return new GpuFit(true, lines);
    }
}
