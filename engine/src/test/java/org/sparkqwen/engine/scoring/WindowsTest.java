package org.sparkqwen.engine.scoring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.scoring.ScoringOptions.Prefix;

class WindowsTest {
    private static final int LONGEST = 70;

    /// Mirrors `windows_nll` of make_golden.py line by line, with the positions of targets in place of their sum.
    private static List<Window> reference(int length, int size, int stride) {
        List<Window> windows = new ArrayList<>();
        int prev = 0;
        for (int b = 0; b < length; b += stride) {
            int e = Math.min(b + size, length);
            int trg = e - prev;
            int l = e - b - 1; // a window of n tokens predicts n − 1
            int scored = trg < e - b ? trg : l;
            if (scored > 0) {
                windows.add(new Window(b, e, e - scored));
            }
            prev = e;
            if (e == length) {
                break;
            }
        }
        return windows;
    }

    @Test
    void stridedWindowsAreThoseOfTheFixedLengthRecipe() {
        sweep((length, context, stride) -> assertThat(new Windows.Strided(context, stride).cut(length))
                .as("%d tokens, context %d, stride %d", length, context, stride)
                .isEqualTo(reference(length, context, stride)));
    }

    @Test
    void withOverlapAllButTheFirstTokenAreScored() {
        sweep((length, context, stride) -> {
            if (stride < context) {
                assertThat(targets(new Windows.Strided(context, stride), length))
                        .isEqualTo(IntStream.range(1, length).boxed().toList());
            }
        });
    }

    /// The example of lm-evaluation-harness, by tokens after a prefix P: P 0 1 2 predicts 0 1 2 3, then 3 4 5 6
    /// predicts 4 5 6 7, then 5 6 7 8 predicts 8 9. Token i is at position i + 1.
    @Test
    void rollingWindowsAreThoseOfTheHarnesssExample() {
        assertThat(new Windows.Rolling(4).cut(11))
                .containsExactly(new Window(0, 5, 1), new Window(4, 9, 5), new Window(6, 11, 9));
    }

    /// The expected windows are computed by hand: after a first window of P 0 1 2, the last is 0 1 2 3 → 4, or 3 4
    /// 5 6 → 4 5 6 7 when it is full.
    @Test
    void theLastRollingWindowBeginsEarlierToBeFull() {
        assertThat(new Windows.Rolling(4).cut(4)).containsExactly(new Window(0, 4, 1));
        assertThat(new Windows.Rolling(4).cut(5)).containsExactly(new Window(0, 5, 1));
        assertThat(new Windows.Rolling(4).cut(6)).containsExactly(new Window(0, 5, 1), new Window(1, 6, 5));
        assertThat(new Windows.Rolling(4).cut(8)).containsExactly(new Window(0, 5, 1), new Window(3, 8, 5));
        assertThat(new Windows.Rolling(4).cut(9)).containsExactly(new Window(0, 5, 1), new Window(4, 9, 5));
    }

    @Test
    void rollingWindowsScoreAllButTheFirstTokenOnceAndAreFullButForAShortDocuments() {
        for (int length = 0; length <= LONGEST; length++) {
            for (int context = 2; context <= LONGEST; context++) {
                Windows rolling = new Windows.Rolling(context);
                assertThat(targets(rolling, length))
                        .isEqualTo(IntStream.range(1, length).boxed().toList());
                int full = Math.min(context, length - 1);
                assertThat(rolling.cut(length))
                        .allSatisfy(window -> assertThat(window.inputs()).isEqualTo(full));
            }
        }
    }

    /// The expected windows follow llama-perplexity by hand: the logits from n_ctx/2 to n_ctx − 2 of each chunk,
    /// each of which predicts the next token.
    @Test
    void halfWindowsAreTheChunksOfLlamaPerplexity() {
        assertThat(new Windows.Half(8).cut(26))
                .containsExactly(new Window(0, 8, 5), new Window(8, 16, 13), new Window(16, 24, 21));
        assertThat(new Windows.Half(7).cut(14)).containsExactly(new Window(0, 7, 4), new Window(7, 14, 11));
        assertThat(new Windows.Half(3).cut(5)).containsExactly(new Window(0, 3, 2));
        assertThat(new Windows.Half(512).cut(1024))
                .hasSize(2)
                .allSatisfy(window -> assertThat(window.targets()).isEqualTo(255));
    }

    @Test
    void whatFillsNoChunkIsNotScoredInHalves() {
        assertThat(new Windows.Half(8).cut(0)).isEmpty();
        assertThat(new Windows.Half(8).cut(7)).isEmpty();
        assertThat(new Windows.Half(8).cut(8)).hasSize(1);
        assertThat(new Windows.Half(8).cut(15)).hasSize(1);
    }

    @Test
    void everyWindowFitsTheContextAndScoresWhatItsOwnTokensPrecede() {
        sweep((length, context, stride) -> {
            List<Windows> policies = List.of(
                    new Windows.Strided(context, stride),
                    new Windows.Rolling(context),
                    new Windows.Half(Math.max(3, context)));
            for (Windows windows : policies) {
                assertThat(targets(windows, length)).isSorted().doesNotHaveDuplicates();
                for (Window window : windows.cut(length)) {
                    assertThat(window.inputs()).isBetween(1, windows.context());
                    assertThat(window.start()).isNotNegative();
                    assertThat(window.end()).isLessThanOrEqualTo(length);
                    assertThat(window.firstTarget()).isGreaterThan(window.start());
                    assertThat(window.targets()).isPositive().isEqualTo(window.end() - window.firstTarget());
                }
            }
        });
    }

    @Test
    void aDocumentWithNothingToScoreHasNoWindow() {
        for (int length = 0; length <= 1; length++) {
            assertThat(new Windows.Strided(8, 4).cut(length)).isEmpty();
            assertThat(new Windows.Rolling(8).cut(length)).isEmpty();
            assertThat(new Windows.Half(8).cut(length)).isEmpty();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "1, 1, 'context must be at least 2, not 1'", "-5, 1, 'context must be at least 2, not -5'",
        "8, 0, 'stride must be from 1 to the context 8, not 0'", "8, 9, 'stride must be from 1 to the context 8, not 9'"
    })
    void aStrideOrContextThatIsNoneIsRefused(int context, int stride, String message) {
        assertThatThrownBy(() -> new Windows.Strided(context, stride))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    @Test
    void aContextInWhichNothingWouldBeScoredIsRefused() {
        assertThatThrownBy(() -> new Windows.Rolling(1)).hasMessage("context must be at least 2, not 1");
        assertThatThrownBy(() -> new Windows.Half(2)).hasMessage("context must be at least 3, not 2");
    }

    @Test
    void halvesTakeNoEndOfTextTokenBefore() {
        assertThat(new ScoringOptions(new Windows.Half(8), Prefix.BOS, 20).prefix())
                .isEqualTo(Prefix.BOS);
        assertThatThrownBy(() -> new ScoringOptions(new Windows.Half(8), Prefix.EOS, 20))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("windows that score halves take no end-of-text token as prefix");
    }

    private static List<Integer> targets(Windows windows, int length) {
        return windows.cut(length).stream()
                .flatMap(window ->
                        IntStream.range(window.firstTarget(), window.end()).boxed())
                .toList();
    }

    private interface Case {
        void check(int length, int context, int stride);
    }

    private static void sweep(Case each) {
        for (int length = 0; length <= LONGEST; length++) {
            for (int context = 2; context <= LONGEST; context += context < 20 ? 1 : 7) {
                for (int stride = 1; stride <= context; stride++) {
                    each.check(length, context, stride);
                }
            }
        }
    }
}
