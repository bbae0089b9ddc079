package org.sparkqwen.engine.sampling;

/// Finds out that a text has begun to go round in a circle: that its last tokens are one sequence, again and again.
public final class RepetitionDetector {
    /// Longest sequence that is looked for, in tokens.
    public static final int LONGEST = 64;

    private final int repetitions;

    /// How many of the last tokens are the same as the token `period` before them, by period.
    private final int[] matches = new int[LONGEST + 1];

    private final int[] last = new int[LONGEST]; // tokens, a ring
    private int count;

    /// @param repetitions of a sequence that end a text; 0 for never
    public RepetitionDetector(int repetitions) {
        this.repetitions = repetitions;
    }

    /// Adds a token; returns whether the last tokens are now a sequence of at most [#LONGEST] as often as a text
    /// may not have it.
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
