package org.sparkqwen.engine.tokenizer;

import java.util.Arrays;

/// A growing list of token ids.
final class TokenIds {
    private int[] ids;
    private int size;

    TokenIds(int expected) {
        ids = new int[Math.max(expected, 4)];
    }

    void add(int id) {
        if (size == ids.length) {
            grow(size + 1);
        }
        ids[size++] = id;
    }

    void addAll(int[] more) {
        if (ids.length - size < more.length) {
            grow(size + more.length);
        }
        System.arraycopy(more, 0, ids, size, more.length);
        size += more.length;
    }

    int[] toArray() {
        return Arrays.copyOf(ids, size);
    }

    private void grow(int atLeast) {
        ids = Arrays.copyOf(ids, Math.max(atLeast, ids.length + (ids.length >> 1)));
    }
}
