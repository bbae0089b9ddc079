package org.sparkqwen.engine.kernels;

import java.util.Optional;

/// One back-end: says whether it can run in this JVM, and makes its [Kernels].
///
/// A back-end is one package and one line in `META-INF/services`, where [KernelChoice] finds it.
public interface KernelProvider {
    /// What `--kernels` calls the back-end: one lower-case word.
    String name();

    /// How much `auto` prefers the back-end: the greatest rank of those that can run here is taken. A back-end of a
    /// negative rank runs only if it is asked for.
    int rank();

    /// Why the back-end cannot run in this JVM, in words that say what to do; empty if it can.
    Optional<String> obstacle();

    /// Makes the kernels of this back-end.
    ///
    /// @param threads at least 1
    Kernels create(int threads);

    /// Bytes of heap that operations of this back-end take at most.
    long heapBytes(OperationSizes sizes);
}
