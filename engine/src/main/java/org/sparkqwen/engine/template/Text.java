package org.sparkqwen.engine.template;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A string that remembers which of its chars are foreign: they came from the variables of a rendering, and
/// not from the template. Whatever is cut out of foreign text or put together from it stays foreign. So the
/// result of a template tells the two apart, whatever the template does. Two texts are equal if their chars
/// are equal.
public final class Text {
    static final Text EMPTY = own("");

    /// The bytes of a reference to a text that exists already.
    private static final int SHARED_BYTES = 8;

    private static final Text[] OWN_ASCII = ascii(false);
    private static final Text[] FOREIGN_ASCII = ascii(true);

    private final String chars;

    /// Whether any char is foreign.
    private final boolean foreign;

    /// The foreign chars by index, or null if all chars are of one origin. The set never changes after
    /// construction.
    private final @Nullable BitSet foreignChars;

    /// The number of code points, or -1 until they are counted. Threads that race to count them write the
    /// same number.
    private int codePoints = -1;

    /// A longest piece of a text whose chars are all of one origin.
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

    /// Returns text of the template, or text that counts as such.
    public static Text own(String chars) {
        return new Text(chars, false, null);
    }

    public static Text foreign(String chars) {
        return new Text(chars, !chars.isEmpty(), null);
    }

    /// Returns text that a rendering has made.
    static Text made(String chars, boolean foreign, Budget budget) {
        budget.text(chars.length());
        return foreign ? foreign(chars) : own(chars);
    }

    /// Puts a text together from parts.
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
            // Only this part is copied, because a search beyond it would not be charged for.
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
        // A text that is longer than any budget allows need not be multiplied out.
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

    /// Returns `rewritten` as the result of rewriting this text. All of it is foreign if any of this text
    /// was.
    Text rewritten(String rewritten, Budget budget) {
        return made(rewritten, foreign, budget);
    }

    /// Tells whether any char is foreign.
    boolean isForeign() {
        return foreign;
    }

    int length() {
        return chars.length();
    }

    /// Returns the length in code points, as Python counts it.
    int codePoints(Budget budget) {
        if (codePoints < 0) {
            budget.scan(length());
            codePoints = chars.codePointCount(0, length());
        }
        return codePoints;
    }

    /// Returns the index of the char at which the code point `place` begins.
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

    /// Returns the text as runs that are as long as possible. An empty text has none.
    public List<Run> runs() {
        List<Run> runs = new ArrayList<>();
        for (int start = 0; start < chars.length(); ) {
            int end = endOfRun(start);
            runs.add(new Run(chars.substring(start, end), isForeign(start)));
            start = end;
        }
        return runs;
    }

    /// Returns the number of runs that [#runs] has.
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

    /// Returns the chars.
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
