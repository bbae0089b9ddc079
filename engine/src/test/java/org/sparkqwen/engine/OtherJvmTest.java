package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.kernels.KernelChoice;

/// The same tokens in JVMs that were started otherwise: without the vector module, and with narrower vectors.
class OtherJvmTest {
    private static final int[] TOKENS =
            IntStream.range(0, 70).map(i -> (i * 7919 + 32) % 8000).toArray();

    @Test
    void aMissingVectorModuleIsSaidLoudlyAndChangesNoBit() throws IOException, InterruptedException {
        List<String> lines = score();
        assertThat(lines)
                .filteredOn(line -> line.contains("VECTOR MODULE IS MISSING"))
                .hasSize(1);
        assertThat(String.join("\n", lines)).contains("--add-modules jdk.incubator.vector", "kernels: scalar");
        assertThat(lines.getLast()).isEqualTo("sum_nll " + sumNll(KernelChoice.VECTOR));
    }

    /// The option is for x86; other processors ignore it and have one width.
    @ParameterizedTest
    @ValueSource(ints = {2, 3})
    void theWidthOfVectorsChangesNoBit(int avx) throws IOException, InterruptedException {
        List<String> lines =
                score("--add-modules=jdk.incubator.vector", "-XX:+IgnoreUnrecognizedVMOptions", "-XX:UseAVX=" + avx);
        assertThat(String.join("\n", lines)).contains("kernels: vector");
        assertThat(lines.getLast()).isEqualTo("sum_nll " + sumNll(KernelChoice.SCALAR));
    }

    private static List<String> score(String... options) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("--enable-native-access=ALL-UNNAMED");
        command.addAll(List.of(options));
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Scoring.class.getName()));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output.lines().toList();
    }

    private static double sumNll(KernelChoice kernels) {
        try (Engine engine = Engine.open(Golden.SMALL_MODEL, Golden.options(kernels, 1, 64))) {
            return Golden.scored(engine, TOKENS, Golden.unprefixed(128, 64))
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
