package org.sparkqwen.job.spark;

import java.util.Iterator;
import java.util.function.Function;

/// Iterators that are as lazy as those from which they are made.
public final class Iterators {
    private Iterators() {}

    /// Applies `function` to each element when it is asked for.
    public static <A, B> Iterator<B> map(Iterator<A> iterator, Function<? super A, ? extends B> function) {
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
