package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.sparkqwen.engine.checkpoint.PackingException;
import org.sparkqwen.engine.kernels.BackEnds;
import org.sparkqwen.engine.kernels.Buffers;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.OtherJvm;
import org.sparkqwen.engine.testing.SeparateMemoryKernels;
import org.sparkqwen.engine.testing.SeparateMemoryProvider;
import org.sparkqwen.engine.testing.Unwatched;

/// What a back-end needs: a class in `META-INF/services`. The one of the test tree has memory of its own, and fails if
/// anything else reads or writes it, or gives it an operand that lies elsewhere.
class BackEndTest {
    private static final KernelChoice SEPARATE = new KernelChoice(SeparateMemoryProvider.NAME);
    private static final int LENGTH = 40;

    @ParameterizedTest
    @FieldSource("org.sparkqwen.engine.testing.Golden#MODELS")
    void aBackEndWithItsOwnMemoryGivesTheBitsOfTheScalarOne(String name) {
        Path model = Golden.DIRECTORY.resolve("models").resolve(name);
        List<Object> expected = results(model, KernelChoice.SCALAR, Long.MAX_VALUE);
        int before = SeparateMemoryKernels.openBuffers();
        assertThat(results(model, SEPARATE, Long.MAX_VALUE)).isEqualTo(expected);
        assertThat(SeparateMemoryKernels.openBuffers()).as("all are freed").isEqualTo(before);
    }

    /// Weights that are read for each batch go into host memory that the back-end has adopted.
    @Test
    void aBackEndWithItsOwnMemorySeesStreamedWeights(@TempDir Path directory) throws PackingException {
        Path model = Golden.DIRECTORY.resolve("models/dense-untied-bf16-2shards");
        Path packed = directory.resolve("packed");
        long bytes = Packing.intoDirectory(
                        model, WeightEncoding.STORED, packed, directory.resolve("cache"), new Unwatched())
                .bytes();
        List<Object> expected = results(packed, KernelChoice.SCALAR, Long.MAX_VALUE);
        assertThat(results(packed, SEPARATE, bytes / 2)).isEqualTo(expected);
        assertThat(results(packed, SEPARATE, 0)).isEqualTo(expected);
    }

    /// Documents in several batches, and texts one after the other. The last prompt shares a block and a part of
    /// the next one with the prompt before it.
    private static List<Object> results(Path model, KernelChoice kernels, long memory) {
        try (Engine engine = Engine.open(model, Golden.options(kernels, 2, LENGTH + LENGTH / 2), memory)) {
            assertThat(engine.kernels()).startsWith(kernels.name());
            Random random = new Random(3);
            List<Request.Score> documents = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                int[] tokens = random.ints(LENGTH + 9, 0, 500).toArray();
                documents.add(Golden.score(i, tokens, Golden.unprefixed(LENGTH, LENGTH / 2)));
            }
            List<Object> results = new ArrayList<>();
            for (Result result : Golden.all(engine.score(documents.iterator()))) {
                for (double value : ((Result.Scored) result).score().tokenLogProbabilities()) {
                    results.add(value);
                }
            }
            int[] prompt = random.ints(LENGTH + 5, 0, 500).toArray();
            results.add(Golden.generated(engine, prompt, Golden.greedy(5)).toString());
            int[] other = Arrays.copyOf(prompt, LENGTH + 5);
            other[LENGTH] = (other[LENGTH] + 1) % 500;
            results.add(Golden.generated(engine, other, Golden.sampled(5, 1, 7)).toString());
            return results;
        }
    }

    @Test
    void operandsThatLieElsewhereAndAccessesFromElsewhereFail() {
        try (Kernels kernels = SEPARATE.create(1, _ -> {});
                Buffers buffers = kernels.newBuffers();
                Arena arena = Arena.ofConfined()) {
            MemorySegment in = buffers.allocateFloats(4);
            kernels.rmsNorm(in, in, in, 1, 4, 1e-6f);
            MemorySegment elsewhere = arena.allocate(in.byteSize());
            assertThatThrownBy(() -> kernels.rmsNorm(in, in, elsewhere, 1, 4, 1e-6f))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> in.fill((byte) 1)).isInstanceOf(WrongThreadException.class);
        }
    }

    @Test
    void aBackEndThatIsToBeAskedForByNameIsNotTakenOtherwise() {
        assertThat(KernelChoice.names())
                .containsExactly("auto", "code", "vector", "scalar", SeparateMemoryProvider.NAME);
        List<String> fallBacks = new ArrayList<>();
        try (Kernels kernels = KernelChoice.AUTO.create(1, fallBacks::add)) {
            assertThat(kernels.description())
                    .startsWith(BackEnds.providers().getLast().name());
        }
        assertThat(fallBacks).isEmpty();
    }

    @Test
    void theBestBackEndThatCanRunIsTakenAndTheReasonForAnotherIsTold() throws IOException, InterruptedException {
        assertThat(chosen("-D%s=30".formatted(SeparateMemoryProvider.RANK)))
                .endsWith("auto: separate memory, 1 thread(s)");
        assertThat(chosen(
                        "-D%s=30".formatted(SeparateMemoryProvider.RANK),
                        "-D%s=there is no device; plug one in".formatted(SeparateMemoryProvider.OBSTACLE)))
                .contains(
                        "separate kernels cannot run: there is no device; plug one in\nauto: %s "
                                .formatted(BackEnds.providers().getLast().name()),
                        "separate: java.lang.IllegalStateException: separate kernels cannot run: there is no device");
    }

    private static String chosen(String... properties) throws IOException, InterruptedException {
        List<String> options = new ArrayList<>(List.of(properties));
        options.add(OtherJvm.VECTOR_MODULE);
        return String.join("\n", OtherJvm.lines(OtherJvm.start(Choosing.class, options)));
    }

    /// What the other JVM runs.
    static final class Choosing {
        private Choosing() {}

        public static void main(String[] args) {
            Consumer<String> log = System.out::println;
            for (String name : List.of(SeparateMemoryProvider.NAME, "auto")) {
                try (Kernels kernels = new KernelChoice(name).create(1, log)) {
                    System.out.println(name + ": " + kernels.description());
                } catch (IllegalStateException e) {
                    System.out.println(name + ": " + e);
                }
            }
        }
    }
}
