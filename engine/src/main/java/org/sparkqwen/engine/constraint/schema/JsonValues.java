package org.sparkqwen.engine.constraint.schema;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Equality of JSON values as JSON Schema defines it: `1` equals `1.0`, and the order of properties does not
/// matter.
final class JsonValues {
    private JsonValues() {}

    /// Returns an object that equals the key of another value if and only if the values are equal.
    static Object key(JsonNode value) {
        if (value.isNumber()) {
            return number(value);
        }
        if (value.isArray()) {
            List<Object> elements = new ArrayList<>();
            value.forEach(element -> elements.add(key(element)));
            return elements;
        }
        if (value.isObject()) {
            Map<String, Object> properties = new HashMap<>();
            value.properties().forEach(each -> properties.put(each.getKey(), key(each.getValue())));
            return properties;
        }
        return value;
    }

    /// Returns a number without zeros at the end of its fraction.
    static BigDecimal number(JsonNode value) {
        return value.decimalValue().stripTrailingZeros();
    }

    static boolean isWhole(BigDecimal number) {
        return number.signum() == 0 || number.stripTrailingZeros().scale() <= 0;
    }
}
