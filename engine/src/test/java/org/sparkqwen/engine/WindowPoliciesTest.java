package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.scoring.DocumentScore;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.scoring.ScoringOptions.Prefix;
import org.sparkqwen.engine.scoring.Windows;
import org.sparkqwen.engine.testing.Golden;

/// In a real document, each window of a policy gives its tokens the values that they get when the window is
/// scored alone, as a document that fits into the context. The windows are written down by hand.
class WindowPoliciesTest {
    /// A document of 65 tokens, with the log-likelihood that transformers gives each one.
    private static final JsonNode DOCUMENT =
            Golden.read(Golden.DIRECTORY.resolve("tiny.json")).get("documents").get(0);

    private static final int[] IDS = Golden.ints(DOCUMENT.get("ids"));
    private static final double[] NLL = Golden.doubles(DOCUMENT.get("nll"));

    private static Engine engine = Engine.open(Golden.SMALL_MODEL, Golden.options(KernelChoice.VECTOR, 2, 256));

    @AfterAll
    static void close() {
        engine.close();
    }

    /// Tokens that are read together, and how many of the last ones are scored.
    private record Piece(int[] tokens, int scored) {}

    /// Returns the log-probabilities of the scored tokens, piece by piece. Each piece is a document of its
    /// own without prefix.
    private static double[] pieces(Piece... pieces) {
        return Arrays.stream(pieces)
                .flatMapToDouble(piece -> {
                    double[] values = Golden.scored(engine, piece.tokens(), Golden.unprefixed(1024, 1024))
                            .score()
                            .tokenLogProbabilities();
                    return Arrays.stream(values, values.length - piece.scored(), values.length);
                })
                .toArray();
    }

    private static int[] ids(int from, int to) {
        return Arrays.copyOfRange(IDS, from, to);
    }

    private static int[] afterPrefix(int to) {
        return IntStream.concat(
                        engine.documentPrefix().token(Prefix.EOS, new Windows.Strided(2, 1)).stream(),
                        Arrays.stream(IDS, 0, to))
                .toArray();
    }

    private static DocumentScore score(int[] ids, Windows windows, Prefix prefix) {
        return Golden.scored(engine, ids, new ScoringOptions(windows, prefix, 20))
                .score();
    }

    @Test
    void rollingWindowsOfTenTokensAreThoseOfTheHarnesssExample() {
        DocumentScore score = score(ids(0, 10), new Windows.Rolling(4), Prefix.EOS);
        assertThat(score.tokenLogProbabilities())
                .containsExactly(
                        pieces(new Piece(afterPrefix(4), 4), new Piece(ids(3, 8), 4), new Piece(ids(5, 10), 2)));
        assertThat(score.tokensScored()).isEqualTo(10);
    }

    @Test
    void rollingWindowsScoreEveryTokenOnceAfterThePrefix() {
        DocumentScore score = score(IDS, new Windows.Rolling(20), Prefix.EOS);
        double[] expected = pieces(
                new Piece(afterPrefix(20), 20),
                new Piece(ids(19, 40), 20),
                new Piece(ids(39, 60), 20),
                new Piece(ids(44, 65), 5));
        assertThat(score.tokenLogProbabilities()).containsExactly(expected);
        assertThat(score.sumNll()).isCloseTo(-Arrays.stream(expected).sum(), within(1e-9));
    }

    @Test
    void withoutPrefixTheFirstTokenIsTheContextOfTheFirstRollingWindow() {
        DocumentScore score = score(IDS, new Windows.Rolling(30), Prefix.NONE);
        double[] expected = pieces(new Piece(ids(0, 31), 30), new Piece(ids(30, 61), 30), new Piece(ids(34, 65), 4));
        assertThat(score.tokensScored()).isEqualTo(64);
        assertThat(score.tokenLogProbabilities()[0]).isNaN();
        assertThat(Arrays.copyOfRange(score.tokenLogProbabilities(), 1, 65)).containsExactly(expected);
    }

    /// 64 tokens are read, and they predict all 65 tokens but the first. So there is one window.
    @Test
    void aRollingWindowThatHoldsTheDocumentGivesTransformersValues() {
        DocumentScore score = score(IDS, new Windows.Rolling(64), Prefix.NONE);
        assertThat(score.sumNll()).isCloseTo(Arrays.stream(NLL).sum(), within(Golden.NLL_TOLERANCE * 64));
        assertThat(score.tokensScored()).isEqualTo(64);
    }

    @Test
    void theSecondHalfOfEachWholeChunkIsScored() {
        DocumentScore score = score(IDS, new Windows.Half(20), Prefix.NONE);
        double[] expected = pieces(new Piece(ids(0, 20), 9), new Piece(ids(20, 40), 9), new Piece(ids(40, 60), 9));
        double[] values = score.tokenLogProbabilities();
        assertThat(score.tokensScored()).isEqualTo(27);
        assertThat(IntStream.of(11, 31, 51)
                        .flatMap(first -> IntStream.range(first, first + 9))
                        .mapToDouble(token -> values[token]))
                .containsExactly(Arrays.stream(expected).boxed().toArray(Double[]::new));
        assertThat(score.sumNll()).isCloseTo(-Arrays.stream(expected).sum(), within(1e-9));
    }

    /// This is llama-perplexity with a chunk of 64. The logits from 32 to 62 predict tokens 33 to 63.
    @Test
    void theSecondHalfOfAChunkHasTransformersValues() {
        DocumentScore score = score(IDS, new Windows.Half(64), Prefix.NONE);
        assertThat(score.tokensScored()).isEqualTo(31);
        assertThat(score.sumNll()).isCloseTo(Arrays.stream(NLL, 32, 63).sum(), within(Golden.NLL_TOLERANCE * 31));
    }

    @Test
    void aDocumentThatFillsNoChunkHasNothingScored() {
        DocumentScore score = score(IDS, new Windows.Half(66), Prefix.NONE);
        assertThat(score.tokensScored()).isZero();
        assertThat(score.sumNll()).isZero();
        assertThat(score.minKProb()).isNull();
        assertThat(score.tokenLogProbabilities()).hasSize(65).containsOnly(Double.NaN);
    }

    /// The model reads no more than the context at once, although a rolling window scores one token more. The
    /// position after the last one would have no place.
    @Test
    void rollingWindowsMayBeAsLongAsTheModelsContext() {
        int context = engine.config().maxPositions();
        int[] ids = IntStream.range(0, 2 * context).map(i -> IDS[i % 65]).toArray();
        for (Windows windows : List.of(
                new Windows.Strided(context, context), new Windows.Rolling(context), new Windows.Half(context))) {
            assertThat(score(ids, windows, Prefix.NONE).tokensScored())
                    .isEqualTo(
                            switch (windows) {
                                case Windows.Strided strided -> 2 * context - 2;
                                case Windows.Rolling rolling -> 2 * context - 1;
                                case Windows.Half half -> 2 * (context / 2 - 1);
                            });
        }
    }
}
