package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.run.GenerationRun;
import org.sparkqwen.engine.scoring.DocumentScore;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.scoring.ScoringOptions.Prefix;
import org.sparkqwen.engine.scoring.Windows;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ModelCopy;
import org.sparkqwen.engine.tokenizer.SpecialTokens;

/// Requests at the limit of what can be answered, and beyond it, get a result each, and none stops the
/// others.
class RequestsTest {
    private static final Path WITHOUT_TOKENIZER = Golden.DIRECTORY.resolve("models/dense-tied-f32");
    private static final ScoringOptions UNPREFIXED = Golden.unprefixed(64, 32);
    private static final ScoringOptions PREFIXED = new ScoringOptions(new Windows.Strided(64, 32), Prefix.EOS, 20);

    private static Engine engine = open(Golden.SMALL_MODEL);

    @AfterAll
    static void close() {
        engine.close();
    }

    @Test
    void unreadableContentIsRejectedWithItsReason() {
        assertRejected(text(""), "the text is empty");
        assertRejected(tokens(), "the token list is empty");
        assertRejected(new Content.Unreadable("not UTF-8"), "not UTF-8");
        assertRejected(tokens(1, 8192, 2), "token id 8192 is outside the vocabulary of 8192");
        assertRejected(tokens(-1), "token id -1 is outside the vocabulary of 8192");
        assertRejected(tokens(0, Integer.MAX_VALUE), "token id 2147483647 is outside the vocabulary of 8192");
    }

    private static void assertRejected(Content content, String reason) {
        Result scored = score(engine, content, UNPREFIXED);
        assertThat(scored).isEqualTo(new Result.Rejected(0, reason));
        assertThat(generate(engine, content, 4)).isEqualTo(new Result.Rejected(0, reason));
    }

    @Test
    void aPromptThatFillsTheContextIsRejected() {
        for (int length : new int[] {1024, 1025, 5000}) {
            assertThat(generate(engine, new Content.Tokens(new int[length]), 4))
                    .isEqualTo(new Result.Rejected(
                            0, "a prompt of %,d tokens leaves no room in a context of 1,024".formatted(length)));
        }
        assertThat(generate(engine, new Content.Tokens(new int[1023]), 4))
                .isInstanceOfSatisfying(
                        Result.Generated.class,
                        result -> assertThat(result.tokens()).hasSize(1));
    }

    @Test
    void aLongDocumentReportsItsProgress() {
        Content document = new Content.Tokens(new int[1000]);
        List<Integer> computed = new ArrayList<>();
        List<Result> results = Golden.all(engine.score(
                List.of(new Request.Score(3, document, UNPREFIXED), new Request.Score(4, text("A whale"), UNPREFIXED))
                        .iterator(),
                (id, tokens, all) -> {
                    assertThat(id).isEqualTo(3);
                    assertThat(all).isEqualTo(1000);
                    computed.add(tokens);
                }));
        assertThat(results).extracting(Result::id).containsExactlyInAnyOrder(3L, 4L);
        // The windows have 64 tokens and start every 32 tokens. The first scores all its tokens but one, and
        // each other window scores its last 32.
        assertThat(computed).hasSize(30).startsWith(63, 32, 32);
    }

    @Test
    void rejectedRequestsDoNotHinderTheOthers() {
        List<Request.Score> documents = List.of(
                new Request.Score(7, text(""), UNPREFIXED),
                new Request.Score(8, text("The whale"), UNPREFIXED),
                new Request.Score(9, tokens(9999), UNPREFIXED),
                new Request.Score(10, text("The whale"), UNPREFIXED));
        List<Result> results = Golden.all(engine.score(documents.iterator()));
        assertThat(results).extracting(Result::id).containsExactly(7L, 8L, 9L, 10L);
        assertThat(results.get(0)).isInstanceOf(Result.Rejected.class);
        assertThat(results.get(1)).isInstanceOf(Result.Scored.class);
        assertThat(results.get(2)).isInstanceOf(Result.Rejected.class);
        assertThat(results.get(3)).isInstanceOf(Result.Scored.class);
    }

