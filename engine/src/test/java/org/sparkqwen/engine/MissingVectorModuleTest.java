package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.kernels.KernelChoice;

/// A JVM that was started without the vector module: it says so in one loud line, and gives the same bits.
class MissingVectorModuleTest {
    private static final int[] TOKENS = {32, 300, 1702, 11, 281, 259};

    @Test
    void isSaidLoudlyAndChangesNoBit() throws IOException, InterruptedException {
        Process process = new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Scoring.class.getName()))
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        List<String> lines = output.lines().toList();
        assertThat(lines)
                .filteredOn(line -> line.contains("VECTOR MODULE IS MISSING"))
                .hasSize(1);
        assertThat(output).contains("--add-modules jdk.incubator.vector").contains("kernels: scalar");
        assertThat(lines.getLast()).isEqualTo("sum_nll " + sumNll(KernelChoice.VECTOR));
    }

    private static double sumNll(KernelChoice kernels) {
        try (Engine engine = Engine.open(Golden.SMALL_MODEL, Golden.options(kernels, 1, 64))) {
            return Golden.scored(engine, TOKENS, Golden.unprefixed(64, 32))
                    .score()
                    .sumNll();
        }
    }

    /// What the other JVM runs.
    static final class Scoring {
        private Scoring() {}

        public static void main(String[] args) {
            System.out.println("sum_nll " + sumNll(KernelChoice.AUTO));
        }
    }
}
