package org.sparkqwen.engine.template;

/// What a name without a value gives: prints as nothing, is false and empty, and is an error anywhere else.
///
/// @param reason the error's message
record Undefined(String reason) {
    static Undefined name(String name) {
        return new Undefined("'%s' is undefined".formatted(name));
    }

    TemplateException used() {
        return new TemplateException(reason);
    }
}
