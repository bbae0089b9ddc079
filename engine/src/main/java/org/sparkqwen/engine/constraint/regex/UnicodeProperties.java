package org.sparkqwen.engine.constraint.regex;

import java.util.BitSet;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntPredicate;
import org.sparkqwen.engine.constraint.automaton.CodePoints;

/// The properties of characters that `\p{…}` names, in the spelling of ECMA-262.
final class UnicodeProperties {
    /// The general categories by their long names.
    private static final Map<String, String> LONG_NAMES = Map.ofEntries(
            Map.entry("Letter", "L"),
            Map.entry("Cased_Letter", "LC"),
            Map.entry("Uppercase_Letter", "Lu"),
            Map.entry("Lowercase_Letter", "Ll"),
            Map.entry("Titlecase_Letter", "Lt"),
            Map.entry("Modifier_Letter", "Lm"),
            Map.entry("Other_Letter", "Lo"),
            Map.entry("Mark", "M"),
            Map.entry("Nonspacing_Mark", "Mn"),
            Map.entry("Spacing_Mark", "Mc"),
            Map.entry("Enclosing_Mark", "Me"),
            Map.entry("Number", "N"),
            Map.entry("Decimal_Number", "Nd"),
            Map.entry("Letter_Number", "Nl"),
            Map.entry("Other_Number", "No"),
            Map.entry("Punctuation", "P"),
            Map.entry("Symbol", "S"),
            Map.entry("Currency_Symbol", "Sc"),
            Map.entry("Math_Symbol", "Sm"),
            Map.entry("Separator", "Z"),
            Map.entry("Space_Separator", "Zs"),
            Map.entry("Control", "Cc"));

    private static final Map<String, IntPredicate> BINARY = Map.ofEntries(
            Map.entry("Any", _ -> true),
            Map.entry("ASCII", c -> c < 0x80),
            Map.entry("Assigned", c -> Character.getType(c) != Character.UNASSIGNED),
            Map.entry("Alphabetic", Character::isAlphabetic),
            Map.entry("Alpha", Character::isAlphabetic),
            Map.entry("Lowercase", Character::isLowerCase),
            Map.entry("Lower", Character::isLowerCase),
            Map.entry("Uppercase", Character::isUpperCase),
            Map.entry("Upper", Character::isUpperCase),
            Map.entry("Ideographic", Character::isIdeographic),
            Map.entry("Emoji", Character::isEmoji),
            Map.entry("Emoji_Presentation", Character::isEmojiPresentation),
            Map.entry("White_Space", UnicodeProperties::isWhiteSpace),
            Map.entry("space", UnicodeProperties::isWhiteSpace));

    private static final Map<String, BitSet> KNOWN = new ConcurrentHashMap<>();

    private UnicodeProperties() {}

    /// Returns the characters with a property. The set is empty if there is no such property, and must not be
    /// changed.
    ///
    /// @param property what stands in `\p{…}`
    static BitSet set(String property) {
        BitSet known = KNOWN.get(property);
        if (known == null) {
            known = compute(property);
            if (!known.isEmpty()) {
                KNOWN.put(property, known); // there are as many entries as properties
            }
        }
        return known;
    }

    private static BitSet compute(String property) {
        int equals = property.indexOf('=');
        String value = property.substring(equals + 1);
        if (equals >= 0) {
            return switch (property.substring(0, equals)) {
                case "General_Category", "gc" -> category(value);
                case "Script", "sc" -> script(value);
                default -> new BitSet();
            };
        }
        IntPredicate binary = BINARY.get(property);
        return binary == null ? category(property) : CodePoints.where(binary);
    }

    private static BitSet category(String name) {
        String shortName = LONG_NAMES.getOrDefault(name, name);
        return shortName.equals("LC")
                ? CodePoints.union(CodePoints.category("Lu"), CodePoints.category("Ll"), CodePoints.category("Lt"))
                : CodePoints.category(shortName);
    }

    private static BitSet script(String name) {
        try {
            Character.UnicodeScript script = Character.UnicodeScript.forName(name);
            return CodePoints.where(c -> Character.UnicodeScript.of(c) == script);
        } catch (IllegalArgumentException _) {
            return new BitSet();
        }
    }

    private static boolean isWhiteSpace(int c) {
        return Character.isSpaceChar(c) || ('\t' <= c && c <= '\r') || c == 0x85;
    }

    /// Tells whether a set has letters of one case without the same letters of the other case.
    static boolean tellsCases(BitSet set) {
        return set.get('a') != set.get('A');
    }
}
