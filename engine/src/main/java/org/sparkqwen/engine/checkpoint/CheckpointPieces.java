package org.sparkqwen.engine.checkpoint;

import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.ScaledIntegers;
import org.sparkqwen.engine.kernels.format.WeightFormat;
import org.sparkqwen.engine.kernels.format.WeightRows;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// Packs a checkpoint that has all tensors of the layout. In the format that [DType#format] tells, and where integers
/// are kept, each number keeps its value; another format may round. Channels are balanced as the layout says, see
/// [ColumnBalance].
final class CheckpointPieces implements TensorPieces {
    private final Checkpoint checkpoint;
    private final Map<String, ColumnBalance> balances = new HashMap<>(); // by the names of norms and of matrices
    private final Map<ColumnBalance, Optional<float[]>> factors = new ConcurrentHashMap<>();

    CheckpointPieces(Checkpoint checkpoint, PackedLayout layout) {
        this.checkpoint = checkpoint;
        for (ColumnBalance balance : layout.balances()) {
            balances.put(balance.norm(), balance);
            balance.matrices().forEach(name -> balances.put(name, balance));
        }
    }

    /// @throws InvalidModelException if the tensor has a number that its form cannot hold
    @Override
    public void fill(PackedTensor tensor, int piece, MemorySegment out) {
        try {
            pack(tensor, piece, out);
        } catch (ArithmeticException e) {
            throw new InvalidModelException(
                    "%s: tensor %s cannot be packed as %s: %s"
                            .formatted(checkpoint.model(), Quote.of(tensor.name()), tensor.form(), e.getMessage()),
                    e);
        }
    }

    private void pack(PackedTensor tensor, int piece, MemorySegment out) {
        WeightRows rows = rows(tensor, piece * Matrix.PANEL);
        WeightFormat format = tensor.form().format();
        switch (tensor.form().arrangement()) {
            case PANELS -> format.packPanel(rows, tensor.outputs(), tensor.inputs(), piece, out);
            case ROWS -> {
                long bytes = format.rowBytes(tensor.inputs());
                for (int row = 0; row < out.byteSize() / bytes; row++) {
                    format.packRow(rows, piece * Matrix.PANEL + row, tensor.inputs(), out.asSlice(row * bytes, bytes));
                }
            }
            case VECTOR -> format.packRow(rows, 0, tensor.inputs(), out);
        }
    }

    /// The rows of a tensor from output `first` on, for a piece.
    private WeightRows rows(PackedTensor tensor, int first) {
        CheckpointTensor source = checkpoint.find(tensor.name()).orElseThrow();
        if (tensor.form().kept()) {
            return new KeptRows(source.integers(first, Math.min(Matrix.PANEL, tensor.outputs() - first)));
        }
        WeightRows rows = switch (source) {
            case TensorView view -> new Rows(view, tensor.inputs());
            case WidenedTensor _, MergedTensor _ -> new ComputedRows(source, first, tensor.outputs());
        };
        ColumnBalance balance = balances.get(tensor.name());
        if (balance == null) {
            return rows;
        }
        float[] columns = factors.computeIfAbsent(balance, each -> Optional.ofNullable(each.factors(checkpoint)))
                .orElse(null);
        if (columns == null) {
            return rows;
        }
        boolean isNorm = tensor.name().equals(balance.norm());
        return (output, row) -> {
            rows.read(output, row);
            for (int i = 0; i < row.length; i++) {
                row[i] = isNorm ? row[i] / columns[i] : row[i] * columns[i];
            }
        };
    }

    /// Rows whose integers and scales are kept.
    private record KeptRows(ScaledIntegers integers) implements WeightRows {
        @Override
        public void read(int output, float[] row) {
            byte[] numbers = new byte[row.length];
            integers.read(output, numbers);
            for (int input = 0; input < row.length; input++) {
                row[input] = numbers[input] * integers.scale(output, input);
            }
        }
    }

    /// The rows of a tensor; a vector is one row.
    private record Rows(TensorView view, int inputs) implements WeightRows {
        @Override
        public void read(int output, float[] row) {
            view.read((long) output * inputs, row);
        }

        @Override
        public @Nullable MemorySegment bf16() {
            return switch (view.dtype()) {
                case BF16 -> view.data();
                case F16, F32, Q4_0, Q8_0, Q4_K, Q5_K, Q6_K -> null;
            };
        }
    }

    /// Up to 32 rows of a matrix that are computed together, because they share words of a quantized weight, or a
    /// matrix of an adapter.
    private static final class ComputedRows implements WeightRows {
        private final int first;
        private final float[][] rows;

        ComputedRows(CheckpointTensor matrix, int first, int outputs) {
            this.first = first;
            rows = new float[Math.min(Matrix.PANEL, outputs - first)]
                    [matrix.shape().getLast()];
            matrix.readRows(first, rows);
        }

        @Override
        public void read(int output, float[] row) {
            System.arraycopy(rows[output - first], 0, row, 0, row.length);
        }
    }
}
