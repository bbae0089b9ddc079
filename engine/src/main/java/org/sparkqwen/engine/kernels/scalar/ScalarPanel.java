package org.sparkqwen.engine.kernels.scalar;

import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;

import org.sparkqwen.engine.kernels.Arithmetic;
import org.sparkqwen.engine.kernels.IntegerProduct;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.Matrix;

/// A panel of a weight as the scalar reference multiplies it.
interface ScalarPanel {
    /// Adds to 32 sums the products of a row with the panel.
    ///
    /// @param x `[inputs]`
    /// @param sums 32 sums from index `at` on
    void accumulate(float[] x, float[] sums, int at);

    static ScalarPanel of(Matrix weight, int panel, Arithmetic arithmetic) {
        long address = weight.panelAddress(panel);
        if (arithmetic == Arithmetic.INTEGERS) {
            IntegerLayout layout = IntegerLayout.of(weight.format());
            return (x, sums, at) -> IntegerProduct.accumulate(layout, IntegerProduct.Row.of(x), address, sums, at);
        }
        float[] floats = new float[weight.inputs() * PANEL];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = weight.format().ofPanel(address, weight.inputs(), i / PANEL, i % PANEL);
        }
        return (x, sums, at) -> ScalarProduct.accumulate(arithmetic, x, floats, sums, at);
    }
}
