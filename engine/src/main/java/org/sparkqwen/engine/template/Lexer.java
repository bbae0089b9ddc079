package org.sparkqwen.engine.template;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.template.Token.Kind;

/// Cuts the source of a template into tokens, as jinja2 does with `trim_blocks` and `lstrip_blocks`.
/// transformers sets it up in this way: where blocks or comments take up whole lines, these lines leave no
/// white space behind.
final class Lexer {
    private static final Pattern TOKEN =
            Pattern.compile("(?<name>[\\p{L}_][\\p{L}\\p{N}_]*)" + "|\\*\\*|//|==|!=|>=|<=|[-+*/%~\\[\\](){}><=.:|,;]");

    private final String source;
    private final List<Token> tokens = new ArrayList<>();
    private final Set<String> words = new HashSet<>();
    private int at;
    private int line = 1;
    private int lineCountedTo;

    private Lexer(String source) {
        this.source = source;
    }

    /// @throws TemplateException if a tag is not closed, or contains something that is not a token
    static Tokens read(String source) {
        String lines = source.replace("\r\n", "\n").replace('\r', '\n');
        Lexer lexer = new Lexer(lines.endsWith("\n") ? lines.substring(0, lines.length() - 1) : lines);
        lexer.read();
        // The set is not copied, because Set.copyOf takes quadratic time for words with the same hash.
        return new Tokens(List.copyOf(lexer.tokens), Collections.unmodifiableSet(lexer.words));
    }

    private void read() {
        while (at < source.length()) {
            int opening = nextOpening();
            data(opening);
            if (opening < source.length()) {
                at = opening + 2 + (hasSign(opening + 2) ? 1 : 0);
                switch (source.charAt(opening + 1)) {
                    case '#' -> comment();
                    case '%' -> tag(Kind.BLOCK_BEGIN, Kind.BLOCK_END);
                    default -> tag(Kind.PRINT_BEGIN, Kind.PRINT_END);
                }
            }
        }
        add(Kind.END, "");
    }

    /// Returns the index of the next `{{`, `{%` or `{#`, or the end of the source.
    private int nextOpening() {
        for (int i = source.indexOf('{', at); i >= 0; i = source.indexOf('{', i + 1)) {
            if (i + 1 < source.length() && "{%#".indexOf(source.charAt(i + 1)) >= 0) {
                return i;
            }
        }
        return source.length();
    }

    private boolean hasSign(int index) {
        return index < source.length() && "-+".indexOf(source.charAt(index)) >= 0;
    }

    /// Adds the text up to `end`, where a tag begins or the source ends.
    private void data(int end) {
        int kept = end;
        if (end < source.length()) {
            char sign = end + 2 < source.length() ? source.charAt(end + 2) : ' ';
            if (sign == '-') {
                while (kept > at && PythonStrings.isSpace(source.charAt(kept - 1))) {
                    kept--;
                }
            } else if (sign != '+' && source.charAt(end + 1) != '{') {
                while (kept > at && source.charAt(kept - 1) != '\n' && PythonStrings.isSpace(source.charAt(kept - 1))) {
                    kept--;
                }
                boolean ownLine = kept == 0 || source.charAt(kept - 1) == '\n';
                kept = ownLine ? kept : end;
            }
        }
        if (kept > at) {
            add(Kind.DATA, source.substring(at, kept));
        }
        at = end;
    }

    private void comment() {
        int end = source.indexOf("#}", at);
        if (end < 0) {
            throw fault("a comment that does not end");
        }
        char sign = end > at ? source.charAt(end - 1) : ' ';
        at = end + 2;
        afterTag(sign, true);
    }

    /// Continues after the end of a tag.
    ///
    /// @param sign the character before the end of the tag
    /// @param trims whether a line break after the tag belongs to the tag
    private void afterTag(char sign, boolean trims) {
        if (sign == '-') {
            while (at < source.length() && PythonStrings.isSpace(source.charAt(at))) {
                at++;
            }
        } else if (sign != '+' && trims && at < source.length() && source.charAt(at) == '\n') {
            at++;
        }
    }

