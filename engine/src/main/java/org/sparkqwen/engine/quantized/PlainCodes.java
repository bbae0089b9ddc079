package org.sparkqwen.engine.quantized;

import java.util.Set;

/// Numbers of a byte each, `[outputs, inputs]`: integers, or floats of 8 bits.
record PlainCodes(StoredTensor tensor) implements Codes {
    static final Set<NumberType> TYPES = Set.of(NumberType.I8, NumberType.F8_E4M3);

    PlainCodes {
        tensor.requireType(TYPES).requireDimensions(2);
    }

    @Override
    public int outputs() {
        return tensor.shape().getFirst();
    }

    @Override
    public int inputs() {
        return tensor.shape().getLast();
    }

    @Override
    public void read(int first, float[][] rows) {
        for (int row = 0; row < rows.length; row++) {
            long at = (long) (first + row) * inputs();
            for (int input = 0; input < inputs(); input++) {
                rows[row][input] = tensor.number(at + input);
            }
        }
    }

    @Override
    public Range range(boolean minusZeros) {
        if (tensor.type() == NumberType.F8_E4M3) {
            return Range.FLOAT8;
        }
        return minusZeros ? Range.differences(Byte.SIZE) : Range.signed(Byte.SIZE);
    }
}
