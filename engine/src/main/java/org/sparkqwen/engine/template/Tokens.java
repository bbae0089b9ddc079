package org.sparkqwen.engine.template;

import java.util.List;
import java.util.Set;

/// The tokens of a template, and how many of them are read.
final class Tokens {
    /// The greatest depth to which brackets, operators and blocks may nest. Python's jinja2 takes about 70
    /// brackets.
    private static final int DEEPEST = 100;

    private final List<Token> tokens; // the last one is an END
    private final Set<String> words;
    private int next;
    private int depth;

    Tokens(List<Token> tokens, Set<String> words) {
        this.tokens = tokens;
        this.words = words;
    }

    /// Returns the texts of all names and strings.
    Set<String> words() {
        return words;
    }

    Token peek() {
        return tokens.get(next);
    }

    /// Returns the token after the next one.
    Token peekAfter() {
        return tokens.get(Math.min(next + 1, tokens.size() - 1));
    }

    Token take() {
        Token token = peek();
        next = Math.min(next + 1, tokens.size() - 1);
        return token;
    }

    boolean nextIs(String spelling) {
        return peek().is(spelling);
    }

    boolean nextIs(Token.Kind kind) {
        return peek().kind() == kind;
    }

    /// Takes the next token if it is `spelling`.
    boolean skip(String spelling) {
        boolean found = nextIs(spelling);
        if (found) {
            take();
        }
        return found;
    }

    void expect(String spelling) {
        if (!skip(spelling)) {
            throw unexpected("'%s'".formatted(spelling));
        }
    }

    Token expect(Token.Kind kind, String what) {
        if (!nextIs(kind)) {
            throw unexpected(what);
        }
        return take();
    }

    /// Enters brackets, a block, or an operand. If the parser does not come back through [#leave], the source
    /// is not a template.
    void enter() {
        if (depth == DEEPEST) {
            throw TemplateException.tooDeep();
        }
        depth++;
    }

    void leave() {
        depth--;
    }

    TemplateException unexpected(String expected) {
        return TemplateException.inLine(peek().line(), "expected %s, not %s".formatted(expected, peek().description()));
    }
}
