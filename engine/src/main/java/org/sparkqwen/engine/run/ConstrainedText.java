package org.sparkqwen.engine.run;

import java.util.Set;
import org.sparkqwen.engine.constraint.TokenConstraint;
import org.sparkqwen.engine.constraint.TokenSet;

/// How far one text has come within its constraint.
final class ConstrainedText {
    private final TokenConstraint constraint;
    private final Set<Integer> endTokens;
    private long state;

    /// @param endTokens one of which may follow wherever the text may end
    ConstrainedText(TokenConstraint constraint, Set<Integer> endTokens) {
        this.constraint = constraint;
        this.endTokens = endTokens;
        state = constraint.start();
    }

    /// The tokens that may be next.
    TokenSet allowed() {
        TokenSet within = constraint.allowed(state);
        return constraint.accepts(state) ? within.with(endTokens) : within;
    }

    /// Adds a token, which is none of the end tokens; returns whether the text is complete: nothing may follow.
    boolean append(int token) {
        state = constraint.next(state, token);
        return constraint.ends(state);
    }
}
