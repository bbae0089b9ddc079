package org.sparkqwen.engine.template;

import java.util.List;
import java.util.Map;

/// The arguments of a call from a template: some in order, some by name.
///
/// @param budget the budget of the rendering, which pays for the call
record Arguments(List<?> positional, Map<String, Object> named, Budget budget) {
    boolean has(int index, String name) {
        return index < positional.size() || named.containsKey(name);
    }

    /// Returns the argument at `index`, or the one called `name` if there are not so many.
    Object get(int index, String name) {
        if (index < positional.size()) {
            return positional.get(index);
        }
        Object value = named.get(name);
        if (value == null) {
            throw new TemplateException("the argument '%s' is missing".formatted(name));
        }
        return value;
    }

    Object get(int index, String name, Object fallback) {
        return has(index, name) ? get(index, name) : fallback;
    }

    Text text(int index, String name) {
        if (get(index, name) instanceof Text text) {
            return text;
        }
        throw new TemplateException(
                "the argument '%s' is a %s, not a string".formatted(name, Values.type(get(index, name))));
    }

    long integer(int index, String name, long fallback) {
        Object value = get(index, name, fallback);
        if (Values.number(value) instanceof Long number) {
            return number;
        }
        throw new TemplateException(
                "the argument '%s' is a %s, not a whole number".formatted(name, Values.type(value)));
    }

    /// Returns the arguments after the first `count` positional ones.
    Arguments after(int count) {
        return new Arguments(positional.subList(Math.min(count, positional.size()), positional.size()), named, budget);
    }
}
