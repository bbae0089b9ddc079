package org.sparkqwen.engine.template;

import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;

/// Looks up what is within a value: attributes, methods, items and slices.
final class Members {
    private Members() {}

    /// Returns `owner.name`, which is undefined if there is no such thing.
    static Object attribute(Object owner, Text key, Budget budget) {
        String name = key.toString();
        return switch (owner) {
            case Dict map -> {
                Callable method = method(map, name);
                yield method != null ? method : value(map, key, budget);
            }
            case Namespace namespace -> {
                Object value = namespace.get(name);
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
        return new Undefined(() -> "a %s has no '%s'".formatted(type, Quote.of(name)));
    }

    private static @Nullable Callable method(Dict map, String name) {
        return switch (name) {
            case "get" ->
                arguments -> {
                    Object key = arguments.get(0, "key");
                    if (key instanceof List<?> || key instanceof Dict) {
                        throw new TemplateException("a %s is no key".formatted(Values.type(key)));
                    }
                    Object value = map.get(key, arguments.budget());
                    return value != null ? value : arguments.get(1, "default", None.NONE);
                };
            case "items" -> arguments -> map.pairs(arguments.budget());
            case "keys" -> arguments -> map.keys(arguments.budget());
            case "values" -> arguments -> map.values(arguments.budget());
            default -> null;
        };
    }

    private static Object value(Dict map, Text key, Budget budget) {
        Object value = map.get(key, budget);
        return value != null ? value : missing("mapping", key.toString());
    }

    /// Returns `owner[key]`, which is undefined if there is no such thing.
    static Object item(Object owner, Object key, Budget budget) {
        if (owner instanceof Dict map) {
            Object value = map.get(key, budget);
            if (value != null) {
                return value;
            }
        }
        if (Values.number(key) instanceof Long index && (owner instanceof List<?> || owner instanceof Text)) {
            long size = Values.length(owner, budget);
            long place = index < 0 ? index + size : index;
            if (place < 0 || size <= place) {
                return missing(Values.type(owner), "item " + index);
            }
            return owner instanceof List<?> list
                    ? list.get((int) place)
                    : PythonStrings.character((Text) owner, (int) place, budget);
        }
        return attribute(owner, Spelling.text(key, budget), budget);
    }

    /// Returns an item at an end of `value`: the first for `index` 0, or the last for `index` -1.
    static Object end(Object value, int index, Budget budget) {
        Supplier<String> reason = () -> "the sequence is empty";
        Object owner = value instanceof Text ? value : Values.items(value, budget);
        return Values.length(owner, budget) == 0 ? new Undefined(reason) : item(owner, (long) index, budget);
    }

    /// Returns `owner[start:end:step]`. Each of the three numbers may be absent.
    static Object slice(Object owner, @Nullable Long start, @Nullable Long end, @Nullable Long step, Budget budget) {
        if (!(owner instanceof List<?> || owner instanceof Text)) {
            throw owner instanceof Undefined undefined
                    ? undefined.used()
                    : new TemplateException("a %s cannot be sliced".formatted(Values.type(owner)));
        }
        long stride = step == null ? 1 : step;
        if (stride == 0) {
            throw new TemplateException("a slice's step is 0");
        }
        long size = Values.length(owner, budget);
        // With a negative step, the places run from the last item down to -1, which is before the first item.
        long lowest = stride > 0 ? 0 : -1;
        long highest = stride > 0 ? size : size - 1;
        long from = start == null ? (stride > 0 ? lowest : highest) : place(start, size, lowest, highest);
        long to = end == null ? (stride > 0 ? highest : lowest) : place(end, size, lowest, highest);
        // No list is long enough for a second item at a longer stride.
        long pace = Math.clamp(stride, -size - 1, size + 1);
        if (owner instanceof Text text) {
            return PythonStrings.slice(text, (int) from, (int) to, (int) pace, budget);
        }
        Items chosen = new Items(budget);
        for (long i = from; pace > 0 ? i < to : i > to; i += pace) {
            chosen.add(((List<?>) owner).get((int) i));
        }
        return chosen;
    }

    /// Returns the items in reverse order.
    static Object reversed(Object value, Budget budget) {
        return slice(value instanceof Text ? value : Values.items(value, budget), null, null, -1L, budget);
    }

    private static long place(long index, long size, long lowest, long highest) {
        return Math.clamp(index < 0 ? index + size : index, lowest, highest);
    }
}
