package org.sparkqwen.engine.template;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Measures and converts the variables with which a template is rendered. Their size decides how much work a
/// rendering may take.
final class Input {
    /// The number of characters that a value counts in addition to its own.
    private static final int UNITS_PER_VALUE = 4;

    private static final int DEEPEST = 100;

    private Input() {}

    /// Returns the budget of a rendering with `variables`.
    ///
    /// @throws TemplateException if they are too large, or nest too deep
    static Budget budget(Map<String, ? extends @Nullable Object> variables) {
        long units = units(variables, 0);
        if (units > Budget.LARGEST_INPUT) {
            throw new TemplateException("the conversation has %,d characters, more than the %,d that can be rendered"
                    .formatted(units, Budget.LARGEST_INPUT));
        }
        return new Budget(units);
    }

    private static long units(@Nullable Object value, int depth) {
        if (depth > DEEPEST) {
            throw new TemplateException("the conversation nests more than %d levels deep".formatted(DEEPEST));
        }
        long units = UNITS_PER_VALUE;
        switch (value) {
            case Text text -> units += text.length();
            case String string -> units += string.length();
            case List<?> list -> {
                for (Object item : list) {
                    units += units(item, depth + 1);
                }
            }
            case Map<?, ?> map -> {
                for (Map.Entry<?, ?> entry : map.entrySet()) {
                    units += units(entry.getKey(), depth + 1) + units(entry.getValue(), depth + 1);
                }
            }
            case null, default -> {}
        }
        return units;
    }

    /// Converts `value` to a value of a template. [Template#render] says which types it may have.
    static Object value(@Nullable Object value, Budget budget) {
        return switch (value) {
            case null -> None.NONE;
            case Text text -> text;
            case String string -> Text.own(string);
            case Boolean bool -> bool;
            case Long number -> number;
            case Double number -> number;
            case List<?> list -> {
                Items items = new Items(budget);
                for (Object item : list) {
                    items.add(value(item, budget));
                }
                yield items;
            }
            case Map<?, ?> map -> {
                Dict entries = new Dict(budget);
                map.forEach((key, entry) -> entries.put(value(key, budget), value(entry, budget)));
                yield entries;
            }
            default -> throw new IllegalArgumentException("no value for a template: " + value.getClass());
        };
    }
}
