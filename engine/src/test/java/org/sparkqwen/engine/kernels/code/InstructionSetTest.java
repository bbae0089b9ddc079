package org.sparkqwen.engine.kernels.code;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.code.x86.InstructionSet;
import org.sparkqwen.engine.testing.OtherJvm;

/// Machine code uses the best instructions that both the processor and the JVM's options allow, and says which.
class InstructionSetTest {
    @BeforeEach
    void needsThisProcessor() {
        InstructionSet.AVX2.obstacle().ifPresent(reason -> assumeTrue(false, reason));
    }

    @Test
    void theBestSetIsChosenAndNamed() {
        InstructionSet best =
                InstructionSet.AVX_512.obstacle().isEmpty() ? InstructionSet.AVX_512 : InstructionSet.AVX2;
        assertThat(InstructionSet.best()).contains(best);
        try (Kernels kernels = new CodeProvider().create(1)) {
            assertThat(kernels.description()).isEqualTo("code %s, 1 thread(s)".formatted(best));
        }
    }

    @Test
    void otherPrecisionsNeedAvx512() {
        CodeProvider provider = new CodeProvider(InstructionSet.AVX2);
        assertThat(provider.obstacle(Precision.FLOAT32)).isEmpty();
        assertThat(provider.obstacle(Precision.INT8)).contains("they compute in float32 alone with AVX2");
        try (Kernels kernels = provider.create(1)) {
            assertThat(kernels.description()).isEqualTo("code AVX2, 1 thread(s)");
        }
    }

    @Test
    void theJvmsLimitHoldsForMachineCode() throws IOException, InterruptedException {
        assertThat(chosen("-XX:UseAVX=2"))
                .contains("FLOAT32: code AVX2, 1 thread(s)")
                .anyMatch(line -> line.startsWith("INT8: code kernels cannot run: ")
                        && (line.contains("-XX:UseAVX=2") || line.contains("the processor has no")));
        assertThat(chosen("-XX:UseAVX=1"))
                .contains("FLOAT32: code kernels cannot run: the JVM was started with -XX:UseAVX=1");
    }

    private static List<String> chosen(String option) throws IOException, InterruptedException {
        return OtherJvm.lines(OtherJvm.start(Choosing.class, List.of(option, OtherJvm.VECTOR_MODULE)));
    }

    /// What the other JVM runs.
    static final class Choosing {
        private Choosing() {}

        public static void main(String[] args) {
            for (Precision precision : List.of(Precision.FLOAT32, Precision.INT8)) {
                try (Kernels kernels = KernelChoice.CODE.in(precision).create(1, line -> {})) {
                    System.out.println(precision.name() + ": " + kernels.description());
                } catch (IllegalStateException e) {
                    System.out.println(precision.name() + ": " + e.getMessage());
                }
            }
        }
    }
}
