package org.sparkqwen.engine.template;

import java.util.AbstractList;
import java.util.Objects;

/// The result of `range()`: a list whose numbers are computed when they are read.
final class Range extends AbstractList<Object> {
    /// The greatest length of a range, which is the limit of Jinja's sandbox.
    private static final int LONGEST = 100_000;

    private final long start;
    private final long step;
    private final int size;

    Range(long start, long end, long step, Budget budget) {
        budget.bytes(Budget.VALUE_BYTES);
        if (step == 0) {
            throw new TemplateException("range() with a step of 0");
        }
        this.start = start;
        this.step = step;
        size = size(start, end, step);
    }

    private static int size(long start, long end, long step) {
        if (step > 0 ? end <= start : end >= start) {
            return 0;
        }
        // The difference of any two longs is right if it is read as an unsigned number.
        long distance = step > 0 ? end - start : start - end;
        long stride = step > 0 ? step : -step;
        long last = Long.divideUnsigned(distance - 1, stride);
        if (Long.compareUnsigned(last, LONGEST) >= 0) {
            throw new TemplateException("range() of more than %,d numbers".formatted(LONGEST));
        }
        return (int) last + 1;
    }

    @Override
    public Object get(int index) {
        return start + step * Objects.checkIndex(index, size);
    }

    @Override
    public int size() {
        return size;
    }
}
