package org.sparkqwen.engine.template;

import java.util.concurrent.CancellationException;

/// Limits the work and the memory that one rendering of a template may take. A template comes with a model,
/// and it must neither hold up a job nor fill its heap. So everything that a rendering computes, compares,
/// searches or makes is charged here.
///
/// A value can only be made with a budget: [Text], [Items], [Dict], [Range] and [Tuple] charge for what they
/// hold, and [Expression] and [Statement] charge for each evaluation. Memory is never given back, so the
/// limit holds whatever the template keeps.
final class Budget {
    /// The bytes of a value without its contents: an object or two with their headers.
    static final int VALUE_BYTES = 64;

    /// The bytes of a place in a list, together with a number or a function in it.
    static final int ITEM_BYTES = 32;

    /// The steps that every rendering may take. A step takes some tens of nanoseconds.
    static final long STEPS = 10_000_000;

    /// The further steps that a rendering may take for each unit of its input.
    static final long STEPS_PER_UNIT = 4;

    /// The bytes that every rendering may take.
    static final long BYTES = 64L << 20;

    /// The further bytes that a rendering may take for each unit of its input. Templates copy a message about
    /// ten times, at two bytes a character.
    static final long BYTES_PER_UNIT = 48;

    /// The largest input, in units. It is twice the number of characters in a context of a million tokens.
    static final long LARGEST_INPUT = 8_000_000;

    /// The greatest depth to which values, expressions and blocks may nest. A level takes a few frames of the
    /// stack.
    static final int DEEPEST = 300;

    /// The number of characters that are searched, compared or copied in one step.
    private static final int CHARS_PER_STEP = 16;

    /// The number of steps after which a rendering checks whether its thread is interrupted, as a power of
    /// two.
    private static final int LOOK_SHIFT = 15;

    private final long mostSteps;
    private final long mostBytes;
    private final long input;
    private long steps;
    private long bytes;
    private int depth;

    /// @param input the size of the input in units: its characters, and a few units for each value
    Budget(long input) {
        this.input = input;
        mostSteps = STEPS + STEPS_PER_UNIT * input;
        mostBytes = BYTES + BYTES_PER_UNIT * input;
        steps = mostSteps;
        bytes = mostBytes;
    }

    /// Returns the greatest number of characters that the rendered text may have. It is more than a template
    /// of good faith makes of its input. There is a limit because the text is tokenized next.
    long longestOutput() {
        return 1_000_000 + 8 * input;
    }

    void step() {
        steps(1);
    }

    /// Charges for the next `count` steps.
    ///
    /// @throws CancellationException if the thread is interrupted
    void steps(long count) {
        long before = steps;
        steps -= count;
        if (steps < 0) {
            steps = 0;
            throw new TemplateException("loops too long, or too much to compare: the template takes more than"
                    + " %,d steps for this conversation".formatted(mostSteps));
        }
        if (before >>> LOOK_SHIFT != steps >>> LOOK_SHIFT
                && Thread.currentThread().isInterrupted()) {
            throw new CancellationException("interrupted while a chat template was rendered");
        }
    }

    /// Charges for looking at `chars` characters.
    void scan(long chars) {
        steps(1 + chars / CHARS_PER_STEP);
    }

    /// Charges for a value that takes `count` bytes.
    void bytes(long count) {
        if (count > bytes) {
            bytes = 0;
            throw new TemplateException(
                    "what the template makes of this conversation grows beyond %,d bytes".formatted(mostBytes));
        }
        bytes -= count;
    }

    /// Checks that a value of `count` bytes can be made, without charging for it. Its parts charge for
    /// themselves later.
    void expect(long count) {
        bytes(count);
        bytes += count;
    }

    /// Charges for a text of `chars` characters.
    void text(long chars) {
        scan(chars);
        bytes(VALUE_BYTES + 2 * chars);
    }

    /// Enters one level of nesting. Whoever does not come back through [#leave] ends the rendering.
    void enter() {
        if (depth == DEEPEST) {
            throw TemplateException.tooDeep();
        }
        depth++;
        steps(1);
    }

    void leave() {
        depth--;
    }
}
