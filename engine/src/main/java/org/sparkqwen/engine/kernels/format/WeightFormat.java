package org.sparkqwen.engine.kernels.format;

import java.lang.foreign.MemorySegment;

/// The format of a weight's numbers: how many bytes they take, how they lie in memory, and their values as float32.
///
/// A weight that is multiplied lies in panels of 32 outputs ([Matrix]), and an embedding that no head shares lies in
/// rows. What belongs to a panel or to a row, such as the scales of quantized numbers, lies inside it, so its size is
/// asked for and never computed from the number of weights.
///
/// Formats in [KnownFormat] may be in packed files, and each back-end has code for them. Wherever code tells formats
/// apart, it does so by a `switch` without `default`, so that the compiler finds every place that a new constant needs.
/// Any other format is a [WidenedFormat]: back-ends bring its panels to float32 number by number before they multiply.
/// So a new format computes correctly as soon as its file is written, and becomes fast when it is a constant.
///
/// Addresses are of native memory that the caller has checked: see [Matrix].
public sealed interface WeightFormat permits KnownFormat, WidenedFormat {
    /// The format's name in packed files and messages: one word in capitals.
    String name();

    /// The bytes of a panel of 32 outputs and `inputs` inputs, at least 4.
    long panelBytes(int inputs);

    /// The float32 value of a weight in a panel.
    ///
    /// @param panel address of the panel
    /// @param column the output's place in the panel, from 0 to 31
    float ofPanel(long panel, int inputs, int input, int column);

    /// Packs a panel; places past the last output get zeros.
    ///
    /// @param rows `[outputs, inputs]`
    /// @param panel from 0 to `Matrix.panelCount(outputs) - 1`
    /// @param out exactly [#panelBytes], whatever it held before
    void packPanel(WeightRows rows, int outputs, int inputs, int panel, MemorySegment out);

    /// The bytes of a row of `inputs` weights.
    long rowBytes(int inputs);

    /// The float32 value of a weight in a row.
    ///
    /// @param row address of the row
    float ofRow(long row, int inputs, int input);

    /// Packs a row.
    ///
    /// @param out exactly [#rowBytes], whatever it held before
    void packRow(WeightRows rows, int output, int inputs, MemorySegment out);
}
