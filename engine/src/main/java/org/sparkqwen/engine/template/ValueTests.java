package org.sparkqwen.engine.template;

import java.util.List;
import org.sparkqwen.engine.message.Quote;

/// The tests of Jinja, as in `value is name`.
final class ValueTests {
    /// The steps that applying any test costs, in addition to what it does.
    private static final int STEPS = 2;

    private ValueTests() {}

    static boolean holds(String name, Object value, Arguments arguments) {
        Budget budget = arguments.budget();
        budget.steps(STEPS);
        return switch (name) {
            case "defined" -> !(value instanceof Undefined);
            case "undefined" -> value instanceof Undefined;
            case "none" -> value == None.NONE;
            case "boolean" -> value instanceof Boolean;
            case "true" -> value.equals(true);
            case "false" -> value.equals(false);
            case "string" -> value instanceof Text;
            case "mapping" -> value instanceof Dict;
            case "integer" -> value instanceof Long;
            case "float" -> value instanceof Double;
            case "number" -> Values.number(value) != null;
            case "sequence", "iterable" ->
                value instanceof Text
                        || value instanceof List<?>
                        || value instanceof Dict
                        || value instanceof Undefined;
            case "callable" -> value instanceof Callable || value instanceof Undefined;
            case "even" -> Values.equal(Arithmetic.apply("%", value, 2L, budget), 0L, budget);
            case "odd" -> Values.equal(Arithmetic.apply("%", value, 2L, budget), 1L, budget);
            case "divisibleby" ->
                Values.equal(Arithmetic.apply("%", value, arguments.get(0, "num"), budget), 0L, budget);
            case "eq", "equalto" -> Values.equal(value, arguments.get(0, "other"), budget);
            case "ne" -> !Values.equal(value, arguments.get(0, "other"), budget);
            case "lt", "lessthan" -> Values.compare(value, arguments.get(0, "other"), budget) < 0;
            case "le" -> Values.compare(value, arguments.get(0, "other"), budget) <= 0;
            case "gt", "greaterthan" -> Values.compare(value, arguments.get(0, "other"), budget) > 0;
            case "ge" -> Values.compare(value, arguments.get(0, "other"), budget) >= 0;
            case "in" -> Values.contains(arguments.get(0, "seq"), value, budget);
            case "lower" ->
                isCased(value, PythonStrings.lower(value, budget), PythonStrings.upper(value, budget), budget);
            case "upper" ->
                isCased(value, PythonStrings.upper(value, budget), PythonStrings.lower(value, budget), budget);
            default -> throw new TemplateException("the test '%s' is not supported".formatted(Quote.of(name)));
        };
    }

    /// Tells whether `value` is unchanged in one case and changed in the other.
    ///
    /// @param same `value` in the first case
    /// @param other `value` in the other case
    private static boolean isCased(Object value, Text same, Text other, Budget budget) {
        Text text = Spelling.text(value, budget);
        return Values.equal(text, same, budget) && !Values.equal(text, other, budget);
    }
}
