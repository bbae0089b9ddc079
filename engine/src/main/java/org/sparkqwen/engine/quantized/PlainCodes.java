package org.sparkqwen.engine.quantized;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.util.Optional;
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
        boolean floats = tensor.type() == NumberType.F8_E4M3;
        for (int row = 0; row < rows.length; row++) {
            long at = (long) (first + row) * inputs();
            float[] numbers = rows[row];
            for (int input = 0; input < numbers.length; input++) {
                byte bits = tensor.data().get(JAVA_BYTE, at + input);
                numbers[input] = floats ? Float8.value(bits) : bits;
            }
        }
    }

    @Override
    public Optional<Span> integers() {
        return tensor.type() == NumberType.F8_E4M3 ? Optional.empty() : Optional.of(Span.signed(Byte.SIZE));
    }

    @Override
    public Range range(boolean minusZeros) {
        if (tensor.type() == NumberType.F8_E4M3) {
            return Range.FLOAT8;
        }
        return minusZeros ? Range.differences(Byte.SIZE) : Range.signed(Byte.SIZE);
    }
}
