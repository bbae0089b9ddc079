package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.sampling.Ending;
import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.engine.sampling.Penalties;
import org.sparkqwen.engine.sampling.RankedToken;
import org.sparkqwen.engine.sampling.SamplingParams;
import org.sparkqwen.engine.scoring.DocumentScore;
import org.sparkqwen.engine.scoring.Entropies;
import org.sparkqwen.engine.scoring.ScoreDetails;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.scoring.ScoringOptions.Prefix;
import org.sparkqwen.engine.scoring.Windows;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.tokenizer.SpecialTokens;

/// The engine's core contract is that a result depends only on the request and the weights. Every number has
/// the same bits and every text has the same tokens, whatever the kernels, threads, batches, neighbours,
/// order and callers are.
class EngineInvariantsTest {
    private static final JsonNode GOLDEN = Golden.read(Golden.DIRECTORY.resolve("tiny.json"));

    /// The windows are small, so most documents have several, and windows of different documents meet in a
    /// batch.
    private static final ScoringOptions SCORING = new ScoringOptions(new Windows.Strided(48, 20), Prefix.EOS, 20);

    /// All window policies, used side by side in the same batches.
    private static final List<ScoringOptions> POLICIES = List.of(
            SCORING,
            new ScoringOptions(new Windows.Rolling(30), Prefix.EOS, 20),
            new ScoringOptions(new Windows.Half(16), Prefix.NONE, 20));

    /// What documents ask for, side by side in the same batches.
    private static final List<ScoreDetails> DETAILS = List.of(
            ScoreDetails.NONE, new ScoreDetails(true, 0), new ScoreDetails(true, 3), new ScoreDetails(false, 1));

    private static final GenerationParams GREEDY = Golden.greedy(20);
    private static final GenerationParams SAMPLED = new GenerationParams(
            new SamplingParams(0.9, 50, 0.95, 0, new Penalties(1.1, 0.1, 0.05), Map.of(17, 0.5), 11),
            Ending.after(20).withMinNewTokens(5),
            3,
            null);

    private static final Content CONTINUATION = new Content.Text(", and so it was said.", SpecialTokens.TEXT);

    private static Map<Long, List<Long>> scores = Map.of();
    private static Map<Long, List<Long>> texts = Map.of();

    @BeforeAll
    static void computeReferences() {
        try (Engine engine = open(KernelChoice.VECTOR, 2, 4096, 64)) {
            scores = score(engine, documents());
            texts = generate(engine, prompts());
        }
        assertThat(scores).hasSize(64);
        assertThat(texts).hasSize(20);
        assertThat(texts.values())
                .as("greedy and sampled texts differ, samples too")
                .doesNotHaveDuplicates();
    }

    /// Returns 64 documents. They are beginnings of real ones, from one character to several windows. Every
    /// fourth document is a prompt.
    private static List<Request.Score> documents() {
        List<Request.Score> documents = new ArrayList<>();
        for (int i = 0; documents.size() < 64; i++) {
            String text = GOLDEN.get("documents")
                    .get(i % GOLDEN.get("documents").size())
                    .get("text")
                    .textValue();
            int start = i < 16 ? 0 : 40;
            int end = Math.min(text.length(), start + 1 + i * i % 229);
            Content document = new Content.Text(text.substring(start, end), SpecialTokens.TEXT);
            ScoreDetails details = DETAILS.get(i / 4 % DETAILS.size());
            documents.add(
                    i % 4 == 3
                            ? new Request.Score(i, document, CONTINUATION, SCORING, details)
                            : new Request.Score(i, null, document, POLICIES.get(i % 4), details));
        }
        return documents;
    }

    /// Returns the golden prompts, greedy and sampled, and further samples of one prompt.
    private static List<Request.Generate> prompts() {
        List<Request.Generate> prompts = new ArrayList<>();
        for (JsonNode golden : GOLDEN.get("greedy")) {
            Content prompt = new Content.Text(golden.get("prompt").textValue(), SpecialTokens.TEXT);
            prompts.add(new Request.Generate(prompts.size(), prompt, 0, GREEDY));
            prompts.add(new Request.Generate(prompts.size(), prompt, 0, SAMPLED));
        }
        Content prompt = new Content.Text("Call me", SpecialTokens.TEXT);
        for (int sample = 1; sample <= 4; sample++) {
            prompts.add(new Request.Generate(prompts.size(), prompt, sample, SAMPLED));
        }
        return prompts;
    }

