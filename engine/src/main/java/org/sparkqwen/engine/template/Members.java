package org.sparkqwen.engine.template;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What is in a value: attributes, methods, items, slices.
final class Members {
    private Members() {}

    /// `owner.name`; undefined if there is no such thing.
    static Object attribute(Object owner, String name) {
        return switch (owner) {
            case Map<?, ?> map -> {
                Callable method = method(map, name);
                yield method != null ? method : value(map, Text.own(name));
            }
            case Namespace namespace -> {
                Object value = namespace.attributes().get(name);
                yield value != null ? value : missing("namespace", name);
            }
            case Loop loop -> loop.attribute(name);
            case Text text -> {
                Callable method = PythonStrings.method(text, name);
                yield method != null ? method : missing("string", name);
            }
            case Undefined undefined -> throw undefined.used();
            default -> missing(Values.type(owner), name);
        };
    }

    private static Undefined missing(String type, String name) {
        return new Undefined("a %s has no '%s'".formatted(type, name));
    }

    private static @Nullable Callable method(Map<?, ?> map, String name) {
        return switch (name) {
            case "get" ->
                arguments -> {
                    Object value = map.get(arguments.get(0, "key"));
                    return value != null ? value : arguments.get(1, "default", None.NONE);
                };
            case "items" -> _ -> entries(map);
            case "keys" -> _ -> new ArrayList<Object>(map.keySet());
            case "values" -> _ -> new ArrayList<Object>(map.values());
            default -> null;
        };
    }

    private static Object value(Map<?, ?> map, Object key) {
        Object value = map.get(key);
        return value != null ? value : missing("mapping", key.toString());
    }

    /// The entries of `map`, each a tuple of key and value.
    static List<Object> entries(Map<?, ?> map) {
        List<Object> entries = new ArrayList<>();
        map.forEach((key, value) -> entries.add(new Tuple(List.of(key, value))));
        return entries;
    }

    /// `owner[key]`; undefined if there is no such thing.
    static Object item(Object owner, Object key) {
        if (owner instanceof Map<?, ?> map && map.containsKey(key)) {
            return value(map, key);
        }
        if (Values.number(key) instanceof Long index && (owner instanceof List<?> || owner instanceof Text)) {
            List<?> items = owner instanceof List<?> list ? list : Values.items(owner);
            long place = index < 0 ? index + items.size() : index;
            return 0 <= place && place < items.size()
                    ? items.get((int) place)
                    : missing(Values.type(owner), "item " + index);
        }
        return attribute(
                owner,
                key instanceof Text name ? name.toString() : Spelling.text(key).toString());
    }

    /// `owner[start:end:step]`, of which each may be absent.
    static Object slice(Object owner, @Nullable Long start, @Nullable Long end, @Nullable Long step) {
        if (!(owner instanceof List<?> || owner instanceof Text)) {
            throw owner instanceof Undefined undefined
                    ? undefined.used()
                    : new TemplateException("a %s cannot be sliced".formatted(Values.type(owner)));
        }
        long stride = step == null ? 1 : step;
        if (stride == 0) {
            throw new TemplateException("a slice's step is 0");
        }
        List<Object> items = Values.items(owner);
        long size = items.size();
        // Downwards, the places run from the last item to before the first, which is -1.
        long lowest = stride > 0 ? 0 : -1;
        long highest = stride > 0 ? size : size - 1;
        long from = start == null ? (stride > 0 ? lowest : highest) : place(start, size, lowest, highest);
        long to = end == null ? (stride > 0 ? highest : lowest) : place(end, size, lowest, highest);
        List<Object> chosen = new ArrayList<>();
        for (long i = from; stride > 0 ? i < to : i > to; i += stride) {
            chosen.add(items.get((int) i));
        }
        return owner instanceof Text ? PythonStrings.joined(chosen) : chosen;
    }

    private static long place(long index, long size, long lowest, long highest) {
        return Math.clamp(index < 0 ? index + size : index, lowest, highest);
    }
}
