package org.sparkqwen.engine.template;

import java.math.BigInteger;
import java.util.List;
import java.util.regex.Pattern;
import org.sparkqwen.engine.message.Quote;

/// The filters of Jinja that chat templates use, as in `value | name(arguments)`.
final class Filters {
    /// The steps that applying any filter costs, in addition to what it does.
    private static final int STEPS = 2;

    /// The greatest number of characters of a text that is read as a number.
    private static final int LONGEST_NUMBER = 1_000;

    private static final int STEPS_PER_NUMBER = 8;

    private static final Pattern WHOLE = Pattern.compile("[+-]?[0-9]+");

    private static final Pattern DECIMAL =
            Pattern.compile("[+-]?(?:NaN|Infinity|(?:[0-9]++\\.?+[0-9]*+|\\.[0-9]++)(?:[eE][+-]?+[0-9]++)?+)");

    /// The widest indentation of `tojson`. No budget has room for a wider one.
    private static final int WIDEST_INDENT = 1_000_000;

    private static final Text DOT = Text.own(".");

    private Filters() {}

    static Object apply(String name, Object value, Arguments arguments) {
        Budget budget = arguments.budget();
        budget.steps(STEPS);
        return switch (name) {
            case "abs" -> Values.compare(value, 0L, budget) < 0 ? Arithmetic.apply("-", 0L, value, budget) : value;
            case "capitalize" -> PythonStrings.capitalized(Spelling.text(value, budget), budget);
            case "count", "length" -> Values.length(value, budget);
            case "d", "default" -> orDefault(value, arguments);
            case "first" -> Members.end(value, 0, budget);
            case "float" -> decimal(value, arguments);
            case "indent" -> indented(Spelling.text(value, budget), arguments);
            case "int" -> integer(value, arguments);
            case "items" -> items(value, budget);
            case "join" -> joined(value, arguments);
            case "last" -> Members.end(value, -1, budget);
            case "list" -> Values.items(value, budget);
            case "lower" -> PythonStrings.lower(value, budget);
            case "map" -> mapped(value, arguments);
            case "reject" -> chosen(value, false, arguments, false);
            case "rejectattr" -> chosen(value, true, arguments, false);
            case "replace" ->
                PythonStrings.replace(
                        Spelling.text(value, budget),
                        Spelling.text(arguments.get(0, "old"), budget),
                        Spelling.text(arguments.get(1, "new"), budget),
                        arguments.integer(2, "count", -1),
                        budget);
            case "reverse" -> Members.reversed(value, budget);
            case "safe", "string" -> Spelling.text(value, budget);
            case "select" -> chosen(value, false, arguments, true);
            case "selectattr" -> chosen(value, true, arguments, true);
            case "tojson" -> json(value, arguments);
            case "trim" ->
                PythonStrings.strip(
                        Spelling.text(value, budget), PythonStrings.stripped(arguments), true, true, budget);
            case "upper" -> PythonStrings.upper(value, budget);
            default -> throw new TemplateException("the filter '%s' is not supported".formatted(Quote.of(name)));
        };
    }

    private static Object orDefault(Object value, Arguments arguments) {
        boolean falseToo = Values.truth(arguments.get(1, "boolean", false));
        return value instanceof Undefined || (falseToo && !Values.truth(value))
                ? arguments.get(0, "default_value", Text.EMPTY)
                : value;
    }

    private static Object integer(Object value, Arguments arguments) {
        return switch (Values.number(value)) {
            case Long whole -> whole;
            case Double broken -> broken.longValue();
            case null, default -> {
                String digits = digits(value, arguments.budget());
                if (WHOLE.matcher(digits).matches()) {
                    BigInteger number = new BigInteger(digits);
                    yield number.bitLength() < Long.SIZE ? number.longValue() : arguments.get(0, "default", 0L);
                }
                yield DECIMAL.matcher(digits).matches()
                        ? (Object) (long) Double.parseDouble(digits)
                        : arguments.get(0, "default", 0L);
            }
        };
    }

    private static Object decimal(Object value, Arguments arguments) {
        Number number = Values.number(value);
        if (number != null) {
            return number.doubleValue();
        }
        String digits = digits(value, arguments.budget());
        return DECIMAL.matcher(digits).matches()
                ? (Object) Double.parseDouble(digits)
                : arguments.get(0, "default", 0.0);
    }

