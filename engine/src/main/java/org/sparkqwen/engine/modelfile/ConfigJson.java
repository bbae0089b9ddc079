package org.sparkqwen.engine.modelfile;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.DoublePredicate;
import org.sparkqwen.engine.message.Quote;

/// A JSON object of a model's configuration, read key by key with errors that name the file and the key.
///
/// @param origin the file, and the path of keys inside it
public record ConfigJson(String origin, JsonNode node) {

    public boolean has(String key) {
        return node.hasNonNull(key);
    }

    /// The keys whose value is not null.
    public Set<String> keys() {
        Set<String> keys = new TreeSet<>();
        node.fieldNames().forEachRemaining(key -> {
            if (has(key)) {
                keys.add(key);
            }
        });
        return keys;
    }

    public ConfigJson object(String key) {
        if (!node.path(key).isObject()) {
            throw wrong(key, "an object");
        }
        return new ConfigJson(origin + ": " + key, node.path(key));
    }

    /// @param most an upper bound that no real model comes near, so that sizes do not overflow
    public int positiveInt(String key, int most) {
        return wholeNumber(key, 1, most);
    }

    public int wholeNumber(String key, int least, int most) {
        JsonNode value = node.path(key);
        if (!value.isIntegralNumber()
                || !value.canConvertToInt()
                || value.intValue() < least
                || value.intValue() > most) {
            throw wrong(key, "a whole number from %d to %,d".formatted(least, most));
        }
        return value.intValue();
    }

    public double positiveNumber(String key) {
        return number(key, value -> value > 0, "a positive number");
    }

    /// @param allowed whether a finite number is allowed
    /// @param expected what `allowed` demands, for the message
    public double number(String key, DoublePredicate allowed, String expected) {
        JsonNode value = node.path(key);
        if (!value.isNumber() || !Double.isFinite(value.doubleValue()) || !allowed.test(value.doubleValue())) {
            throw wrong(key, expected);
        }
        return value.doubleValue();
    }

    public double positiveNumber(String key, double absent) {
        return has(key) ? positiveNumber(key) : absent;
    }

    public boolean flag(String key, boolean absent) {
        if (!has(key)) {
            return absent;
        }
        if (!node.path(key).isBoolean()) {
            throw wrong(key, "true or false");
        }
        return node.path(key).booleanValue();
    }

    public String text(String key) {
        if (!node.path(key).isTextual()) {
            throw wrong(key, "a string");
        }
        return node.path(key).textValue();
    }

    /// A list of strings; empty where the key is absent or null.
    public List<String> texts(String key) {
        List<String> texts = new ArrayList<>();
        if (has(key)) {
            for (JsonNode text : node.path(key).isArray() ? node.path(key) : List.of(node.path(key))) {
                if (!text.isTextual()) {
                    throw wrong(key, "a list of strings");
                }
                texts.add(text.textValue());
            }
        }
        return texts;
    }

    /// A token id or a list of them; empty where the key is absent or null.
    public List<Integer> tokenIds(String key) {
        return numbers(key, "a token id or a list of them");
    }

    /// A list of whole numbers from 0 on; empty where the key is absent or null.
    public List<Integer> wholeNumbers(String key) {
        if (has(key) && !node.path(key).isArray()) {
            throw wrong(key, "a list of whole numbers");
        }
        return numbers(key, "a list of whole numbers");
    }

    private List<Integer> numbers(String key, String expected) {
        if (!has(key)) {
            return List.of();
        }
        JsonNode value = node.path(key);
        List<Integer> numbers = new ArrayList<>();
        for (JsonNode number : value.isArray() ? value : List.of(value)) {
            if (!number.isIntegralNumber() || !number.canConvertToInt() || number.intValue() < 0) {
                throw wrong(key, expected);
            }
            numbers.add(number.intValue());
        }
        return Collections.unmodifiableList(numbers);
    }

    public InvalidModelException wrong(String key, String expected) {
        JsonNode value = node.path(key);
        return invalid(
                "%s must be %s, not %s".formatted(key, expected, value.isMissingNode() ? "absent" : Quote.of(value)));
    }

    public InvalidModelException unsupported(String key, String supported) {
        JsonNode value = node.path(key);
        return invalid("%s %s is not supported; %s"
                .formatted(Quote.of(key), Quote.of(value.isTextual() ? value.textValue() : value), supported));
    }

    public InvalidModelException invalid(String what) {
        return new InvalidModelException("%s: %s".formatted(origin, what));
    }
}
