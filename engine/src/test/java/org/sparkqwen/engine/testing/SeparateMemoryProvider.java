package org.sparkqwen.engine.testing;

import java.util.Optional;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.KernelProvider;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.OperationSizes;
import org.sparkqwen.engine.kernels.Precision;

/// A back-end of the test tree, `separate`: [SeparateMemoryKernels]. The test tree's `META-INF/services` names it, as a
/// back-end of the product would be named.
///
/// It runs only if it is asked for by name, unless a JVM is started with a rank for it.
public final class SeparateMemoryProvider implements KernelProvider {
    public static final String NAME = "separate";

    /// The system property of the rank.
    public static final String RANK = "separate.rank";

    /// The system property of the reason why it cannot run.
    public static final String OBSTACLE = "separate.obstacle";

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public int rank() {
        return Integer.getInteger(RANK, -1);
    }

    @Override
    public Optional<String> obstacle(Precision precision) {
        return Optional.ofNullable(System.getProperty(OBSTACLE));
    }

    @Override
    public Kernels create(int threads, Precision precision, Device device) {
        return new SeparateMemoryKernels(threads, precision, device);
    }

    @Override
    public long heapBytes(OperationSizes sizes) {
        return 0;
    }
}
