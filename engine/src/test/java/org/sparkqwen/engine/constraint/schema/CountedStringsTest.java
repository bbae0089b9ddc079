package org.sparkqwen.engine.constraint.schema;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.apache.lucene.util.automaton.Automata;
import org.apache.lucene.util.automaton.Automaton;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.constraint.Constraint;
import org.sparkqwen.engine.constraint.SampleVocabulary;
import org.sparkqwen.engine.constraint.TokenConstraint;
import org.sparkqwen.engine.constraint.TokenSet;
import org.sparkqwen.engine.constraint.automaton.ByteAutomaton;
import org.sparkqwen.engine.constraint.automaton.Language;
import org.sparkqwen.engine.constraint.automaton.RefusedConstraint;
import org.sparkqwen.engine.constraint.regex.RegexParser;

class CountedStringsTest {

    /// Some strings, and an equivalent pattern with bounds.
    private record Strings(String pattern, int least, int most) {
        Automaton texts(CountedStrings counted) {
            return counted.texts(RegexParser.parse(pattern), least, most);
        }

        boolean have(String value) {
            int characters = value.codePointCount(0, value.length());
            return least <= characters
                    && (most == Language.UNBOUNDED || characters <= most)
                    && Pattern.matches("(?s)" + pattern, value);
        }
    }

    private static String json(String value) {
        return "\""
                + value.replace("\\", "\\\\")
                        .replace("\"", "\\\"")
                        .replace("\n", "\\n")
                        .replace("\t", "\\t") + "\"";
    }

    /// All values over a small alphabet, one or two kinds of strings at the same place: each text is accepted if
    /// it is of one kind, and each beginning leads on if it is the beginning of one.
    @ParameterizedTest
    @CsvSource(delimiter = '→', quoteCharacter = '`', textBlock = """
        [\\s\\S]* → 0 → 3 →            → 0 → 0
        [\\s\\S]* → 2 → 2 →            → 0 → 0
        [\\s\\S]* → 2 → -1 →           → 0 → 0
        (ab)*     → 1 → 5 →            → 0 → 0
        (ab)*     → 3 → 4 →            → 0 → 0
        a?b*é     → 3 → 4 →            → 0 → 0
        a{2,4}    → 0 → 3 →            → 0 → 0
        [^a]*     → 0 → 2 → a*         → 3 → 4
        a*        → 0 → 2 → a*b        → 1 → 4
        [ab]*     → 1 → 3 → [bé]*      → 2 → -1
        a*        → 0 → -1 → [ab]*     → 0 → 2
        ab|ba     → 0 → -1 → [aé]*     → 2 → 4
        (é|ab)*   → 2 → 4 → (a|bé)*    → 3 → 5
        """)
    void allowsWhatCanStillEndWithinTheBounds(
            String pattern, int least, int most, String otherPattern, int otherLeast, int otherMost) {
        List<Strings> kinds = new ArrayList<>(List.of(new Strings(pattern, least, most)));
        if (otherPattern != null) {
            kinds.add(new Strings(otherPattern, otherLeast, otherMost));
        }
        Predicate<String> valid = value -> kinds.stream().anyMatch(kind -> kind.have(value));
        Set<String> beginnings = new HashSet<>(); // of valid texts
        for (String value : values("abé", 7)) {
            if (valid.test(value)) {
                IntStream.rangeClosed(0, value.length()).forEach(end -> beginnings.add(value.substring(0, end)));
            }
        }
        CountedStrings counted = new CountedStrings();
        Automaton both =
                Language.union(kinds.stream().map(kind -> kind.texts(counted)).toList());
        Automaton texts =
                Language.concatenate(List.of(both, Automata.makeString(", \"a\""))); // what follows is not counted
        ByteAutomaton automaton = counted.bytes(texts);
        int accepted = 0;
        for (String value : values(most == 2 || most == 3 ? "abé\n🙂" : "abé", 6)) {
            String text = json(value);
            assertThat(automaton.accepts(text + ", \"a\"")).as(text).isEqualTo(valid.test(value));
            accepted += valid.test(value) ? 1 : 0;
            String open = text.substring(0, text.length() - 1);
            if (value.matches("[abé]*")) {
                assertThat(reached(automaton, open) != ByteAutomaton.NOWHERE)
                        .as(open)
                        .isEqualTo(beginnings.contains(value));
            }
        }
        assertThat(accepted).isPositive();
    }

    /// Returns all texts of up to `longest` of these characters.
    private static List<String> values(String characters, int longest) {
        List<String> values = new ArrayList<>(List.of(""));
        int first = 0;
        for (int length = 1; length <= longest; length++) {
            int end = values.size();
            for (; first < end; first++) {
                for (int c : characters.codePoints().toArray()) {
                    values.add(values.get(first) + Character.toString(c));
                }
            }
            if (values.size() > 6_000) {
                break;
            }
        }
        return values;
    }

    private static long reached(ByteAutomaton automaton, String text) {
        long state = automaton.start();
        for (byte each : text.getBytes(UTF_8)) {
            state = state == ByteAutomaton.NOWHERE ? state : automaton.step(state, each & 0xFF);
        }
        return state;
    }

