package org.sparkqwen.engine.kernels.measure;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.kernels.vector.MultiplyAdds;
import org.sparkqwen.engine.kernels.vector.OuterProduct;

class MachinePeakTest {
    /// The best of a few bursts of a tenth of a second; how fast is printed, not asserted.
    @Test
    void measuresArithmeticAndMemory() {
        double core = 0;
        double all = 0;
        double read = 0;
        try (MachinePeak peak = new MachinePeak(2)) {
            for (int i = 0; i < 3; i++) {
                core = Math.max(core, peak.coreFlops());
                all = Math.max(all, peak.flops());
                read = Math.max(read, peak.readBytes());
            }
        }
        System.out.printf(
                "one core %.0f GFLOP/s, two threads %.0f GFLOP/s, %.1f GB/s%n", core / 1e9, all / 1e9, read / 1e9);
        assertThat(core).isFinite().isPositive();
        assertThat(all).isFinite().isPositive();
        assertThat(read).isFinite().isPositive();
    }

    /// `a = a + 1 / 2` in each of the chains, which start at 2, 3 and so on: none was left out.
    @Test
    void everyChainIsComputed() {
        double chains = MultiplyAdds.flops(100) / (2 * 100 * OuterProduct.LANES);
        assertThat(chains).isIn(12.0, 16.0);
        double starts = chains * (chains + 3) / 2;
        assertThat(MultiplyAdds.run(MultiplyAdds.numbers(), 100)).isEqualTo((float) (starts + chains * 100 / 2));
    }
}
