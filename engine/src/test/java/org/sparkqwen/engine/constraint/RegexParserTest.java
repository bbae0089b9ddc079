package org.sparkqwen.engine.constraint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import java.util.regex.Pattern;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Operations;
import org.apache.lucene.util.automaton.Transition;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RegexParserTest {
    /// Characters that patterns tell apart, of each length in UTF-8 and from the edges of classes.
    private static final int[] CHARACTERS =
            "aAbBcxyzZ059_-+.,;:/\\|()[]{}*?^$#&\"'@ \t\n\r\f\u000B\u001F\u007F\u0085\u00A0éÉßΩжא٣日本〇\u2028\u2029Ⅷ🙂𝒜"
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
            String text = switch (i % 3) {
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
            String text = switch (i % 3) {
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
    @CsvSource(delimiter = '→', quoteCharacter = '`', textBlock = """
        a(?=b)           → look-ahead (?=…) at position 1 is not supported; a pattern may have groups, classes, alternatives and quantifiers
        a(?!b)           → negative look-ahead (?!…) at position 1 is not supported; a pattern may have groups, classes, alternatives and quantifiers
        日(?<=a)b        → look-behind (?<=…) at position 1 is not supported; a pattern may have groups, classes, alternatives and quantifiers
        (?<!a)b          → negative look-behind (?<!…) at position 0 is not supported; a pattern may have groups, classes, alternatives and quantifiers
        (?>a)            → atomic group (?>…) at position 0 is not supported; a pattern may have groups, classes, alternatives and quantifiers
        (?P<x>a)(?P=x)   → back-reference (?P=…) at position 8 is not supported; a pattern may have groups, classes, alternatives and quantifiers
        (?#no)a          → comment (?#…) at position 0 is not supported; a pattern may have groups, classes, alternatives and quantifiers
        a(?i)b           → group (?…) at position 1 is not supported; (…), (?:…) and (?<name>…) are, and (?i) and (?s) at the very beginning
        (?<1>a)          → group (?…) at position 0 is not supported; (…), (?:…) and (?<name>…) are, and (?i) and (?s) at the very beginning
        (?<a             → (?< without a > at position 0
        (a)\\1           → back-reference \\1 at position 3 is not supported; write what may stand there
        \\k<a>           → back-reference \\k at position 0 is not supported; write what may stand there
        \\bword          → \\b at position 0 is not supported; the whole text must match, and boundaries within it are not looked at
        word\\Z          → \\Z at position 4 is not supported; the whole text must match, and boundaries within it are not looked at
        \\Qa             → \\Q at position 0 is not supported; write \\x{…} for a character
        \\0              → \\0 at position 0 is not supported; write \\x{…} for a character
        \\p{Greek}       → \\p{Greek} at position 0 is not supported; general categories like \\p{L} and \\p{Lu} are
        \\p{}            → \\p{} at position 0 is not supported; general categories like \\p{L} and \\p{Lu} are
        \\p{L            → \\p{ without a } at position 0
        a\\p             → \\p without a category at position 1
        (?i)\\p{Lu}      → \\p{Lu} with (?i) at position 4 is not supported; write \\p{L}
        a\\              → \\ with nothing after it at position 1
        \\x4             → \\x without two hexadecimal digits at position 0
        \\x{}            → \\x{ without hexadecimal digits at position 0
        \\x{41           → \\x{ without a } at position 0
        \\x{110000}      → U+110000, which is no character, at position 0
        \\u004           → \\u without four hexadecimal digits at position 0
        \\ud800a         → U+D800, which is no character, at position 0
        \\ud83d\\u0041   → U+0041, which is no second half of a pair, at position 0
        a++              → possessive quantifier at position 1 is not supported; leave out the + after it
        a**              → quantifier after a quantifier at position 2
        a{2}{3}          → quantifier after a quantifier at position 4
        a|*b             → * with nothing to repeat at position 2
        {2}              → { with nothing to repeat at position 0
        a{,3}            → { that begins no count like {2}, {2,} or {2,5} at position 1
        a{x}             → { that begins no count like {2}, {2,} or {2,5} at position 1
        a{2              → { that begins no count like {2}, {2,} or {2,5} at position 1
        a{5,2}           → {5,2}, more at least than at most, at position 1
        a^b              → ^ after the beginning at position 1 is not supported; write \\^ for the character
        (^a)             → ^ after the beginning at position 1 is not supported; write \\^ for the character
        a$b              → $ before the end at position 1 is not supported; write \\$ for the character
        (a$)             → $ before the end at position 2 is not supported; write \\$ for the character
        (a               → ( without a ) at position 0
        a)               → ) without a ( at position 1
        [a               → [ without a ] at position 0
        []a]             → ] first in a class at position 1 is not supported; write \\] for the character
        [a[b]]           → [ in a class at position 2 is not supported; write \\[ for the character
        [a&&b]           → && in a class at position 2 is not supported; write \\&\\& for the characters
        [b-a]            → a range whose end is before its beginning at position 1
        [a-\\d]          → a range that ends in a class at position 1
        [^\\d\\D]        → a class without characters at position 0
        [\\b]            → \\b at position 1 is not supported; the whole text must match, and boundaries within it are not looked at
        a{999999999999}  → { that begins no count like {2}, {2,} or {2,5} at position 1
        """)
    void refusesWhatIsNotRegularAndSaysWhere(String pattern, String message) {
        assertThatThrownBy(() -> RegexParser.parse(pattern))
                .isInstanceOf(RefusedConstraint.class)
                .hasMessage(message);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "a{60000}",
                "(a{300}){300}",
                "((((a?){50}){50}){50}){50}",
                "(a|b)*a(a|b){25}",
                ".{9000}.{9000}",
                "\\p{L}{0,2000}",
            })
    void refusesWhatIsTooLarge(String pattern) {
        assertThatThrownBy(() -> Language.utf8(RegexParser.parse(pattern)))
                .isInstanceOf(RefusedConstraint.class)
                .hasMessageStartingWith("too large");
    }

    @Test
    void refusesLongPatternsAndDeepOnes() {
        assertThatThrownBy(() -> RegexParser.parse("a?".repeat(1_001)))
                .hasMessage("too large: the pattern has 2,002 characters, more than the 2,000 that it may have");
        assertThatThrownBy(() -> RegexParser.parse("(".repeat(200) + "a" + ")".repeat(200)))
                .hasMessage("more than 100 groups within each other at position 100");
        assertThatThrownBy(() -> RegexParser.parse("a\ud83d")).hasMessage("half a surrogate pair at position 1");
    }
}
