package org.sparkqwen.engine.constraint;

import java.util.BitSet;

/// Parses what stands for one character in a regular expression: `[…]`, and what a backslash begins.
final class CharacterClassParser {
    private final PatternReader reader;
    private final boolean ignoreCase;

    CharacterClassParser(PatternReader reader, boolean ignoreCase) {
        this.reader = reader;
        this.ignoreCase = ignoreCase;
    }

    /// What follows `[`, through the `]`.
    ///
    /// @param start position of the `[`
    BitSet inBrackets(int start) {
        boolean negated = reader.skip("^");
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

    /// One character, a range of them, or a class within the class.
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

    /// What follows a backslash.
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
            case 'w' -> CodePoints.WORD;
            case 'W' -> CodePoints.except(CodePoints.WORD);
            case 's' -> CodePoints.SPACE;
            case 'S' -> CodePoints.except(CodePoints.SPACE);
            case 'p' -> category(start);
            case 'P' -> CodePoints.except(category(start));
            case 'n' -> one('\n', start);
            case 'r' -> one('\r', start);
            case 't' -> one('\t', start);
            case 'f' -> one('\f', start);
            case 'x' -> one(hexadecimal(start), start);
            case 'u' -> one(utf16(start), start);
            case 'b', 'B', 'A', 'Z', 'z', 'G' ->
                throw reader.unsupported(
                        "\\%c".formatted(c),
                        start,
                        "the whole text must match, and boundaries within it are not looked at");
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

    /// `hh` or `{h…h}`
    private int hexadecimal(int start) {
        if (!reader.skip("{")) {
            return reader.hexadecimal(2, "\\x without two hexadecimal digits", start);
        }
        int c = reader.number(16, 6, "\\x{ without hexadecimal digits", start);
        if (!reader.skip("}")) {
            throw reader.wrong("\\x{ without a }", start);
        }
        return c;
    }

    /// `hhhh`, or two of them for a character beyond U+FFFF.
    private int utf16(int start) {
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

    /// `L` or `{Lu}`
    private BitSet category(int start) {
        String name = reader.skip("{") ? reader.until('}', "\\p{", start) : letter(start);
        BitSet set = CodePoints.category(name);
        if (set.isEmpty()) {
            throw reader.unsupported(
                    "\\p{%s}".formatted(name), start, "general categories like \\p{L} and \\p{Lu} are");
        }
        if (ignoreCase && name.startsWith("L") && name.length() == 2) {
            throw reader.unsupported("\\p{%s} with (?i)".formatted(name), start, "write \\p{L}");
        }
        return set;
    }
}
