package org.sparkqwen.engine.testing;

import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.DeviceDescription;
import org.sparkqwen.engine.kernels.DeviceException;
import org.sparkqwen.engine.kernels.KernelProvider;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.OperationSizes;
import org.sparkqwen.engine.kernels.Precision;

/// A back-end of the test tree that stands in for one of GPUs: it says that it runs CUDA, and computes with
/// [SeparateMemoryKernels].
///
/// It takes the place of the product's back-end in a JVM that has the property [#GPUS].
public final class StandInGpuProvider implements KernelProvider {
    public static final String NAME = "stand-in";

    /// The system property of the number of GPUs that there seem to be; without it, there is no such back-end.
    public static final String GPUS = "stand-in.gpus";

    /// The bytes of memory that each GPU says it has.
    public static final long MEMORY = 80L << 30;

    /// The system property of the tokens that a GPU has memory for at the same time.
    public static final String MOST_TOKENS = "stand-in.most-tokens";

    /// Fails as a GPU whose memory is full.
    ///
    /// @param tokens number of tokens of a batch
    static void check(int tokens) {
        if (tokens > Integer.getInteger(MOST_TOKENS, Integer.MAX_VALUE)) {
            throw new DeviceException(DeviceException.Reason.OUT_OF_MEMORY, "the GPU has no memory left");
        }
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public Device.Kind device() {
        return Device.Kind.CUDA;
    }

    @Override
    public List<DeviceDescription> devices() {
        return IntStream.range(0, gpus())
                .mapToObj(index -> new DeviceDescription(index, "Stand-in", "sm_0", "0.0", MEMORY, MEMORY))
                .toList();
    }

    @Override
    public Set<Precision> precisions() {
        return EnumSet.of(Precision.FLOAT32, Precision.BFLOAT16);
    }

    @Override
    public int rank() {
        return System.getProperty(GPUS) == null ? -1 : Integer.MAX_VALUE;
    }

    @Override
    public Optional<String> obstacle(Precision precision) {
        return gpus() > 0 ? Optional.empty() : Optional.of("no NVIDIA driver (libcuda.so.1) on this host");
    }

    private static int gpus() {
        return Integer.getInteger(GPUS, 0);
    }

    @Override
    public Kernels create(int threads, Precision precision, Device device) {
        if (device.index() >= gpus()) {
            throw new DeviceException(
                    DeviceException.Reason.UNAVAILABLE,
                    "there is no GPU %d: this process sees %d".formatted(device.index(), gpus()));
        }
        return new SeparateMemoryKernels(threads, precision, device);
    }

    @Override
    public long heapBytes(OperationSizes sizes) {
        return 0;
    }
}
