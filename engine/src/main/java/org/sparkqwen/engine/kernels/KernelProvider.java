package org.sparkqwen.engine.kernels;

import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.WeightFormat;

/// Describes one back-end: it says whether the back-end can run in this JVM, and makes its [Kernels].
///
/// A back-end is one package and one line in `META-INF/services`, where [KernelChoice] finds it.
public interface KernelProvider {
    /// The back-end's name for `--kernels`: one lower-case word.
    String name();

    /// The kind of device that the back-end computes on. A back-end for GPUs runs only where the user, or Spark,
    /// chose a GPU, and there is never another one in its place.
    default Device.Kind device() {
        return Device.Kind.CPU;
    }

    /// The devices of this kind that this process sees, if they are not the processor; empty if there are none, or
    /// no driver for them.
    default List<DeviceDescription> devices() {
        return List.of();
    }

    /// The precisions that the back-end computes in, on machines that have what it needs.
    default Set<Precision> precisions() {
        return EnumSet.allOf(Precision.class);
    }

    /// The reason why the back-end cannot run on any machine in this build of the program; empty if it can.
    default Optional<String> buildObstacle() {
        return Optional.empty();
    }

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
    /// @param device of the kind [#device], and a certain one
    /// @throws DeviceException if the device cannot be used
    Kernels create(int threads, Precision precision, Device device);

    /// Makes the kernels of a back-end that computes on the processor.
    ///
    /// @param threads at least 1
    default Kernels create(int threads, Precision precision) {
        return create(threads, precision, Device.CPU);
    }

    /// Makes the kernels of a back-end that computes on the processor, in float32.
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

    /// The bytes of a device's memory that a matrix of panels takes in the form in which products of this back-end
    /// read it.
    ///
    /// @param format the format of the panels
    default long matrixBytes(WeightFormat format, int outputs, int inputs, Precision precision) {
        return Matrix.bytes(format, outputs, inputs);
    }

    /// The most bytes of a device's memory that operations of this back-end take, beside their operands.
    default long deviceBytes(OperationSizes sizes) {
        return 0;
    }
}
