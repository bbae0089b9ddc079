package org.sparkqwen.engine.tokenizer;

import java.util.Arrays;

/// A binary heap of longs, with the smallest first.
final class LongHeap {
    private long[] elements;
    private int size;

    LongHeap(int expected) {
        elements = new long[Math.max(expected, 4)];
    }

    boolean isEmpty() {
        return size == 0;
    }

    void add(long element) {
        if (size == elements.length) {
            elements = Arrays.copyOf(elements, size * 2);
        }
        int i = size++;
        while (i > 0) {
            int parent = (i - 1) / 2;
            if (elements[parent] <= element) {
                break;
            }
            elements[i] = elements[parent];
            i = parent;
        }
        elements[i] = element;
    }

    /// Removes the smallest number from a heap that is not empty.
    long removeFirst() {
        long first = elements[0];
        long moved = elements[--size];
        int i = 0;
        for (int child = 1; child < size; child = 2 * i + 1) {
            if (child + 1 < size && elements[child + 1] < elements[child]) {
                child++;
            }
            if (moved <= elements[child]) {
                break;
            }
            elements[i] = elements[child];
            i = child;
        }
        elements[i] = moved;
        return first;
    }
}
