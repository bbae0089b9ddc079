package org.sparkqwen.engine.gguf;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// Reads the header of a GGUF file from its first byte to its last. Nothing is read, and nothing is allocated, before
/// it is clear that the file has as many bytes and that a header may have them.
final class HeaderCursor {
    /// The most bytes of a header. Those of published models have up to 20 MB, nearly all of it the vocabulary.
    private static final long MAX_HEADER_BYTES = 64L << 20;

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final String path;
    private final MemorySegment file;
    private long at;

    /// @param path the file, for messages
    HeaderCursor(String path, MemorySegment file) {
        this.path = path;
        this.file = file;
    }

    /// The next byte to read.
    long at() {
        return at;
    }

    /// Moves on by `bytes` and returns where they begin.
    ///
    /// @param bytes a negative number stands for 2^63 or more
    /// @param what what they are, for the message
    private long take(long bytes, String what) {
        if (bytes < 0 || bytes > file.byteSize() - at) {
            throw damaged("truncated: %s at byte %,d has %s bytes, and the file ends at %,d"
                    .formatted(what, at, Long.toUnsignedString(bytes), file.byteSize()));
        }
        if (bytes > MAX_HEADER_BYTES - at) {
            throw invalid("%s at byte %,d ends beyond the %,d bytes that a header may have"
                    .formatted(what, at, MAX_HEADER_BYTES));
        }
        long start = at;
        at += bytes;
        return start;
    }

    int readInt(String what) {
        return file.get(INT, take(Integer.BYTES, what));
    }

    long readLong(String what) {
        return file.get(LONG, take(Long.BYTES, what));
    }

    /// Reads a count.
    int readCount(String what, int most) {
        long count = readLong(what);
        if (count < 0 || count > most) {
            throw invalid("%s is %s; at most %,d are read".formatted(what, Long.toUnsignedString(count), most));
        }
        return (int) count;
    }

    /// Reads a name.
    ///
    /// @param most the most bytes that it may have
    String readName(String what, int most) {
        long start = at;
        long bytes = readLong("the length of " + what);
        if (bytes < 0 || bytes > most) {
            throw damaged("%s at byte %,d has %s bytes; at most %,d are allowed"
                    .formatted(what, start, Long.toUnsignedString(bytes), most));
        }
        return text(take(bytes, what), (int) bytes, what);
    }

    private String text(long start, int bytes, String what) {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(bytes(start, bytes))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new InvalidModelException("%s: %s is malformed UTF-8".formatted(path, what), e);
        }
    }

    private ByteBuffer bytes(long start, long count) {
        byte[] copy = new byte[Math.toIntExact(count)];
        MemorySegment.copy(file, ValueLayout.JAVA_BYTE, start, copy, 0, copy.length);
        return ByteBuffer.wrap(copy).order(ByteOrder.LITTLE_ENDIAN);
    }

    /// Reads the type and the content of a value.
    GgufValue readValue(String key) {
        String what = "the value of " + Quote.of(key);
        ValueType type = readType(what);
        return switch (type) {
            case UINT8 -> new GgufValue.Whole(Byte.toUnsignedLong(file.get(ValueLayout.JAVA_BYTE, take(1, what))));
            case INT8 -> new GgufValue.Whole(file.get(ValueLayout.JAVA_BYTE, take(1, what)));
            case UINT16 -> new GgufValue.Whole(Short.toUnsignedLong(file.get(SHORT, take(Short.BYTES, what))));
            case INT16 -> new GgufValue.Whole(file.get(SHORT, take(Short.BYTES, what)));
            case UINT32 -> new GgufValue.Whole(Integer.toUnsignedLong(readInt(what)));
            case INT32 -> new GgufValue.Whole(readInt(what));
            case INT64 -> new GgufValue.Whole(readLong(what));
            case UINT64 -> {
                long value = readLong(what);
                yield value >= 0
                        ? new GgufValue.Whole(value)
                        : new GgufValue.Real(Double.parseDouble(Long.toUnsignedString(value)));
            }
            // The shortest decimal is the number that the converter read, such as 1e-6.
            case FLOAT32 -> new GgufValue.Real(Double.parseDouble(Float.toString(Float.intBitsToFloat(readInt(what)))));
            case FLOAT64 -> new GgufValue.Real(Double.longBitsToDouble(readLong(what)));
            case BOOL -> readFlag(what);
            case STRING -> {
                long bytes = readLong("the length of " + what);
                long start = take(bytes, what);
                yield new GgufValue.Text(text(start, (int) bytes, what));
            }
            case ARRAY -> readArray(what);
        };
    }

    private GgufValue readFlag(String what) {
        byte value = file.get(ValueLayout.JAVA_BYTE, take(1, what));
        if (value != 0 && value != 1) {
            throw damaged("%s is %d, neither true nor false".formatted(what, value));
        }
        return new GgufValue.Flag(value == 1);
    }

    private GgufValue readArray(String what) {
        ValueType type = readType(what);
        if (type == ValueType.ARRAY) {
            throw invalid("%s is a list of lists, which no model needs".formatted(what));
        }
        String length = "the length of " + what;
        long count = readLong(length);
        long start = at;
        if (type != ValueType.STRING) {
            take(count < 0 || count > MAX_HEADER_BYTES ? -1 : count * type.bytes, what);
        } else {
            // Each string takes 8 bytes at least, so a count that is too large ends at the end of the file.
            for (long i = 0; i != count; i++) {
                take(readLong(length), what);
            }
        }
        return new GgufValue.Array(type, Math.toIntExact(count), bytes(start, at - start));
    }

    private ValueType readType(String what) {
        int id = readInt("the type of " + what);
        return ValueType.withId(id)
                .orElseThrow(() -> damaged(
                        "%s has the type %s, which does not exist".formatted(what, Integer.toUnsignedString(id))));
    }

    InvalidModelException damaged(String what) {
        return new InvalidModelException("%s: %s; download the file again".formatted(path, what));
    }

    InvalidModelException invalid(String what) {
        return new InvalidModelException("%s: %s".formatted(path, what));
    }
}
