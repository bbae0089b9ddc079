package org.sparkqwen.engine.kernels.cuda;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.DeviceDescription;
import org.sparkqwen.engine.kernels.KernelProvider;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.OperationSizes;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.format.WeightFormat;

/// The CUDA kernels as a back-end, for NVIDIA's H100 and H200. It needs nothing but the driver.
public final class CudaProvider implements KernelProvider {
    private static final Set<Precision> PRECISIONS = EnumSet.of(Precision.FLOAT32, Precision.BFLOAT16);

    @Override
    public String name() {
        return "cuda";
    }

    @Override
    public Device.Kind device() {
        return Device.Kind.CUDA;
    }

    @Override
    public int rank() {
        return 0;
    }

    @Override
    public Set<Precision> precisions() {
        return EnumSet.copyOf(PRECISIONS);
    }

    @Override
    public Optional<String> buildObstacle() {
        return Gpu.hasCode()
                ? Optional.empty()
                : Optional.of("this program was built without CUDA kernels; build it where nvcc is on the PATH");
    }

    @Override
    public Optional<String> obstacle(Precision precision) {
        if (!PRECISIONS.contains(precision)) {
            return Optional.of(
                    "the kernels for CUDA have no precision %s; they have float32 and bfloat16".formatted(precision));
        }
        return buildObstacle().or(Driver::obstacle);
    }

    @Override
    public boolean isFast(Precision precision) {
        return obstacle(precision).isEmpty();
    }

    @Override
    public List<DeviceDescription> devices() {
        if (Driver.obstacle().isPresent()) {
            return List.of();
        }
        Driver driver = Driver.get();
        List<DeviceDescription> devices = new ArrayList<>();
        for (int index = 0; index < driver.deviceCount(); index++) {
            int device = driver.device(index);
            long context = driver.retainContext(device);
            try {
                driver.setContext(context);
                long[] memory = driver.memory();
                devices.add(new DeviceDescription(
                        index,
                        driver.deviceName(device),
                        Gpu.architecture(driver, device),
                        "CUDA " + driver.version(),
                        memory[1],
                        memory[0]));
            } finally {
                driver.releaseContext(device);
            }
        }
        return devices;
    }

    @Override
    public Kernels create(int threads, Precision precision, Device device) {
        return new CudaKernels(threads, precision, device.index());
    }

    @Override
    public long heapBytes(OperationSizes sizes) {
        return 0;
    }

    /// The tiles of the matrix, in one or two parts or as integers.
    @Override
    public long matrixBytes(WeightFormat format, int outputs, int inputs, Precision precision) {
        return DeviceWeights.bytes(format, outputs, inputs, precision == Precision.FLOAT32);
    }

    /// The tiles of the activations, and what the head keeps of the logits of some rows.
    @Override
    public long deviceBytes(OperationSizes sizes) {
        return CudaKernels.deviceBytes(sizes);
    }
}
