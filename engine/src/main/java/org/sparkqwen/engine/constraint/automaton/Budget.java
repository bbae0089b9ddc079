package org.sparkqwen.engine.constraint.automaton;

import java.util.function.Supplier;

/// Limits the work of compiling one constraint, so that it ends within about a second or is refused.
///
/// Whatever builds or walks automata spends steps from the budget of its compilation. [Language] does so. A
/// loop that grows with the constraint and makes no automata must do so, too. The steps depend on the
/// constraint alone, so executors can compile whatever the driver has compiled.
public final class Budget {
    /// The number of steps. A step looks at one transition, which takes up to a tenth of a microsecond.
    private static final long STEPS = 10_000_000;

    private static final ScopedValue<Budget> CURRENT = ScopedValue.newInstance();

    private long left = STEPS;

    private Budget() {}

    /// Compiles within one budget. That is the budget of the compilation that is running, or a new one.
    public static <T> T within(Supplier<T> compilation) {
        return CURRENT.isBound()
                ? compilation.get()
                : ScopedValue.where(CURRENT, new Budget()).call(compilation::get);
    }

    /// Takes `steps` from the budget. Outside of a compilation, each call has a budget of its own.
    ///
    /// @throws RefusedConstraint if fewer steps are left
    public static void spend(long steps) {
        Budget budget = CURRENT.isBound() ? CURRENT.get() : new Budget();
        budget.left -= steps;
        if (budget.left < 0) {
            throw new RefusedConstraint(
                    "too large: compiling it would take more than %,d steps; it needs fewer".formatted(STEPS)
                            + " values, properties or branches, or less repetition");
        }
    }
}
