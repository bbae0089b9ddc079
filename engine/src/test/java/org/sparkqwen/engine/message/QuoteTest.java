package org.sparkqwen.engine.message;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class QuoteTest {
    @ParameterizedTest
    @ValueSource(strings = {"", "plain", "déjà vu", "日本語", "\\S+", "a 'quoted' \"word\"", "👍🏽"})
    void ordinaryTextStaysAsItIs(String text) {
        assertThat(Quote.of(text)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource({
        "0x0, \\u0000", // a C string would end
        "0xa, \\n",
        "0xd, \\r",
        "0x9, \\t",
        "0x1b, \\u001b", // begins a terminal's escape sequences
        "0x7f, \\u007f",
        "0x85, \\u0085", // next line
        "0x9b, \\u009b", // an escape sequence's beginning in one byte
        "0xad, \\u00ad", // soft hyphen: not seen
        "0x200b, \\u200b", // no width
        "0x202e, \\u202e", // turns the direction
        "0x2066, \\u2066",
        "0x2028, \\u2028",
        "0x2029, \\u2029",
        "0xfeff, \\ufeff",
        "0xd800, \\ud800", // half of a pair
        "0xe000, \\ue000",
        "0xffff, \\uffff",
        "0xe0001, \\u{e0001}" // a tag
    })
    void whatCannotBeSeenOrMovesTheRestIsEscaped(String codePoint, String shown) {
        String text = Character.toString(Integer.decode(codePoint));
        assertThat(Quote.of("a" + text + "b")).isEqualTo("a" + shown + "b");
        assertThat(Quote.line("a" + text + "b")).isEqualTo("a" + shown + "b");
    }

    @Test
    void aLongValueIsCutAfterAHundredCharacters() {
        assertThat(Quote.of("x".repeat(100))).isEqualTo("x".repeat(100));
        assertThat(Quote.of("x".repeat(101))).isEqualTo("x".repeat(100) + "…");
        assertThat(Quote.of("👍".repeat(1_000_000))).isEqualTo("👍".repeat(100) + "…");
    }

    @Test
    void aLongMessageIsCutAfterFourThousandCharacters() {
        assertThat(Quote.line("x".repeat(4_000))).hasSize(4_000);
        assertThat(Quote.line("x".repeat(1_000_000))).isEqualTo("x".repeat(4_000) + "…");
    }

    @Test
    void nullIsAWord() {
        assertThat(Quote.of(null)).isEqualTo("null");
    }
}
