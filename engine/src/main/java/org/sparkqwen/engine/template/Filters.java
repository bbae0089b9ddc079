package org.sparkqwen.engine.template;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// The filters of Jinja that chat templates use, `value | name(arguments)`.
final class Filters {
    private Filters() {}

    static Object apply(String name, Object value, Arguments arguments) {
        return switch (name) {
            case "abs" -> Values.compare(value, 0L) < 0 ? Arithmetic.apply("-", 0L, value) : value;
            case "capitalize" -> PythonStrings.capitalized(Spelling.text(value));
            case "count", "length" -> Values.length(value);
            case "d", "default" -> orDefault(value, arguments);
            case "first" -> end(Values.items(value), 0);
            case "float" -> decimal(value, arguments);
            case "indent" -> indented(Spelling.text(value), arguments);
            case "int" -> integer(value, arguments);
            case "items" -> items(value);
            case "join" -> joined(value, arguments);
            case "last" -> end(Values.items(value), -1);
            case "list" -> Values.items(value);
            case "lower" -> lower(Spelling.text(value));
            case "map" -> mapped(value, arguments);
            case "reject" -> chosen(value, false, arguments, false);
            case "rejectattr" -> chosen(value, true, arguments, false);
            case "replace" ->
                PythonStrings.replace(
                        Spelling.text(value),
                        Spelling.text(arguments.get(0, "old")),
                        Spelling.text(arguments.get(1, "new")),
                        arguments.integer(2, "count", -1));
            case "reverse" -> reversed(value);
            case "safe", "string" -> Spelling.text(value);
            case "select" -> chosen(value, false, arguments, true);
            case "selectattr" -> chosen(value, true, arguments, true);
            case "tojson" -> json(value, arguments);
            case "trim" -> PythonStrings.strip(Spelling.text(value), PythonStrings.stripped(arguments), true, true);
            case "upper" -> upper(Spelling.text(value));
            default -> throw new TemplateException("the filter '%s' is not supported".formatted(name));
        };
    }

    private static Text lower(Text text) {
        return text.rewritten(text.toString().toLowerCase(Locale.ROOT));
    }

    private static Text upper(Text text) {
        return text.rewritten(text.toString().toUpperCase(Locale.ROOT));
    }

    private static Object orDefault(Object value, Arguments arguments) {
        boolean falseToo = Values.truth(arguments.get(1, "boolean", false));
        return value instanceof Undefined || (falseToo && !Values.truth(value))
                ? arguments.get(0, "default_value", Text.EMPTY)
                : value;
    }

    private static Object end(List<Object> items, int index) {
        return items.isEmpty() ? new Undefined("the sequence is empty") : Members.item(items, (long) index);
    }

    private static Object integer(Object value, Arguments arguments) {
        Number number = Values.number(value);
        if (number instanceof Long whole) {
            return whole;
        }
        try {
            String digits = value instanceof Text text ? text.toString().strip() : String.valueOf(number);
            return digits.matches("[+-]?[0-9]+") ? Long.valueOf(digits) : (Object) (long) Double.parseDouble(digits);
        } catch (NumberFormatException e) {
            return arguments.get(0, "default", 0L);
        }
    }

    private static Object decimal(Object value, Arguments arguments) {
        Number number = Values.number(value);
        try {
            return number != null
                    ? number.doubleValue()
                    : Double.parseDouble(Spelling.text(value).toString());
        } catch (NumberFormatException e) {
            return arguments.get(0, "default", 0.0);
        }
    }

    private static List<Object> items(Object value) {
        return switch (value) {
            case Map<?, ?> map -> Members.entries(map);
            case Undefined _ -> List.of();
            default -> throw new TemplateException("a %s has no entries".formatted(Values.type(value)));
        };
    }

    private static Text joined(Object value, Arguments arguments) {
        List<Text> texts = new ArrayList<>();
        for (Object item : Values.items(value)) {
            texts.add(Spelling.text(arguments.has(1, "attribute") ? path(item, arguments.text(1, "attribute")) : item));
        }
        return Text.join(texts, Spelling.text(arguments.get(0, "d", Text.EMPTY)));
    }

    private static Object reversed(Object value) {
        List<Object> items = new ArrayList<>(Values.items(value));
        Collections.reverse(items);
        return value instanceof Text ? PythonStrings.joined(items) : items;
    }

    /// All lines but the first, and but the empty ones, moved to the right.
    private static Text indented(Text text, Arguments arguments) {
        Object width = arguments.get(0, "width", 4L);
        Text margin = width instanceof Text given
                ? given
                : Text.own(" ".repeat(Math.clamp(arguments.integer(0, "width", 4), 0, 1000)));
        boolean first = Values.truth(arguments.get(1, "first", false));
        boolean blank = Values.truth(arguments.get(2, "blank", false));
        List<Text> lines = PythonStrings.lines(text.plus(Text.own("\n")));
        for (int i = 0; i < lines.size(); i++) {
            if (i == 0 ? first : blank || !lines.get(i).isEmpty()) {
                lines.set(i, margin.plus(lines.get(i)));
            }
        }
        return Text.join(lines, Text.own("\n"));
    }

    private static Text json(Object value, Arguments arguments) {
        if (arguments.has(2, "separators") || Values.truth(arguments.get(3, "sort_keys", false))) {
            throw new TemplateException("tojson with separators or sort_keys is not supported");
        }
        // transformers' first parameter is ensure_ascii.
        if (Values.truth(arguments.get(0, "ensure_ascii", false))) {
            throw new TemplateException("tojson with ensure_ascii is not supported");
        }
        boolean oneLine = arguments.get(1, "indent", None.NONE) == None.NONE;
        return Spelling.json(value, oneLine ? -1 : Math.clamp(arguments.integer(1, "indent", 0), 0, 100));
    }

    private static List<Object> mapped(Object value, Arguments arguments) {
        List<Object> results = new ArrayList<>();
        for (Object item : Values.items(value)) {
            if (arguments.named().containsKey("attribute")) {
                Object attribute = path(item, arguments.text(0, "attribute"));
                results.add(attribute instanceof Undefined ? arguments.get(1, "default", attribute) : attribute);
            } else {
                results.add(apply(arguments.text(0, "filter").toString(), item, arguments.after(1)));
            }
        }
        return results;
    }

    /// The items for which a test gives `wanted`; without a test, those that are true.
    private static List<Object> chosen(Object value, boolean ofAttribute, Arguments arguments, boolean wanted) {
        Arguments test = ofAttribute ? arguments.after(1) : arguments;
        List<Object> chosen = new ArrayList<>();
        for (Object item : Values.items(value)) {
            Object tested = ofAttribute ? path(item, arguments.text(0, "attribute")) : item;
            boolean holds = test.positional().isEmpty()
                    ? Values.truth(tested)
                    : ValueTests.holds(test.text(0, "test").toString(), tested, test.after(1));
            if (holds == wanted) {
                chosen.add(item);
            }
        }
        return chosen;
    }

    /// `item.a.b` for the attribute `a.b`.
    private static Object path(Object item, Text attribute) {
        Object value = item;
        for (String name : attribute.toString().split("\\.", -1)) {
            value = Members.item(value, name.matches("[0-9]{1,9}") ? Long.valueOf(name) : Text.own(name));
        }
        return value;
    }
}