    @Test
    void aModelWithoutTokenizerTakesTokensAndRejectsText(@TempDir Path directory) {
        ModelCopy.of(Golden.SMALL_MODEL, directory).without("tokenizer.json");
        try (Engine tokensOnly = open(directory)) {
            Result.Rejected expected =
                    new Result.Rejected(0, "the model has no tokenizer.json, so it takes token ids only");
            assertThat(score(tokensOnly, text("The whale"), UNPREFIXED)).isEqualTo(expected);
            assertThat(generate(tokensOnly, text("The whale"), 4)).isEqualTo(expected);

            int[] ids = engine.tokens(text("The whale"));
            assertThat(scored(tokensOnly, tokens(ids), UNPREFIXED).score().sumNll())
                    .isEqualTo(scored(engine, text("The whale"), UNPREFIXED)
                            .score()
                            .sumNll());
            Result.Generated generated = (Result.Generated) generate(tokensOnly, tokens(ids), 4);
            assertThat(generated.text()).isNull();
            assertThat(generated.tokens())
                    .isEqualTo(((Result.Generated) generate(engine, text("The whale"), 4)).tokens());
        }
    }

    @Test
    void aSingleTokenIsScoredOnlyAfterAPrefix() {
        DocumentScore unprefixed = scored(engine, tokens(100), UNPREFIXED).score();
        assertThat(unprefixed.tokensScored()).isZero();
        assertThat(unprefixed.sumNll()).isZero();
        assertThat(unprefixed.minKProb()).isNull();
        assertThat(unprefixed.tokenLogProbabilities()).containsExactly(Double.NaN);

        DocumentScore prefixed = scored(engine, tokens(100), PREFIXED).score();
        assertThat(prefixed.tokensScored()).isOne();
        assertThat(prefixed.sumNll()).isPositive();
        assertThat(prefixed.minKProb()).isEqualTo(-prefixed.sumNll());
    }

    @Test
    void thePrefixIsAnEndOfTextTokenBeforeTheDocument() {
        int end = engine.documentPrefix().token(Prefix.EOS, PREFIXED.windows()).orElseThrow();
        double[] prefixed = scored(engine, tokens(5, 6, 7), PREFIXED).score().tokenLogProbabilities();
        double[] byHand =
                scored(engine, tokens(end, 5, 6, 7), UNPREFIXED).score().tokenLogProbabilities();
        assertThat(prefixed).containsExactly(byHand[1], byHand[2], byHand[3]);
    }

    @Test
    void aModelWithoutEndOfTextScoresWithoutPrefix(@TempDir Path directory) {
        ModelCopy.of(WITHOUT_TOKENIZER, directory)
                .without("generation_config.json")
                .config(json -> json.putNull("eos_token_id"));
        try (Engine endless = open(directory)) {
            assertThat(endless.documentPrefix().token(Prefix.EOS, PREFIXED.windows()))
                    .isEmpty();
            assertThat(scored(endless, tokens(5, 6, 7), PREFIXED).score().tokensScored())
                    .isEqualTo(2);
        }
    }

    @ParameterizedTest
    @CsvSource({"512, 511, EOS, 20000", "512, 511, NONE, 19999", "64, 63, EOS, 20000", "100, 100, NONE, 19800"})
    void aVeryLongDocumentIsScoredTokenByTokenOnce(int context, int stride, Prefix prefix, int scored) {
        assertScoredOnce(20_000, context, stride, prefix, scored);
    }

    @ParameterizedTest
    @CsvSource({"512, 511, EOS, 100000", "512, 511, NONE, 99999", "64, 63, EOS, 100000", "100, 100, NONE, 99000"})
    @Tag("slow")
    void aStillLongerDocumentIsScoredTokenByTokenOnce(int context, int stride, Prefix prefix, int scored) {
        assertScoredOnce(100_000, context, stride, prefix, scored);
    }

    /// Asserts that a document of random tokens has the number of scores, and each of them once.
    private static void assertScoredOnce(int tokens, int context, int stride, Prefix prefix, int scored) {
        int[] ids = new Random(6).ints(tokens, 0, 511).toArray();
        try (Engine small = open(WITHOUT_TOKENIZER)) {
            ScoringOptions options = new ScoringOptions(new Windows.Strided(context, stride), prefix, 20);
            Result.Scored result = scored(small, tokens(ids), options);
            assertThat(result.tokens()).isEqualTo(ids);
            assertThat(result.score().tokenLogProbabilities()).hasSize(ids.length);
            assertThat(result.score().tokensScored()).isEqualTo(scored);
            double[] values = result.score().tokenLogProbabilities();
            assertThat(IntStream.range(0, ids.length).filter(i -> values[i] < 0).count())
                    .isEqualTo(scored);
            assertThat(small.blocksInUse()).isZero();
        }
    }

