package org.sparkqwen.engine.template;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The variables that a part of a template sees: its own, then those of the parts around it. Loops and macros
/// have scopes of their own. What they set ends with them, unless a macro keeps the scope.
final class Scope {
    private static final int STEPS = 4;

    private static final int VARIABLE_BYTES = 64;

    /// The number of variables that a scope may have without charging for them. A scope has few variables,
    /// and ends soon.
    private static final int FREE_VARIABLES = 32;

    private final @Nullable Scope outer;
    private final Budget budget;
    private final Map<String, Object> variables = new HashMap<>();
    private boolean kept;

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

    /// Returns the budget of the rendering.
    Budget budget() {
        return budget;
    }

    Object get(String name) {
        for (Scope scope = this; scope != null; scope = scope.outer) {
            budget.scan(name.length());
            Object value = scope.variables.get(name);
            if (value != null) {
                return value;
            }
        }
        return Undefined.name(name);
    }

    void set(String name, Object value) {
        budget.scan(name.length());
        if (variables.put(name, value) == null && (kept || variables.size() > FREE_VARIABLES)) {
            budget.bytes(VARIABLE_BYTES);
        }
    }

    /// Charges for this scope and the scopes around it as for values, because they may stay as long as the
    /// rendering runs.
    void keep() {
        for (Scope scope = this; scope != null && !scope.kept; scope = scope.outer) {
            budget.bytes(2 * Budget.VALUE_BYTES);
            budget.bytes((long) VARIABLE_BYTES * Math.min(scope.variables.size(), FREE_VARIABLES));
            scope.kept = true;
        }
    }
}
