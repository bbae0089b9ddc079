package org.sparkqwen.engine.kernels.code;

import java.util.Optional;
import java.util.Set;
import org.sparkqwen.engine.kernels.KernelProvider;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.LogSumExp;
import org.sparkqwen.engine.kernels.OperationSizes;
import org.sparkqwen.engine.kernels.vector.VectorProvider;

/// The kernels in machine code as a back-end, for processors with AVX-512. It needs the JVM's vector module, too,
/// because norms and other operations on single rows are those of the vector back-end.
public final class CodeProvider implements KernelProvider {
    private static final Set<String> FLAGS = Set.of("avx512f");

    @Override
    public String name() {
        return "code";
    }

    @Override
    public int rank() {
        return 20;
    }

    @Override
    public Optional<String> obstacle() {
        return Processor.obstacle(FLAGS).or(new VectorProvider()::obstacle).or(MachineCode::obstacle);
    }

    @Override
    public Kernels create(int threads) {
        return new CodeKernels(threads);
    }

    /// The bytes of a maximum and a sum for each chunk of logits in the head.
    @Override
    public long heapBytes(OperationSizes sizes) {
        return 2L * sizes.tokens() * LogSumExp.chunks(sizes.vocabulary()) * Float.BYTES;
    }

    /// The bytes of each thread's copy of its rows, and of its sums.
    @Override
    public long nativeBytes(OperationSizes sizes) {
        return sizes.threads() * PanelProduct.bytes(Math.max(sizes.inputs(), sizes.expertInputs()));
    }
}