    /// Returns the characters from which a number is parsed. They are matched against a pattern first,
    /// because an exception takes far longer.
    private static String digits(Object value, Budget budget) {
        Text text = value instanceof Text given ? given : Text.EMPTY;
        budget.steps(STEPS_PER_NUMBER);
        budget.text(text.length());
        String digits = text.toString().strip();
        if (digits.length() > LONGEST_NUMBER) {
            throw new TemplateException("a number of %,d characters".formatted(digits.length()));
        }
        budget.steps(digits.length());
        return digits;
    }

    private static List<?> items(Object value, Budget budget) {
        return switch (value) {
            case Dict map -> map.pairs(budget);
            case Undefined _ -> List.of();
            default -> throw new TemplateException("a %s has no entries".formatted(Values.type(value)));
        };
    }

    private static Text joined(Object value, Arguments arguments) {
        Budget budget = arguments.budget();
        Text separator = Spelling.text(arguments.get(0, "d", Text.EMPTY), budget);
        Text.Builder joined = new Text.Builder(budget);
        Text before = Text.EMPTY;
        for (Object item : Values.each(value, budget)) {
            Object part = arguments.has(1, "attribute") ? path(item, arguments.text(1, "attribute"), budget) : item;
            joined.append(before);
            joined.append(Spelling.text(part, budget));
            before = separator;
        }
        return joined.text();
    }

    /// Returns the text with all lines indented except the first line and empty lines.
    private static Text indented(Text text, Arguments arguments) {
        Budget budget = arguments.budget();
        Object width = arguments.get(0, "width", 4L);
        Text margin =
                width instanceof Text given ? given : Text.own(" ").times(arguments.integer(0, "width", 4), budget);
        boolean first = Values.truth(arguments.get(1, "first", false));
        boolean blank = Values.truth(arguments.get(2, "blank", false));
        Text lineBreak = Text.own("\n");
        Items lines = PythonStrings.lines(text.plus(lineBreak, budget), budget);
        Text.Builder indented = new Text.Builder(budget);
        for (int i = 0; i < lines.size(); i++) {
            if (i > 0) {
                indented.append(lineBreak);
            }
            Text line = (Text) lines.get(i);
            if (i == 0 ? first : blank || !line.isEmpty()) {
                indented.append(margin);
            }
            indented.append(line);
        }
        return indented.text();
    }

    private static Text json(Object value, Arguments arguments) {
        if (arguments.has(2, "separators") || Values.truth(arguments.get(3, "sort_keys", false))) {
            throw new TemplateException("tojson with separators or sort_keys is not supported");
        }
        // In transformers, the first parameter is ensure_ascii.
        if (Values.truth(arguments.get(0, "ensure_ascii", false))) {
            throw new TemplateException("tojson with ensure_ascii is not supported");
        }
        boolean oneLine = arguments.get(1, "indent", None.NONE) == None.NONE;
        return Spelling.json(
                value,
                oneLine ? -1 : Math.clamp(arguments.integer(1, "indent", 0), 0, WIDEST_INDENT),
                arguments.budget());
    }

    private static List<Object> mapped(Object value, Arguments arguments) {
        Items results = new Items(arguments.budget());
        for (Object item : Values.each(value, arguments.budget())) {
            if (arguments.named().containsKey("attribute")) {
                Object attribute = path(item, arguments.text(0, "attribute"), arguments.budget());
                results.add(attribute instanceof Undefined ? arguments.get(1, "default", attribute) : attribute);
            } else {
                results.add(apply(arguments.text(0, "filter").toString(), item, arguments.after(1)));
            }
        }
        return results;
    }

    /// Returns the items for which a test gives `wanted`. Without a test, an item's own truth value decides.
    private static List<Object> chosen(Object value, boolean ofAttribute, Arguments arguments, boolean wanted) {
        Arguments test = ofAttribute ? arguments.after(1) : arguments;
        Items chosen = new Items(arguments.budget());
        for (Object item : Values.each(value, arguments.budget())) {
            Object tested = ofAttribute ? path(item, arguments.text(0, "attribute"), arguments.budget()) : item;
            boolean holds = test.positional().isEmpty()
                    ? Values.truth(tested)
                    : ValueTests.holds(test.text(0, "test").toString(), tested, test.after(1));
            if (holds == wanted) {
                chosen.add(item);
            }
        }
        return chosen;
    }

    /// Returns `item.a.b` for the attribute `a.b`.
    private static Object path(Object item, Text attribute, Budget budget) {
        Object value = item;
        for (Object piece : PythonStrings.pieces(attribute, DOT, -1, budget)) {
            Text name = (Text) piece;
            value = Members.item(value, PythonStrings.isIndex(name) ? Long.valueOf(name.toString()) : name, budget);
        }
        return value;
    }
}