    @ParameterizedTest
    @CsvSource({"scalar, 2, 512", "vector, 1, 1", "auto, 3, 100"})
    void scoresHaveTheSameBitsWhateverTheEnginesOptions(KernelChoice kernels, int threads, int batchTokens) {
        assertSameScores(kernels, threads, batchTokens);
    }

    @ParameterizedTest
    @CsvSource({"vector, 1, 4096", "vector, 2, 64"})
    @Tag("slow")
    void scoresHaveTheSameBitsWithOtherOptions(KernelChoice kernels, int threads, int batchTokens) {
        assertSameScores(kernels, threads, batchTokens);
    }

    private static void assertSameScores(KernelChoice kernels, int threads, int batchTokens) {
        try (Engine engine = open(kernels, threads, batchTokens, 64)) {
            assertThat(score(engine, documents())).isEqualTo(scores);
            assertThat(engine.blocksInUse()).isZero();
        }
    }

    @Test
    void scoresHaveTheSameBitsInAnyOrderAndAlone() {
        List<Request.Score> reversed = new ArrayList<>(documents());
        Collections.reverse(reversed);
        try (Engine engine = open(KernelChoice.VECTOR, 2, 200, 64)) {
            assertThat(score(engine, reversed)).isEqualTo(scores);
            Map<Long, List<Long>> alone = new HashMap<>();
            for (Request.Score document : documents()) {
                alone.putAll(score(engine, List.of(document)));
            }
            assertThat(alone).isEqualTo(scores);
        }
    }

    @ParameterizedTest
    @CsvSource({"scalar, 2, 7", "vector, 1, 1", "vector, 2, 64", "auto, 3, 3"})
    void textsAreTheSameWhateverTheEnginesOptions(KernelChoice kernels, int threads, int maxSequences) {
        assertSameTexts(kernels, threads, maxSequences);
    }

    @ParameterizedTest
    @CsvSource({"scalar, 1, 7", "scalar, 2, 64", "vector, 1, 64", "vector, 2, 7"})
    @Tag("slow")
    void textsAreTheSameWithOtherOptions(KernelChoice kernels, int threads, int maxSequences) {
        assertSameTexts(kernels, threads, maxSequences);
    }

    private static void assertSameTexts(KernelChoice kernels, int threads, int maxSequences) {
        try (Engine engine = open(kernels, threads, 64, maxSequences)) {
            assertThat(generate(engine, prompts())).isEqualTo(texts);
            assertThat(engine.blocksInUse()).isZero();
        }
    }

    @Test
    void textsAreTheSameInAnyOrder() {
        List<Request.Generate> reversed = new ArrayList<>(prompts());
        Collections.reverse(reversed);
        try (Engine engine = open(KernelChoice.VECTOR, 2, 4096, 5)) {
            assertThat(generate(engine, reversed)).isEqualTo(texts);
        }
    }

    @Test
    void callersOfOneEngineAtOnceGetTheSameBits() throws InterruptedException, ExecutionException {
        try (Engine engine = open(KernelChoice.VECTOR, 2, 100, 3);
                ExecutorService callers = Executors.newFixedThreadPool(4)) {
            Callable<Map<Long, List<Long>>> scoring = () -> score(engine, documents());
            Callable<Map<Long, List<Long>>> generating = () -> generate(engine, prompts());
            List<Future<Map<Long, List<Long>>>> results =
                    callers.invokeAll(List.of(scoring, generating, scoring, generating));
            assertThat(results.get(0).get()).isEqualTo(scores);
            assertThat(results.get(1).get()).isEqualTo(texts);
            assertThat(results.get(2).get()).isEqualTo(scores);
            assertThat(results.get(3).get()).isEqualTo(texts);
            assertThat(engine.blocksInUse()).isZero();
        }
    }

