package org.sparkqwen.engine.template;

import java.util.AbstractList;

/// Python's tuple: a list that is printed differently.
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
