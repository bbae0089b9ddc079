package org.sparkqwen.job.testing;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.DeviceDescription;
import org.sparkqwen.engine.kernels.DeviceException;
import org.sparkqwen.engine.kernels.DeviceUse;
import org.sparkqwen.engine.kernels.KernelProvider;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.OperationSizes;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.scalar.ScalarProvider;

/// A back-end that stands in for one of GPUs: it says that it runs CUDA, and computes with the scalar kernels.
///
/// It takes the place of the product's back-end in a JVM that has the property [#COUNT].
public final class GpuStandIn implements KernelProvider {
    /// The system property of the number of GPUs that there seem to be; without it and [#VARIABLE], there is no
    /// such back-end.
    public static final String COUNT = "gpu-stand-in.count";

    /// The environment variable that stands for the property.
    public static final String VARIABLE = "GPU_STAND_IN_COUNT";

    /// The system property of a file. While it exists, a GPU is lost in the middle of the work of the process that
    /// deletes it.
    public static final String LOSS = "gpu-stand-in.loss";

    /// The bytes of memory that each GPU says it has.
    public static final long MEMORY = 80L << 30;

    /// What a process without an NVIDIA driver says.
    public static final String NO_DRIVER = "no NVIDIA driver (libcuda.so.1) on this host";

    @Override
    public String name() {
        return "gpu-stand-in";
    }

    @Override
    public Device.Kind device() {
        return Device.Kind.CUDA;
    }

    @Override
    public List<DeviceDescription> devices() {
        return IntStream.range(0, count())
                .mapToObj(index -> new DeviceDescription(index, "Stand-in", "sm_0", "0.0", MEMORY, MEMORY))
                .toList();
    }

    @Override
    public Set<Precision> precisions() {
        return EnumSet.of(Precision.FLOAT32, Precision.BFLOAT16);
    }

    @Override
    public int rank() {
        return given() == null ? -1 : Integer.MAX_VALUE;
    }

    @Override
    public Optional<String> obstacle(Precision precision) {
        return count() > 0 ? Optional.empty() : Optional.of(NO_DRIVER);
    }

    private static @Nullable String given() {
        return System.getProperty(COUNT, System.getenv(VARIABLE));
    }

    private static int count() {
        String given = given();
        return given == null ? 0 : Integer.parseInt(given);
    }

    @Override
    public Kernels create(int threads, Precision precision, Device device) {
        Kernels scalar = new ScalarProvider().create(threads, precision);
        return (Kernels) Proxy.newProxyInstance(
                GpuStandIn.class.getClassLoader(), new Class<?>[] {Kernels.class}, (proxy, method, arguments) -> {
                    switch (method.getName()) {
                        case "description" -> {
                            return "stand-in for " + device;
                        }
                        case "deviceUse" -> {
                            return Optional.of(new DeviceUse(MEMORY / 2, MEMORY, 1, 0));
                        }
                        case "embed" -> loseOnce();
                        default -> {}
                    }
                    try {
                        return method.invoke(scalar, arguments);
                    } catch (InvocationTargetException e) {
                        throw Objects.requireNonNull(e.getCause());
                    }
                });
    }

    private static void loseOnce() throws IOException {
        String file = System.getProperty(LOSS);
        if (file != null && Files.deleteIfExists(Path.of(file))) {
            throw new DeviceException(DeviceException.Reason.LOST, "the GPU is lost");
        }
    }

    @Override
    public long heapBytes(OperationSizes sizes) {
        return 0;
    }
}