    /// The model gives a text the same log-probabilities when it writes the text token by token and when it
    /// reads the text at once.
    @Test
    void generatedTokensHaveTheLogProbabilitiesThatScoringGivesThem() {
        try (Engine engine = open(KernelChoice.VECTOR, 2, 4096, 64)) {
            int checked = 0;
            for (Result result : Golden.all(engine.generate(prompts().iterator()))) {
                Result.Generated generated = (Result.Generated) result;
                int[] prompt = engine.tokens(prompts().get((int) result.id()).content());
                int[] whole =
                        IntStream.concat(Arrays.stream(prompt), ints(generated)).toArray();
                double[] scored = Golden.scored(engine, whole, Golden.unprefixed(1024, 1024))
                        .score()
                        .tokenLogProbabilities();
                for (int i = 0; i < generated.tokens().size(); i++) {
                    assertThat(Double.doubleToRawLongBits(
                                    generated.logProbabilities().get(i)))
                            .as("token %d of text %d", i, result.id())
                            .isEqualTo(Double.doubleToRawLongBits(scored[prompt.length + i]));
                    checked++;
                }
            }
            assertThat(checked).isGreaterThan(300);
        }
    }

    /// The values of a document's tokens depend neither on what follows them nor on where the windows end.
    @Test
    void theBeginningOfADocumentHasTheBitsThatItHasInTheWhole() {
        int[] whole = Golden.ints(GOLDEN.get("greedy").get(0).get("tokens"));
        try (Engine engine = open(KernelChoice.VECTOR, 2, 4096, 64)) {
            double[] expected = Golden.scored(engine, whole, SCORING).score().tokenLogProbabilities();
            for (int length = 1; length < SCORING.windows().context() - 1; length++) {
                double[] beginning = Golden.scored(engine, Arrays.copyOf(whole, length), SCORING)
                        .score()
                        .tokenLogProbabilities();
                assertThat(bits(beginning)).isEqualTo(bits(Arrays.copyOf(expected, length)));
            }
        }
    }

    private static Map<Long, List<Long>> score(Engine engine, List<Request.Score> requests) {
        Map<Long, List<Long>> bits = new HashMap<>();
        for (Iterator<Result> run = engine.score(requests.iterator()); run.hasNext(); ) {
            Result.Scored scored = (Result.Scored) run.next();
            assertThat(bits.put(scored.id(), bits(scored.score()))).isNull();
        }
        return bits;
    }

    /// Returns the bits of a document's log-probabilities, and of the details that it asked for.
    private static List<Long> bits(DocumentScore score) {
        List<Long> bits = new ArrayList<>(bits(score.tokenLogProbabilities()));
        Entropies entropies = score.entropies();
        if (entropies != null) {
            bits.addAll(bits(entropies.ofTokens()));
            bits.add(bits(entropies.mean()));
            bits.add(bits(entropies.minKPlusPlus()));
        }
        for (RankedToken token : score.best().stream().flatMap(List::stream).toList()) {
            bits.add((long) token.token());
            bits.add(Double.doubleToRawLongBits(token.logProbability()));
        }
        return bits;
    }

    /// Returns each text's tokens, followed by the bits of their log-probabilities.
    private static Map<Long, List<Long>> generate(Engine engine, List<Request.Generate> requests) {
        Map<Long, List<Long>> bits = new HashMap<>();
        for (Iterator<Result> run = engine.generate(requests.iterator()); run.hasNext(); ) {
            Result.Generated generated = (Result.Generated) run.next();
            List<Long> both = Stream.concat(
                            ints(generated).mapToObj(Long::valueOf),
                            generated.logProbabilities().stream().map(Double::doubleToRawLongBits))
                    .toList();
            assertThat(bits.put(generated.id(), both)).isNull();
        }
        return bits;
    }

    private static IntStream ints(Result.Generated generated) {
        return generated.tokens().stream().mapToInt(Integer::intValue);
    }

    private static long bits(@Nullable Double figure) {
        return figure == null ? -1 : Double.doubleToRawLongBits(figure);
    }

    private static List<Long> bits(double[] values) {
        return Arrays.stream(values).mapToObj(Double::doubleToRawLongBits).toList();
    }

    private static Engine open(KernelChoice kernels, int threads, int batchTokens, int maxSequences) {
        return Engine.open(Golden.SMALL_MODEL, new EngineOptions(kernels, threads, batchTokens, maxSequences));
    }
}
