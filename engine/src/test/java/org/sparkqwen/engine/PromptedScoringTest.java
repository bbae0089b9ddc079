package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.scoring.ScoringOptions.Prefix;
import org.sparkqwen.engine.scoring.Windows;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ModelCopy;
import org.sparkqwen.engine.tokenizer.SpecialTokens;

/// Continuations that are scored given their prompts have transformers' values, and are split as
/// lm-evaluation-harness splits them.
class PromptedScoringTest {
    private static final JsonNode GOLDEN = Golden.read(Golden.DIRECTORY.resolve("tiny.json"));
    private static final ScoringOptions WHOLE = new ScoringOptions(new Windows.Strided(1024, 512), Prefix.EOS, 20);
    private static final int[] IDS = Golden.ints(GOLDEN.get("documents").get(0).get("ids"));

    private static Engine engine = open(KernelChoice.VECTOR);

    @AfterAll
    static void close() {
        engine.close();
    }

    @ParameterizedTest
    @MethodSource("org.sparkqwen.engine.kernels.BackEnds#fastChoices")
    void theEndOfADocumentGivenItsBeginningHasTransformersValues(KernelChoice kernels) {
        assertEndsHaveTransformersValues(kernels);
    }

    @Test
    @Tag("slow")
    void theScalarKernelsGiveTransformersValuesToo() {
        assertEndsHaveTransformersValues(KernelChoice.SCALAR);
        assertGreedyContinuationsAreKnown(KernelChoice.SCALAR);
    }

    private static void assertEndsHaveTransformersValues(KernelChoice kernels) {
        try (Engine engine = open(kernels)) {
            int documents = 0;
            for (JsonNode document : GOLDEN.get("documents")) {
                if (!document.has("nll") || document.get("tokens").intValue() > 300) {
                    continue;
                }
                int[] ids = Golden.ints(document.get("ids"));
                double[] nll = Golden.doubles(document.get("nll"));
                for (int split : new int[] {1, ids.length / 3, ids.length - 1}) {
                    Result.Scored scored = scored(engine, tokens(ids, 0, split), tokens(ids, split, ids.length));
                    int count = ids.length - split;
                    assertThat(scored.tokens()).isEqualTo(Arrays.copyOfRange(ids, split, ids.length));
                    assertThat(scored.score().tokensScored()).isEqualTo(count);
                    for (int i = 0; i < count; i++) {
                        assertThat(-scored.score().tokenLogProbabilities()[i])
                                .isCloseTo(nll[split - 1 + i], within(Golden.NLL_TOLERANCE));
                    }
                    assertThat(scored.score().sumNll())
                            .isCloseTo(
                                    Arrays.stream(nll, split - 1, nll.length).sum(),
                                    within(Golden.NLL_TOLERANCE * count));
                }
                documents++;
            }
            assertThat(documents).isEqualTo(8);
        }
    }

    @ParameterizedTest
    @MethodSource("org.sparkqwen.engine.kernels.BackEnds#fastChoices")
    void aContinuationIsGreedyIfTransformersWouldHaveWrittenItGreedily(KernelChoice kernels) {
        assertGreedyContinuationsAreKnown(kernels);
    }

    private static void assertGreedyContinuationsAreKnown(KernelChoice kernels) {
        try (Engine engine = open(kernels)) {
            for (JsonNode greedy : GOLDEN.get("greedy")) {
                int[] prompt = Golden.ints(greedy.get("ids"));
                int[] tokens = Golden.ints(greedy.get("tokens"));
                assertThat(isGreedy(engine, prompt, tokens)).isTrue();
                for (int changed : new int[] {0, tokens.length / 2, tokens.length - 1}) {
                    int[] other = tokens.clone();
                    other[changed] = (other[changed] + 1) % engine.config().vocabSize();
                    assertThat(isGreedy(engine, prompt, other))
                            .as("token %d", changed)
                            .isFalse();
                }
            }
        }
    }

    private static boolean isGreedy(Engine engine, int[] prompt, int[] continuation) {
        return Boolean.TRUE.equals(scored(engine, new Content.Tokens(prompt), new Content.Tokens(continuation))
                .greedy());
    }

    @Test
    void aDocumentWithoutPromptHasNoGreedyFlag() {
        assertThat(Golden.scored(engine, IDS, WHOLE).greedy()).isNull();
    }

