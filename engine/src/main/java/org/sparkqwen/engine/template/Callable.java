package org.sparkqwen.engine.template;

/// A value that a template can call: a function, a macro, or a method of a value.
@FunctionalInterface
interface Callable {
    Object call(Arguments arguments);
}
