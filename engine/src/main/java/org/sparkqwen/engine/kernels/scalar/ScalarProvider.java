package org.sparkqwen.engine.kernels.scalar;

import java.util.Optional;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.KernelProvider;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.LogSumExp;
import org.sparkqwen.engine.kernels.OperationSizes;
import org.sparkqwen.engine.kernels.Precision;

/// The scalar reference as a back-end, which runs in every JVM.
public final class ScalarProvider implements KernelProvider {
    @Override
    public String name() {
        return "scalar";
    }

    @Override
    public int rank() {
        return 0;
    }

    @Override
    public Optional<String> obstacle(Precision precision) {
        return Optional.empty();
    }

    @Override
    public Kernels create(int threads, Precision precision, Device device) {
        return new ScalarKernels(threads, precision);
    }

    /// The bytes that the head needs for a maximum and sums of each chunk of logits.
    @Override
    public long heapBytes(OperationSizes sizes) {
        return 4L * sizes.tokens() * LogSumExp.chunks(sizes.vocabulary()) * Float.BYTES;
    }
}
