package org.sparkqwen.engine.template;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The result of `namespace()`. It is the only kind of value whose attributes a template can set, even from
/// within a loop.
final class Namespace {
    private static final int ATTRIBUTE_BYTES = 128;

    private final Map<String, Object> attributes = new HashMap<>();
    private final Budget budget;

    Namespace(Dict initial, Budget budget) {
        budget.bytes(4 * Budget.VALUE_BYTES);
        this.budget = budget;
        for (Dict.Entry entry : initial.entries()) {
            if (!(entry.key() instanceof Text name)) {
                throw new TemplateException(
                        "a namespace's attributes have strings as names, not a " + Values.type(entry.key()));
            }
            set(name.toString(), entry.value());
        }
    }

    @Nullable
    Object get(String name) {
        budget.scan(name.length());
        return attributes.get(name);
    }

    void set(String name, Object value) {
        budget.scan(name.length());
        if (attributes.put(name, value) == null) {
            budget.bytes(ATTRIBUTE_BYTES);
        }
    }
}
