package org.sparkqwen.engine.constraint.regex;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeout;

import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.regex.Pattern;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Operations;
import org.apache.lucene.util.automaton.Transition;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.constraint.automaton.Budget;
import org.sparkqwen.engine.constraint.automaton.ByteAutomaton;
import org.sparkqwen.engine.constraint.automaton.Language;
import org.sparkqwen.engine.constraint.automaton.RefusedConstraint;

class RegexParserTest {
    /// The characters that patterns distinguish, of each length in UTF-8 and from the edges of classes.
    private static final int[] CHARACTERS =
            "aAbBcxyzZ059_-+.,;:/\\|()[]{}*?^$#&\"'@ \t\n\r\f\u000B\u001F\u007F\u0085\u00A0éÉßΩжא٣日本〇\u2028\u2029Ⅷ🙂𝒜"
                    .codePoints()
                    .toArray();

    /// White space as in ECMA-262, in a class of Java.
    private static final String SPACE =
            "\\t-\\r \\u00a0\\ufeff\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

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
                "(^$|^[A-Z]{2}$)",
                "(a|^)(b|$)\\b",
                "(?i:a)b(?s:.)",
                "(?is)a(?-i:b).",
                "}]",
                "\\.\\*\\+\\?\\(\\)\\[\\]\\{\\}\\|\\^\\$\\\\\\/\\-\\\"\\é",
                "(\\+\\d{1,3} )?(\\(\\d{3}\\)|\\d{3})[ -]?\\d{4}",
                "(0[1-9]|1[0-2])/([12]\\d|3[01])",
            })
    void matchesTheTextsThatJavaMatches(String pattern) {
        Pattern java = Pattern.compile(inJava(pattern));
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
        Pattern java = Pattern.compile(inJava(pattern).replace("$", "\\z"));
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

    /// Returns the pattern that means in Java what `pattern` means in ECMA-262.
    private static String inJava(String pattern) {
        StringBuilder java = new StringBuilder();
        boolean inClass = false;
        for (int i = 0; i < pattern.length(); i++) {
            char c = pattern.charAt(i);
            if (c == '\\') {
                char escaped = pattern.charAt(++i);
                java.append(
                        switch (escaped) {
                            case 's' -> inClass ? SPACE : "[" + SPACE + "]";
                            case 'S' -> "[^" + SPACE + "]";
                            default -> "\\" + escaped;
                        });
                continue;
            }
            inClass = inClass ? c != ']' : c == '[';
            java.append(
                    c == '.' && !inClass && !pattern.contains("s)") && !pattern.contains("s:")
                            ? "[^\\n\\r\\u2028\\u2029]"
                            : c);
        }
        return java.toString().replace("(?P<", "(?<").replace("(?i", "(?iu");
    }

    private static String randomText(Random random) {
        StringBuilder text = new StringBuilder();
        for (int length = random.nextInt(6); length > 0; length--) {
            text.appendCodePoint(CHARACTERS[random.nextInt(CHARACTERS.length)]);
        }
        return text.toString();
    }

    /// Returns a text along a random path, which ends with probability 1/4 where it may.
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
        (?>a)            → atomic group (?>…) at position 0 is not supported; a pattern may have groups, classes, alternatives, quantifiers and look-around
        (?P<x>a)(?P=x)   → back-reference (?P=…) at position 8 is not supported; a pattern may have groups, classes, alternatives, quantifiers and look-around
        (?#no)a          → comment (?#…) at position 0 is not supported; a pattern may have groups, classes, alternatives, quantifiers and look-around
        a(?i)b           → group (?…) at position 1 is not supported; (…), (?:…), (?<name>…), (?i:…) and (?s:…) are, and (?i) and (?s) at the very beginning
        (?<1>a)          → group (?…) at position 0 is not supported; (…), (?:…), (?<name>…), (?i:…) and (?s:…) are, and (?i) and (?s) at the very beginning
        (?<a             → (?< without a > at position 0
        (a)\\1           → back-reference \\1 at position 3 is not supported; write what may stand there
        \\k<a>           → back-reference \\k at position 0 is not supported; write what may stand there
        word\\Z          → \\Z at position 4 is not supported; ^ and $ are the ends of the text
        \\Qa             → \\Q at position 0 is not supported; write \\x{…} for a character
        \\p{Greek}       → \\p{Greek} at position 0 is not supported; general categories like \\p{Lu}, scripts like \\p{Script=Greek}, and \\p{Alphabetic} are
        \\p{}            → \\p{} at position 0 is not supported; general categories like \\p{Lu}, scripts like \\p{Script=Greek}, and \\p{Alphabetic} are
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
        (a               → ( without a ) at position 0
        a)               → ) without a ( at position 1
        [a               → [ without a ] at position 0
        []a]             → ] first in a class at position 1 is not supported; write \\] for the character
        [a[b]]           → [ in a class at position 2 is not supported; write \\[ for the character
        [a&&b]           → && in a class at position 2 is not supported; write \\&\\& for the characters
        [b-a]            → a range whose end is before its beginning at position 1
        [a-\\d]          → a range that ends in a class at position 1
        [^\\d\\D]        → a class without characters at position 0
        ^*               → quantifier with nothing to repeat at position 1
        a\\b{2}          → quantifier with nothing to repeat at position 3
        (?=a)?           → quantifier with nothing to repeat at position 5
        (?=\\ba)         → \\b within (?=…) at position 3 is not supported; write it outside of the parentheses
        (?=^a)           → ^ within (?=…) at position 3 is not supported; write it outside of the parentheses
        (?<!a$)          → $ within (?<!…) at position 5 is not supported; write it outside of the parentheses
        (?=a(?!b))       → (?!…) within (?=…) at position 4 is not supported; write it outside of the parentheses
        (?m:^a)          → group (?…) at position 0 is not supported; (…), (?:…), (?<name>…), (?i:…) and (?s:…) are, and (?i) and (?s) at the very beginning
        \\c1             → \\c without a letter at position 0
        \\01             → \\0 before a digit at position 0 is not supported; write \\x{…} for a character
        \\u{110000}      → U+110000, which is no character, at position 0
        []               → ] first in a class at position 1 is not supported; write \\] for the character
        \\p{scx=Grek}    → \\p{scx=Grek} at position 0 is not supported; general categories like \\p{Lu}, scripts like \\p{Script=Greek}, and \\p{Alphabetic} are
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

    static final List<String> HOSTILE = List.of(
            "(a|b)*a(a|b){25}",
            ".*a.{14}",
            ".*a.{1,400}b.{1,400}c",
            "((a{1,40}){1,40}){1,20}",
            "(\\p{L}?){1000}(\\p{L}?){900}",
            "(?=.*a.{9})(?=.*b.{9})(?!.*c.{9})(?=.*d.{9}).*",
            "(\\p{L}\\p{N}?){1,600}",
            "[^\\p{L}]{1,900}\\b.*\\b.{300}",
            "(.?){1000}(.?){1000}(.?){1000}",
            "(((.*a){9}){9}){9}.*b.{12}");

    @ParameterizedTest
    @FieldSource("HOSTILE")
    void hostilePatternsEndSoon(String pattern) {
        requireAnswer(pattern);
    }

    @ParameterizedTest
    @FieldSource("HOSTILE")
    @Tag("slow")
    void hostilePatternsOfLettersEndSoon(String pattern) {
        requireAnswer(pattern.replace(".", "\\p{L}"));
    }

    /// Requires that a pattern is compiled or refused; the bound is generous.
    private static void requireAnswer(String pattern) {
        assertTimeout(Duration.ofSeconds(10), () -> {
            try {
                Budget.within(() -> ByteAutomaton.of(RegexParser.parseSearched(pattern)));
            } catch (RefusedConstraint e) {
                assertThat(e.reason()).startsWith("too large");
            }
        });
    }

    /// Patterns by chance from what patterns are made of: each is compiled or refused with one line, and soon.
    @Test
    void randomPatternsAreCompiledOrRefused() {
        randomPatterns(2_000);
    }

    @Test
    @Tag("slow")
    void manyRandomPatternsAreCompiledOrRefused() {
        randomPatterns(200_000);
    }

    private static void randomPatterns(int count) {
        String[] pieces = {
            "a",
            "b",
            ".",
            "\\s",
            "\\S",
            "\\w",
            "\\b",
            "\\B",
            "^",
            "$",
            "(",
            "(",
            ")",
            ")",
            "(?:",
            "(?=",
            "(?!",
            "(?<=",
            "(?<!",
            "(?i:",
            "(?<n>",
            "[",
            "]",
            "[^",
            "a-z",
            "-",
            "|",
            "*",
            "+",
            "?",
            "{2}",
            "{1,3}",
            "{,2}",
            "{0,999}",
            "\\p{L}",
            "\\p{Script=Greek}",
            "\\u{1F600}",
            "\\ud83d",
            "\\cA",
            "\\0",
            "\\1",
            "\\",
            "é",
            "🙂",
            "\u0000",
            "\u202e",
            "\ud800"
        };
        Random random = new Random(21);
        int compiled = 0;
        for (int i = 0; i < count; i++) {
            StringBuilder pattern = new StringBuilder();
            for (int n = 1 + random.nextInt(9); n > 0; n--) {
                pattern.append(pieces[random.nextInt(pieces.length)]);
            }
            try {
                Budget.within(() -> ByteAutomaton.of(
                        random.nextBoolean()
                                ? RegexParser.parse(pattern.toString())
                                : RegexParser.parseSearched(pattern.toString())));
                compiled++;
            } catch (RefusedConstraint e) {
                assertThat(e.reason()).as(pattern.toString()).isNotBlank().doesNotContain("\n", "\u0000", "\u202e");
            }
        }
        assertThat(compiled).isGreaterThan(count / 20);
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
