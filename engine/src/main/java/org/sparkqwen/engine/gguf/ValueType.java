package org.sparkqwen.engine.gguf;

import java.util.Arrays;
import java.util.Optional;

/// The types of metadata values, with the ids that the format gives them.
enum ValueType {
    UINT8(0, 1),
    INT8(1, 1),
    UINT16(2, 2),
    INT16(3, 2),
    UINT32(4, 4),
    INT32(5, 4),
    FLOAT32(6, 4),
    BOOL(7, 1),
    STRING(8, 0),
    ARRAY(9, 0),
    UINT64(10, 8),
    INT64(11, 8),
    FLOAT64(12, 8);

    private final int id;

    /// The size of a value in bytes; 0 if it depends on the value.
    final int bytes;

    ValueType(int id, int bytes) {
        this.id = id;
        this.bytes = bytes;
    }

    static Optional<ValueType> withId(int id) {
        return Arrays.stream(values()).filter(type -> type.id == id).findFirst();
    }
}
