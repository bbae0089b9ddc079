package org.sparkqwen.engine.kernels.code;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.ProductBurst;
import org.sparkqwen.engine.kernels.format.KnownFormat;

/// Bursts count what their instructions do.
class InstructionBurstTest {
    @ParameterizedTest
    @EnumSource(Precision.class)
    void aBurstIsOfTheInstructionThatMultipliesAFormat(Precision precision) {
        CodeProvider provider = new CodeProvider();
        provider.obstacle(precision).ifPresent(reason -> assumeTrue(false, reason));
        try (var kernels = provider.create(1, precision)) {
            KnownFormat format = precision == Precision.INT8 ? KnownFormat.INT8 : KnownFormat.BF16;
            double operations =
                    kernels.productBurst(format).map(ProductBurst::run).orElse(0d);
            double ofTile = 2d * 16 * 16 * 4 * (1 << 12); // of an input of 16 rows and outputs, 4 chains, all turns
            switch (precision) {
                case FLOAT32 -> assertThat(operations).isZero(); // the multiply-adds of the Vector API
                case FLOAT32X2 -> assertThat(operations).isEqualTo(16 * ofTile); // 32 inputs for two parts
                case BFLOAT16 -> assertThat(operations).isEqualTo(2d * 2 * 16 * 24 * (1 << 14));
                case BFLOAT16_AMX -> assertThat(operations).isEqualTo(32 * ofTile);
                case INT8 -> assertThat(operations).isGreaterThan(2d * 16 * 24 * (1 << 14));
            }
            assertThat(kernels.productBurst(KnownFormat.F32).isPresent())
                    .isEqualTo(precision == Precision.BFLOAT16 || precision == Precision.BFLOAT16_AMX);
        }
    }
}
