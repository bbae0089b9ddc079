package org.sparkqwen.engine.template;

/// A part of a template that has a value: a [Text], Boolean, Long, Double, List, [Dict], [None], [Undefined],
/// [Namespace], [Loop] or [Callable]. Each evaluation costs a step of the rendering's budget.
final class Expression {
    private final Evaluation evaluation;

    private Expression(Evaluation evaluation) {
        this.evaluation = evaluation;
    }

    @FunctionalInterface
    interface Evaluation {
        Object evaluate(Scope scope);
    }

    static Expression of(Evaluation evaluation) {
        return new Expression(evaluation);
    }

    Object evaluate(Scope scope) {
        Budget budget = scope.budget();
        budget.enter();
        Object value = evaluation.evaluate(scope);
        budget.leave();
        return value;
    }
}
