package org.sparkqwen.engine.constraint;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import org.sparkqwen.engine.constraint.automaton.Budget;
import org.sparkqwen.engine.constraint.automaton.ByteAutomaton;
import org.sparkqwen.engine.constraint.automaton.RefusedConstraint;
import org.sparkqwen.engine.constraint.regex.RegexParser;
import org.sparkqwen.engine.constraint.schema.JsonSchemaCompiler;

/// A constraint that is compiled for one vocabulary. It tells which tokens may follow in each state of a
/// text.
///
/// The constraint is a deterministic automaton over the bytes of UTF-8. The text can be finished from every
/// state, and every byte that the automaton may require is a token of its own. So a text that takes only
/// allowed tokens never reaches a state in which nothing may follow and the text may not end. A token may
/// have many characters, or end inside one. The characters of long strings are counted beside the automaton,
/// see [ByteAutomaton]. Therefore the state of a text is a number of 64 bits.
///
/// It is safe for use by many threads. The tokens of a state are computed when they are first needed, and
/// kept. States with the same tokens share the set.
public final class TokenConstraint {
    private final ByteAutomaton automaton;
    private final VocabularyBytes vocabulary;
    private final Map<Long, TokenSet> allowed = new ConcurrentHashMap<>();
    private final Map<TokenSet, TokenSet> distinct = new ConcurrentHashMap<>();

    private TokenConstraint(ByteAutomaton automaton, VocabularyBytes vocabulary) {
        this.automaton = automaton;
        this.vocabulary = vocabulary;
    }

    /// Compiles a constraint. It takes some tenths of a second for a vocabulary of 150,000 tokens.
    ///
    /// @param tokens ids are `[0, tokens)`
    /// @param bytesOf the bytes that a token adds to the text; none for an id without a token
    /// @param excluded ids that may never appear, whatever their bytes, such as those of special tokens
    /// @throws IllegalArgumentException with one line for a person, if the constraint is not supported, can
    ///     never be met or is too large, or if the vocabulary lacks a byte that it may require
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

    /// Ensures that every state has an allowed token: each byte that may follow is a token of its own.
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

    /// Returns the state of the empty text.
    public long start() {
        return automaton.start();
    }

    /// Returns the state after one more token.
    ///
    /// @throws IllegalArgumentException if `token` is not allowed in `state`
    public long next(long state, int token) {
        long reached = vocabulary.next(automaton, state, token);
        if (reached == ByteAutomaton.NOWHERE) {
            throw new IllegalArgumentException("token %d is not allowed in state %d".formatted(token, state));
        }
        return reached;
    }

    /// Tells whether the text may end in this state.
    public boolean accepts(long state) {
        return automaton.accepts(state);
    }

    /// Tells whether the text must end in this state, because no token may follow.
    public boolean ends(long state) {
        return automaton.ends(state);
    }

    /// Returns the tokens that may follow. There is at least one unless the text must end in this state.
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
