package org.sparkqwen.engine.constraint.regex;

import java.util.BitSet;
import org.sparkqwen.engine.constraint.automaton.CodePoints;
import org.sparkqwen.engine.message.Quote;

/// Parses the parts of a regular expression that stand for one character: `[…]`, and escapes that begin with
/// a backslash.
final class CharacterClassParser {
    private final PatternReader reader;
    private final boolean ignoreCase;

    CharacterClassParser(PatternReader reader, boolean ignoreCase) {
        this.reader = reader;
        this.ignoreCase = ignoreCase;
    }

    /// Parses what follows `[`, up to and including the `]`.
    ///
    /// @param start position of the `[`
    BitSet inBrackets(int start) {
        boolean negated = reader.skip("^");
        if (negated && reader.skip("]")) {
            return CodePoints.ALL;
        }
        if (reader.isNext("]")) {
            throw reader.unsupported("] first in a class", reader.position(), "write \\] for the character");
        }
        BitSet set = new BitSet();
        do {
            set.or(item(start));
        } while (!reader.skip("]"));
        BitSet characters = negated ? CodePoints.except(set) : set;
        if (characters.isEmpty()) {
            throw reader.wrong("a class without characters", start);
        }
        return characters;
    }

    /// Parses one character, a range of characters, or a class within the class.
    private BitSet item(int start) {
        int at = reader.position();
        BitSet first = character(start);
        if (!reader.isNext("-") || reader.isNext("-]") || first.cardinality() > 1) {
            return inBothCases(first);
        }
        reader.skip("-");
        BitSet last = character(start);
        if (last.cardinality() > 1) {
            throw reader.wrong("a range that ends in a class", at);
        }
        if (last.nextSetBit(0) < first.nextSetBit(0)) {
            throw reader.wrong("a range whose end is before its beginning", at);
        }
        return inBothCases(CodePoints.range(first.nextSetBit(0), last.nextSetBit(0)));
    }

    private BitSet character(int start) {
        if (reader.atEnd()) {
            throw reader.wrong("[ without a ]", start);
        }
        int at = reader.position();
        if (reader.skip("[")) {
            throw reader.unsupported("[ in a class", at, "write \\[ for the character");
        }
        if (reader.skip("&&")) {
            throw reader.unsupported("&& in a class", at, "write \\&\\& for the characters");
        }
        int c = reader.next();
        return c == '\\' ? escaped(at) : CodePoints.range(c, c);
    }

    private BitSet inBothCases(BitSet set) {
        return ignoreCase ? CodePoints.inBothCases(set) : set;
    }

    /// Parses what follows a backslash.
    ///
    /// @param start position of the backslash
    BitSet escaped(int start) {
        if (reader.atEnd()) {
            throw reader.wrong("\\ with nothing after it", start);
        }
        int c = reader.next();
        return switch (c) {
            case 'd' -> CodePoints.DIGITS;
            case 'D' -> CodePoints.except(CodePoints.DIGITS);
            case 'w' -> inBothCases(CodePoints.WORD);
            case 'W' -> CodePoints.except(inBothCases(CodePoints.WORD));
            case 's' -> CodePoints.SPACE;
            case 'S' -> CodePoints.except(CodePoints.SPACE);
            case 'p' -> inBothCases(property(start));
            case 'P' -> inBothCases(CodePoints.except(property(start)));
            case 'n' -> one('\n', start);
            case 'r' -> one('\r', start);
            case 't' -> one('\t', start);
            case 'f' -> one('\f', start);
            case 'v' -> one(0x0B, start);
            case '0' -> zero(start);
            case 'c' -> control(start);
            case 'x' -> one(hexadecimal("\\x", start), start);
            case 'u' -> one(utf16(start), start);
            case 'b' -> one('\b', start); // within brackets; elsewhere it is an assertion
            case 'A', 'Z', 'z', 'G' ->
                throw reader.unsupported("\\%c".formatted(c), start, "^ and $ are the ends of the text");
            case '1', '2', '3', '4', '5', '6', '7', '8', '9', 'k' ->
                throw reader.unsupported("back-reference \\%c".formatted(c), start, "write what may stand there");
            default -> {
                if (c < 0x80 && Character.isLetterOrDigit(c)) {
                    throw reader.unsupported("\\%c".formatted(c), start, "write \\x{…} for a character");
                }
                yield one(c, start);
            }
        };
    }

    private BitSet one(int c, int start) {
        if (!CodePoints.ALL.get(c)) {
            throw reader.wrong("U+%04X, which is no character,".formatted(c), start);
        }
        return inBothCases(CodePoints.range(c, c));
    }

    /// Parses `hh` or `{h…h}`.
    private int hexadecimal(String escape, int start) {
        if (!reader.skip("{")) {
            return reader.hexadecimal(2, escape + " without two hexadecimal digits", start);
        }
        int c = reader.number(16, 6, escape + "{ without hexadecimal digits", start);
        if (!reader.skip("}")) {
            throw reader.wrong(escape + "{ without a }", start);
        }
        return c;
    }

    /// Returns U+0000, unless the zero begins an octal number.
    private BitSet zero(int start) {
        if (!reader.atEnd() && reader.isDigitNext()) {
            throw reader.unsupported("\\0 before a digit", start, "write \\x{…} for a character");
        }
        return one(0, start);
    }

    /// Parses the letter of a control character.
    private BitSet control(int start) {
        int letter = reader.atEnd() ? ' ' : reader.next() | 0x20;
        if (letter < 'a' || letter > 'z') {
            throw reader.wrong("\\c without a letter", start);
        }
        return one(letter & 0x1F, start);
    }

    /// Parses `{h…h}` or `hhhh`, or two of the latter for a character beyond U+FFFF.
    private int utf16(int start) {
        if (reader.isNext("{")) {
            return hexadecimal("\\u", start);
        }
        String what = "\\u without four hexadecimal digits";
        int high = reader.hexadecimal(4, what, start);
        if (Character.isHighSurrogate((char) high) && reader.skip("\\u")) {
            int low = reader.hexadecimal(4, what, start);
            if (!Character.isLowSurrogate((char) low)) {
                throw reader.wrong("U+%04X, which is no second half of a pair,".formatted(low), start);
            }
            return Character.toCodePoint((char) high, (char) low);
        }
        return high;
    }

    private String letter(int start) {
        if (reader.atEnd()) {
            throw reader.wrong("\\p without a category", start);
        }
        return Character.toString(reader.next());
    }

    /// Parses the name of a property, such as `L`, `{Lu}` or `{Script=Greek}`.
    private BitSet property(int start) {
        String name = reader.skip("{") ? reader.until('}', "\\p{", start) : letter(start);
        BitSet set = UnicodeProperties.set(name);
        if (set.isEmpty()) {
            throw reader.unsupported(
                    "\\p{%s}".formatted(Quote.of(name)),
                    start,
                    "general categories like \\p{Lu}, scripts like \\p{Script=Greek}, and \\p{Alphabetic} are");
        }
        if (ignoreCase && UnicodeProperties.tellsCases(set)) {
            throw reader.unsupported("\\p{%s} with (?i)".formatted(name), start, "write \\p{L}");
        }
        return set;
    }
}
