package org.sparkqwen.engine.template;

import java.util.AbstractList;

/// Python's tuple: a list, but for how it is printed.
final class Tuple extends AbstractList<Object> {
    private final Items items;

    Tuple(Items items) {
        this.items = items;
    }

    @Override
    public Object get(int index) {
        return items.get(index);
    }

    @Override
    public int size() {
        return items.size();
    }
}
