package org.sparkqwen.engine.kernels;

import java.util.Random;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.ScaledIntegers;
import org.sparkqwen.engine.kernels.format.WeightRows;

/// Random integers and scales of a layout, which keeps them. Every fifth integer is the least one, and some scales are
/// negative or zero.
public final class KeptRows implements WeightRows, ScaledIntegers {
    private final IntegerLayout layout;

    public KeptRows(IntegerLayout layout) {
        this.layout = layout;
    }

    @Override
    public ScaledIntegers integers() {
        return this;
    }

    @Override
    public void read(int output, byte[] integers) {
        Random random = new Random(output);
        int half = 1 << (layout.bits() - 1);
        for (int input = 0; input < integers.length; input++) {
            integers[input] = (byte) (input % 5 == 0 ? -half : random.nextInt(-half, half));
        }
    }

    @Override
    public float scale(int output, int input) {
        int group = input / layout.groupInputs();
        if ((output + group) % 11 == 10) {
            return 0;
        }
        float magnitude = 0x1.18p-9f * (1 + output % 3); // 6 or 7 significant bits
        return (output + group) % 7 == 6 ? -magnitude : magnitude;
    }

    @Override
    public void read(int output, float[] row) {
        byte[] integers = new byte[row.length];
        read(output, integers);
        for (int input = 0; input < row.length; input++) {
            row[input] = integers[input] * scale(output, input);
        }
    }
}
