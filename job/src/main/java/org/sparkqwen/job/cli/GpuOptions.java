package org.sparkqwen.job.cli;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.checkpoint.PackedLayout;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.DeviceDescription;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.KernelProvider;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.sizing.DeviceMemory;
import org.sparkqwen.job.cli.report.GpuFit;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.model.DeviceChoice;
import picocli.CommandLine.Option;

/// The options that say for which GPUs a model is inspected.
final class GpuOptions {
    @Option(
            names = "--device",
            converter = DeviceNames.class,
            paramLabel = "WHAT",
            description = "With cuda, inspect also says which GPUs this machine has, and how the model fits into their"
                    + " memory. cuda:N asks about one of them.")
    private @Nullable DeviceChoice device;

    @Option(
            names = "--device-memory",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description = "With --device cuda, inspect says how the model would fit into a GPU with this much memory,"
                    + " such as 80g. This machine needs none.")
    private @Nullable Long memory;

    /// Refuses options that make no sense together.
    void check() {
        if (memory != null && asked() == null) {
            throw Refusal.usage("--device-memory is for --device cuda; give both");
        }
    }

    private @Nullable Device asked() {
        Device asked = device == null ? null : device.device();
        return asked != null && asked.isGpu() ? asked : null;
    }

    /// Says how a model fits into the GPUs that were asked about; nothing if none were.
    ///
    /// @throws Refusal if there are none
    List<GpuFit> fits(ModelConfig config, PackedLayout layout) {
        long weights = DeviceMemory.weightBytes(config, layout, Precision.FLOAT32);
        Device asked = asked();
        if (asked == null) {
            return List.of();
        }
        return memory == null
                ? gpus(asked).stream()
                        .map(gpu -> GpuFit.of(gpu, config, weights))
                        .toList()
                : List.of(GpuFit.of(memory, config, weights));
    }

    private static List<DeviceDescription> gpus(Device asked) {
        KernelProvider provider = KernelChoice.gpuProvider();
        List<DeviceDescription> gpus = provider.devices().stream()
                .filter(gpu -> asked.index() == Device.ANY || asked.index() == gpu.index())
                .toList();
        if (gpus.isEmpty()) {
            String reason = provider.obstacle().orElse("this machine has no such GPU");
            throw Refusal.failure("--device %s: %s; with --device-memory 80g, inspect plans for a GPU that is elsewhere"
                    .formatted(asked, reason));
        }
        return gpus;
    }
}
