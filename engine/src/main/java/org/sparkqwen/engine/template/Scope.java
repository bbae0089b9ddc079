package org.sparkqwen.engine.template;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Variables as a part of a template sees them: its own, then those of what surrounds it. Loops and macros have scopes
/// of their own, so what they set ends with them.
final class Scope {
    private final @Nullable Scope outer;
    private final Budget budget;
    private final Map<String, Object> variables = new HashMap<>();

    private Scope(@Nullable Scope outer, Budget budget) {
        this.outer = outer;
        this.budget = budget;
    }

    static Scope outermost() {
        return new Scope(null, new Budget());
    }

    Scope inner() {
        budget.spend();
        return new Scope(this, budget);
    }

    Object get(String name) {
        for (Scope scope = this; scope != null; scope = scope.outer) {
            Object value = scope.variables.get(name);
            if (value != null) {
                return value;
            }
        }
        return Undefined.name(name);
    }

    void set(String name, Object value) {
        variables.put(name, value);
    }

    /// Rounds of loops and calls of macros that one rendering may still take: a template comes with a model, and
    /// may not hold up a job for ever.
    private static final class Budget {
        private int left = 10_000_000;

        void spend() {
            if (--left < 0) {
                throw new TemplateException("loops too long");
            }
        }
    }
}
