package org.sparkqwen.engine.template;

import java.util.AbstractList;
import java.util.ArrayList;
import java.util.List;

/// Python's list. It is filled while it is made and never changes afterwards, so values can share it.
final class Items extends AbstractList<Object> {
    private final List<Object> items = new ArrayList<>();
    private final Budget budget;

    Items(Budget budget) {
        budget.bytes(Budget.VALUE_BYTES);
        this.budget = budget;
    }

    @Override
    public boolean add(Object item) {
        budget.steps(1);
        budget.bytes(Budget.ITEM_BYTES);
        return items.add(item);
    }

    void addEach(List<?> others) {
        for (Object other : others) {
            add(other);
        }
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
