package org.sparkqwen.engine.template;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/// A string that remembers which of its chars are foreign: from what a template is rendered with, and not from the
/// template. What is cut out of foreign text, or put together from it, stays foreign; so whatever a template does to a
/// text, the result tells the two apart. Equality is of the chars alone.
public final class Text {
    static final Text EMPTY = own("");

    /// In chars; no conversation comes near it, but a template that doubles a string in a loop does.
    private static final int LONGEST = 1 << 28;

    private final String chars;
    private final BitSet foreign; // by index of the char; never changed after construction

    /// Chars of one origin.
    public record Run(String chars, boolean foreign) {}

    private Text(String chars, BitSet foreign) {
        this.chars = chars;
        this.foreign = foreign;
    }

    /// Text of the template, or as good as that.
    public static Text own(String chars) {
        return new Text(chars, new BitSet());
    }

    public static Text foreign(String chars) {
        BitSet all = new BitSet();
        all.set(0, chars.length());
        return new Text(chars, all);
    }

    static Text of(String chars, boolean foreign) {
        return foreign ? foreign(chars) : own(chars);
    }

    static Text join(List<Text> pieces) {
        return join(pieces, EMPTY);
    }

    static Text join(List<Text> pieces, Text separator) {
        StringBuilder joined = new StringBuilder();
        BitSet foreign = new BitSet();
        for (int i = 0; i < pieces.size(); i++) {
            if (i > 0) {
                separator.appendTo(joined, foreign);
            }
            pieces.get(i).appendTo(joined, foreign);
        }
        return new Text(joined.toString(), foreign);
    }

    private void appendTo(StringBuilder joined, BitSet joinedForeign) {
        int offset = joined.length();
        if (offset > LONGEST - chars.length()) {
            throw new TemplateException("the text grows beyond %,d characters".formatted(LONGEST));
        }
        joined.append(chars);
        for (int start = foreign.nextSetBit(0); start >= 0; ) {
            int end = foreign.nextClearBit(start);
            joinedForeign.set(offset + start, offset + end);
            start = foreign.nextSetBit(end);
        }
    }

    Text plus(Text next) {
        return join(List.of(this, next));
    }

    /// @param start index of the first char
    /// @param end index after the last
    Text substring(int start, int end) {
        return new Text(chars.substring(start, end), foreign.get(start, end));
    }

    Text substring(int start) {
        return substring(start, chars.length());
    }

    /// `chars` as what becomes of this text when it is rewritten: foreign as a whole if any of it was.
    Text rewritten(String rewritten) {
        return of(rewritten, isForeign());
    }

    /// Whether any of it is foreign.
    boolean isForeign() {
        return !foreign.isEmpty();
    }

    int length() {
        return chars.length();
    }

    boolean isEmpty() {
        return chars.isEmpty();
    }

    /// The text in pieces as long as they can be; none if it is empty.
    public List<Run> runs() {
        List<Run> runs = new ArrayList<>();
        for (int start = 0; start < chars.length(); ) {
            boolean isForeign = foreign.get(start);
            int next = isForeign ? foreign.nextClearBit(start) : foreign.nextSetBit(start);
            int end = next < 0 ? chars.length() : Math.min(next, chars.length());
            runs.add(new Run(chars.substring(start, end), isForeign));
            start = end;
        }
        return runs;
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
