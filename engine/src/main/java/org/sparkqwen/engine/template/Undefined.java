package org.sparkqwen.engine.template;

import java.util.function.Supplier;
import org.sparkqwen.engine.message.Quote;

/// The value of a name that has no value. It prints as nothing, is false and empty, and causes an error
/// anywhere else.
///
/// @param reason makes the error's message, which is rarely needed
record Undefined(Supplier<String> reason) {
    static Undefined name(String name) {
        return new Undefined(() -> "'%s' is undefined".formatted(Quote.of(name)));
    }

    TemplateException used() {
        return new TemplateException(reason.get());
    }
}
