package org.sparkqwen.engine.constraint.automaton;

import java.util.Arrays;

/// Splits ranges of labels, which may overlap, into ranges that do not. Each has all targets of its labels.
public final class DisjointRanges {
    /// Receives the ranges of labels in order, with the targets of each range. Each target occurs once.
    public interface Receiver {
        void range(int first, int last, int[] targets);
    }

    /// The points at which ranges begin or end. The label is in the upper half, then comes a 0 for a
    /// beginning, then the number of the range.
    private long[] points = new long[16];

    private int[] targets = new int[8];
    private int size;

    /// Forgets all ranges.
    public void clear() {
        size = 0;
    }

    /// Adds the labels from `first` to `last`, which lead to `target`.
    public void add(int first, int last, int target) {
        if (size == targets.length) {
            targets = Arrays.copyOf(targets, 2 * size);
            points = Arrays.copyOf(points, 4 * size);
        }
        targets[size] = target;
        points[2 * size] = point(first, size);
        points[2 * size + 1] = point(last + 1, size);
        size++;
    }

    private static long point(int label, int range) {
        return (long) label << Integer.SIZE | range;
    }

    /// Passes the ranges to `receiver` in the order of their labels.
    public void forEach(Receiver receiver) {
        Budget.spend(4L * size + 1); // sorting them costs more than looking at them
        long[] sorted = Arrays.copyOf(points, 2 * size);
        Arrays.sort(sorted);
        int[] active = new int[size]; // the ranges that contain the label
        int[] places = new int[size]; // the index of each range among the active ones, plus one
        int actives = 0;
        for (int i = 0; i < sorted.length; ) {
            int label = (int) (sorted[i] >>> Integer.SIZE);
            for (; i < sorted.length && (int) (sorted[i] >>> Integer.SIZE) == label; i++) {
                int range = (int) sorted[i];
                if (places[range] == 0) {
                    active[actives++] = range;
                    places[range] = actives;
                } else { // the range ends, and the last active one takes its place
                    int moved = active[--actives];
                    active[places[range] - 1] = moved;
                    places[moved] = places[range];
                }
            }
            if (actives > 0) {
                Budget.spend(2L * actives);
                int next = (int) (sorted[i] >>> Integer.SIZE);
                receiver.range(label, next - 1, targets(active, actives));
            }
        }
    }

    private int[] targets(int[] ranges, int count) {
        int[] found = new int[count];
        for (int i = 0; i < count; i++) {
            found[i] = targets[ranges[i]];
        }
        return sortedSet(found, count);
    }

    /// Returns the first `count` of `numbers` in order, each once. It may change `numbers`.
    public static int[] sortedSet(int[] numbers, int count) {
        Arrays.sort(numbers, 0, count);
        int distinct = 0;
        for (int i = 0; i < count; i++) {
            if (distinct == 0 || numbers[i] != numbers[distinct - 1]) {
                numbers[distinct++] = numbers[i];
            }
        }
        return distinct == numbers.length ? numbers : Arrays.copyOf(numbers, distinct);
    }
}
