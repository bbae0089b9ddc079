package org.sparkqwen.engine.template;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A string that remembers which of its chars are foreign: from what a template is rendered with, and not from the
/// template. What is cut out of foreign text, or put together from it, stays foreign; so whatever a template does to a
/// text, the result tells the two apart. Equality is of the chars alone.
public final class Text {
    static final Text EMPTY = own("");

    /// A reference to a text that is there already.
    private static final int SHARED_BYTES = 8;

    private static final Text[] OWN_ASCII = ascii(false);
    private static final Text[] FOREIGN_ASCII = ascii(true);

    private final String chars;

    /// Whether any of it is.
    private final boolean foreign;

    /// By index of the char; null if all are of one origin. Never changed after construction.
    private final @Nullable BitSet foreignChars;

    /// Code points, once they have been counted; threads that race for it write the same.
    private int codePoints = -1;

    /// Chars of one origin.
    public record Run(String chars, boolean foreign) {}

    private Text(String chars, boolean foreign, @Nullable BitSet foreignChars) {
        this.chars = chars;
        this.foreign = foreign;
        this.foreignChars = foreignChars;
    }

    private static Text[] ascii(boolean foreign) {
        Text[] texts = new Text[128];
        for (char c = 0; c < texts.length; c++) {
            texts[c] = new Text(String.valueOf(c), foreign, null);
        }
        return texts;
    }

    /// Text of the template, or as good as that.
    public static Text own(String chars) {
        return new Text(chars, false, null);
    }

    public static Text foreign(String chars) {
        return new Text(chars, !chars.isEmpty(), null);
    }

    /// Text that a rendering has made.
    static Text made(String chars, boolean foreign, Budget budget) {
        budget.text(chars.length());
        return foreign ? foreign(chars) : own(chars);
    }

    /// Puts a text together.
    static final class Builder {
        private final Budget budget;
        private final StringBuilder chars = new StringBuilder();
        private final BitSet foreignChars = new BitSet();

        Builder(Budget budget) {
            budget.bytes(Budget.VALUE_BYTES);
            this.budget = budget;
        }

        void append(Text text) {
            append(text, 0, text.length());
        }

        /// Appends `text[start, end)`.
        void append(Text text, int start, int end) {
            budget.scan(end - start);
            budget.bytes(2L * (end - start));
            int offset = chars.length() - start;
            chars.append(text.chars, start, end);
            if (text.foreignChars == null) {
                if (text.foreign) {
                    foreignChars.set(offset + start, offset + end);
                }
                return;
            }
            // Of this part alone: what is searched beyond it is not paid for.
            BitSet part = text.foreignChars.get(start, end);
            for (int from = part.nextSetBit(0); from >= 0; ) {
                int to = part.nextClearBit(from);
                budget.step();
                foreignChars.set(offset + start + from, offset + start + to);
                from = part.nextSetBit(to);
            }
        }

        void append(int codePoint, boolean foreign) {
            budget.step();
            budget.bytes(2L * Character.charCount(codePoint));
            foreignChars.set(chars.length(), chars.length() + Character.charCount(codePoint), foreign);
            chars.appendCodePoint(codePoint);
        }

        Text text() {
            return Text.of(chars.toString(), foreignChars);
        }
    }

    private static Text of(String chars, BitSet foreignChars) {
        int foreign = foreignChars.cardinality();
        return new Text(chars, foreign > 0, 0 < foreign && foreign < chars.length() ? foreignChars : null);
    }

    Text plus(Text next, Budget budget) {
        if (isEmpty() || next.isEmpty()) {
            return isEmpty() ? next : this;
        }
        Builder joined = new Builder(budget);
        joined.append(this);
        joined.append(next);
        return joined.text();
    }

    Text times(long count, Budget budget) {
        if (count <= 0 || isEmpty()) {
            return EMPTY;
        }
        // Longer than any budget allows, it need not be multiplied.
        budget.expect(count > Integer.MAX_VALUE ? Long.MAX_VALUE : 2 * count * length());
        Builder repeated = new Builder(budget);
        for (long i = 0; i < count; i++) {
            repeated.append(this);
        }
        return repeated.text();
    }

    /// @param start index of the first char
    /// @param end index after the last
    Text substring(int start, int end, Budget budget) {
        if (end - start == chars.length()) {
            return this;
        }
        if (end - start == 1 && chars.charAt(start) < OWN_ASCII.length) {
            budget.step();
            budget.bytes(SHARED_BYTES);
            return (isForeign(start) ? FOREIGN_ASCII : OWN_ASCII)[chars.charAt(start)];
        }
        budget.text(end - start);
        String part = chars.substring(start, end);
        return foreignChars == null
                ? new Text(part, foreign && !part.isEmpty(), null)
                : of(part, foreignChars.get(start, end));
    }

    private boolean isForeign(int index) {
        return foreignChars == null ? foreign : foreignChars.get(index);
    }

    /// `chars` as what becomes of this text when it is rewritten: foreign as a whole if any of it was.
    Text rewritten(String rewritten, Budget budget) {
        return made(rewritten, foreign, budget);
    }

    /// Whether any of it is foreign.
    boolean isForeign() {
        return foreign;
    }

    int length() {
        return chars.length();
    }

    /// The length as Python counts it.
    int codePoints(Budget budget) {
        if (codePoints < 0) {
            budget.scan(length());
            codePoints = chars.codePointCount(0, length());
        }
        return codePoints;
    }

    /// The index of the char where code point `place` begins.
    int index(int place, Budget budget) {
        if (codePoints(budget) == length()) {
            return place;
        }
        budget.scan(place);
        return chars.offsetByCodePoints(0, place);
    }

    boolean isEmpty() {
        return chars.isEmpty();
    }

    /// The text in pieces as long as they can be; none if it is empty.
    public List<Run> runs() {
        List<Run> runs = new ArrayList<>();
        for (int start = 0; start < chars.length(); ) {
            int end = endOfRun(start);
            runs.add(new Run(chars.substring(start, end), isForeign(start)));
            start = end;
        }
        return runs;
    }

    /// How many pieces [#runs] gives.
    int countRuns() {
        int count = 0;
        for (int start = 0; start < chars.length(); start = endOfRun(start)) {
            count++;
        }
        return count;
    }

    private int endOfRun(int start) {
        if (foreignChars == null) {
            return chars.length();
        }
        int end = isForeign(start) ? foreignChars.nextClearBit(start) : foreignChars.nextSetBit(start);
        return end < 0 ? chars.length() : Math.min(end, chars.length());
    }

    /// The chars.
    @Override
    public String toString() {
        return chars;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Text text && chars.equals(text.chars);
    }

    @Override
    public int hashCode() {
        return chars.hashCode();
    }
}
