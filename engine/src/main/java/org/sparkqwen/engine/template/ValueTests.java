package org.sparkqwen.engine.template;

import java.util.List;
import java.util.Locale;
import java.util.Map;

/// The tests of Jinja, `value is name`.
final class ValueTests {
    private ValueTests() {}

    static boolean holds(String name, Object value, Arguments arguments) {
        return switch (name) {
            case "defined" -> !(value instanceof Undefined);
            case "undefined" -> value instanceof Undefined;
            case "none" -> value == None.NONE;
            case "boolean" -> value instanceof Boolean;
            case "true" -> value.equals(true);
            case "false" -> value.equals(false);
            case "string" -> value instanceof Text;
            case "mapping" -> value instanceof Map<?, ?>;
            case "integer" -> value instanceof Long;
            case "float" -> value instanceof Double;
            case "number" -> Values.number(value) != null;
            case "sequence", "iterable" ->
                value instanceof Text
                        || value instanceof List<?>
                        || value instanceof Map<?, ?>
                        || value instanceof Undefined;
            case "callable" -> value instanceof Callable || value instanceof Undefined;
            case "even" -> Values.equal(Arithmetic.apply("%", value, 2L), 0L);
            case "odd" -> Values.equal(Arithmetic.apply("%", value, 2L), 1L);
            case "divisibleby" -> Values.equal(Arithmetic.apply("%", value, arguments.get(0, "num")), 0L);
            case "eq", "equalto" -> Values.equal(value, arguments.get(0, "other"));
            case "ne" -> !Values.equal(value, arguments.get(0, "other"));
            case "lt", "lessthan" -> Values.compare(value, arguments.get(0, "other")) < 0;
            case "le" -> Values.compare(value, arguments.get(0, "other")) <= 0;
            case "gt", "greaterthan" -> Values.compare(value, arguments.get(0, "other")) > 0;
            case "ge" -> Values.compare(value, arguments.get(0, "other")) >= 0;
            case "in" -> Values.contains(arguments.get(0, "seq"), value);
            case "lower" -> {
                String chars = Spelling.text(value).toString();
                yield chars.equals(chars.toLowerCase(Locale.ROOT)) && !chars.equals(chars.toUpperCase(Locale.ROOT));
            }
            case "upper" -> {
                String chars = Spelling.text(value).toString();
                yield chars.equals(chars.toUpperCase(Locale.ROOT)) && !chars.equals(chars.toLowerCase(Locale.ROOT));
            }
            default -> throw new TemplateException("the test '%s' is not supported".formatted(name));
        };
    }
}
