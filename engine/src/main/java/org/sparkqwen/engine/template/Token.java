package org.sparkqwen.engine.template;

import org.sparkqwen.engine.message.Quote;

/// A token of a template's source.
///
/// @param text the value of a string, or the spelling of any other token
/// @param line the token's line, from 1
record Token(Kind kind, String text, int line) {
    enum Kind {
        /// Text outside of tags.
        DATA,
        PRINT_BEGIN,
        PRINT_END,
        BLOCK_BEGIN,
        BLOCK_END,
        NAME,
        STRING,
        INTEGER,
        FLOAT,
        OPERATOR,
        /// The end of the source.
        END
    }

    /// Tells whether this is the given keyword, name or operator.
    boolean is(String spelling) {
        return (kind == Kind.NAME || kind == Kind.OPERATOR) && text.equals(spelling);
    }

    /// Returns what a message calls this token.
    String description() {
        return kind == Kind.END ? "the end of the template" : "'%s'".formatted(Quote.of(text));
    }
}
