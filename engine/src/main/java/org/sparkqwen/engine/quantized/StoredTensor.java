package org.sparkqwen.engine.quantized;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.sparkqwen.engine.kernels.format.Bfloat16;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// A tensor as it lies in a mapped safetensors file: row-major, little-endian, not copied.
///
/// @param path the file, for messages
/// @param data exactly the tensor's bytes; the format promises no alignment
public record StoredTensor(Path path, String name, NumberType type, List<Integer> shape, MemorySegment data) {

    /// This tensor under another name.
    public StoredTensor named(String other) {
        return new StoredTensor(path, other, type, shape, data);
    }

    long elements() {
        return data.byteSize() / type.bytes();
    }

    /// Number `index` as a float, which is exact for all types but I32 and I64.
    public float number(long index) {
        return switch (type) {
            case BF16 -> Bfloat16.widened(data.getAtIndex(JAVA_SHORT_UNALIGNED, index));
            case F16 -> Float.float16ToFloat(data.getAtIndex(JAVA_SHORT_UNALIGNED, index));
            case F32 -> data.getAtIndex(JAVA_FLOAT_UNALIGNED, index);
            case F8_E4M3 -> Float8.value(data.get(JAVA_BYTE, index));
            case I8 -> data.get(JAVA_BYTE, index);
            case I32 -> word(index);
            case I64 -> data.getAtIndex(JAVA_LONG_UNALIGNED, index);
        };
    }

    /// Number `index` of a tensor of I32.
    int word(long index) {
        return data.getAtIndex(JAVA_INT_UNALIGNED, index);
    }

    /// Number `index` of a tensor of I32 or I64.
    long integer(long index) {
        return type == NumberType.I64 ? data.getAtIndex(JAVA_LONG_UNALIGNED, index) : word(index);
    }

    /// @throws InvalidModelException unless the tensor has one of these types
    StoredTensor requireType(Set<NumberType> types) {
        if (!types.contains(type)) {
            throw fault("has dtype %s; quantized weights have %s there"
                    .formatted(
                            type, types.stream().sorted().map(NumberType::name).collect(Collectors.joining(" or "))));
        }
        return this;
    }

    /// @throws InvalidModelException unless the tensor has so many dimensions, each of 1 or more
    StoredTensor requireDimensions(int count) {
        if (shape.size() != count || shape.contains(0)) {
            throw fault("has shape %s; quantized weights have %d dimension(s) there".formatted(shape, count));
        }
        return this;
    }

    /// Refuses a matrix of words that stand for more outputs or inputs than any layer has.
    ///
    /// @param first the numbers for which one step of the first dimension stands
    /// @param second the same of the second dimension
    StoredTensor requireWidths(int first, int second) {
        if (shape.getFirst() > Settings.MAX_WIDTH / first || shape.getLast() > Settings.MAX_WIDTH / second) {
            throw fault("has the impossible shape %s".formatted(shape));
        }
        return this;
    }

    /// @param why says what demands this shape, for the message
    /// @throws InvalidModelException unless the tensor has this shape
    StoredTensor requireShape(String why, Integer... sizes) {
        if (!shape.equals(Arrays.asList(sizes))) {
            throw fault("has shape %s; %s need %s".formatted(shape, why, Arrays.toString(sizes)));
        }
        return this;
    }

    /// A fault of this tensor.
    ///
    /// @param what continues the sentence that begins with the tensor
    InvalidModelException fault(String what) {
        return new InvalidModelException("%s: tensor %s %s".formatted(path, Quote.of(name), what));
    }
}
