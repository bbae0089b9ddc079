package org.sparkqwen.engine.gguf;

import java.nio.charset.CharacterCodingException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// The metadata of a GGUF file, read key by key with errors that name the file and the key.
///
/// @param origin the file, for messages
record GgufMetadata(String origin, Map<String, GgufValue> values) {

    boolean has(String key) {
        return values.containsKey(key);
    }

    Set<String> keys() {
        return values.keySet();
    }

    int wholeNumber(String key, int least, int most) {
        if (values.get(key) instanceof GgufValue.Whole(long value) && value >= least && value <= most) {
            return (int) value;
        }
        throw wrong(key, "a whole number from %d to %,d".formatted(least, most));
    }

    /// A finite number, whole or not.
    double number(String key) {
        double value = switch (values.get(key)) {
            case GgufValue.Whole(long whole) -> whole;
            case GgufValue.Real(double real) -> real;
            case null, default -> Double.NaN;
        };
        if (!Double.isFinite(value)) {
            throw wrong(key, "a number");
        }
        return value;
    }

    boolean flag(String key, boolean absent) {
        return switch (values.get(key)) {
            case null -> absent;
            case GgufValue.Flag(boolean value) -> value;
            default -> throw wrong(key, "true or false");
        };
    }

    String text(String key) {
        if (values.get(key) instanceof GgufValue.Text(String value)) {
            return value;
        }
        throw wrong(key, "a string");
    }

    /// The number of values in a list.
    int count(String key) {
        return array(key, "a list").count();
    }

    List<String> texts(String key) {
        GgufValue.Array array = array(key, "a list of strings");
        if (array.type() != ValueType.STRING) {
            throw wrong(key, "a list of strings");
        }
        try {
            return array.texts();
        } catch (CharacterCodingException e) {
            throw new InvalidModelException("%s: %s has malformed UTF-8".formatted(origin, key), e);
        }
    }

    int[] integers(String key) {
        GgufValue.Array array = array(key, "a list of whole numbers of 32 bits");
        return switch (array.type()) {
            case INT32, UINT32 -> array.integers();
            default -> throw wrong(key, "a list of whole numbers of 32 bits");
        };
    }

    private GgufValue.Array array(String key, String expected) {
        if (values.get(key) instanceof GgufValue.Array array) {
            return array;
        }
        throw wrong(key, expected);
    }

    InvalidModelException wrong(String key, String expected) {
        return invalid("%s must be %s, not %s".formatted(key, expected, shown(key)));
    }

    InvalidModelException unsupported(String key, String supported) {
        return invalid("%s %s is not supported; %s".formatted(Quote.of(key), shown(key), supported));
    }

    InvalidModelException invalid(String what) {
        return new InvalidModelException("%s: %s".formatted(origin, what));
    }

    private String shown(String key) {
        GgufValue value = values.get(key);
        return value == null ? "absent" : Quote.of(value);
    }
}
