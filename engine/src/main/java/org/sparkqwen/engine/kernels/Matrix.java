package org.sparkqwen.engine.kernels;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/// The weight of a linear layer, `[outputs, inputs]`, packed into panels: `[ceil(outputs / 32)][inputs][32]`.
///
/// A panel holds 32 outputs side by side for each input, which is the order in which the outer-product kernel reads
/// them. Places past the last output hold zeros.
public sealed interface Matrix permits Bf16Matrix, F32Matrix {
    /// The number of outputs in a panel: two 512-bit vectors of floats.
    int PANEL = 32;

    int outputs();

    int inputs();

    /// The packed weights, in native memory.
    MemorySegment panels();

    /// The size of a weight in bytes.
    int elementBytes();

    /// The address of a panel, `[inputs][32]`.
    ///
    /// @throws IndexOutOfBoundsException if there is no such panel
    default long panelAddress(int panel) {
        Objects.checkIndex(panel, panelCount());
        return panels().address() + (long) panel * inputs() * PANEL * elementBytes();
    }

    default int panelCount() {
        return panelCount(outputs());
    }

    static int panelCount(int outputs) {
        return Math.ceilDiv(outputs, PANEL);
    }

    /// The number of elements of the packed form, padding included.
    static long packedElements(int outputs, int inputs) {
        return (long) panelCount(outputs) * PANEL * inputs;
    }
}