    @ParameterizedTest
    @CsvSource(delimiter = '→', textBlock = """
        {"type": "string", "maxLength": 100000}                                 → 100000 → x
        {"type": "string", "maxLength": 1000000000, "minLength": 50000}         → 60000  → é
        {"type": "string", "maxLength": 20000, "pattern": "^(ab|\\\\n)*$"}      → 20000  → \\n
        {"type": "string", "minLength": 99999, "maxLength": 100000, "pattern": "^[^,]*$"} → 100000 → 🙂
        """)
    void longStringsHaveFewStates(String schema, int longest, String character) {
        ByteAutomaton automaton = JsonSchemaCompiler.compile(schema, Constraint.JsonSchema.DEFAULT_DEPTH);
        assertThat(automaton.states()).isLessThan(40);
        assertThat(automaton.accepts("\"" + character.repeat(longest) + "\"")).isTrue();
        if (longest != 60_000) {
            assertThat(automaton.accepts("\"" + character.repeat(longest + 1) + "\""))
                    .isFalse();
        }
    }

    /// The result is compared with every token's bytes, one by one, near both bounds and between them.
    @Test
    void tokensEndWithinTheBounds() {
        String schema = "{\"type\": \"string\", \"minLength\": 300, \"maxLength\": 20000}";
        for (SampleVocabulary vocabulary : SampleVocabulary.ALL) {
            TokenConstraint constraint = vocabulary.compile(new Constraint.JsonSchema(schema));
            ByteAutomaton reference = JsonSchemaCompiler.compile(schema, Constraint.JsonSchema.DEFAULT_DEPTH);
            for (int characters :
                    new int[] {0, 1, 170, 290, 299, 300, 301, 10_000, 19_800, 19_990, 19_998, 19_999, 20_000}) {
                String text = "\"" + "é".repeat(characters);
                long state = constraint.start();
                for (int token : vocabulary.encode(text)) {
                    state = constraint.next(state, token);
                }
                TokenSet allowed = constraint.allowed(state);
                long from = reached(reference, text);
                for (int token = 0; token < vocabulary.tokens(); token++) {
                    byte[] bytes = vocabulary.isSpecial(token) ? new byte[0] : vocabulary.bytesOf(token);
                    long end = from;
                    for (int i = 0; i < bytes.length && end != ByteAutomaton.NOWHERE; i++) {
                        end = reference.step(end, bytes[i] & 0xFF);
                    }
                    assertThat(allowed.contains(token)).isEqualTo(bytes.length > 0 && end != ByteAutomaton.NOWHERE);
                }
            }
        }
    }

    @Test
    void randomTextsKeepToTheirBounds() {
        for (SampleVocabulary vocabulary : SampleVocabulary.ALL) {
            TokenConstraint constraint = vocabulary.compile(new Constraint.JsonSchema("""
                {"anyOf": [{"type": "string", "minLength": 3, "maxLength": 9, "pattern": "^[^b]*$"},
                           {"type": "string", "minLength": 12, "maxLength": 40}, {"enum": ["b", "bb"]}]}\
                """));
            Random random = new Random(12);
            Pattern valid = Pattern.compile("(?s)\"(\\\\.|[^\"\\\\b]){3,9}\"|\"(\\\\.|[^\"\\\\]){12,40}\"|\"bb?\"");
            for (int i = 0; i < 1_000; i++) {
                assertThat(vocabulary.randomText(constraint, random)).matches(valid);
            }
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '→', textBlock = """
        {"type": "string", "pattern": "^a{5}$", "maxLength": 4}                       → #: can never be met: no value is allowed
        {"type": "string", "pattern": "^(ab)*$", "minLength": 3, "maxLength": 3}      → #: can never be met: no value is allowed
        {"type": "string", "pattern": "^.{0,6}$", "minLength": 7}                     → #: can never be met: no value is allowed
        {"type": "string", "minLength": 1e2147483647}                                 → #/minLength: too large: more than 1,000,000,000
        """)
    void refusesWhatNoStringCanMeet(String schema, String message) {
        assertThatThrownBy(() -> JsonSchemaCompiler.compile(schema, Constraint.JsonSchema.DEFAULT_DEPTH))
                .isInstanceOf(RefusedConstraint.class)
                .hasMessage(message);
    }

    /// Each schema is compiled, or refused with what was too much. The bound is generous.
    @ParameterizedTest
    @CsvSource(delimiter = '→', textBlock = """
        {"type": "string", "pattern": ".*a.{14}", "maxLength": 2000}
        {"type": "string", "pattern": "^(.*a.{14})$", "maxLength": 2000}
        {"type": "string", "pattern": "^.{0,200}x.{0,200}y", "format": "email"}
        {"type": "string", "pattern": "(a|b)*a(a|b){25}", "format": "email"}
        {"type": "string", "pattern": "^(\\\\p{L}|\\\\p{N}){1,300}$", "format": "date-time", "maxLength": 99999999}
        {"type": "string", "pattern": "^(a{97}|a{89}|a{83}|a{79}|a{73}|a{71})*$", "minLength": 1000000}
        {"type": "array", "items": {"type": "string", "maxLength": 500}, "maxItems": 1000000}
        """)
    void hostileSchemasEndSoon(String schema) {
        Assertions.assertTimeout(Duration.ofSeconds(10), () -> {
            try {
                JsonSchemaCompiler.compile(schema, Constraint.JsonSchema.DEFAULT_DEPTH);
            } catch (RefusedConstraint e) {
                assertThat(e.reason()).containsPattern("too large|can never be met");
            }
        });
    }
}
