package org.sparkqwen.engine.testing;

import java.util.Optional;
import org.junit.jupiter.api.Assumptions;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.cuda.CudaProvider;

/// The GPU of tests that need one.
public final class CudaDevice {
    private CudaDevice() {}

    /// Skips a test where there is no GPU, or the program was built without kernels for it.
    public static void assumeThere() {
        Optional<String> obstacle = new CudaProvider().obstacle(Precision.FLOAT32);
        Assumptions.assumeTrue(obstacle.isEmpty(), () -> "no GPU: " + obstacle.orElse(""));
    }

    /// The choice of the first GPU.
    public static KernelChoice choice(Precision precision) {
        return new KernelChoice("auto", precision, Device.cuda(0));
    }
}
