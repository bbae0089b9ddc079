package org.sparkqwen.engine.kernels;

import java.util.Optional;

/// Describes one back-end: it says whether the back-end can run in this JVM, and makes its [Kernels].
///
/// A back-end is one package and one line in `META-INF/services`, where [KernelChoice] finds it.
public interface KernelProvider {
    /// The back-end's name for `--kernels`: one lower-case word.
    String name();

    /// The back-end's rank for `auto`, which takes the greatest rank of those that can run here. A back-end with a
    /// negative rank runs only if the user asks for it.
    int rank();

    /// The reason why the back-end cannot run in this JVM in some precision, in words that say what to do; empty if
    /// it can run.
    Optional<String> obstacle(Precision precision);

    /// The reason why the back-end cannot run in this JVM in float32; empty if it can run.
    default Optional<String> obstacle() {
        return obstacle(Precision.FLOAT32);
    }

    /// Whether the back-end has instructions for a precision here. Without them it computes the same bits, but far
    /// more slowly than float32.
    default boolean isFast(Precision precision) {
        return precision == Precision.FLOAT32 && obstacle(precision).isEmpty();
    }

    /// Makes the kernels of this back-end.
    ///
    /// @param threads at least 1
    Kernels create(int threads, Precision precision);

    /// Makes the kernels of this back-end in float32.
    ///
    /// @param threads at least 1
    default Kernels create(int threads) {
        return create(threads, Precision.FLOAT32);
    }

    /// The most bytes of heap that operations of this back-end take.
    long heapBytes(OperationSizes sizes);

    /// The most bytes of native memory that operations of this back-end take, beside their operands.
    default long nativeBytes(OperationSizes sizes) {
        return 0;
    }
}
