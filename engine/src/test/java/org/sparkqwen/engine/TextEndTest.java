package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.request.Result.FinishReason;
import org.sparkqwen.engine.sampling.Ending;
import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.engine.sampling.RankedToken;
import org.sparkqwen.engine.sampling.SamplingParams;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ModelCopy;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.engine.tokenizer.Tokenizer;

/// A generated text ends for one of several reasons, and its end decides what is returned.
class TextEndTest {
    private static final int LENGTH = 40;
    private static final Content PROMPT = new Content.Text("The state of the Union", SpecialTokens.TEXT);

    private static Engine engine = openSmallModel();
    private static Result.Generated whole = generate(engine, Golden.greedy(LENGTH));

    @BeforeAll
    static void theTextGoesToItsFullLength() {
        assertThat(whole.finishReason()).isEqualTo(FinishReason.LENGTH);
        assertThat(whole.tokens()).hasSize(LENGTH);
        assertThat(whole.logProbabilities()).hasSize(LENGTH);
        assertThat(text(whole)).hasSizeGreaterThan(LENGTH).isEqualTo(decode(whole.tokens()));
    }

    @AfterAll
    static void close() {
        engine.close();
    }

    /// Stop texts are taken from anywhere in the text, with any length. Most of them cross the border of
    /// tokens.
    @Test
    void aStopTextCutsExactlyBeforeItsFirstOccurrence() {
        Set<String> stops = new LinkedHashSet<>();
        Random random = new Random(3);
        while (stops.size() < 60) {
            int start = random.nextInt(text(whole).length() - 1);
            int end = Math.min(text(whole).length(), start + 1 + random.nextInt(stops.size() < 20 ? 3 : 30));
            stops.add(text(whole).substring(start, end));
        }
        List<Request.Generate> requests = new ArrayList<>();
        for (String stop : stops) {
            requests.add(new Request.Generate(requests.size(), PROMPT, 0, stopping(List.of(stop), List.of())));
        }
        int overBorders = 0;
        for (Result result : Golden.all(engine.generate(requests.iterator()))) {
            Result.Generated generated = (Result.Generated) result;
            String stop =
                    requests.get((int) generated.id()).params().ending().stop().getFirst();
            assertThat(text(generated))
                    .as("before '%s'", stop)
                    .isEqualTo(text(whole).substring(0, text(whole).indexOf(stop)));
            assertThat(generated.finishReason()).isEqualTo(FinishReason.STOP);

            // The text ends with the very token that completes the stop text.
            int tokens = generated.tokens().size();
            assertThat(generated.tokens()).isEqualTo(whole.tokens().subList(0, tokens));
            assertThat(decode(generated.tokens())).contains(stop);
            assertThat(decode(generated.tokens().subList(0, tokens - 1))).doesNotContain(stop);
            if (!decode(generated.tokens().subList(tokens - 1, tokens)).contains(stop)) {
                overBorders++;
            }
        }
        assertThat(overBorders).isGreaterThan(20);
    }

    @Test
    void theFirstOfSeveralStopTextsToOccurCuts() {
        String late = text(whole).substring(text(whole).length() - 5);
        String early = text(whole).substring(10, 17);
        assertThat(text(generate(engine, stopping(List.of(late, early, "no such text"), List.of()))))
                .isEqualTo(text(whole).substring(0, text(whole).indexOf(early)));
    }

    @Test
    void aStopTextThatNeverOccursChangesNothing() {
        // This is the text's last characters and one more. The stop text is seen in part, and the characters
        // are returned all the same.
        String almost = text(whole).substring(text(whole).length() - 6) + "\u2603";
        Result.Generated generated = generate(engine, stopping(List.of(almost), List.of()));
        assertThat(generated).isEqualTo(whole);
    }

    /// A stop text is searched in the generated text. It is not searched in the prompt, nor across the border
    /// to it.
    @Test
    void aStopTextInThePromptDoesNotStop() {
        String border = "state of the Union" + text(whole).substring(0, 1);
        assertThat(generate(engine, stopping(List.of("state of", border), List.of())))
                .isEqualTo(whole);
    }

    @Test
    void aStopTokenEndsTheTextAndIsNotPartOfIt() {
        for (int id : Set.copyOf(whole.tokens())) {
            int at = whole.tokens().indexOf(id);
            Result.Generated generated = generate(engine, stopping(List.of(), List.of(id)));
            assertThat(generated.finishReason()).isEqualTo(FinishReason.STOP);
            assertThat(generated.tokens()).isEqualTo(whole.tokens().subList(0, at + 1));
            assertThat(text(generated)).isEqualTo(decode(whole.tokens().subList(0, at)));
        }
    }

