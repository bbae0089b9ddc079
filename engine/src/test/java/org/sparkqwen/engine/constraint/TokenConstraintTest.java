package org.sparkqwen.engine.constraint;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntFunction;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

class TokenConstraintTest {
    private static final List<Constraint> CONSTRAINTS = List.of(
            new Constraint.Regex("(yes|no)( [a-zé日🙂]+){0,3}\\."),
            new Constraint.Regex(".*"),
            new Constraint.Regex("[^a]\\p{Lu}[^\\n]*"),
            new Constraint.Choices(List.of("positive", "negative", "neutral", "日本", "日", "日語")),
            new Constraint.JsonSchema("""
                {"type": "object", "properties": {"name": {"type": "string", "maxLength": 30},
                                                  "score": {"type": "number", "minimum": -1, "maximum": 1},
                                                  "tags": {"type": "array", "items": {"enum": ["a", "bc", null]}}},
                 "required": ["name", "score"]}\
                """));

    /// Walks at random; beside it goes the same constraint over a vocabulary whose tokens are the bytes.
    @ParameterizedTest
    @FieldSource("CONSTRAINTS")
    void allowsATokenIfAndOnlyIfEachOfItsBytesMayFollow(Constraint constraint) {
        for (SampleVocabulary vocabulary : SampleVocabulary.ALL) {
            TokenConstraint compiled = vocabulary.compile(constraint);
            TokenConstraint bytes = TokenConstraint.compile(constraint, 256, OneByte.TOKENS, _ -> false);
            Random random = new Random(11);
            int allowed = 0;
            for (int walk = 0; walk < 4; walk++) {
                long state = compiled.start();
                long reference = bytes.start();
                for (int step = 0; step < 6 && !compiled.ends(state); step++) {
                    TokenSet set = compiled.allowed(state);
                    List<Integer> expected = new ArrayList<>();
                    for (int token = 0; token < vocabulary.tokens(); token++) {
                        if (!vocabulary.isSpecial(token) && reached(bytes, reference, vocabulary.bytesOf(token)) >= 0) {
                            expected.add(token);
                        }
                    }
                    assertThat(tokens(set)).isEqualTo(expected).isNotEmpty();
                    assertThat(set.size()).isEqualTo(expected.size());
                    allowed += expected.size();

                    int token = expected.get(random.nextInt(expected.size()));
                    state = compiled.next(state, token);
                    reference = reached(bytes, reference, vocabulary.bytesOf(token));
                    assertThat(compiled.accepts(state)).isEqualTo(bytes.accepts(reference));
                    assertThat(compiled.ends(state)).isEqualTo(bytes.ends(reference));
                }
            }
            assertThat(allowed).isPositive();
        }
    }

    /// Returns the state after `text`, or -1. Each byte is a token.
    private static long reached(TokenConstraint bytes, long state, byte[] text) {
        if (text.length == 0) {
            return -1;
        }
        long reached = state;
        for (byte each : text) {
            if (!bytes.allowed(reached).contains(each & 0xFF)) {
                return -1;
            }
            reached = bytes.next(reached, each & 0xFF);
        }
        return reached;
    }

    private enum OneByte implements IntFunction<byte[]> {
        TOKENS;

        @Override
        public byte[] apply(int token) {
            return new byte[] {(byte) token};
        }
    }

    private static List<Integer> tokens(TokenSet set) {
        List<Integer> tokens = new ArrayList<>();
        for (int i = 0; i < set.words(); i++) {
            for (long left = set.word(i); left != 0; left &= left - 1) {
                tokens.add(i * Long.SIZE + Long.numberOfTrailingZeros(left));
            }
        }
        return tokens;
    }

    @Test
    void everyRandomTextMatchesItsPattern() {
        String pattern = "(\\d{1,3}(,\\d{3})*|zero)(\\.\\d+)? (€|\\$|[a-z]{3}|日本円)[^\\w\\s]?";
        Pattern java = Pattern.compile(pattern);
        for (SampleVocabulary vocabulary : SampleVocabulary.ALL) {
            TokenConstraint constraint = vocabulary.compile(new Constraint.Regex(pattern));
            Random random = new Random(5);
            for (int i = 0; i < 300; i++) {
                assertThat(vocabulary.randomText(constraint, random)).matches(java);
            }
        }
    }

    @Test
    void everyChoiceIsReachedAndNothingElse() {
        List<String> choices = List.of("yes", "yes, but", "no", "not at all", "é", "e\u0301", "🙂", "no");
        for (SampleVocabulary vocabulary : SampleVocabulary.ALL) {
            TokenConstraint constraint = vocabulary.compile(new Constraint.Choices(choices));
            Random random = new Random(5);
            Set<String> texts = new TreeSet<>();
            for (int i = 0; i < 500; i++) {
                texts.add(vocabulary.randomText(constraint, random));
            }
            assertThat(texts).containsExactlyInAnyOrderElementsOf(new TreeSet<>(choices));
        }
    }

    @Test
    void aTextTakesTheTokensOfTheTokenizer() {
        for (SampleVocabulary vocabulary : SampleVocabulary.ALL) {
            TokenConstraint constraint =
                    vocabulary.compile(new Constraint.Choices(List.of("a day in Tokyo 日本", "a d")));
            long state = constraint.start();
            assertThat(constraint.accepts(state)).isFalse();
            for (int token : vocabulary.encode("a day in Tokyo 日本")) {
                assertThat(constraint.ends(state)).isFalse();
                assertThat(constraint.allowed(state).contains(token)).isTrue();
                state = constraint.next(state, token);
            }
            assertThat(constraint.accepts(state)).isTrue();
            assertThat(constraint.ends(state)).isTrue();
            assertThat(constraint.allowed(state).size()).isZero();
        }
    }

