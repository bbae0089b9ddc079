package org.sparkqwen.engine.constraint.schema;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// Values that are listed one by one, as in `const` and `enum`.
///
/// @param byKey the values by [JsonValues#key], in the schema's order
record ListedValues(Map<Object, JsonNode> byKey, Origin origin) implements Values {
    static ListedValues of(Iterable<JsonNode> values, Origin origin) {
        Map<Object, JsonNode> byKey = new LinkedHashMap<>();
        values.forEach(value -> byKey.putIfAbsent(JsonValues.key(value), value));
        return new ListedValues(byKey, origin);
    }

    Collection<JsonNode> values() {
        return byKey.values();
    }

    @Override
    public Values withOrigin(Origin other) {
        return new ListedValues(byKey, other);
    }

    @Override
    public @Nullable Values and(Values other, Meanings meanings) {
        Origin both = origin.and(other.origin());
        if (other instanceof ListedValues listed) {
            return kept(both, each -> listed.byKey.containsKey(each.getKey()));
        }
        return kept(both, each -> other.contains(each.getValue(), meanings));
    }

    private @Nullable ListedValues kept(Origin newOrigin, Predicate<Map.Entry<Object, JsonNode>> condition) {
        Map<Object, JsonNode> kept = new LinkedHashMap<>();
        for (Map.Entry<Object, JsonNode> each : byKey.entrySet()) {
            if (condition.test(each)) {
                kept.put(each.getKey(), each.getValue());
            }
        }
        return kept.isEmpty() ? null : new ListedValues(kept, newOrigin);
    }

    @Override
    public List<Values> minus(Values other, Meanings meanings) {
        ListedValues kept = kept(
                origin,
                each -> other instanceof ListedValues listed
                        ? !listed.byKey.containsKey(each.getKey())
                        : !other.contains(each.getValue(), meanings));
        return kept == null ? List.of() : List.of(kept);
    }

    @Override
    public boolean contains(JsonNode value, Meanings meanings) {
        return byKey.containsKey(JsonValues.key(value));
    }

    @Override
    public boolean isNever(Meanings meanings) {
        return byKey.isEmpty();
    }
}