    @Test
    void whiteSpaceAtThePromptsEndBelongsToTheContinuation() {
        Result.Scored expected = scored("The state of the Union", " is strong.");
        assertThat(expected.tokens()).isEqualTo(engine.tokens(text(" is strong.")));
        Result.Scored moved = scored("The state of the Union ", "is strong.");
        assertThat(moved.tokens()).isEqualTo(expected.tokens());
        assertThat(moved.score().tokenLogProbabilities())
                .isEqualTo(expected.score().tokenLogProbabilities());
        assertThat(moved.bytes()).as("of the continuation as it was given").isEqualTo(10);
        assertThat(expected.bytes()).isEqualTo(11);
        assertThat(moved.words()).isEqualTo(2);
    }

    @ParameterizedTest
    @ValueSource(strings = {"\n\n", "\t ", "\u00a0", "\u3000", "\u0085", "\u001c", "\u2028"})
    void everyKindOfPythonsWhiteSpaceMoves(String space) {
        Result.Scored moved = scored("The whale" + space, "was white.");
        assertThat(moved.tokens())
                .isEqualTo(scored("The whale", space + "was white.").tokens());
        int[] whole = engine.tokens(text("The whale" + space + "was white."));
        int prompt = engine.tokens(text("The whale")).length;
        assertThat(moved.tokens()).isEqualTo(Arrays.copyOfRange(whole, prompt, whole.length));
    }

    /// "The" is one token, and "Th" is another one. The continuation is what the harness calls
    /// `whole_enc[len(context_enc):]`, and follows the prompt's own tokens.
    @Test
    void aPromptThatEndsWithinATokenIsSplitAsTheHarnessDoes() {
        int[] whole = engine.tokens(text("The whale was white."));
        int[] prompt = engine.tokens(text("Th"));
        assertThat(prompt).hasSize(1);
        assertThat(prompt[0]).isNotEqualTo(whole[0]);
        Result.Scored scored = scored("Th", "e whale was white.");
        assertThat(scored.tokens()).isEqualTo(Arrays.copyOfRange(whole, 1, whole.length));
        assertThat(scored.score().tokenLogProbabilities())
                .isEqualTo(scored(engine, new Content.Tokens(prompt), tokens(whole, 1, whole.length))
                        .score()
                        .tokenLogProbabilities());
    }

