package org.sparkqwen.engine.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/// Texts that take quadratic time with a quadratic algorithm are read in time: 300,000 steps each way would
/// take minutes. The limit is far above the tens of milliseconds that they need, so a busy machine does not
/// fail the test.
class HostileTextTest {
    private static final Tokenizer TOKENIZER = SampleTokenizer.QWEN3.ours();

    private static final int LENGTH = 300_000;
    private static final Duration LIMIT = Duration.ofSeconds(2);

    /// Units that are repeated up to [#LENGTH].
    static final List<String> UNITS = List.of(
            "a",
            "A",
            "é",
            "中",
            "가",
            "0",
            "!",
            "=",
            " ",
            "\t",
            "\u00A0",
            "\n",
            "\r",
            "\r\n",
            " \n",
            "\n ",
            "ab",
            "aA",
            "a ",
            " a",
            "a\n",
            "  a",
            "a1",
            "!a",
            "! ",
            ".\n",
            "'",
            "'s",
            "'r",
            "<",
            "<|",
            "<|im_start|",
            "<|endoftext",
            "<|endoftext|>",
            "<think>",
            "<think",
            "</tool_respons",
            "\u0301", // one mark
            "\u0301\u0323", // two marks in the wrong order
            "\u0345\u0301\u0323\u05B0\u0334", // five marks with falling classes
            "a\u0323\u0301",
            "\u0344", // a mark that decomposes
            "\u212B",
            "\u0958",
            "\u1100", // Hangul: leading, vowel, trailing
            "\u1161",
            "\u11A8",
            "\u1100\u1161",
            "\u1100\u1161\u11A8",
            "\u09C7\u09BE", // composes with what follows
            "\u09BE",
            "\uD83D\uDE00",
            "\uD800", // half a pair
            "\uDC00",
            "\u200D",
            "\u0000",
            "\uFFFF");

    /// Texts that change only once, at an end. A search for something that never comes must not start again
    /// at each char.
    static final List<String> TEXTS = List.of(
            " ".repeat(LENGTH) + "x",
            "\n" + " ".repeat(LENGTH) + "x",
            " ".repeat(LENGTH) + "\n",
            "x" + "\u0301".repeat(LENGTH),
            "x" + "\u0301".repeat(LENGTH / 2) + "\u0323".repeat(LENGTH / 2),
            everyMark().repeat(LENGTH / everyMark().length()),
            new StringBuilder(everyMark().repeat(LENGTH / everyMark().length()))
                    .reverse()
                    .toString());

    @ParameterizedTest(name = "{index}")
    @FieldSource("UNITS")
    void repeatedUnitsAreReadInTime(String unit) {
        assertReadInTime(unit.repeat(LENGTH / unit.length()));
    }

    @ParameterizedTest(name = "{index}")
    @FieldSource("TEXTS")
    void aLongRunIsReadInTime(String text) {
        assertReadInTime(text);
    }

    private static void assertReadInTime(String text) {
        for (SpecialTokens special : SpecialTokens.values()) {
            Assertions.assertTimeout(LIMIT, () -> {
                int[] ids = TOKENIZER.encode(text, special);
                assertThat(TOKENIZER.decode(ids)).hasSameSizeAs(CanonicalComposition.compose(text));
            });
        }
    }

    private static String everyMark() {
        return IntStream.range(0x300, 0x3400)
                .filter(c -> Character.getType(c) == Character.NON_SPACING_MARK)
                .boxed()
                .sorted(Collections.reverseOrder())
                .map(Character::toString)
                .collect(Collectors.joining());
    }
}
