package org.sparkqwen.engine.constraint;

import java.util.function.Supplier;

/// The work that compiling one constraint may take, so that it ends within about a second or is refused.
///
/// Whatever builds or walks automata spends steps from the budget of the compilation that it runs in: [Language]
/// does, and so must a loop that grows with the constraint and makes no automata. The steps depend on the constraint
/// alone, so what the driver compiles the executors compile, too.
final class Budget {
    /// A step looks at one transition, which takes up to a tenth of a microsecond.
    private static final long STEPS = 10_000_000;

    private static final ScopedValue<Budget> CURRENT = ScopedValue.newInstance();

    private long left = STEPS;

    private Budget() {}

    /// Compiles within one budget: that of the compilation which runs already, or else a new one.
    static <T> T within(Supplier<T> compilation) {
        return CURRENT.isBound()
                ? compilation.get()
                : ScopedValue.where(CURRENT, new Budget()).call(compilation::get);
    }

    /// Takes `steps` from the budget. What runs outside of a compilation has a budget for each call.
    ///
    /// @throws RefusedConstraint if less is left
    static void spend(long steps) {
        Budget budget = CURRENT.isBound() ? CURRENT.get() : new Budget();
        budget.left -= steps;
        if (budget.left < 0) {
            throw new RefusedConstraint(
                    "too large: compiling it would take more than %,d steps; it needs fewer".formatted(STEPS)
                            + " values, properties or branches, or less repetition");
        }
    }
}
