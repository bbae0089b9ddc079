package org.sparkqwen.engine.sampling;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// The tokens that the rules forbid as the next one of a text. They depend only on the prompt and the text before.
final class BannedTokens {
    private final TokenRules rules;
    private final Set<Integer> suppressed;
    private final Set<Integer> suppressedAtBegin;
    private final Set<Integer> always; // suppressed, or a bad word by itself
    private final List<List<Integer>> longWords;
    private final boolean looksBack;
    private int[] known; // prompt and text, where a rule looks back
    private int length;
    private boolean begun;

    BannedTokens(TokenRules rules, int[] prompt) {
        this.rules = rules;
        suppressed = Set.copyOf(new HashSet<>(rules.suppress()));
        suppressedAtBegin = new HashSet<>(rules.beginSuppress());
        suppressedAtBegin.addAll(suppressed);
        always = new HashSet<>(suppressed);
        rules.badWords().stream().filter(word -> word.size() == 1).forEach(always::addAll);
        longWords = rules.badWords().stream().filter(word -> word.size() > 1).toList();
        looksBack = rules.noRepeatNgramSize() > 0 || !longWords.isEmpty();
        known = looksBack ? prompt.clone() : new int[0];
        length = known.length;
    }

    void add(int token) {
        begun = true;
        if (looksBack) {
            if (length == known.length) {
                known = Arrays.copyOf(known, Math.max(16, length + (length >> 1)));
            }
            known[length++] = token;
        }
    }

    /// The tokens that must not come next.
    Set<Integer> next() {
        if (!looksBack && (begun || rules.beginSuppress().isEmpty())) {
            return always;
        }
        Set<Integer> banned = new HashSet<>(always);
        banned.addAll(suppressed());
        for (List<Integer> word : longWords) {
            if (completes(word)) {
                banned.add(word.getLast());
            }
        }
        addRepeating(banned);
        return banned;
    }

    /// The suppressed tokens, none of which may be forced either.
    Set<Integer> suppressed() {
        return begun ? suppressed : suppressedAtBegin;
    }

    /// Whether the last token of a word would complete it. As in transformers, a word of several tokens needs as
    /// many tokens before it as it has.
    private boolean completes(List<Integer> word) {
        int before = word.size() - 1;
        if (word.size() > length) {
            return false;
        }
        for (int i = 0; i < before; i++) {
            if (known[length - before + i] != word.get(i)) {
                return false;
            }
        }
        return true;
    }

    /// Adds the tokens that followed the text's last tokens wherever those occurred before.
    private void addRepeating(Set<Integer> banned) {
        int before = rules.noRepeatNgramSize() - 1;
        if (before < 0) {
            return;
        }
        for (int next = length - 1; next >= before; next--) {
            int i = 1;
            while (i <= before && known[next - i] == known[length - i]) {
                i++;
            }
            if (i > before) {
                banned.add(known[next]);
            }
        }
    }
}
