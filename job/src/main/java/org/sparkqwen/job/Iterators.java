package org.sparkqwen.job;

import java.util.Iterator;
import java.util.function.Function;

/// Iterators that are as lazy as those they are made of.
final class Iterators {
    private Iterators() {}

    /// Applies `function` to each element when it is asked for.
    static <A, B> Iterator<B> map(Iterator<A> iterator, Function<? super A, ? extends B> function) {
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return iterator.hasNext();
            }

            @Override
            public B next() {
                return function.apply(iterator.next());
            }
        };
    }
}
