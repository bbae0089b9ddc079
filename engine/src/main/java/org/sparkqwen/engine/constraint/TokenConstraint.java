package org.sparkqwen.engine.constraint;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;

/// A constraint compiled for one vocabulary: which tokens may follow in each state of a text.
///
/// The constraint is a deterministic automaton over UTF-8 bytes from every state of which the text can be finished, and
/// every byte that it may ask for is a token. So a text that takes only allowed tokens never comes to a state where
/// nothing may follow and nothing ends. A token may lead through many characters, or end inside one. Characters of
/// long strings are counted beside the automaton, see [CountedStrings]: so a state of a text is a number of 64 bits.
///
/// For use by many threads. A state's tokens are computed when they are first asked for, and kept; states with the same
/// tokens share the set.
public final class TokenConstraint {
    private final ByteAutomaton automaton;
    private final VocabularyBytes vocabulary;
    private final Map<Long, TokenSet> allowed = new ConcurrentHashMap<>();
    private final Map<TokenSet, TokenSet> distinct = new ConcurrentHashMap<>();

    private TokenConstraint(ByteAutomaton automaton, VocabularyBytes vocabulary) {
        this.automaton = automaton;
        this.vocabulary = vocabulary;
    }

    /// Compiles a constraint; some tenths of a second for a vocabulary of 150,000 tokens.
    ///
    /// @param tokens ids are `[0, tokens)`
    /// @param bytesOf the bytes that a token adds to the text; none for an id without a token
    /// @param excluded ids that never may appear, whatever their bytes: special tokens
    /// @throws IllegalArgumentException with one line for a person, if the constraint is not supported, can never
    ///     be met or is too large, or if the vocabulary lacks a byte that it may ask for
    public static TokenConstraint compile(
            Constraint constraint, int tokens, IntFunction<byte[]> bytesOf, IntPredicate excluded) {
        String kind = switch (constraint) {
            case Constraint.Regex _ -> "regex";
            case Constraint.JsonSchema _ -> "json-schema";
            case Constraint.Choices _ -> "choices";
        };
        try {
            ByteAutomaton automaton = Budget.within(() -> compile(constraint));
            if (automaton.states() == 0) {
                throw new RefusedConstraint("can never be met: no text is allowed");
            }
            VocabularyBytes vocabulary = new VocabularyBytes(tokens, bytesOf, excluded);
            requireBytes(automaton, vocabulary);
            return new TokenConstraint(automaton, vocabulary);
        } catch (RefusedConstraint e) {
            throw new IllegalArgumentException(kind + ": " + e.reason(), e);
        }
    }

    private static ByteAutomaton compile(Constraint constraint) {
        return switch (constraint) {
            case Constraint.Regex(String pattern) -> ByteAutomaton.of(RegexParser.parse(pattern));
            case Constraint.JsonSchema(String schema, int depth) -> JsonSchemaCompiler.compile(schema, depth);
            case Constraint.Choices(var texts) -> ByteAutomaton.ofBytes(ChoicesCompiler.compile(texts));
        };
    }

    /// Holds the promise that no state is without an allowed token: one byte always leads on.
    private static void requireBytes(ByteAutomaton automaton, VocabularyBytes vocabulary) {
        boolean[] present = vocabulary.singleBytes();
        boolean[] read = automaton.bytes();
        for (int value = 0; value < read.length; value++) {
            if (read[value] && !present[value]) {
                throw new RefusedConstraint(
                        "may need the byte 0x%02X, which is no token of this model's vocabulary".formatted(value));
            }
        }
    }

    /// The state of the empty text.
    public long start() {
        return automaton.start();
    }

    /// The state after one more token.
    ///
    /// @throws IllegalArgumentException if `token` is not allowed in `state`
    public long next(long state, int token) {
        long reached = vocabulary.next(automaton, state, token);
        if (reached == ByteAutomaton.NOWHERE) {
            throw new IllegalArgumentException("token %d is not allowed in state %d".formatted(token, state));
        }
        return reached;
    }

    /// Whether the text may end here.
    public boolean accepts(long state) {
        return automaton.accepts(state);
    }

    /// Whether the text must end here, for no token may follow.
    public boolean ends(long state) {
        return automaton.ends(state);
    }

    /// The tokens that may follow. There are some unless the text must end here.
    public TokenSet allowed(long state) {
        long representative = automaton.representative(state, vocabulary.longest());
        TokenSet known = allowed.get(representative);
        if (known == null) {
            TokenSet computed = vocabulary.leadingOn(automaton, representative);
            TokenSet same = distinct.putIfAbsent(computed, computed);
            known = same == null ? computed : same;
            allowed.put(representative, known);
        }
        return known;
    }
}
