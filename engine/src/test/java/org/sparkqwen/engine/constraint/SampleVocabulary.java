package org.sparkqwen.engine.constraint;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.sparkqwen.engine.tokenizer.SampleTokenizer;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.engine.tokenizer.Tokenizer;

/// The vocabulary of a real tokenizer, and texts of its tokens that keep to a constraint.
public final class SampleVocabulary {
    public static final SampleVocabulary QWEN3 = new SampleVocabulary(SampleTokenizer.QWEN3);
    public static final SampleVocabulary TINY = new SampleVocabulary(SampleTokenizer.TINY);

    public static final List<SampleVocabulary> ALL = List.of(QWEN3, TINY);

    /// What ends strings, objects and arrays.
    private static final List<String> CLOSERS = List.of("\"", "}", "]");

    private final String name;
    private final Tokenizer tokenizer;
    private final int firstSpecial;

    private SampleVocabulary(SampleTokenizer sample) {
        name = sample.toString();
        tokenizer = sample.ours();
        firstSpecial = tokenizer.idOf("<|endoftext|>").orElseThrow();
    }

    @Override
    public String toString() {
        return name;
    }

    public TokenConstraint compile(Constraint constraint) {
        return TokenConstraint.compile(constraint, tokens(), tokenizer::bytesOf, this::isSpecial);
    }

    public int tokens() {
        return tokenizer.vocabularySize();
    }

    public byte[] bytesOf(int token) {
        return tokenizer.bytesOf(token);
    }

    public boolean isSpecial(int token) {
        return token >= firstSpecial;
    }

    public int[] encode(String text) {
        return tokenizer.encode(text, SpecialTokens.TEXT);
    }

    /// Tokens chosen at random among those that are allowed, until the text ends; closers more often than others,
    /// so that it does.
    public String randomText(TokenConstraint constraint, Random random) {
        List<Integer> closers = CLOSERS.stream()
                .map(closer -> tokenizer.idOf(closer).orElseThrow())
                .toList();
        List<Integer> tokens = new ArrayList<>();
        long state = constraint.start();
        while (!constraint.ends(state) && !(constraint.accepts(state) && random.nextInt(3) == 0)) {
            TokenSet allowed = constraint.allowed(state);
            List<Integer> closing = closers.stream().filter(allowed::contains).toList();
            int token = !closing.isEmpty() && random.nextInt(3) == 0
                    ? closing.get(random.nextInt(closing.size()))
                    : nth(allowed, random.nextInt(allowed.size()));
            tokens.add(token);
            state = constraint.next(state, token);
        }
        return tokenizer.decode(tokens.stream().mapToInt(Integer::intValue).toArray());
    }

    private static int nth(TokenSet set, int n) {
        int left = n;
        for (int i = 0; i < set.words(); i++) {
            if (left < Long.bitCount(set.word(i))) {
                for (int token = i * Long.SIZE; ; token++) {
                    if (set.contains(token) && left-- == 0) {
                        return token;
                    }
                }
            }
            left -= Long.bitCount(set.word(i));
        }
        throw new AssertionError("fewer tokens than the set's size");
    }
}
