package org.sparkqwen.engine.template;

/// What a template can call: a function, a macro, a method of a value.
@FunctionalInterface
interface Callable {
    Object call(Arguments arguments);
}
