package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkqwen.engine.constraint.Constraint;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.sampling.Ending;
import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.engine.sampling.SamplingParams;
import org.sparkqwen.engine.sampling.TokenRules;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.tokenizer.Tokenizer;

/// Texts obey rules that forbid or force tokens.
class TokenRulesTest {
    private static final int NEW_TOKENS = 24;
    private static final int[] PROMPT = {377, 34, 498, 68, 287, 490, 379, 154, 36, 125};

    private static final Engine ENGINE =
            Engine.open(Golden.DIRECTORY.resolve("models/dense-tied-f32"), Golden.options(KernelChoice.VECTOR, 2, 256));
    private static final Engine WITH_TEXT =
            Engine.open(Golden.SMALL_MODEL, Golden.options(KernelChoice.VECTOR, 2, 256));

    @AfterAll
    static void close() {
        ENGINE.close();
        WITH_TEXT.close();
    }

    static List<TokenRules> rules() {
        List<Integer> plain = tokens(TokenRules.NONE);
        return List.of(
                TokenRules.NONE,
                new TokenRules(2, List.of(), List.of(), List.of(), List.of()),
                new TokenRules(1, List.of(), List.of(), List.of(), List.of()),
                new TokenRules(0, List.of(), List.of(plain.get(0), plain.get(3)), List.of(), List.of()),
                new TokenRules(0, List.of(), List.of(), List.of(plain.get(0)), List.of()),
                new TokenRules(0, List.of(List.of(plain.get(1))), List.of(), List.of(), List.of()),
                new TokenRules(0, List.of(List.of(plain.get(1), plain.get(2))), List.of(), List.of(), List.of()),
                new TokenRules(
                        3,
                        List.of(List.of(plain.get(0), plain.get(1)), List.of(plain.get(4))),
                        List.of(plain.get(2)),
                        List.of(plain.get(0)),
                        List.of(7)));
    }

    private static GenerationParams params(TokenRules rules) {
        return new GenerationParams(
                SamplingParams.GREEDY.withRules(rules), Ending.after(NEW_TOKENS).withIgnoreEos(true));
    }

    private static List<Integer> tokens(TokenRules rules) {
        return Golden.generated(ENGINE, PROMPT, params(rules)).tokens();
    }

    /// At each step, the likeliest token that is left is found by a request of its own.
    @ParameterizedTest
    @MethodSource("rules")
    void aGreedyTextHasTheLikeliestTokensThatAreLeft(TokenRules rules) {
        List<Integer> expected = new ArrayList<>();
        for (int step = 0; step < NEW_TOKENS; step++) {
            int[] known = IntStream.concat(
                            Arrays.stream(PROMPT), expected.stream().mapToInt(Integer::intValue))
                    .toArray();
            Set<Integer> banned = banned(rules, known, step);
            GenerationParams one = new GenerationParams(
                    SamplingParams.GREEDY, Ending.after(1).withIgnoreEos(true), GenerationParams.MOST_BEST, null);
            boolean forced = step == NEW_TOKENS - 1 && !rules.forcedEos().isEmpty();
            expected.add(
                    forced
                            ? rules.forcedEos().getFirst()
                            : Golden.generated(ENGINE, known, one).best().getFirst().stream()
                                    .map(ranked -> ranked.token())
                                    .filter(token -> !banned.contains(token))
                                    .findFirst()
                                    .orElseThrow());
        }
        assertThat(tokens(rules)).isEqualTo(expected);
    }

    private static Set<Integer> banned(TokenRules rules, int[] known, int step) {
        Set<Integer> banned = new HashSet<>(rules.suppress());
        if (step == 0) {
            banned.addAll(rules.beginSuppress());
        }
        List<Integer> text = Arrays.stream(known).boxed().toList();
        for (List<Integer> word : rules.badWords()) {
            List<Integer> before = word.subList(0, word.size() - 1);
            if (text.subList(text.size() - before.size(), text.size()).equals(before)) {
                banned.add(word.getLast());
            }
        }
        int n = rules.noRepeatNgramSize();
        for (int i = 0; n > 0 && i + n <= text.size(); i++) {
            if (text.subList(i, i + n - 1).equals(text.subList(text.size() - n + 1, text.size()))) {
                banned.add(text.get(i + n - 1));
            }
        }
        return banned;
    }

    @Test
    void textsAreTheSameWhateverTheBatch() {
        List<Request.Generate> requests = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            TokenRules rules = rules().get(i % rules().size());
            SamplingParams sampling =
                    SamplingParams.GREEDY.withTemperature(i % 2).withSeed(i).withRules(rules);
            int[] prompt = Arrays.copyOf(PROMPT, 4 + i / 2);
            requests.add(Golden.generate(
                    i, prompt, new GenerationParams(sampling, Ending.after(12).withIgnoreEos(true))));
        }
        List<Result> together = Golden.all(ENGINE.generate(requests.iterator()));
        for (int i = 0; i < requests.size(); i++) {
            List<Result> alone =
                    Golden.all(ENGINE.generate(List.of(requests.get(i)).iterator()));
            assertThat(((Result.Generated) together.get(i)).tokens())
                    .isEqualTo(((Result.Generated) alone.getFirst()).tokens());
        }
    }

    @Test
    void aForcedEndTokenEndsTheText() {
        int end = WITH_TEXT.config().eosTokenIds().getFirst();
        TokenRules forced = new TokenRules(0, List.of(), List.of(), List.of(), List.of(end));
        Result.Generated result = Golden.generated(
                WITH_TEXT,
                new int[] {500, 600},
                new GenerationParams(SamplingParams.GREEDY.withRules(forced), Ending.after(5)));
        assertThat(result.tokens()).hasSizeLessThanOrEqualTo(5).endsWith(end);
        assertThat(result.finishReason()).isEqualTo(Result.FinishReason.STOP);
    }

    @Test
    void aTextThatIsLeftWithNoTokenIsAnError() {
        Tokenizer tokenizer = WITH_TEXT.tokenizer().orElseThrow();
        TokenRules noA =
                new TokenRules(0, List.of(), List.of(tokenizer.idOf("a").orElseThrow()), List.of(), List.of());
        GenerationParams params = new GenerationParams(
                SamplingParams.GREEDY.withRules(noA), Ending.after(5), 0, new Constraint.Regex("a"));
        Result result = Golden.all(WITH_TEXT.generate(
                        List.of(Golden.generate(0, new int[] {500}, params)).iterator()))
                .getFirst();
        assertThat(((Result.Rejected) result).reason())
                .isEqualTo("no token is left for the text's token 0: suppressed, bad and repeated ones leave none of"
                        + " those that the constraint allows");
    }

    /// The text is cut where there is no room, and is not made invalid.
    @Test
    void aConstraintTakesPrecedenceOverAForcedEnd() {
        int end = WITH_TEXT.config().eosTokenIds().getFirst();
        TokenRules forced = new TokenRules(0, List.of(), List.of(), List.of(), List.of(end));
        GenerationParams params = new GenerationParams(
                SamplingParams.GREEDY.withRules(forced), Ending.after(2), 0, new Constraint.Regex("[0-9]{8}"));
        Result.Generated result = Golden.generated(WITH_TEXT, new int[] {500}, params);
        assertThat(result.finishReason()).isEqualTo(Result.FinishReason.LENGTH);
        assertThat(result.text()).matches("[0-9]+");
    }
}
