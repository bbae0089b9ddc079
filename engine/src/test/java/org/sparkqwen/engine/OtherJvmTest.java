package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.OtherJvm;

/// JVMs that are started in other ways, without the vector module or with narrower vectors, give the same
/// bits.
class OtherJvmTest {
    private static final int[] TOKENS =
            IntStream.range(0, 70).map(i -> (i * 7919 + 32) % 8000).toArray();

    @Test
    void aMissingVectorModuleIsReportedAndChangesNoBit() throws IOException, InterruptedException {
        List<String> lines = score(KernelChoice.AUTO);
        assertThat(lines)
                .filteredOn(line -> line.contains("WARN") && line.contains("vector kernels cannot run"))
                .hasSize(3); // one for each model
        assertThat(String.join("\n", lines)).contains("--add-modules jdk.incubator.vector", "kernels: scalar");
        assertThat(lines.getLast()).isEqualTo("sum_nll " + sumNll(KernelChoice.VECTOR));
    }

    /// The option is for x86. Other processors ignore it and have one width.
    @Test
    void theWidthOfVectorsChangesNoBit() throws IOException, InterruptedException {
        List<String> lines =
                score(KernelChoice.VECTOR, OtherJvm.VECTOR_MODULE, "-XX:+IgnoreUnrecognizedVMOptions", "-XX:UseAVX=2");
        assertThat(String.join("\n", lines)).contains("kernels: vector");
        assertThat(lines.getLast()).isEqualTo("sum_nll " + sumNll(KernelChoice.SCALAR));
    }

    private static List<String> score(KernelChoice kernels, String... options)
            throws IOException, InterruptedException {
        return OtherJvm.lines(OtherJvm.start(Scoring.class, List.of(options), kernels.name()));
    }

    /// Scores with a model of each family.
    private static List<Double> sumNll(KernelChoice kernels) {
        Path models = Golden.DIRECTORY.resolve("models");
        return Stream.of(Golden.SMALL_MODEL, models.resolve("moe-mixed-bf16"), models.resolve("qwen2-bias"))
                .map(model -> sumNll(model, kernels))
                .toList();
    }

    private static double sumNll(Path model, KernelChoice kernels) {
        try (Engine engine = Engine.open(model, Golden.options(kernels, 1, 64))) {
            int[] tokens = IntStream.of(TOKENS)
                    .map(token -> token % engine.config().vocabSize())
                    .toArray();
            return Golden.scored(engine, tokens, Golden.unprefixed(128, 64))
                    .score()
                    .sumNll();
        }
    }

    /// The work of the other JVM.
    static final class Scoring {
        private Scoring() {}

        public static void main(String[] args) {
            System.out.println("sum_nll " + sumNll(new KernelChoice(args[0])));
        }
    }
}