    private void tag(Kind begin, Kind end) {
        add(begin, begin == Kind.BLOCK_BEGIN ? "{%" : "{{");
        String closing = end == Kind.BLOCK_END ? "%}" : "}}";
        Matcher matcher = TOKEN.matcher(source).useTransparentBounds(true);
        int depth = 0; // the number of open brackets
        while (true) {
            while (at < source.length() && PythonStrings.isSpace(source.charAt(at))) {
                at++;
            }
            char sign = at < source.length() ? source.charAt(at) : ' ';
            boolean signed = sign == '-' || (sign == '+' && end == Kind.BLOCK_END);
            if (depth == 0 && source.startsWith(closing, at + (signed ? 1 : 0))) {
                add(end, closing);
                at += closing.length() + (signed ? 1 : 0);
                afterTag(sign, end == Kind.BLOCK_END);
                return;
            }
            if (sign == '\'' || sign == '"') {
                string(sign);
                continue;
            }
            if (isDigit(at)) {
                number();
                continue;
            }
            if (!matcher.region(at, source.length()).lookingAt()) {
                throw fault(
                        at == source.length()
                                ? "a tag that does not end"
                                : "unexpected '%s'".formatted(Quote.of(sign)));
            }
            String spelling = matcher.group();
            if (matcher.group("name") != null) {
                add(Kind.NAME, spelling);
            } else {
                depth += "([{".contains(spelling) ? 1 : ")]}".contains(spelling) ? -1 : 0;
                add(Kind.OPERATOR, spelling);
            }
            at = matcher.end();
        }
    }

    private boolean isDigit(int index) {
        return index < source.length() && '0' <= source.charAt(index) && source.charAt(index) <= '9';
    }

    /// Returns the end of the digits that begin at `start`. Single underscores may stand between them.
    private int endOfDigits(int start) {
        int end = start;
        while (isDigit(end) || (end > start && source.startsWith("_", end) && isDigit(end + 1))) {
            end++;
        }
        return end;
    }

    /// Adds a number. After a point, as in `a.0.1`, a number has no fraction.
    private void number() {
        int start = at;
        int end = endOfDigits(start);
        boolean isWhole = true;
        if (start == 0 || source.charAt(start - 1) != '.') {
            if (source.startsWith(".", end) && isDigit(end + 1)) {
                end = endOfDigits(end + 1);
                isWhole = false;
            }
            int exponent = end + 1 + (hasSign(end + 1) ? 1 : 0);
            if (end < source.length() && "eE".indexOf(source.charAt(end)) >= 0 && isDigit(exponent)) {
                end = endOfDigits(exponent);
                isWhole = false;
            }
        }
        add(isWhole ? Kind.INTEGER : Kind.FLOAT, source.substring(start, end));
        at = end;
    }

    private void string(char quote) {
        int end = at + 1;
        while (end < source.length() && source.charAt(end) != quote) {
            end += source.charAt(end) == '\\' ? 2 : 1;
        }
        if (end >= source.length()) {
            throw fault("a string that does not end");
        }
        try {
            add(Kind.STRING, PythonStrings.unescaped(source.substring(at + 1, end)));
        } catch (TemplateException e) {
            throw fault(String.valueOf(e.getMessage()));
        }
        at = end + 1;
    }

    private void add(Kind kind, String text) {
        countLines();
        tokens.add(new Token(kind, text, line));
        if (kind == Kind.NAME || kind == Kind.STRING) {
            words.add(text);
        }
    }

    private TemplateException fault(String message) {
        countLines();
        return TemplateException.inLine(line, message);
    }

    private void countLines() {
        for (; lineCountedTo < at; lineCountedTo++) {
            line += source.charAt(lineCountedTo) == '\n' ? 1 : 0;
        }
    }
}
