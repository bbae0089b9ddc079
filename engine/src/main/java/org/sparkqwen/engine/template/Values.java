package org.sparkqwen.engine.template;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// What Python says of values: truth, equality, order, membership.
final class Values {
    private Values() {}

    /// `value` as a template's value; [Template#render] says of what.
    static Object of(@Nullable Object value) {
        return switch (value) {
            case null -> None.NONE;
            case Text text -> text;
            case String string -> Text.own(string);
            case Boolean bool -> bool;
            case Long number -> number;
            case List<?> list -> list.stream().map(Values::of).toList();
            case Map<?, ?> map -> {
                Map<Object, Object> entries = new LinkedHashMap<>();
                map.forEach((key, entry) -> entries.put(of(key), of(entry)));
                yield entries;
            }
            default -> throw new IllegalArgumentException("no value for a template: " + value.getClass());
        };
    }

    /// The name of a value's type, for messages.
    static String type(Object value) {
        return switch (value) {
            case Text _ -> "string";
            case Boolean _ -> "truth value";
            case Long _ -> "whole number";
            case Double _ -> "number";
            case List<?> _ -> "list";
            case Map<?, ?> _ -> "mapping";
            case None _ -> "None";
            case Undefined _ -> "undefined value";
            default -> value.getClass().getSimpleName().toLowerCase(Locale.ROOT);
        };
    }

    static boolean truth(Object value) {
        return switch (value) {
            case Text text -> !text.isEmpty();
            case Boolean bool -> bool;
            case Long number -> number != 0;
            case Double number -> number != 0;
            case List<?> list -> !list.isEmpty();
            case Map<?, ?> map -> !map.isEmpty();
            case None _, Undefined _ -> false;
            default -> true;
        };
    }

    /// `value` as a Long or Double, true as 1; or null if it is no number.
    static @Nullable Number number(Object value) {
        return switch (value) {
            case Boolean bool -> bool ? 1L : 0L;
            case Long number -> number;
            case Double number -> number;
            default -> null;
        };
    }

    static boolean equal(Object a, Object b) {
        Number left = number(a);
        Number right = number(b);
        if (left != null && right != null) {
            return compare(left, right) == 0;
        }
        if (a instanceof Undefined && b instanceof Undefined) {
            return true;
        }
        if (a instanceof List<?> first && b instanceof List<?> second) {
            boolean same = first.size() == second.size();
            for (int i = 0; same && i < first.size(); i++) {
                same = equal(first.get(i), second.get(i));
            }
            return same;
        }
        return Objects.equals(a, b);
    }

    /// Negative, zero or positive, as `a` comes before, with or after `b`.
    static int compare(Object a, Object b) {
        if (a instanceof Text left && b instanceof Text right) {
            return Arrays.compare(codePoints(left), codePoints(right));
        }
        Number left = number(a);
        Number right = number(b);
        if (left == null || right == null) {
            throw a instanceof Undefined undefined
                    ? undefined.used()
                    : new TemplateException("a %s and a %s have no order".formatted(type(a), type(b)));
        }
        return left instanceof Long && right instanceof Long
                ? Long.compare(left.longValue(), right.longValue())
                : Double.compare(left.doubleValue() + 0.0, right.doubleValue() + 0.0);
    }

    private static int[] codePoints(Text text) {
        return text.toString().codePoints().toArray();
    }

    static boolean contains(Object container, Object item) {
        if (container instanceof Text text) {
            if (item instanceof Text part) {
                return text.toString().contains(part.toString());
            }
            throw new TemplateException("a string holds strings, not a " + type(item));
        }
        return items(container).stream().anyMatch(each -> equal(each, item));
    }

    /// What a loop over `value` runs through.
    static List<Object> items(Object value) {
        return switch (value) {
            case List<?> list -> new ArrayList<>(list);
            case Map<?, ?> map -> new ArrayList<>(map.keySet());
            case Text text -> new ArrayList<>(PythonStrings.characters(text));
            case Undefined _ -> List.of();
            default -> throw new TemplateException("a %s has no items".formatted(type(value)));
        };
    }

    static long length(Object value) {
        return value instanceof Text text
                ? text.toString().codePointCount(0, text.length())
                : items(value).size();
    }
}
