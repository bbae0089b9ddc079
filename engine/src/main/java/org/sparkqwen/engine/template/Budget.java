package org.sparkqwen.engine.template;

import java.util.concurrent.CancellationException;

/// The work and the memory that one rendering may still take. A template comes with a model, and may neither hold up a
/// job nor fill its heap; so whatever a rendering computes, compares, searches or makes is charged here, by whatever
/// function it does so.
///
/// Values can only be made with a budget at hand: [Text], [Items], [Dict], [Range] and [Tuple] charge for what they
/// hold, and [Expression] and [Statement] for each evaluation. Memory is never given back, so the bound holds
/// whatever the template keeps.
final class Budget {
    /// What a value takes besides what it holds: an object or two with their headers.
    static final int VALUE_BYTES = 64;

    /// A place in a list, and a number or a function in it.
    static final int ITEM_BYTES = 32;

    /// Steps of any rendering. A step is some tens of nanoseconds.
    static final long STEPS = 10_000_000;

    /// Further steps for each unit of input.
    static final long STEPS_PER_UNIT = 4;

    /// Bytes of any rendering.
    static final long BYTES = 64L << 20;

    /// Further bytes for each unit of input. Templates copy a message some ten times, at two bytes a character.
    static final long BYTES_PER_UNIT = 48;

    /// The largest input, in units: twice as many characters as a context of a million tokens takes.
    static final long LARGEST_INPUT = 8_000_000;

    /// How deep values, expressions and blocks may lie in each other. A level takes a few frames of the stack.
    static final int DEEPEST = 300;

    /// Characters that are searched, compared or copied in a step.
    private static final int CHARS_PER_STEP = 16;

    /// Steps between two looks at whether the thread is interrupted, as a power of two.
    private static final int LOOK_SHIFT = 15;

    private final long mostSteps;
    private final long mostBytes;
    private final long input;
    private long steps;
    private long bytes;
    private int depth;

    /// @param input the size of the input, in units: its characters, and a few for each value
    Budget(long input) {
        this.input = input;
        mostSteps = STEPS + STEPS_PER_UNIT * input;
        mostBytes = BYTES + BYTES_PER_UNIT * input;
        steps = mostSteps;
        bytes = mostBytes;
    }

    /// The most characters that the rendered text may have: some more than an honest template makes of its input,
    /// since what it makes is tokenized next.
    long longestOutput() {
        return 1_000_000 + 8 * input;
    }

    void step() {
        steps(1);
    }

    /// Charges for `count` steps that come next.
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

    /// Looks whether a value of `count` bytes can be made, before its parts are, which charge for it.
    void expect(long count) {
        bytes(count);
        bytes += count;
    }

    /// Charges for a text of `chars` characters.
    void text(long chars) {
        scan(chars);
        bytes(VALUE_BYTES + 2 * chars);
    }

    /// Goes one level deeper. What leaves in another way than by [#leave] ends the rendering.
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
