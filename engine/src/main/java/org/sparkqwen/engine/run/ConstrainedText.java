package org.sparkqwen.engine.run;

import java.util.Set;
import org.sparkqwen.engine.constraint.TokenConstraint;
import org.sparkqwen.engine.constraint.TokenSet;

/// The state of one text within its constraint.
final class ConstrainedText {
    private final TokenConstraint constraint;
    private final Set<Integer> endTokens;
    private long state;

    /// @param endTokens tokens of which one may follow wherever the text may end
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

    /// Adds a token, which is none of the end tokens. Returns whether the text is complete, so that nothing may
    /// follow.
    boolean append(int token) {
        state = constraint.next(state, token);
        return constraint.ends(state);
    }
}
