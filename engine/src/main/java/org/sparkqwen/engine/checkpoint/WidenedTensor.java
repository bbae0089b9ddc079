package org.sparkqwen.engine.checkpoint;

import java.util.List;
import java.util.Optional;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.ScaledIntegers;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.quantized.QuantizedMatrix;

/// A quantized weight of safetensors. Its values are widened to floats when they are read, and its integers and scales
/// can be read, too.
record WidenedTensor(QuantizedMatrix matrix) implements CheckpointTensor {
    @Override
    public String name() {
        return matrix.name();
    }

    @Override
    public List<Integer> shape() {
        return List.of(matrix.outputs(), matrix.inputs());
    }

    /// BF16 if its scales make every value a bfloat16, and F32 otherwise.
    @Override
    public DType dtype() {
        return matrix.isBfloat16() ? DType.BF16 : DType.F32;
    }

    @Override
    public Optional<IntegerLayout> integers() {
        return matrix.integers();
    }

    @Override
    public ScaledIntegers integers(int first, int count) {
        return matrix.integers(first, count);
    }

    @Override
    public void readRows(int first, float[][] rows) {
        matrix.read(first, rows);
    }

    /// @throws InvalidModelException if a scale is no finite number, or an input is in no group
    @Override
    public void read(long from, float[] to) {
        float[][] row = new float[1][matrix.inputs()];
        int done = 0;
        while (done < to.length) {
            int start = (int) ((from + done) % matrix.inputs());
            int count = Math.min(matrix.inputs() - start, to.length - done);
            matrix.read((int) ((from + done) / matrix.inputs()), row);
            System.arraycopy(row[0], start, to, done, count);
            done += count;
        }
    }
}
