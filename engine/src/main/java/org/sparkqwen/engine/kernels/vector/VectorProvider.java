package org.sparkqwen.engine.kernels.vector;

import java.util.Optional;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.KernelProvider;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.LogSumExp;
import org.sparkqwen.engine.kernels.OperationSizes;
import org.sparkqwen.engine.kernels.Precision;

/// The vector kernels as a back-end, which needs the JVM's vector module.
public final class VectorProvider implements KernelProvider {
    @Override
    public String name() {
        return "vector";
    }

    @Override
    public int rank() {
        return 10;
    }

    @Override
    public Optional<String> obstacle(Precision precision) {
        return VectorModule.isPresent()
                ? Optional.empty()
                : Optional.of("the JVM was started without --add-modules " + VectorModule.NAME);
    }

    @Override
    public Kernels create(int threads, Precision precision, Device device) {
        return new VectorKernels(threads, precision);
    }

    /// The bytes of the packed activations, of each thread's sums, and of a maximum and sums for each chunk of
    /// logits in the head.
    @Override
    public long heapBytes(OperationSizes sizes) {
        long packed = Math.max(
                PackedActivations.floats(sizes.tokens(), sizes.inputs()),
                PackedActivations.floatsOfExperts(sizes.expertRows(), sizes.experts(), sizes.expertInputs()));
        long sums = (long) sizes.threads() * TiledProduct.HEAP_FLOATS;
        long maximaAndSums = 4L * sizes.tokens() * LogSumExp.chunks(sizes.vocabulary());
        return (packed + sums + maximaAndSums) * Float.BYTES;
    }
}
