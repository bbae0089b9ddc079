package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.checkpoint.DType;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.model.Weights;
import org.sparkqwen.engine.model.family.PublishedShape;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.scoring.Windows;
import org.sparkqwen.engine.sizing.WorkingMemory;
import org.sparkqwen.engine.testing.OtherJvm;
import org.sparkqwen.engine.testing.ResidentMemory;

/// A process takes as much memory as [WorkingMemory] predicts for the shapes 4B and 30B-A3B. One layer is
/// enough, because the layers use the same working memory in turn.
class ScoringMemoryTest {
    private static final int BATCH_TOKENS = 8192;
    private static final int WINDOW = 2048;
    private static final int THREADS = 2;
    private static final long MIB = 1 << 20;

    /// The memory of the JVM itself: code, classes, the collector.
    private static final long JVM = 256 * MIB;

    /// The memory of requests, results, and garbage that is not collected yet.
    private static final long REQUESTS = 128 * MIB;

    @Test
    void the4bModelNeedsLessThanThreeGibibytesBesideItsWeights() {
        PublishedShape shape = PublishedShape.of("4b");
        ModelConfig whole = shape.config(shape.layers());
        assertThat(WorkingMemory.scoring(whole, BATCH_TOKENS, whole.maxPositions(), THREADS)
                        .total())
                .isLessThan(3L << 30);
        assertThat(WorkingMemory.scoring(whole, BATCH_TOKENS, WINDOW, THREADS))
                .isEqualTo(WorkingMemory.scoring(oneLayer("4b"), BATCH_TOKENS, WINDOW, THREADS));
    }

    /// Only the sums over chunks of the vocabulary are left out.
    @Test
    void embeddingNeedsTheMemoryOfScoringWithoutTheHead() {
        for (String shape : new String[] {"0.6b", "4b", "30b-a3b"}) {
            ModelConfig config = oneLayer(shape);
            WorkingMemory scoring = WorkingMemory.scoring(config, BATCH_TOKENS, WINDOW, THREADS);
            WorkingMemory embedding = WorkingMemory.embedding(config, BATCH_TOKENS, WINDOW, THREADS);
            assertThat(embedding.offHeap()).isLessThanOrEqualTo(scoring.offHeap());
            assertThat(embedding.heap()).isLessThanOrEqualTo(scoring.heap());
            assertThat(embedding.total()).isLessThan(scoring.total()).isGreaterThan(scoring.total() / 2);
        }
    }

    @ParameterizedTest
    @CsvSource({"30b-a3b, 512", "4b, 8192", "30b-a3b, 8192"})
    @EnabledOnOs(OS.LINUX) // it reads /proc
    @Tag("slow")
    void aProcessTakesNoMoreThanIsPredicted(String shape, int batchTokens) throws IOException, InterruptedException {
        int window = Math.min(WINDOW, batchTokens);
        ModelConfig config = oneLayer(shape);
        WorkingMemory predicted = WorkingMemory.scoring(config, batchTokens, window, THREADS);
        long heap = (predicted.heap() + REQUESTS) / MIB;
        List<String> lines = OtherJvm.lines(OtherJvm.start(
                Scoring.class,
                List.of(OtherJvm.VECTOR_MODULE, "-Xmx" + heap + "m"),
                shape,
                Integer.toString(batchTokens)));
        long resident = Long.parseLong(lines.getLast());
        long beside = resident - Weights.packedBytes(config, DType.BF16, WeightEncoding.STORED);
        System.out.printf(
                "scoring %s in batches of %,d tokens: %,d MiB resident beside the weights, heap of at most %,d MiB;"
                        + " predicted %,d MiB off the heap and %,d MiB of heap%n",
                shape, batchTokens, beside / MIB, heap, predicted.offHeap() / MIB, predicted.heap() / MIB);
        assertThat(beside)
                .isGreaterThan(predicted.offHeap() / 2) // otherwise the prediction is about something else
                .isLessThan(predicted.offHeap() + heap * MIB + JVM);
    }

    private static ModelConfig oneLayer(String shape) {
        return PublishedShape.of(shape).config(1);
    }

    /// The work of the other JVM. It scores a batch of long documents and a batch of short ones, and prints
    /// the greatest number of bytes of memory that it had.
    static final class Scoring {
        private Scoring() {}

        public static void main(String[] arguments) throws IOException {
            ModelConfig config = oneLayer(arguments[0]);
            int batchTokens = Integer.parseInt(arguments[1]);
            int window = Math.min(WINDOW, batchTokens);
            EngineOptions options = new EngineOptions(KernelChoice.VECTOR, THREADS, batchTokens, 1);
            ScoringOptions scoring = new ScoringOptions(
                    new Windows.Strided(window, window), ScoringOptions.Prefix.NONE, ScoringOptions.DEFAULT_MIN_K);
            Random random = new Random(1);
            try (Engine engine = Engine.random(config, options)) {
                for (int length : new int[] {window, 3}) {
                    List<Request.Score> requests = IntStream.range(0, batchTokens / length)
                            .mapToObj(i -> new Request.Score(
                                    i,
                                    new Content.Tokens(random.ints(length, 0, config.vocabSize())
                                            .toArray()),
                                    scoring))
                            .toList();
                    engine.score(requests.iterator()).forEachRemaining(result -> {
                        if (result instanceof Result.Rejected rejected) {
                            throw new IllegalStateException(rejected.reason());
                        }
                    });
                }
            }
            System.out.println(ResidentMemory.AT_MOST.bytes());
        }
    }
}
