package org.sparkqwen.engine.template;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Variables as a part of a template sees them: its own, then those of what surrounds it. Loops and macros have scopes
/// of their own, so what they set ends with them.
final class Scope {
    private static final int STEPS = 4;

    private final @Nullable Scope outer;
    private final Budget budget;
    private final Map<String, Object> variables = new HashMap<>();

    private Scope(@Nullable Scope outer, Budget budget) {
        this.outer = outer;
        this.budget = budget;
    }

    static Scope outermost(Budget budget) {
        return new Scope(null, budget);
    }

    Scope inner() {
        budget.steps(STEPS);
        return new Scope(this, budget);
    }

    /// What pays for the rendering.
    Budget budget() {
        return budget;
    }

    Object get(String name) {
        for (Scope scope = this; scope != null; scope = scope.outer) {
            Object value = scope.variables.get(name);
            if (value != null) {
                return value;
            }
            budget.step();
        }
        return Undefined.name(name);
    }

    void set(String name, Object value) {
        variables.put(name, value);
    }
}
