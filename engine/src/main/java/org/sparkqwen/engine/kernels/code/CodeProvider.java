package org.sparkqwen.engine.kernels.code;

import java.util.Optional;
import java.util.Set;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.KernelProvider;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.LogSumExp;
import org.sparkqwen.engine.kernels.OperationSizes;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.code.x86.InstructionSet;
import org.sparkqwen.engine.kernels.code.x86.MachineCode;
import org.sparkqwen.engine.kernels.code.x86.Processor;
import org.sparkqwen.engine.kernels.vector.VectorProvider;

/// The kernels in machine code as a back-end, for processors with AVX-512, or in float32 with AVX2. It needs the JVM's
/// vector module, too, because norms and other operations on single rows are those of the vector back-end.
public final class CodeProvider implements KernelProvider {
    private static final Set<String> INT8_FLAGS = Set.of("avx512f", "avx512_vnni");
    private static final Set<String> AMX_INT8_FLAGS = Set.of("amx_tile", "amx_int8");
    private static final Set<String> BF16_FLAGS = Set.of("avx512f", "avx512_bf16");
    private static final Set<String> AMX_FLAGS = Set.of("avx512f", "avx512_bf16", "amx_tile", "amx_bf16");

    private final Optional<InstructionSet> only;

    /// The back-end with the best instructions that this machine has.
    public CodeProvider() {
        only = Optional.empty();
    }

    /// The back-end with the instructions of one set for float32, and without other precisions unless it is
    /// AVX-512.
    CodeProvider(InstructionSet only) {
        this.only = Optional.of(only);
    }

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
            case FLOAT32 -> floatObstacle().or(() -> inAnyPrecision);
            case INT8 -> roundedObstacle(INT8_FLAGS).or(() -> inAnyPrecision);
            case BFLOAT16 -> roundedObstacle(BF16_FLAGS).or(() -> inAnyPrecision);
            case FLOAT32X2, BFLOAT16_AMX ->
                roundedObstacle(AMX_FLAGS).or(() -> inAnyPrecision).or(TilePermission::obstacle);
        };
    }

    private Optional<String> floatObstacle() {
        InstructionSet least = only.orElse(InstructionSet.AVX2);
        return set().isPresent() ? Optional.empty() : least.obstacle();
    }

    /// The obstacle of a precision that needs AVX-512.
    private Optional<String> roundedObstacle(Set<String> flags) {
        return only.filter(set -> set != InstructionSet.AVX_512)
                .map("they compute in float32 alone with %s"::formatted)
                .or(() -> Processor.obstacle(flags))
                .or(InstructionSet::limitOfAvx512);
    }

    /// The instructions of float32; empty if this machine lacks them.
    private Optional<InstructionSet> set() {
        return only.isPresent() ? only.filter(set -> set.obstacle().isEmpty()) : InstructionSet.best();
    }

    @Override
    public boolean isFast(Precision precision) {
        return obstacle(precision).isEmpty();
    }

    /// Whether products of bytes can use AMX's tile registers.
    static boolean hasAmxBytes() {
        return Processor.obstacle(AMX_INT8_FLAGS)
                .or(InstructionSet::limitOfAvx512)
                .or(TilePermission::obstacle)
                .isEmpty();
    }

    @Override
    public Kernels create(int threads, Precision precision, Device device) {
        return new CodeKernels(threads, precision, set().orElseThrow());
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
