package org.sparkqwen.engine.scoring;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class WindowTest {
    private static final int LONGEST = 70;

    /// `windows_nll` of make_golden.py, line by line, with the positions of targets in place of their sum.
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
        sweep((length, context, stride) -> assertThat(Window.strided(length, context, stride))
                .as("%d tokens, context %d, stride %d", length, context, stride)
                .isEqualTo(reference(length, context, stride)));
    }

    @Test
    void noTokenIsScoredTwiceAndWithOverlapAllButTheFirstAreScored() {
        sweep((length, context, stride) -> {
            List<Integer> targets = Window.strided(length, context, stride).stream()
                    .flatMap(window ->
                            IntStream.range(window.firstTarget(), window.end()).boxed())
                    .toList();
            assertThat(targets).isSorted().doesNotHaveDuplicates();
            if (stride < context) {
                assertThat(targets).hasSize(Math.max(0, length - 1)).doesNotContain(0);
            }
        });
    }

    @Test
    void everyWindowFitsTheContextAndScoresWhatItsOwnTokensPrecede() {
        sweep((length, context, stride) -> {
            for (Window window : Window.strided(length, context, stride)) {
                assertThat(window.end() - window.start()).isBetween(2, context);
                assertThat(window.start()).isNotNegative();
                assertThat(window.end()).isLessThanOrEqualTo(length);
                assertThat(window.firstTarget()).isGreaterThan(window.start());
                assertThat(window.targets()).isPositive().isEqualTo(window.end() - window.firstTarget());
            }
        });
    }

    @Test
    void aDocumentWithNothingToScoreHasNoWindow() {
        assertThat(Window.strided(0, 8, 4)).isEmpty();
        assertThat(Window.strided(1, 8, 4)).isEmpty();
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
