package org.sparkqwen.job.executor;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.DeviceDescription;
import org.sparkqwen.engine.kernels.DeviceException;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.KernelProvider;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.Weights;
import org.sparkqwen.engine.sizing.DeviceMemory;
import org.sparkqwen.job.model.ExecutorOptions;

/// The memory of this executor's GPUs, which has the weights, the batches and the KV cache of an engine.
final class GpuMemory {
    private static final Logger LOG = LoggerFactory.getLogger(GpuMemory.class);

    private GpuMemory() {}

    /// Returns the description of a GPU that this process sees.
    ///
    /// @param device a certain GPU
    /// @throws DeviceException if there is none with the number, or no driver
    static DeviceDescription described(Device device) {
        KernelProvider provider = KernelChoice.gpuProvider();
        provider.obstacle().ifPresent(reason -> {
            throw unavailable(device, reason);
        });
        List<DeviceDescription> devices = provider.devices();
        return devices.stream()
                .filter(described -> described.index() == device.index())
                .findFirst()
                .orElseThrow(() -> unavailable(
                        device,
                        "this process sees %s"
                                .formatted(
                                        devices.isEmpty()
                                                ? "no GPU"
                                                : devices.stream()
                                                        .map(each -> "cuda:" + each.index())
                                                        .collect(Collectors.joining(", ")))));
    }

    private static DeviceException unavailable(Device device, String reason) {
        return new DeviceException(
                DeviceException.Reason.UNAVAILABLE, "the device %s cannot be used: %s".formatted(device, reason));
    }

    /// Plans an engine's memory on a GPU.
    ///
    /// @param options with the tokens of a batch; 0 for as many as there is room for
    /// @param memoryShare the part of the memory that the engine may use, because another one has the rest
    /// @throws DeviceException if the GPU has too little memory
    static DeviceMemory of(
            DeviceDescription gpu,
            ModelConfig config,
            Path model,
            @Nullable Path adapter,
            ExecutorOptions options,
            double memoryShare) {
        long weights;
        try (WeightFiles files = WeightFiles.open(model, config.family().names(), adapter)) {
            ModelConfig whole = config.with(files);
            weights = DeviceMemory.weightBytes(
                    whole,
                    Weights.layout(whole, files, options.weights()),
                    options.kernels().precision());
        }
        long bytes = Math.min(gpu.freeBytes(), (long) (memoryShare * gpu.memoryBytes()));
        int batchTokens = options.batchTokens();
        DeviceMemory memory = batchTokens == 0
                ? DeviceMemory.of(config, bytes, weights)
                : DeviceMemory.of(config, bytes, weights, batchTokens, batchTokens);
        if (!memory.fits()) {
            throw new DeviceException(
                    DeviceException.Reason.OUT_OF_MEMORY,
                    ("the model needs %.1f GB of weights and %.1f GB for batches of %,d tokens, and %s has %.1f GB"
                                    + " free; take fewer --batch-tokens, or a larger GPU: weights are not streamed to"
                                    + " GPUs")
                            .formatted(
                                    weights / 1e9,
                                    memory.working() / 1e9,
                                    memory.batchTokens(),
                                    gpu.name(),
                                    bytes / 1e9));
        }
        LOG.info(
                "cuda:{} is {} with driver {}: batches of {} tokens, {} MiB for the KV cache",
                gpu.index(),
                gpu.name(),
                gpu.driver(),
                memory.batchTokens(),
                memory.left() >> 20);
        return memory;
    }
}
