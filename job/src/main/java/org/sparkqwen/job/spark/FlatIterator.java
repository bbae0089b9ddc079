package org.sparkqwen.job.spark;

import java.util.Collections;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.function.Function;

/// Iterates over the elements of several iterators, one iterator after the other. It takes nothing before it is asked
/// for.
public final class FlatIterator<A, B> implements Iterator<B> {
    private final Iterator<A> outer;
    private final Function<A, Iterator<B>> inner;
    private Iterator<B> current = Collections.emptyIterator();

    public FlatIterator(Iterator<A> outer, Function<A, Iterator<B>> inner) {
        this.outer = outer;
        this.inner = inner;
    }

    @Override
    public boolean hasNext() {
        while (!current.hasNext()) {
            if (!outer.hasNext()) {
                return false;
            }
            current = inner.apply(outer.next());
        }
        return true;
    }

    @Override
    public B next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        return current.next();
    }
}
