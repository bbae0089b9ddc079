package org.sparkqwen.engine.template;

import org.sparkqwen.engine.message.Quote;

/// A piece of a template's source.
///
/// @param text of a string what it says, of everything else its spelling
/// @param line where it stands, from 1
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
        /// After the last.
        END
    }

    /// Whether it is this keyword, name or operator.
    boolean is(String spelling) {
        return (kind == Kind.NAME || kind == Kind.OPERATOR) && text.equals(spelling);
    }

    /// For a message.
    String description() {
        return kind == Kind.END ? "the end of the template" : "'%s'".formatted(Quote.of(text));
    }
}
