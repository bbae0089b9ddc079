package org.sparkqwen.engine.constraint;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.ByteRunAutomaton;
import org.apache.lucene.util.automaton.Transition;
import org.jspecify.annotations.Nullable;

/// A constraint compiled for one vocabulary: which tokens may follow in each state of a text.
///
/// The constraint is a deterministic automaton over UTF-8 bytes from every state of which the text can be finished, and
/// every byte that it may ask for is a token. So a text that takes only allowed tokens never comes to a state where
/// nothing may follow and nothing ends. A token may lead through many characters, or end inside one.
///
/// For use by many threads. A state's tokens are computed when they are first asked for, and kept; states with the same
/// tokens share the set.
public final class TokenConstraint {
    private final ByteRunAutomaton automaton;

    /// Whether no byte may follow, by state.
    private final boolean[] ends;

    private final VocabularyBytes vocabulary;
    private final AtomicReferenceArray<@Nullable TokenSet> allowed;
    private final Map<TokenSet, TokenSet> distinct = new ConcurrentHashMap<>();

    private TokenConstraint(Automaton bytes, VocabularyBytes vocabulary) {
        automaton = new ByteRunAutomaton(bytes, true);
        ends = new boolean[automaton.getSize()];
        for (int state = 0; state < ends.length; state++) {
            ends[state] = bytes.getNumTransitions(state) == 0;
        }
        this.vocabulary = vocabulary;
        allowed = new AtomicReferenceArray<>(automaton.getSize());
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
            Automaton bytes = switch (constraint) {
                case Constraint.Regex(String pattern) -> Language.utf8(RegexParser.parse(pattern));
                case Constraint.JsonSchema(String schema) -> Language.utf8(JsonSchemaCompiler.compile(schema));
                case Constraint.Choices(var texts) -> ChoicesCompiler.compile(texts);
            };
            if (bytes.getNumStates() == 0) {
                throw new RefusedConstraint("can never be met: no text is allowed");
            }
            VocabularyBytes vocabulary = new VocabularyBytes(tokens, bytesOf, excluded);
            requireBytes(bytes, vocabulary);
            return new TokenConstraint(bytes, vocabulary);
        } catch (RefusedConstraint e) {
            throw new IllegalArgumentException(kind + ": " + e.reason(), e);
        }
    }

    /// Holds the promise that no state is without an allowed token: one byte always leads on.
    private static void requireBytes(Automaton bytes, VocabularyBytes vocabulary) {
        boolean[] present = vocabulary.singleBytes();
        Transition transition = new Transition();
        for (int state = 0; state < bytes.getNumStates(); state++) {
            int count = bytes.initTransition(state, transition);
            for (int i = 0; i < count; i++) {
                bytes.getNextTransition(transition);
                for (int value = transition.min; value <= transition.max; value++) {
                    if (!present[value]) {
                        throw new RefusedConstraint(
                                "may need the byte 0x%02X, which is no token of this model's vocabulary"
                                        .formatted(value));
                    }
                }
            }
        }
    }

    /// The state of the empty text.
    public int start() {
        return 0;
    }

    /// The state after one more token.
    ///
    /// @throws IllegalArgumentException if `token` is not allowed in `state`
    public int next(int state, int token) {
        int reached = vocabulary.next(automaton, state, token);
        if (reached == VocabularyBytes.NOWHERE) {
            throw new IllegalArgumentException("token %d is not allowed in state %d".formatted(token, state));
        }
        return reached;
    }

    /// Whether the text may end here.
    public boolean accepts(int state) {
        return automaton.isAccept(state);
    }

    /// Whether the text must end here, for no token may follow.
    public boolean ends(int state) {
        return ends[state];
    }

    /// The tokens that may follow. There are some unless the text must end here.
    public TokenSet allowed(int state) {
        TokenSet known = allowed.get(state);
        if (known == null) {
            TokenSet computed = vocabulary.leadingOn(automaton, state);
            TokenSet same = distinct.putIfAbsent(computed, computed);
            known = same == null ? computed : same;
            allowed.set(state, known);
        }
        return known;
    }
}
