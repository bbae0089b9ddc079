package org.sparkqwen.engine.kernels.format;

import java.lang.foreign.MemorySegment;

/// The formats of weights that packed files hold and every back-end has code for. Each has a file that describes its
/// layout and says how it is packed and read.
public enum KnownFormat implements WeightFormat {
    /// float32, for checkpoints in F32 and in F16, whose values bfloat16 cannot hold: [F32Panels].
    F32,

    /// bfloat16, the upper half of a float's bits: [Bf16Panels].
    BF16,

    /// 8 bits and a scale for each 128 inputs: [Int8Panels].
    INT8,

    /// 4 bits and a scale for each 32 inputs: [Int4Panels].
    INT4;

    @Override
    public long panelBytes(int inputs) {
        return switch (this) {
            case F32 -> F32Panels.panelBytes(inputs);
            case BF16 -> Bf16Panels.panelBytes(inputs);
            case INT8 -> IntegerLayout.INT8.panelBytes(inputs);
            case INT4 -> IntegerLayout.INT4.panelBytes(inputs);
        };
    }

    @Override
    public float ofPanel(long panel, int inputs, int input, int column) {
        return switch (this) {
            case F32 -> F32Panels.ofPanel(panel, input, column);
            case BF16 -> Bf16Panels.ofPanel(panel, input, column);
            case INT8 -> Int8Panels.ofPanel(panel, input, column);
            case INT4 -> Int4Panels.ofPanel(panel, input, column);
        };
    }

    @Override
    public void packPanel(WeightRows rows, int outputs, int inputs, int panel, MemorySegment out) {
        switch (this) {
            case F32 -> F32Panels.packPanel(rows, outputs, inputs, panel, out);
            case BF16 -> Bf16Panels.packPanel(rows, outputs, inputs, panel, out);
            case INT8 -> Int8Panels.packPanel(rows, outputs, inputs, panel, out);
            case INT4 -> Int4Panels.packPanel(rows, outputs, inputs, panel, out);
        }
    }

    @Override
    public long rowBytes(int inputs) {
        return switch (this) {
            case F32 -> (long) inputs * Float.BYTES;
            case BF16 -> (long) inputs * Short.BYTES;
            case INT8 -> Int8Panels.rowBytes(inputs);
            case INT4 -> Int4Panels.rowBytes(inputs);
        };
    }

    @Override
    public float ofRow(long row, int inputs, int input) {
        return switch (this) {
            case F32 -> Memory.getFloat(row + (long) input * Float.BYTES);
            case BF16 -> Bfloat16.widened(Memory.getShort(row + (long) input * Short.BYTES));
            case INT8 -> Int8Panels.ofRow(row, input);
            case INT4 -> Int4Panels.ofRow(row, input);
        };
    }

    @Override
    public void packRow(WeightRows rows, int output, int inputs, MemorySegment out) {
        switch (this) {
            case F32 -> F32Panels.packRow(rows, output, inputs, out);
            case BF16 -> Bf16Panels.packRow(rows, output, inputs, out);
            case INT8 -> Int8Panels.packRow(rows, output, inputs, out);
            case INT4 -> Int4Panels.packRow(rows, output, inputs, out);
        }
    }
}
