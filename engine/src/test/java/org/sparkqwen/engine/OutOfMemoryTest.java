package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.family.PublishedShape;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.OtherJvm;

/// If the heap has no room for a step, the texts in the step are rejected with a message that says what to
/// do. Their run and the engine continue.
class OutOfMemoryTest {

    @Test
    @Tag("slow")
    void aStepTooLargeForTheHeapRejectsOnlyItsTexts() throws IOException, InterruptedException {
        // A step of 4,032 tokens packs 3,072 activations of each, which take 50 MB.
        List<String> lines =
                OtherJvm.lines(OtherJvm.start(Generating.class, List.of(OtherJvm.VECTOR_MODULE, "-Xmx40m")));
        assertThat(lines)
                .filteredOn(line -> line.startsWith("large: out of memory in a step of 4,096 tokens (")
                        && line.endsWith("); give more, or fewer tokens to a batch"))
                .hasSize(4);
        assertThat(lines)
                .as("texts of the same run, in the step after")
                .filteredOn("small: 3 tokens"::equals)
                .hasSize(2);
        assertThat(lines).contains("blocks in use 0");
    }

    /// The work of the other JVM, with one layer of 0.6B.
    static final class Generating {
        private Generating() {}

        public static void main(String[] arguments) {
            ModelConfig config = PublishedShape.of("0.6b").config(1);
            try (Engine engine = Engine.random(config, Golden.options(KernelChoice.VECTOR, 2, 4096))) {
                List<Request.Generate> requests = new ArrayList<>(requests(4, 1024));
                requests.addAll(requests(2, 8));
                for (Result result : Golden.all(engine.generate(requests.iterator()))) {
                    System.out.println(
                            switch (result) {
                                case Result.Rejected rejected -> "large: " + rejected.reason();
                                case Result.Generated generated ->
                                    "small: %d tokens"
                                            .formatted(generated.tokens().size());
                                case Result.Scored _, Result.Classified _, Result.Embedded _ ->
                                    throw new AssertionError();
                            });
                }
                System.out.println("blocks in use " + engine.blocksInUse());
            }
        }

        private static List<Request.Generate> requests(int count, int tokens) {
            Random random = new Random(1);
            return IntStream.range(0, count)
                    .mapToObj(i ->
                            Golden.generate(i, random.ints(tokens, 0, 100_000).toArray(), Golden.greedy(3)))
                    .toList();
        }
    }
}
