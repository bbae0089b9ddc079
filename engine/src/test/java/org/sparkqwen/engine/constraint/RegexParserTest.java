package org.sparkqwen.engine.constraint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import java.util.regex.Pattern;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Operations;
import org.apache.lucene.util.automaton.Transition;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RegexParserTest {
    /// Characters that patterns tell apart, of each length in UTF-8 and from the edges of classes.
    private static final int[] CHARACTERS = "aAbBcxyzZ059_-+.,;:/\\|()[]{}*?^$#&\"'@ \t\n\r\f\u000B\u001F\u007F\u0085\u00A0éÉßΩжא٣日本〇\u2028\u2029Ⅷ🙂𝒜"
            .codePoints()
            .toArray();

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "abc",
                "a|b|cc",
                "a|",
                "|a",
                "(a|b)*c",
                "(?:ab|a)+?c??",
                "(?<first>a)(?P<second>b)?",
                "a{3}b{2,}c{0,2}",
                "(a?){4}b",
                "(a?b?){2,3}",
                "(a*)*b",
                "((a|b)*c){0}",
                "x{0}",
                ".",
                ".*b.+",
                "(?s).*b.+",
                "(?s)(?i)B.",
                "(?is)[a-c]+é.",
                "(?i)[^a]b",
                "(?i)\\x61[B-C]",
                "\\d+\\.\\d{2}",
                "\\D\\W\\S",
                "\\w+@\\w+(\\.\\w+)+",
                "\\s*[\\w-]+\\s*",
                "[\\w.-]+",
                "[a-cx-z]*",
                "[^a-c]",
                "[^\\d\\s]+",
                "[-a]+",
                "[a-]+",
                "[+--]",
                "[a^]+",
                "[.*+?(){}|$]",
                "[\\]\\[\\\\\\-^]+",
                "[\\n\\r\\t\\f]",
                "[^\\n]",
                "\\n\\r?\\t\\f",
                "\\x41\\u0042\\x{1F642}\\ud83d\\ude42",
                "[\\x{10000}-\\x{10FFFF}]",
                "[\\u0080-\\uFFFF]{1,2}",
                "é|日|🙂",
                "[é日🙂]+",
                "[ж-🙂]",
                "\\p{L}+",
                "\\p{Lu}\\p{Ll}*",
                "\\pL\\PL",
                "[\\p{N}\\p{P}]+",
                "[^\\p{L}]",
                "\\P{Lu}",
                "\\p{Zs}\\p{So}?",
                "^abc$",
                "^a|b$",
                "^(a|b)$",
                "^$",
                "}]",
                "\\.\\*\\+\\?\\(\\)\\[\\]\\{\\}\\|\\^\\$\\\\\\/\\-\\\"\\é",
                "(\\+\\d{1,3} )?(\\(\\d{3}\\)|\\d{3})[ -]?\\d{4}",
                "(0[1-9]|1[0-2])/([12]\\d|3[01])",
            })
    void matchesTheTextsThatJavaMatches(String pattern) {
        Pattern java = Pattern.compile(pattern.replace("(?P<", "(?<"));
        Automaton automaton = Language.deterministic(RegexParser.parse(pattern));
        Random random = new Random(pattern.hashCode());
        int matched = 0;
        for (int i = 0; i < 2_000; i++) {
            String text =
                    switch (i % 3) {
                        case 0 -> randomText(random);
                        case 1 -> accepted(automaton, random);
                        default -> changed(accepted(automaton, random), random);
                    };
            boolean expected = java.matcher(text).matches();
            assertThat(Operations.run(automaton, text)).as(text).isEqualTo(expected);
            matched += expected ? 1 : 0;
        }
        assertThat(matched).isBetween(600, 1_999);
    }

    @ParameterizedTest
    @ValueSource(strings = {"b", "^b", "b$", "^b$", "^a|b$", "a|^b|c$", "(a|b)\\d", "", "^", "$", "[^a]", "a.b"})
    void findsWhatJavaFinds(String pattern) {
        Pattern java = Pattern.compile(pattern.replace("$", "\\z"));
        Automaton automaton = Language.deterministic(RegexParser.parseSearched(pattern));
        Random random = new Random(pattern.hashCode());
        for (int i = 0; i < 2_000; i++) {
            String text =
                    switch (i % 3) {
                        case 0 -> randomText(random);
                        case 1 -> accepted(automaton, random);
                        default -> changed(accepted(automaton, random), random);
                    };
            assertThat(Operations.run(automaton, text))
                    .as(text)
                    .isEqualTo(java.matcher(text).find());
        }
    }

    private static String randomText(Random random) {
        StringBuilder text = new StringBuilder();
        for (int length = random.nextInt(6); length > 0; length--) {
            text.appendCodePoint(CHARACTERS[random.nextInt(CHARACTERS.length)]);
        }
        return text.toString();
    }

    /// A text along a random path, which ends with probability 1/4 where it may.
    private static String accepted(Automaton automaton, Random random) {
        StringBuilder text = new StringBuilder();
        Transition transition = new Transition();
        int state = 0;
        while (automaton.getNumTransitions(state) > 0 && !(automaton.isAccept(state) && random.nextInt(4) == 0)) {
            automaton.getTransition(state, random.nextInt(automaton.getNumTransitions(state)), transition);
            text.appendCodePoint(random.nextInt(transition.min, transition.max + 1));
            state = transition.dest;
        }
        return text.toString();
    }

    private static String changed(String text, Random random) {
        int[] codePoints = text.codePoints().toArray();
        if (codePoints.length == 0) {
            return randomText(random);
        }
        codePoints[random.nextInt(codePoints.length)] = CHARACTERS[random.nextInt(CHARACTERS.length)];
        return new String(codePoints, 0, codePoints.length - random.nextInt(2));
    }

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '`',
            delimiter = '§',
            value = {
                "(?<=a)b § look-behind (?<=…) at position 0 is not supported; a pattern may have groups, classes, alternatives and quantifiers",
            })
    void refusesWhatIsNotRegularAndSaysWhere(String pattern, String message) {
        assertThatThrownBy(() -> RegexParser.parse(pattern))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }
}
