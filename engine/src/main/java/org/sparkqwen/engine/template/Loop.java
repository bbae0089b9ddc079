package org.sparkqwen.engine.template;

import java.util.List;
import org.sparkqwen.engine.message.Quote;

/// The variable `loop` in the body of a loop of a template.
record Loop(List<?> items, int index0) {
    Object attribute(String name) {
        int length = items.size();
        return switch (name) {
            case "index" -> index0 + 1L;
            case "index0" -> (long) index0;
            case "revindex" -> (long) length - index0;
            case "revindex0" -> length - index0 - 1L;
            case "first" -> index0 == 0;
            case "last" -> index0 == length - 1;
            case "length" -> (long) length;
            case "previtem" -> index0 > 0 ? items.get(index0 - 1) : new Undefined(() -> "there is no previous item");
            case "nextitem" ->
                index0 + 1 < length ? items.get(index0 + 1) : new Undefined(() -> "there is no next item");
            case "cycle" -> (Callable) this::cycle;
            default -> throw new TemplateException("loop.%s is not supported".formatted(Quote.of(name)));
        };
    }

    private Object cycle(Arguments arguments) {
        if (arguments.positional().isEmpty()) {
            throw new TemplateException("no items for cycling given");
        }
        return arguments.positional().get(index0 % arguments.positional().size());
    }
}
