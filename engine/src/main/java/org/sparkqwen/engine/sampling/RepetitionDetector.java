package org.sparkqwen.engine.sampling;

/// Detects that a text repeats itself in a loop: its last tokens are one sequence, again and again.
public final class RepetitionDetector {
    /// The length of the longest sequence that is detected, in tokens.
    public static final int LONGEST = 64;

    private final int repetitions;

    /// The number of last tokens that are the same as the token `period` before them, by period.
    private final int[] matches = new int[LONGEST + 1];

    private final int[] last = new int[LONGEST]; // tokens, a ring
    private int count;

    /// @param repetitions number of repetitions of a sequence that end a text; 0 for never
    public RepetitionDetector(int repetitions) {
        this.repetitions = repetitions;
    }

    /// Adds a token. Returns whether a sequence of at most [#LONGEST] tokens now ends the text, because it came as
    /// many times in a row as the limit.
    public boolean add(int token) {
        if (repetitions == 0) {
            return false;
        }
        boolean repeats = false;
        for (int period = 1; period <= Math.min(LONGEST, count); period++) {
            boolean same = last[(count - period) % LONGEST] == token;
            matches[period] = same ? matches[period] + 1 : 0;
            repeats |= matches[period] >= (repetitions - 1) * period;
        }
        last[count++ % LONGEST] = token;
        return repeats;
    }
}
