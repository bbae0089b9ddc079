package org.sparkqwen.job.page;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class HtmlTest {
    @Test
    void whatWouldBeMarkupIsText() {
        assertThat(Html.escape("<a href='x' title=\"y\">&amp;"))
                .isEqualTo("&lt;a href=&#39;x&#39; title=&quot;y&quot;&gt;&amp;amp;");
    }

    @Test
    void whatCannotBeSeenIsWrittenAsItsCode() {
        assertThat(Html.escape("a\u0000b\u001b[31m\u202e\ud800 \u00e9 \ud83d\ude00"))
                .isEqualTo("a\\u0000b\\u001b[31m\\u202e\\ud800 \u00e9 \ud83d\ude00");
    }

    @Test
    void longTextsAreCutBetweenCharacters() {
        String text = "\ud83d\ude00".repeat(Example.LONGEST_TEXT + 1);
        String page = new Html("title")
                .examples(List.of(new Example("1.", 2, "label", text)), "bits")
                .text();
        assertThat(page).contains("\ud83d\ude00".repeat(Example.LONGEST_TEXT) + "\u2026</blockquote>");
    }

    @Test
    void numbersHaveThreeDigitsThatCount() {
        assertThat(List.of(0.123, 24.0, 62.31, 2876.4, 1_234_567.0, 2.5e9, -0.5))
                .map(Numbers::of)
                .containsExactly("0.12", "24", "62.3", "2,876", "1.2M", "2.50e+09", "-0.50");
        assertThat(List.of(0.5, 20.0, 5000.0, 1e6, 2e9))
                .map(Numbers::tick)
                .containsExactly("0.5", "20", "5k", "1M", "2e+09");
    }

    @Test
    void ticksAreRoundAndFew() {
        assertThat(Axis.logarithmic(0.7, 30, 0, 100).ticks()).containsExactly(1.0, 2.0, 5.0, 10.0, 20.0);
        assertThat(Axis.logarithmic(1, 1e12, 0, 100).ticks())
                .hasSizeLessThan(10)
                .contains(1.0);
        assertThat(Axis.fromZero(47, 0, 100).ticks()).containsExactly(0.0, 10.0, 20.0, 30.0, 40.0);
        assertThat(Axis.fromZero(0, 0, 100).ticks()).hasSizeBetween(2, 9);
        assertThat(Axis.fromZero(3e9, 0, 100).ticks()).hasSizeBetween(3, 9);
    }

    @Test
    void anAxisHasItsPlaces() {
        Axis axis = Axis.logarithmic(1, 100, 0, 200);
        assertThat(List.of(axis.place(1), axis.place(10), axis.place(100), axis.place(1e9)))
                .containsExactly(0.0, 100.0, 200.0, 200.0);
    }
}
