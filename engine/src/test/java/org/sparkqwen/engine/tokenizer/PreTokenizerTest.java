package org.sparkqwen.engine.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PreTokenizerTest {
    /// The JDK's regular expressions read this pattern as Oniguruma does, if they are told to use Unicode
    /// throughout.
    private static final Pattern REGEX =
            Pattern.compile(PreTokenizer.PATTERN.replace("(?i:", "(?iu:"), Pattern.UNICODE_CHARACTER_CLASS);

    @ParameterizedTest
    @ValueSource(
            strings = {"'s", "'S", "'ſ", "'t", "'T", "'re", "'rE", "'Re", "'RE", "'ve", "'VE", "'m", "'ll", "'lL", "'d"
            })
    void contractionsEndAWordInEveryCase(String contraction) {
        assertThat(words("we" + contraction)).containsExactly("we", contraction);
        assertThat(words(contraction + "x")).containsExactly(contraction, "x");
        assertThat(words("'" + contraction)).containsExactly("'" + contraction.charAt(0), contraction.substring(1));
    }

    @ParameterizedTest
    @ValueSource(strings = {"'r", "'v", "'l", "'x", "'K", "'le", "'rve", "’s", "'", "'1", "' s"})
    void textThatOnlyResemblesAContractionIsNotSplit(String text) {
        assertThat(words("a" + text)).isEqualTo(regexWords("a" + text));
        assertThat(words(text)).isEqualTo(regexWords(text));
    }

    /// In these rows, `_` stands for a space, `~` for a newline, and `|` separates words.
    @ParameterizedTest
    @CsvSource({
        "Hello_world, Hello|_world",
        "Hello__world, Hello|_|_world",
        "a___b, a|__|_b",
        "a_1, a|_|1",
        "a__1, a|_|_|1",
        "x=1;, x|=|1|;",
        "x_==_y, x|_==|_y",
        "-word, -word",
        "--word, --|word",
        "\"word\", \"word|\"",
        "2024, 2|0|2|4",
        "a~b, a|~|b",
        "a_~b, a|_~|b",
        "a_~_~__b, a|_~_~|_|_b",
        "a.~~b, a|.~~|b",
        "a.~_~b, a|.~|_~|b",
        "_~, _~",
        "__, __",
        "a__, a|__",
        "~~word, ~~|word",
        "_'s, _'|s",
    })
    void splitsAsThePatternDoes(String marked, String words) {
        String text = marked.replace('_', ' ').replace('~', '\n');
        assertThat(String.join("|", words(text)).replace(' ', '_').replace('\n', '~'))
                .isEqualTo(words);
        assertThat(words(text)).isEqualTo(regexWords(text));
    }

    @Test
    void everyKindOfWhiteSpaceButNewlinesMayPrecedeAWord() {
        for (char space : "\t\u000B\f \u0085\u00A0\u1680\u2000\u2028\u2029\u202F\u205F\u3000".toCharArray()) {
            assertThat(words("a" + space + "b")).containsExactly("a", space + "b");
            assertThat(words("a" + space + space + "b")).containsExactly("a", "" + space, space + "b");
        }
        for (char newline : "\r\n".toCharArray()) {
            assertThat(words("a" + newline + "b")).containsExactly("a", "" + newline, "b");
        }
    }

    @Test
    void onlyASpacePrecedesPunctuation() {
        assertThat(words("a !")).containsExactly("a", " !");
        assertThat(words("a\t!")).containsExactly("a", "\t", "!");
        assertThat(words("a\u00A0!")).containsExactly("a", "\u00A0", "!");
    }

    @Test
    void splitsRandomTextsAsARegularExpressionDoes() {
        RandomTexts texts = new RandomTexts(new Random(4));
        for (int i = 0; i < 20_000; i++) {
            String text = texts.next(12);
            assertThat(words(text)).isEqualTo(regexWords(text));
        }
    }

    private static List<String> words(String text) {
        List<String> words = new ArrayList<>();
        for (int start = 0; start < text.length(); ) {
            int end = PreTokenizer.end(text, start);
            words.add(text.substring(start, end));
            start = end;
        }
        return words;
    }

    private static List<String> regexWords(String text) {
        List<String> words = new ArrayList<>();
        Matcher matcher = REGEX.matcher(text);
        while (matcher.find()) {
            words.add(matcher.group());
        }
        return words;
    }
}