    @Test
    void endOfTextTokensOfTheModelEndTheTextAndAreNotPartOfIt(@TempDir Path directory) {
        int end = whole.tokens().get(12);
        int at = whole.tokens().indexOf(end);
        ModelCopy.of(Golden.SMALL_MODEL, directory)
                .json(
                        "generation_config.json",
                        json -> json.putArray("eos_token_id").add(8189).add(end));
        try (Engine ending = open(directory)) {
            Result.Generated generated = generate(ending, Golden.greedy(LENGTH));
            assertThat(generated.finishReason()).isEqualTo(FinishReason.STOP);
            assertThat(generated.tokens()).isEqualTo(whole.tokens().subList(0, at + 1));
            assertThat(text(generated)).isEqualTo(decode(whole.tokens().subList(0, at)));
        }
    }

    @Test
    void ignoredEndOfTextTokensAreTokensLikeAnyOther(@TempDir Path directory) {
        int end = whole.tokens().get(12);
        ModelCopy.of(Golden.SMALL_MODEL, directory)
                .json(
                        "generation_config.json",
                        json -> json.putArray("eos_token_id").add(end));
        try (Engine ending = open(directory)) {
            assertThat(generate(ending, Golden.greedy(LENGTH)).finishReason()).isEqualTo(FinishReason.STOP);
            assertThat(generate(ending, ending(Ending.after(LENGTH).withIgnoreEos(true))))
                    .isEqualTo(whole);
        }
    }

    /// Until then, no end token is chosen, however likely it is, and another token takes its place.
    /// Afterwards it is chosen.
    @Test
    void noEndTokenIsChosenBeforeTheMinimumOfTokens() {
        int at = 12;
        int end = whole.tokens().get(at);
        int firstAt = whole.tokens().indexOf(end);
        Ending stopping = Ending.after(LENGTH).withStopTokenIds(List.of(end));
        assertThat(generate(engine, ending(stopping)).tokens()).hasSize(firstAt + 1);
        for (int fewest : new int[] {firstAt, firstAt + 1, firstAt + 9}) {
            Result.Generated generated = generate(engine, ending(stopping.withMinNewTokens(fewest)));
            if (fewest <= firstAt) {
                assertThat(generated.tokens()).hasSize(firstAt + 1);
            } else {
                assertThat(generated.tokens()).hasSizeGreaterThanOrEqualTo(fewest);
                assertThat(generated.tokens().subList(0, fewest)).doesNotContain(end);
                assertThat(generated.tokens().subList(0, firstAt))
                        .isEqualTo(whole.tokens().subList(0, firstAt));
            }
        }
    }

    @Test
    void aStopTextCountsOnlyFromTheMinimumOfTokensOn() {
        String stop = text(whole).substring(3, 5);
        int fewest = 20;
        int from = decode(whole.tokens().subList(0, fewest)).length();
        int expected = text(whole).indexOf(stop, from);
        Ending ending = Ending.after(LENGTH).withStop(List.of(stop)).withMinNewTokens(fewest);
        assertThat(text(generate(engine, ending(ending))))
                .isEqualTo(expected < 0 ? text(whole) : text(whole).substring(0, expected));
    }

    /// A bias makes the model write one token only.
    @Test
    void aTextThatRepeatsItselfEndsIfThatIsAskedFor() {
        int token = whole.tokens().getFirst();
        GenerationParams biased =
                Golden.greedy(LENGTH).withSampling(SamplingParams.GREEDY.withLogitBias(Map.of(token, 1000.0)));
        assertThat(generate(engine, biased).finishReason()).isEqualTo(FinishReason.LENGTH);
        Result.Generated generated =
                generate(engine, biased.withEnding(Ending.after(LENGTH).withRepetitions(6)));
        assertThat(generated.finishReason()).isEqualTo(FinishReason.REPETITION);
        assertThat(generated.tokens()).hasSize(6).containsOnly(token);
        assertThat(text(generated)).isEqualTo(decode(generated.tokens()));
    }

