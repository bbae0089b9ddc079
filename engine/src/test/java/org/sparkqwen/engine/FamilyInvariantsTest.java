package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.testing.Golden;

/// The contract of [EngineInvariantsTest] holds for models with experts and for Qwen2: the bits are the same
/// whatever the kernels, threads, batches and neighbours are. The tokens that meet at an expert change with
/// every batch.
class FamilyInvariantsTest {
    static Stream<String> models() {
        return Stream.of("moe-mixed-bf16", "moe-norm", "qwen2-bias");
    }

    static Stream<Arguments> modelsAndOptions() {
        return models().flatMap(model -> Stream.of(
                Arguments.of(model, KernelChoice.SCALAR, 1, 1, 64),
                Arguments.of(model, KernelChoice.SCALAR, 2, 100, 3),
                Arguments.of(model, KernelChoice.VECTOR, 1, 1, 1),
                Arguments.of(model, KernelChoice.VECTOR, 1, 4096, 64),
                Arguments.of(model, KernelChoice.VECTOR, 2, 64, 7),
                Arguments.of(model, KernelChoice.AUTO, 1, 1, 1),
                Arguments.of(model, KernelChoice.AUTO, 2, 4096, 64),
                Arguments.of(model, KernelChoice.AUTO, 3, 130, 5)));
    }

    @ParameterizedTest
    @MethodSource("modelsAndOptions")
    void scoresAndTextsHaveTheSameBitsWhateverTheEnginesOptions(
            String model, KernelChoice kernels, int threads, int batchTokens, int maxSequences) {
        Map<Long, List<Long>> scores;
        Map<Long, List<Long>> texts;
        try (Engine engine = open(model, KernelChoice.VECTOR, 2, 4096, 64)) {
            scores = score(engine);
            texts = generate(engine);
        }
        assertThat(scores).hasSize(24);
        assertThat(texts.values()).hasSize(12).doesNotHaveDuplicates();
        try (Engine engine = open(model, kernels, threads, batchTokens, maxSequences)) {
            assertThat(score(engine)).isEqualTo(scores);
            assertThat(generate(engine)).isEqualTo(texts);
        }
    }

    /// The batch has more rows of experts than are computed together.
    @ParameterizedTest
    @ValueSource(strings = {"moe-mixed-bf16", "moe-norm"})
    void aLargeBatchHasTheBitsOfSmallOnes(String model) {
        int[] tokens = new Random(3).ints(1500, 0, 511).toArray();
        List<List<Long>> scores = new ArrayList<>();
        for (int window : new int[] {1500, 100}) {
            try (Engine engine = open(model, KernelChoice.VECTOR, 2, window == 100 ? 100 : 4096, 64)) {
                List<Request.Score> requests = new ArrayList<>();
                for (int i = 0; i < 15; i++) {
                    requests.add(Golden.score(
                            i, Arrays.copyOfRange(tokens, i * 100, i * 100 + 100), Golden.unprefixed(100, 100)));
                }
                scores.add(Golden.all(engine.score(requests.iterator())).stream()
                        .flatMap(result -> bits((Result.Scored) result).boxed())
                        .toList());
            }
        }
        assertThat(scores.getFirst()).hasSize(1500).isEqualTo(scores.getLast());
    }

    /// The model gives the same values for one token at a time and for all tokens at once.
    @ParameterizedTest
    @MethodSource("models")
    void generatedTokensHaveTheLogProbabilitiesThatScoringGivesThem(String model) {
        try (Engine engine = open(model, KernelChoice.VECTOR, 2, 4096, 64)) {
            int[] prompt = document(7);
            Result.Generated generated = Golden.generated(engine, prompt, Golden.sampled(30, 1, 5));
            int[] whole =
                    Arrays.copyOf(prompt, prompt.length + generated.tokens().size());
            for (int i = prompt.length; i < whole.length; i++) {
                whole[i] = generated.tokens().get(i - prompt.length);
            }
            double[] scored = Golden.scored(engine, whole, Golden.unprefixed(1024, 1024))
                    .score()
                    .tokenLogProbabilities();
            assertThat(generated.logProbabilities())
                    .isEqualTo(Arrays.stream(scored, prompt.length, whole.length)
                            .boxed()
                            .toList());
        }
    }

    private static Map<Long, List<Long>> score(Engine engine) {
        List<Request.Score> requests = new ArrayList<>();
        for (int i = 0; i < 24; i++) {
            requests.add(Golden.score(i, document(i), Golden.unprefixed(48, 20)));
        }
        Map<Long, List<Long>> bits = new HashMap<>();
        for (Result result : Golden.all(engine.score(requests.iterator()))) {
            bits.put(result.id(), bits((Result.Scored) result).boxed().toList());
        }
        return bits;
    }

    private static LongStream bits(Result.Scored scored) {
        return Arrays.stream(scored.score().tokenLogProbabilities()).mapToLong(Double::doubleToRawLongBits);
    }

    /// Returns each text's tokens, followed by the bits of their log-probabilities.
    private static Map<Long, List<Long>> generate(Engine engine) {
        List<Request.Generate> requests = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            requests.add(Golden.generate(i, document(i), i % 2 == 0 ? Golden.greedy(12) : Golden.sampled(12, 1.2, i)));
        }
        Map<Long, List<Long>> bits = new HashMap<>();
        for (Result result : Golden.all(engine.generate(requests.iterator()))) {
            Result.Generated generated = (Result.Generated) result;
            bits.put(
                    result.id(),
                    Stream.concat(
                                    generated.tokens().stream().map(Long::valueOf),
                                    generated.logProbabilities().stream().map(Double::doubleToRawLongBits))
                            .toList());
        }
        return bits;
    }

    /// Returns a document that has from one token to several windows.
    private static int[] document(int i) {
        return new Random(i).ints(1 + i * 13L % 97, 0, 511).toArray();
    }

    private static Engine open(String model, KernelChoice kernels, int threads, int batchTokens, int maxSequences) {
        Path directory = Golden.DIRECTORY.resolve("models").resolve(model);
        return Engine.open(directory, new EngineOptions(kernels, threads, batchTokens, maxSequences));
    }
}
