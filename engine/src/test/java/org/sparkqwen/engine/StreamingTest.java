package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;
import org.sparkqwen.engine.checkpoint.PackingException;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.sizing.WeightMemory;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.Unwatched;

/// A model that is larger than memory gives the same bits as one that is not.
class StreamingTest {
    private static final int LENGTH = 48;

    @TempDir
    private Path directory = Path.of("");

    @ParameterizedTest
    @FieldSource("org.sparkqwen.engine.testing.Golden#MODELS")
    void theAmountOfMemoryChangesNoBit(String name) throws PackingException {
        assertMemoryChangesNoBit(name, WeightEncoding.STORED, 25);
    }

    @ParameterizedTest
    @CsvSource({"moe-mixed-bf16, INT8", "moe-mixed-bf16, INT4", "dense-odd-f16, INT4", "qwen2-bias, INT4"})
    void theAmountOfMemoryChangesNoBitOfIntegers(String name, WeightEncoding encoding) throws PackingException {
        assertMemoryChangesNoBit(name, encoding, 50);
    }

    @ParameterizedTest
    @FieldSource("org.sparkqwen.engine.testing.Golden#MODELS")
    @Tag("slow")
    void anyAmountOfMemoryChangesNoBit(String name) throws PackingException {
        for (WeightEncoding encoding : WeightEncoding.values()) {
            assertMemoryChangesNoBit(name, encoding, 5);
        }
    }

    /// @param step the distance of two shares of the weights that memory has room for, in percent
    private void assertMemoryChangesNoBit(String name, WeightEncoding encoding, int step) throws PackingException {
        Path model = Golden.DIRECTORY.resolve("models").resolve(name);
        Path packed = directory.resolve("packed-" + encoding);
        long bytes = Packing.intoDirectory(model, encoding, packed, directory.resolve("cache"), new Unwatched())
                .bytes();
        List<Object> expected = results(packed, Long.MAX_VALUE);
        for (int percent = 0; percent <= 100; percent += step) {
            assertThat(results(packed, bytes / 100 * percent))
                    .as("memory for %d %% of the weights", percent)
                    .isEqualTo(expected);
        }
        assertThat(results(model, encoding, 0)).as("packed into memory").isEqualTo(expected);
    }

    /// Scores several batches of documents, and generates texts for several prompts at once.
    private static List<Object> results(Path model, long memory) {
        return results(model, WeightEncoding.STORED, memory);
    }

    private static List<Object> results(Path model, WeightEncoding encoding, long memory) {
        EngineOptions options =
                Golden.options(KernelChoice.VECTOR, 2, LENGTH + LENGTH / 2).withWeights(encoding);
        try (Engine engine = Engine.open(model, options, memory)) {
            Random random = new Random(3);
            List<Request.Score> documents = new ArrayList<>();
            for (int i = 0; i < 7; i++) {
                int[] tokens = random.ints(LENGTH, 0, 500).toArray();
                documents.add(Golden.score(i, tokens, Golden.unprefixed(LENGTH, LENGTH / 2)));
            }
            List<Object> results = new ArrayList<>();
            Iterator<Result> scored = engine.score(documents.iterator());
            while (scored.hasNext()) {
                Result.Scored score = (Result.Scored) scored.next();
                for (double value : score.score().tokenLogProbabilities()) {
                    results.add(value);
                }
            }
            for (int i = 0; i < 2; i++) {
                int[] prompt = random.ints(5 + i, 0, 500).toArray();
                Result.Generated text = Golden.generated(engine, prompt, Golden.greedy(12));
                results.add(text.toString());
            }
            return results;
        }
    }

    @Test
    void weightsGetTheMemoryThatNothingElseTakes() {
        long gib = 1L << 30;
        long other = 1L << 29;
        // The heap has 2 GiB. Half of it is in use already, and another half is for a batch.
        assertThat(WeightMemory.bytes(16 * gib, 15 * gib, gib, 2 * gib, gib)).isEqualTo(13 * gib - other);
        // The machine is a container's, or others use it.
        assertThat(WeightMemory.bytes(8 * gib, 15 * gib, gib, 2 * gib, gib)).isEqualTo(5 * gib - other);
        assertThat(WeightMemory.bytes(16 * gib, 4 * gib, gib, 2 * gib, gib)).isEqualTo(2 * gib - other);
        assertThat(WeightMemory.bytes(2 * gib, 15 * gib, gib, 2 * gib, gib)).isZero();
    }
}