    @Test
    void aTextThatAddsNoTokenToItsPromptIsRejected() {
        assertRejected(text("Th"), text("e"), "the text adds no token to the prompt's 1: together they have 1");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "\n"})
    void anEmptyPromptIsTheEndOfTextToken(String prompt) {
        Result.Scored expected =
                (Result.Scored) engine.score(List.of(new Request.Score(0, text(prompt + "Call me"), WHOLE))
                                .iterator())
                        .next();
        Result.Scored scored = scored(prompt, "Call me");
        assertThat(scored.tokens()).isEqualTo(expected.tokens());
        assertThat(scored.score().tokenLogProbabilities())
                .isEqualTo(expected.score().tokenLogProbabilities());
        assertThat(scored.score().tokensScored()).isEqualTo(scored.tokens().length);
    }

    @Test
    void anEmptyListOfPromptTokensIsTheEndOfTextToken() {
        assertThat(scored(engine, new Content.Tokens(new int[0]), new Content.Tokens(IDS))
                        .score()
                        .sumNll())
                .isEqualTo(Golden.scored(engine, IDS, WHOLE).score().sumNll());
    }

    @Test
    void anEmptyPromptIsRejectedByAModelWithoutEndOfText(@TempDir Path directory) {
        ModelCopy.of(Golden.SMALL_MODEL, directory)
                .without("generation_config.json")
                .json("tokenizer_config.json", json -> json.putNull("eos_token"))
                .config(json -> json.putNull("eos_token_id"));
        try (Engine endless = Engine.open(directory, Golden.options(KernelChoice.VECTOR, 2, 256))) {
            assertThat(score(endless, text(""), text("Call me"), WHOLE))
                    .isEqualTo(new Result.Rejected(
                            0, "prompt: it is empty, and the model has no end-of-text token to stand for it"));
            assertThat(score(endless, text("Call"), text(" me"), WHOLE)).isInstanceOf(Result.Scored.class);
        }
    }

    /// lm-evaluation-harness keeps the last context + 1 tokens, of which the model reads all but the last.
    @ParameterizedTest
    @CsvSource({"16, 1, 16", "16, 5, 12", "16, 16, 1", "65, 5, 60", "64, 5, 60", "63, 5, 59"})
    void theEndOfALongPromptIsKept(int context, int continuation, int kept) {
        int split = 65 - continuation;
        Content end = tokens(IDS, split, 65);
        Result.Scored scored = (Result.Scored) score(engine, tokens(IDS, 0, split), end, context(context));
        assertThat(scored.score().tokensScored()).isEqualTo(continuation);
        assertThat(scored.score().tokenLogProbabilities())
                .isEqualTo(scored(engine, tokens(IDS, split - kept, split), end)
                        .score()
                        .tokenLogProbabilities());
        if (kept < split) {
            assertThat(scored.score().tokenLogProbabilities())
                    .isNotEqualTo(scored(engine, tokens(IDS, split - kept - 1, split), end)
                            .score()
                            .tokenLogProbabilities());
        }
    }

    @Test
    void aContinuationThatIsLongerThanTheContextIsRejected() {
        assertThat(score(engine, tokens(IDS, 0, 10), tokens(IDS, 10, 27), context(16)))
                .isEqualTo(new Result.Rejected(0, "17 tokens after the prompt do not fit into a context of 16"));
        assertThat(score(engine, tokens(IDS, 0, 10), tokens(IDS, 10, 26), context(16)))
                .isInstanceOf(Result.Scored.class);
    }

    @Test
    void specialTokensMayMeanDifferentThingsInPromptAndContinuation() {
        int end = engine.tokenizer().orElseThrow().idOf("<|endoftext|>").orElseThrow();
        Content prompt = new Content.Text("Call me.<|endoftext|>", SpecialTokens.PARSE);
        Result.Scored scored = scored(engine, prompt, text("a<|endoftext|>"));
        assertThat(scored.tokens())
                .isEqualTo(engine.tokens(text("a<|endoftext|>")))
                .doesNotContain(end);
    }

    @Test
    void unreadableContentIsRejectedAndTheMessageNamesThePrompt() {
        assertRejected(new Content.Unreadable("not UTF-8"), text("me"), "prompt: not UTF-8");
        assertRejected(text("Call"), new Content.Unreadable("not UTF-8"), "not UTF-8");
        assertRejected(text("Call"), text(""), "the text is empty");
        assertRejected(text("Call "), text(""), "the text is empty");
        assertRejected(text(""), text(""), "the text is empty");
        assertRejected(tokens(IDS, 0, 4), new Content.Tokens(new int[0]), "the token list is empty");
        assertRejected(
                new Content.Tokens(new int[] {8192}),
                tokens(IDS, 0, 4),
                "prompt: token id 8192 is outside the vocabulary of 8192");
    }

    /// This is a fault of the caller and not of a row.
    @Test
    void aPromptOfAnotherKindThanItsContinuationFailsTheRun() {
        assertThatThrownBy(() -> score(engine, text("Call"), tokens(IDS, 0, 4), WHOLE))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("a prompt and its continuation are both texts or both token ids");
    }

    private static void assertRejected(Content prompt, Content continuation, String reason) {
        assertThat(score(engine, prompt, continuation, WHOLE)).isEqualTo(new Result.Rejected(0, reason));
    }

    private static Result.Scored scored(String prompt, String continuation) {
        return scored(engine, text(prompt), text(continuation));
    }

    private static Result.Scored scored(Engine engine, Content prompt, Content continuation) {
        return (Result.Scored) score(engine, prompt, continuation, WHOLE);
    }

    private static Result score(Engine engine, Content prompt, Content continuation, ScoringOptions options) {
        return engine.score(List.of(new Request.Score(0, prompt, continuation, options))
                        .iterator())
                .next();
    }

    private static ScoringOptions context(int context) {
        return new ScoringOptions(new Windows.Strided(context, context), Prefix.NONE, 20);
    }

    private static Content text(String text) {
        return new Content.Text(text, SpecialTokens.TEXT);
    }

    private static Content tokens(int[] ids, int from, int to) {
        return new Content.Tokens(Arrays.copyOfRange(ids, from, to));
    }

    private static Engine open(KernelChoice kernels) {
        return Engine.open(Golden.SMALL_MODEL, Golden.options(kernels, 2, 4096));
    }
}