    @Test
    void anEmptyPatternIsAnEmptyText() {
        TokenConstraint constraint = SampleVocabulary.TINY.compile(new Constraint.Regex(""));
        assertThat(constraint.accepts(constraint.start())).isTrue();
        assertThat(constraint.ends(constraint.start())).isTrue();
    }

    @Test
    void aTextMayEndWhereItMayGoOn() {
        TokenConstraint constraint = SampleVocabulary.TINY.compile(new Constraint.Regex("a*"));
        assertThat(constraint.accepts(constraint.start())).isTrue();
        assertThat(constraint.ends(constraint.start())).isFalse();
    }

    @Test
    void aTokenThatIsNotAllowedIsRefused() {
        SampleVocabulary vocabulary = SampleVocabulary.TINY;
        TokenConstraint constraint = vocabulary.compile(new Constraint.Regex("a*"));
        for (int token : new int[] {-1, vocabulary.encode("b")[0], vocabulary.tokens() - 1, vocabulary.tokens()}) {
            assertThatThrownBy(() -> constraint.next(0, token))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("token %d is not allowed in state 0".formatted(token));
        }
    }

    @Test
    void excludedTokensAndTokensWithoutBytesNeverAppear() {
        List<String> vocabulary = List.of("a", "aa", "", "<a>", "<", ">");
        TokenConstraint constraint = TokenConstraint.compile(
                new Constraint.Regex("[a<>]*"),
                vocabulary.size(),
                id -> vocabulary.get(id).getBytes(UTF_8),
                id -> id == 3);
        assertThat(tokens(constraint.allowed(constraint.start()))).containsExactly(0, 1, 4, 5);
    }

    @Test
    void statesWithTheSameTokensShareThem() {
        TokenConstraint constraint = SampleVocabulary.QWEN3.compile(new Constraint.Regex("[0-9]{400}"));
        long state = constraint.start();
        TokenSet first = constraint.allowed(state);
        int digit = SampleVocabulary.QWEN3.encode("7")[0];
        for (int i = 0; i < 300; i++) {
            state = constraint.next(state, digit);
            assertThat(constraint.allowed(state)).isSameAs(first);
        }
    }

    @Test
    void manyThreadsGetTheSameTokens() throws Exception {
        Constraint constraint = CONSTRAINTS.getLast();
        TokenConstraint shared = SampleVocabulary.TINY.compile(constraint);
        CyclicBarrier start = new CyclicBarrier(4);
        Callable<List<String>> walks = () -> {
            start.await();
            Random random = new Random(3);
            List<String> texts = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                texts.add(SampleVocabulary.TINY.randomText(shared, random));
            }
            return texts;
        };
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            List<List<String>> texts = new ArrayList<>();
            for (Future<List<String>> each : threads.invokeAll(Collections.nCopies(4, walks))) {
                texts.add(each.get());
            }
            TokenConstraint alone = SampleVocabulary.TINY.compile(constraint);
            Random random = new Random(3);
            for (int i = 0; i < 100; i++) {
                String expected = SampleVocabulary.TINY.randomText(alone, random);
                for (List<String> each : texts) {
                    assertThat(each.get(i)).isEqualTo(expected);
                }
            }
        }
    }

    @ParameterizedTest
    @FieldSource("CONSTRAINTS")
    void aConstraintTravels(Constraint constraint) throws IOException, ClassNotFoundException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
            out.writeObject(constraint);
        }
        try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
            assertThat(in.readObject()).isEqualTo(constraint);
        }
    }

    @Test
    void aFaultNamesTheKindOfConstraintAndThePlace() {
        assertRefused(
                new Constraint.Regex("a(?>b)"),
                "regex: atomic group (?>…) at position 1 is not supported; a pattern may have groups, classes, "
                        + "alternatives, quantifiers and look-around");
        assertRefused(
                new Constraint.Regex("(ab?){40000}"),
                "regex: too large: it would need too many states; lower its numbers of repetitions, or its lengths");
        assertRefused(
                new Constraint.JsonSchema("{\"type\": \"object\", \"properties\": {\"a/b\": {\"type\": \"any\"}}}"),
                "json-schema: #/properties/a~1b/type: there is no type \"any\"");
        assertRefused(new Constraint.Choices(List.of()), "choices: can never be met: the list is empty");
        assertRefused(
                new Constraint.Choices(List.of("a", "")), "choices: text 2 is empty; every text needs a character");
        assertRefused(
                new Constraint.Choices(List.of("a\ud83d")),
                "choices: text 1 has half a surrogate pair, which has no UTF-8");
        assertRefused(
                new Constraint.Choices(List.of("é".repeat(501))),
                "choices: text 1 has 1,002 bytes, more than the 1,000 that one may have");
        assertRefused(new Constraint.Regex("(\n"), "regex: ( without a ) at position 0");
        assertRefused(
                new Constraint.Regex("\\p{\n}"),
                "regex: \\p{\\n} at position 0 is not supported; general categories like \\p{Lu}, scripts like "
                        + "\\p{Script=Greek}, and \\p{Alphabetic} are");
    }

    private static void assertRefused(Constraint constraint, String message) {
        assertThatThrownBy(() -> SampleVocabulary.TINY.compile(constraint))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    @Test
    void aVocabularyThatLacksABytesTokenIsRefused() {
        assertThatThrownBy(() -> TokenConstraint.compile(
                        new Constraint.Choices(List.of("é")), 256, OneByte.TOKENS, token -> token == 0xA9))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("choices: may need the byte 0xA9, which is no token of this model's vocabulary");
    }
}
