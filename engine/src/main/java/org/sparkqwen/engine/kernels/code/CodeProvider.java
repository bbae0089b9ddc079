package org.sparkqwen.engine.kernels.code;

import java.util.Optional;
import java.util.Set;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.KernelProvider;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.LogSumExp;
import org.sparkqwen.engine.kernels.OperationSizes;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.vector.VectorProvider;

/// The kernels in machine code as a back-end, for processors with AVX-512. It needs the JVM's vector module, too,
/// because norms and other operations on single rows are those of the vector back-end.
public final class CodeProvider implements KernelProvider {
    private static final Set<String> FLAGS = Set.of("avx512f");
    private static final Set<String> INT8_FLAGS = Set.of("avx512f", "avx512_vnni");
    private static final Set<String> AMX_INT8_FLAGS = Set.of("amx_tile", "amx_int8");
    private static final Set<String> BF16_FLAGS = Set.of("avx512f", "avx512_bf16");
    private static final Set<String> AMX_FLAGS = Set.of("avx512f", "avx512_bf16", "amx_tile", "amx_bf16");

    @Override
    public String name() {
        return "code";
    }

    @Override
    public int rank() {
        return 20;
    }

    @Override
    public Optional<String> obstacle(Precision precision) {
        Optional<String> inAnyPrecision = new VectorProvider().obstacle().or(MachineCode::obstacle);
        return switch (precision) {
            case FLOAT32 -> Processor.obstacle(FLAGS).or(() -> inAnyPrecision);
            case INT8 -> Processor.obstacle(INT8_FLAGS).or(() -> inAnyPrecision);
            case BFLOAT16 -> Processor.obstacle(BF16_FLAGS).or(() -> inAnyPrecision);
            case FLOAT32X2, BFLOAT16_AMX ->
                Processor.obstacle(AMX_FLAGS).or(() -> inAnyPrecision).or(TilePermission::obstacle);
        };
    }

    @Override
    public boolean isFast(Precision precision) {
        return obstacle(precision).isEmpty();
    }

    /// Whether products of bytes can use AMX's tile registers.
    static boolean hasAmxBytes() {
        return Processor.obstacle(AMX_INT8_FLAGS).or(TilePermission::obstacle).isEmpty();
    }

    @Override
    public Kernels create(int threads, Precision precision, Device device) {
        return new CodeKernels(threads, precision);
    }

    /// The bytes of a maximum and sums for each chunk of logits in the head.
    @Override
    public long heapBytes(OperationSizes sizes) {
        return 4L * sizes.tokens() * LogSumExp.chunks(sizes.vocabulary()) * Float.BYTES;
    }

    /// The bytes of each thread's copy of its rows, and of its sums.
    @Override
    public long nativeBytes(OperationSizes sizes) {
        return sizes.threads() * PanelProduct.bytes(Math.max(sizes.inputs(), sizes.expertInputs()));
    }
}
