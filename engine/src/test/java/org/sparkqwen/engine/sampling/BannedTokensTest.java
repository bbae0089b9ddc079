package org.sparkqwen.engine.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// Compares with the rules of transformers' logits processors, rewritten without regard to speed.
class BannedTokensTest {
    @Test
    void bansWhatTransformersBans() {
        Random random = new Random(5);
        for (int i = 0; i < 3_000; i++) {
            TokenRules rules = rules(random);
            List<Integer> known = ids(random, random.nextInt(12), 5);
            int promptLength = known.size();
            BannedTokens banned = new BannedTokens(
                    rules, known.stream().mapToInt(Integer::intValue).toArray());
            for (int step = 0; step < 10; step++) {
                assertThat(banned.next())
                        .as("%s after %s", rules, known)
                        .isEqualTo(byTransformers(rules, known, promptLength));
                int token = random.nextInt(5);
                banned.add(token);
                known.add(token);
            }
        }
    }

    private static Set<Integer> byTransformers(TokenRules rules, List<Integer> known, int promptLength) {
        Set<Integer> banned = new HashSet<>(rules.suppress());
        if (known.size() == promptLength) {
            banned.addAll(rules.beginSuppress());
        }
        for (List<Integer> word : rules.badWords()) {
            int before = word.size() - 1;
            boolean longer = before > 0 && word.size() > known.size();
            if (!longer
                    && known.subList(Math.max(0, known.size() - before), known.size())
                            .equals(word.subList(0, before))) {
                banned.add(word.getLast());
            }
        }
        int size = rules.noRepeatNgramSize();
        if (size > 0 && known.size() + 1 >= size) {
            Map<List<Integer>, Set<Integer>> ngrams = new HashMap<>();
            IntStream.rangeClosed(0, known.size() - size)
                    .forEach(start -> ngrams.computeIfAbsent(
                                    known.subList(start, start + size - 1), _ -> new HashSet<>())
                            .add(known.get(start + size - 1)));
            banned.addAll(ngrams.getOrDefault(known.subList(known.size() + 1 - size, known.size()), Set.of()));
        }
        return banned;
    }

    private static TokenRules rules(Random random) {
        List<List<Integer>> words = new ArrayList<>();
        for (int i = random.nextInt(4); i > 0; i--) {
            words.add(ids(random, 1 + random.nextInt(3), 5));
        }
        return new TokenRules(
                random.nextInt(5),
                words,
                ids(random, random.nextInt(3), 5),
                ids(random, random.nextInt(3), 5),
                List.of());
    }

    private static List<Integer> ids(Random random, int count, int below) {
        List<Integer> ids = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            ids.add(random.nextInt(below));
        }
        return ids;
    }

    @Test
    void rulesThatMakeNoSenseAreRefused() {
        assertThatThrownBy(() -> TokenRules.NONE.withNoRepeatNgramSize(-1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("no-repeat-ngram-size must be at least 0, not -1");
        assertThatThrownBy(() -> new TokenRules(0, List.of(List.of()), List.of(), List.of(), List.of()))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
