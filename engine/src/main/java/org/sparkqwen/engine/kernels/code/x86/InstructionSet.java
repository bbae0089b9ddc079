package org.sparkqwen.engine.kernels.code.x86;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// The instructions that float32 arithmetic uses, from the best on.
///
/// The JVM's limit on its own vectors, `-XX:UseAVX`, is a limit here, too, if someone has set it. So the whole process
/// can be held to 256 bits on a processor that has more, for a comparison or a test. A default of the JVM is none: for
/// some early processors with AVX-512 it is 2, because a few vectors of 512 bits would lower the clock of all code.
public enum InstructionSet {
    AVX_512("AVX-512", 3, Zmm.FLOATS),
    AVX2("AVX2", 2, Ymm.FLOATS);

    private final String title;
    private final int useAvx;
    private final int floats;

    /// @param useAvx the least value of `-XX:UseAVX` with which the JVM itself uses these instructions
    InstructionSet(String title, int useAvx, int floats) {
        this.title = title;
        this.useAvx = useAvx;
        this.floats = floats;
    }

    /// The best of these that this machine has; empty if it has none.
    public static Optional<InstructionSet> best() {
        return Arrays.stream(values()).filter(set -> set.obstacle().isEmpty()).findFirst();
    }

    /// The reason why this machine cannot run such code, or must not; empty if it can.
    public Optional<String> obstacle() {
        return Processor.obstacle(flags()).or(() -> limit(useAvx));
    }

    /// The names of the abilities that such code needs, as in `/proc/cpuinfo`.
    private Set<String> flags() {
        return switch (this) {
            case AVX_512 -> Set.of("avx512f");
            case AVX2 -> Set.of("avx2", "fma", "f16c");
        };
    }

    /// The reason why code that needs AVX-512 must not run in this JVM; empty if it may.
    public static Optional<String> limitOfAvx512() {
        return limit(AVX_512.useAvx);
    }

    private static Optional<String> limit(int needed) {
        return JvmLimit.useAvx()
                .filter(limit -> limit < needed)
                .map(limit -> "the JVM was started with -XX:UseAVX=%d".formatted(limit));
    }

    /// The number of float32 numbers in a register.
    public int floats() {
        return floats;
    }

    /// The size of a register in bytes.
    public int bytes() {
        return floats * Float.BYTES;
    }

    public Vector register(int number) {
        return switch (this) {
            case AVX_512 -> new Zmm(number);
            case AVX2 -> new Ymm(number);
        };
    }

    /// Consecutive registers.
    public List<Vector> registers(int first, int count) {
        Vector[] all = new Vector[count];
        Arrays.setAll(all, i -> register(first + i));
        return List.of(all);
    }

    @Override
    public String toString() {
        return title;
    }
}
