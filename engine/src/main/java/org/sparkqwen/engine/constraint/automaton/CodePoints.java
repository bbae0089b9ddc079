package org.sparkqwen.engine.constraint.automaton;

import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.apache.lucene.util.automaton.Automata;
import org.apache.lucene.util.automaton.Automaton;

/// Sets of characters. A character is any code point except surrogates, which UTF-8 does not have.
public final class CodePoints {
    private static final int END = Character.MAX_CODE_POINT + 1;

    public static final BitSet ALL = range(0, Character.MAX_CODE_POINT);

    /// The control characters for which JSON has no escape by a letter.
    public static final BitSet UNWRITABLE = union(range(0, 7), range(0x0B, 0x0B), range(0x0E, 0x1F));

    // These are the classes \d, \w and \s of ECMA-262, and the characters that `.` leaves out. Digits and
    // words are ASCII, and white space is not.
    public static final BitSet DIGITS = range('0', '9');
    public static final BitSet WORD = union(range('a', 'z'), range('A', 'Z'), DIGITS, range('_', '_'));
    public static final BitSet LINE_ENDS = union(range('\n', '\n'), range('\r', '\r'), range(0x2028, 0x2029));
    public static final BitSet SPACE = union(
            range('\t', '\r'),
            LINE_ENDS,
            range(0xFEFF, 0xFEFF),
            where(c -> Character.getType(c) == Character.SPACE_SEPARATOR));

    /// Groups of characters that differ only in case.
    private static final List<int[]> CASES = cases();

    /// Unicode's general categories by their two letters.
    private static final Map<String, Byte> CATEGORIES = Map.ofEntries(
            Map.entry("Cc", Character.CONTROL),
            Map.entry("Cf", Character.FORMAT),
            Map.entry("Cn", Character.UNASSIGNED),
            Map.entry("Co", Character.PRIVATE_USE),
            Map.entry("Ll", Character.LOWERCASE_LETTER),
            Map.entry("Lm", Character.MODIFIER_LETTER),
            Map.entry("Lo", Character.OTHER_LETTER),
            Map.entry("Lt", Character.TITLECASE_LETTER),
            Map.entry("Lu", Character.UPPERCASE_LETTER),
            Map.entry("Mc", Character.COMBINING_SPACING_MARK),
            Map.entry("Me", Character.ENCLOSING_MARK),
            Map.entry("Mn", Character.NON_SPACING_MARK),
            Map.entry("Nd", Character.DECIMAL_DIGIT_NUMBER),
            Map.entry("Nl", Character.LETTER_NUMBER),
            Map.entry("No", Character.OTHER_NUMBER),
            Map.entry("Pc", Character.CONNECTOR_PUNCTUATION),
            Map.entry("Pd", Character.DASH_PUNCTUATION),
            Map.entry("Pe", Character.END_PUNCTUATION),
            Map.entry("Pf", Character.FINAL_QUOTE_PUNCTUATION),
            Map.entry("Pi", Character.INITIAL_QUOTE_PUNCTUATION),
            Map.entry("Po", Character.OTHER_PUNCTUATION),
            Map.entry("Ps", Character.START_PUNCTUATION),
            Map.entry("Sc", Character.CURRENCY_SYMBOL),
            Map.entry("Sk", Character.MODIFIER_SYMBOL),
            Map.entry("Sm", Character.MATH_SYMBOL),
            Map.entry("So", Character.OTHER_SYMBOL),
            Map.entry("Zl", Character.LINE_SEPARATOR),
            Map.entry("Zp", Character.PARAGRAPH_SEPARATOR),
            Map.entry("Zs", Character.SPACE_SEPARATOR));

    private CodePoints() {}

    /// Returns the characters from `first` to `last`, both included.
    public static BitSet range(int first, int last) {
        BitSet set = new BitSet(END);
        set.set(first, last + 1);
        set.clear(Character.MIN_SURROGATE, Character.MAX_SURROGATE + 1);
        return set;
    }

    public static BitSet union(BitSet... sets) {
        BitSet union = new BitSet(END);
        for (BitSet set : sets) {
            union.or(set);
        }
        return union;
    }

    /// Returns all characters that are not in `set`.
    public static BitSet except(BitSet set) {
        BitSet rest = (BitSet) ALL.clone();
        rest.andNot(set);
        return rest;
    }

    /// Returns the characters that have a property.
    public static BitSet where(IntPredicate property) {
        BitSet set = new BitSet(END);
        for (int c = ALL.nextSetBit(0); c >= 0; c = ALL.nextSetBit(c + 1)) {
            if (property.test(c)) {
                set.set(c);
            }
        }
        return set;
    }

    /// Returns the characters of a general category, or of all categories that begin with one letter. The set
    /// is empty if there is no such category.
    public static BitSet category(String name) {
        BitSet types = new BitSet();
        CATEGORIES.forEach((category, type) -> {
            if (!name.isEmpty() && category.startsWith(name)) {
                types.set(type);
            }
        });
        return where(c -> types.get(Character.getType(c)));
    }

    /// Returns `set` together with the characters that differ from one of its characters only in case.
    public static BitSet inBothCases(BitSet set) {
        BitSet both = (BitSet) set.clone();
        for (int[] same : CASES) {
            if (Arrays.stream(same).anyMatch(set::get)) {
                Arrays.stream(same).forEach(both::set);
            }
        }
        return both;
    }

    private static List<int[]> cases() {
        Map<Integer, BitSet> byFolded = new TreeMap<>();
        for (int c = ALL.nextSetBit(0); c >= 0; c = ALL.nextSetBit(c + 1)) {
            int folded = folded(c);
            if (folded != c) {
                byFolded.computeIfAbsent(folded, _ -> new BitSet()).set(c);
            }
        }
        byFolded.forEach((folded, same) -> same.set(folded));
        return byFolded.values().stream().map(same -> same.stream().toArray()).toList();
    }

    /// Returns Unicode's simple case folding of a character. The Turkish letters with and without a dot have
    /// none, and three characters are folded to others that have no case in Java.
    private static int folded(int c) {
        return switch (c) {
            case 0x130, 0x131 -> c;
            case 0x1FD3 -> 0x390;
            case 0x1FE3 -> 0x3B0;
            case 0xFB05 -> 0xFB06;
            default -> Character.toLowerCase(Character.toUpperCase(c));
        };
    }

    /// Returns an automaton of the texts that are one character of `set`.
    public static Automaton automaton(BitSet set) {
        IntStream.Builder starts = IntStream.builder();
        IntStream.Builder ends = IntStream.builder();
        for (int start = set.nextSetBit(0); start >= 0; ) {
            int end = set.nextClearBit(start);
            starts.add(start);
            ends.add(end - 1);
            start = set.nextSetBit(end);
        }
        return Automata.makeCharClass(starts.build().toArray(), ends.build().toArray());
    }
}
