package org.sparkqwen.engine.template;

import java.util.List;
import java.util.Map;

/// The arguments of a call, in order and by name.
///
/// @param budget what pays for what is called
record Arguments(List<?> positional, Map<String, Object> named, Budget budget) {
    boolean has(int index, String name) {
        return index < positional.size() || named.containsKey(name);
    }

    /// The argument at `index`, which may be given by `name` instead.
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