    @ParameterizedTest
    @CsvSource(
            ignoreLeadingAndTrailingWhitespace = false,
            value = {
                "a,1,1",
                "' ',1,0",
                "'Call me',7,2",
                "'  two  words ',13,2",
                "'a\tb\nc\r\nd',8,4",
                "größe,7,1",
                "'名 前',7,2",
                "'\uD83D\uDC33\u00a0whale\u3000!',15,3",
                "'\u2003\u2028',6,0"
            })
    void bytesAndWordsOfATextAreCounted(String document, int bytes, int words) {
        Result.Scored scored = scored(engine, text(document), PREFIXED);
        assertThat(scored.bytes()).isEqualTo(bytes);
        assertThat(scored.words()).isEqualTo(words);
    }

    @Test
    void tokensHaveNeitherBytesNorWords() {
        Result.Scored scored = scored(engine, tokens(1, 2), PREFIXED);
        assertThat(scored.bytes()).isNull();
        assertThat(scored.words()).isNull();
    }

    @Test
    void theTextOfASpecialTokenIsTextUnlessParsingIsAskedFor() {
        Content asText = new Content.Text("a<|endoftext|>", SpecialTokens.TEXT);
        Content parsed = new Content.Text("a<|endoftext|>", SpecialTokens.PARSE);
        int end = engine.tokenizer().orElseThrow().idOf("<|endoftext|>").orElseThrow();
        assertThat(scored(engine, asText, PREFIXED).tokens())
                .doesNotContain(end)
                .hasSizeGreaterThan(3);
        assertThat(scored(engine, parsed, PREFIXED).tokens()).hasSize(2).endsWith(end);
    }

    /// Options belong to all rows. If they are wrong, the run fails.
    @Test
    void aContextThatTheModelDoesNotHaveFails() {
        assertThatThrownBy(() -> score(engine, tokens(1, 2), Golden.unprefixed(1025, 512)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("a context of 1,025 tokens; the model has 1,024");
    }

    @Test
    void noRequestsGiveNoResults() {
        Iterator<Result> scoring = engine.score(List.<Request.Score>of().iterator());
        assertThat(scoring.hasNext()).isFalse();
        assertThatThrownBy(scoring::next).isInstanceOf(NoSuchElementException.class);
        try (GenerationRun generation =
                engine.generate(List.<Request.Generate>of().iterator())) {
            assertThat(generation.hasNext()).isFalse();
            assertThatThrownBy(generation::next).isInstanceOf(NoSuchElementException.class);
        }
    }

    /// Requests are read when the batch has room, so a caller's rows need not fit into memory. The model
    /// reads eight tokens of each request.
    @Test
    void requestsArePulledOnlyWhenTheBatchHasRoom() {
        int[] pulled = {0};
        Iterator<Request.Score> endless = new Iterator<>() {
            @Override
            public boolean hasNext() {
                return true;
            }

            @Override
            public Request.Score next() {
                return new Request.Score(pulled[0]++, tokens(1, 2, 3, 4, 5, 6, 7, 8, 9), UNPREFIXED);
            }
        };
        Iterator<Result> run = engine.score(endless);
        for (int results = 0; results < 80; results++) {
            run.next();
            assertThat(pulled[0]).isLessThanOrEqualTo(results + 1 + 256 / 8);
        }
    }

    private static Content text(String text) {
        return new Content.Text(text, SpecialTokens.TEXT);
    }

    private static Content tokens(int... ids) {
        return new Content.Tokens(ids);
    }

    private static Result.Scored scored(Engine engine, Content content, ScoringOptions options) {
        return (Result.Scored) score(engine, content, options);
    }

    private static Result score(Engine engine, Content content, ScoringOptions options) {
        return engine.score(List.of(new Request.Score(0, content, options)).iterator())
                .next();
    }

    private static Result generate(Engine engine, Content content, int newTokens) {
        Request.Generate request = new Request.Generate(0, content, 0, Golden.greedy(newTokens));
        return engine.generate(List.of(request).iterator()).next();
    }

    private static Engine open(Path directory) {
        return Engine.open(directory, Golden.options(KernelChoice.VECTOR, 2, 256));
    }
}
