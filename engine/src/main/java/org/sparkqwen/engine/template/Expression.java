package org.sparkqwen.engine.template;

/// A part of a template that gives a value: a [Text], Boolean, Long, Double, List, Map, [None], [Undefined],
/// [Namespace], [Loop] or [Callable].
@FunctionalInterface
interface Expression {
    Object evaluate(Scope scope);
}
