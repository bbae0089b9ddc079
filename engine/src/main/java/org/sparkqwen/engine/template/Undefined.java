package org.sparkqwen.engine.template;

import java.util.function.Supplier;
import org.sparkqwen.engine.message.Quote;

/// What a name without a value gives: prints as nothing, is false and empty, and is an error anywhere else.
///
/// @param reason the error's message, which most never need
record Undefined(Supplier<String> reason) {
    static Undefined name(String name) {
        return new Undefined(() -> "'%s' is undefined".formatted(Quote.of(name)));
    }

    TemplateException used() {
        return new TemplateException(reason.get());
    }
}
