package org.sparkqwen.engine.kernels.format;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/// The weight of a linear layer, `[outputs, inputs]`, packed into panels of 32 outputs.
///
/// A panel holds 32 outputs side by side for each input, which is the order in which the outer-product kernel reads
/// them. Places past the last output hold zeros. How the numbers of a panel lie is up to the format; panel follows
/// panel.
///
/// @param panels native memory of at least `panelCount() · format.panelBytes(inputs)` bytes
public record Matrix(WeightFormat format, int outputs, int inputs, MemorySegment panels) implements EmbeddingTable {
    /// The number of outputs in a panel: two 512-bit vectors of floats.
    public static final int PANEL = 32;

    /// @throws IndexOutOfBoundsException if `panels` is too short for the panels of the format
    /// @throws IllegalArgumentException if `panels` lies on the Java heap
    public Matrix {
        Memory.addressOfBytes(panels, bytes(format, outputs, inputs));
    }

    /// The address of a panel.
    ///
    /// @throws IndexOutOfBoundsException if there is no such panel
    public long panelAddress(int panel) {
        Objects.checkIndex(panel, panelCount());
        return panels.address() + panel * format.panelBytes(inputs);
    }

    @Override
    public void read(int token, long to) {
        Objects.checkIndex(token, outputs);
        long panel = panelAddress(token / PANEL);
        for (int input = 0; input < inputs; input++) {
            Memory.setFloat(to + (long) input * Float.BYTES, format.ofPanel(panel, inputs, input, token % PANEL));
        }
    }

    /// The bytes of all panels.
    public long bytes() {
        return bytes(format, outputs, inputs);
    }

    public int panelCount() {
        return panelCount(outputs);
    }

    public static int panelCount(int outputs) {
        return Math.ceilDiv(outputs, PANEL);
    }

    /// The bytes of all panels of a weight.
    public static long bytes(WeightFormat format, int outputs, int inputs) {
        return Math.multiplyExact(panelCount(outputs), format.panelBytes(inputs));
    }
}
