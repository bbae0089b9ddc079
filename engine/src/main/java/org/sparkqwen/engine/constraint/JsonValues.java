package org.sparkqwen.engine.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Equality of JSON values as JSON Schema has it: `1` is `1.0`, and the order of properties does not count.
final class JsonValues {
    private JsonValues() {}

    /// An object that equals another value's exactly if the values are equal.
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

    /// A number without zeros at the end of its fraction.
    static BigDecimal number(JsonNode value) {
        return value.decimalValue().stripTrailingZeros();
    }

    static boolean isWhole(BigDecimal number) {
        return number.signum() == 0 || number.stripTrailingZeros().scale() <= 0;
    }
}