    @Test
    void theLikeliestTokensOfEachPositionAreReturnedIfAskedFor() {
        assertThat(whole.best()).isEmpty();
        Result.Generated generated = generate(engine, Golden.greedy(LENGTH).withBest(4));
        assertThat(generated.tokens()).isEqualTo(whole.tokens());
        assertThat(generated.best()).hasSize(LENGTH);
        for (int i = 0; i < LENGTH; i++) {
            List<RankedToken> best = generated.best().get(i);
            assertThat(best)
                    .hasSize(4)
                    .isSortedAccordingTo(Comparator.comparingDouble(token -> -token.logProbability()));
            assertThat(best.getFirst())
                    .isEqualTo(new RankedToken(
                            generated.tokens().get(i),
                            generated.logProbabilities().get(i)));
        }
    }

    @Test
    void theMaximumOfTokensEndsTheText() {
        for (int tokens : new int[] {1, 2, 17}) {
            Result.Generated generated = generate(engine, Golden.greedy(tokens));
            assertThat(generated.finishReason()).isEqualTo(FinishReason.LENGTH);
            assertThat(generated.tokens()).isEqualTo(whole.tokens().subList(0, tokens));
            assertThat(text(generated)).isEqualTo(decode(generated.tokens()));
        }
    }

    @Test
    void theEndOfTheContextEndsTheText(@TempDir Path directory) {
        ModelCopy.of(Golden.SMALL_MODEL, directory).config(json -> json.put("max_position_embeddings", 16));
        try (Engine small = open(directory)) {
            int[] prompt = small.tokens(PROMPT);
            assertThat(whole.promptTokens()).isEqualTo(prompt.length).isLessThan(16);
            Result.Generated generated = generate(small, Golden.greedy(1000));
            assertThat(generated.finishReason()).isEqualTo(FinishReason.LENGTH);
            assertThat(generated.tokens()).isEqualTo(whole.tokens().subList(0, 16 - prompt.length));

            int[] almostFull = new int[15];
            assertThat(Golden.generated(small, almostFull, Golden.greedy(9)).tokens())
                    .hasSize(1);
        }
    }

    /// Tokens end inside characters of several bytes. All tokens are equally likely here.
    @Test
    void aSampledTextIsItsTokensDecoded() {
        List<Request.Generate> requests = new ArrayList<>();
        GenerationParams hot = Golden.sampled(30, 1e6, 5);
        for (int sample = 0; sample < 20; sample++) {
            requests.add(new Request.Generate(sample, PROMPT, sample, hot));
        }
        int broken = 0;
        for (Result result : Golden.all(engine.generate(requests.iterator()))) {
            Result.Generated generated = (Result.Generated) result;
            List<Integer> shown = generated.finishReason() == FinishReason.STOP
                    ? generated.tokens().subList(0, generated.tokens().size() - 1)
                    : generated.tokens();
            assertThat(text(generated)).isEqualTo(decode(shown));
            broken += text(generated).contains("\uFFFD") ? 1 : 0;
        }
        assertThat(broken).isPositive();
    }

    /// Ids above the tokenizer's last are padding of the embedding. They are never chosen, however hot the
    /// sampling is.
    @Test
    void paddingIdsAreNeverChosen() {
        int real = engine.tokenizer().orElseThrow().vocabularySize();
        GenerationParams hot = Golden.sampled(200, 1e6, 5);
        assertThat(generate(engine, hot).tokens()).allMatch(id -> id < real);
    }

    private static GenerationParams stopping(List<String> stop, List<Integer> stopTokenIds) {
        return ending(Ending.after(LENGTH).withStop(stop).withStopTokenIds(stopTokenIds));
    }

    private static GenerationParams ending(Ending ending) {
        return Golden.greedy(LENGTH).withEnding(ending);
    }

    private static Result.Generated generate(Engine engine, GenerationParams params) {
        Request.Generate request = new Request.Generate(0, PROMPT, 0, params);
        return (Result.Generated) engine.generate(List.of(request).iterator()).next();
    }

    private static String text(Result.Generated generated) {
        return Objects.requireNonNull(generated.text());
    }

    private static String decode(List<Integer> tokens) {
        Tokenizer tokenizer = engine.tokenizer().orElseThrow();
        return tokenizer.decode(tokens.stream().mapToInt(Integer::intValue).toArray());
    }

    private static Engine openSmallModel() {
        return open(Golden.SMALL_MODEL);
    }

    private static Engine open(Path directory) {
        return Engine.open(directory, Golden.options(KernelChoice.VECTOR, 2, 4096));
    }
}
