package org.sparkqwen.engine.gguf;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/// A value of a GGUF file's metadata.
sealed interface GgufValue {

    /// A whole number of any width.
    record Whole(long value) implements GgufValue {
        @Override
        public String toString() {
            return Long.toString(value);
        }
    }

    /// A number with a fraction, or a whole number that no `long` holds.
    record Real(double value) implements GgufValue {
        @Override
        public String toString() {
            return Double.toString(value);
        }
    }

    record Flag(boolean value) implements GgufValue {
        @Override
        public String toString() {
            return Boolean.toString(value);
        }
    }

    record Text(String value) implements GgufValue {
        @Override
        public String toString() {
            return value;
        }
    }

    /// A list of values of one type, as its checked bytes. It is decoded when it is asked for, because a vocabulary
    /// has some hundred thousand of them.
    ///
    /// @param type any type but an array
    record Array(ValueType type, int count, ByteBuffer bytes) implements GgufValue {
        /// The texts of an array of STRING.
        ///
        /// @throws CharacterCodingException if one of them is malformed UTF-8
        List<String> texts() throws CharacterCodingException {
            ByteBuffer in = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
            CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
            List<String> texts = new ArrayList<>(count);
            for (int i = 0; i < count; i++) {
                int length = Math.toIntExact(in.getLong());
                texts.add(decoder.decode(in.slice(in.position(), length)).toString());
                in.position(in.position() + length);
            }
            return texts;
        }

        /// The numbers of an array of INT32 or UINT32.
        int[] integers() {
            int[] integers = new int[count];
            bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(integers);
            return integers;
        }

        @Override
        public String toString() {
            return "a list of %,d values".formatted(count);
        }
    }
}
