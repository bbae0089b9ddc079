package org.sparkqwen.job.sql;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.spark.sql.catalyst.CatalystTypeConverters;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.NamedArgumentExpression;
import org.apache.spark.sql.catalyst.expressions.RuntimeReplaceable;
import org.apache.spark.sql.types.MapType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.cli.JobOptions;
import org.sparkqwen.job.cli.ValueShape;
import org.sparkqwen.job.failure.Refusal;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/// The arguments of a function as a query gives them, by position and by name. Those that are read for each row are
/// taken out, and the rest are options.
final class FunctionArguments {
    /// The end of the options that name a column, which an argument's name may leave out.
    static final String COLUMN = "-column";

    private static final String LABELS = "labels";

    private final String function;
    private final List<Expression> positional;
    private final Map<String, Expression> named; // names are in lower case

    private FunctionArguments(String function, List<Expression> positional, Map<String, Expression> named) {
        this.function = function;
        this.positional = positional;
        this.named = named;
    }

    /// @param function the function's name
    /// @throws Refusal if a name is given twice
    static FunctionArguments of(String function, Seq<Expression> given) {
        List<Expression> positional = new ArrayList<>();
        Map<String, Expression> named = new LinkedHashMap<>();
        for (Expression argument : CollectionConverters.asJava(given)) {
            if (argument instanceof NamedArgumentExpression name) {
                if (named.put(name.key().toLowerCase(Locale.ROOT), name.value()) != null) {
                    throw Refusal.usage("%s: %s is given twice".formatted(function, Quote.of(name.key())));
                }
            } else {
                positional.add(argument);
            }
        }
        return new FunctionArguments(function, positional, named);
    }

    /// Takes the first argument out, which may have a name instead.
    ///
    /// @throws Refusal if there is none
    Expression takeFirst(String name, String what) {
        if (!positional.isEmpty()) {
            return positional.removeFirst();
        }
        Expression first = named.remove(name);
        if (first == null) {
            throw Refusal.usage("%s needs %s as its first argument".formatted(function, what));
        }
        return first;
    }

    /// Takes an argument out; null if it is not given.
    @Nullable
    Expression take(String name) {
        return named.remove(name);
    }

    /// Returns the values of the options that are given, by the options' names without dashes. They have names, or
    /// they are in a map, which may be the next argument by position.
    ///
    /// @param job the job's name
    /// @param offered the options that the function has
    /// @throws Refusal if there is no such option, or if a value is not constant
    Map<String, List<String>> options(String job, Set<String> offered) {
        Map<String, Object> values = new LinkedHashMap<>();
        if (!positional.isEmpty()) {
            putMap(values, positional.removeFirst());
        }
        if (!positional.isEmpty()) {
            throw Refusal.usage("%s: options are given by name, such as model => 'Qwen3-4B-Base'".formatted(function));
        }
        named.forEach((name, value) -> {
            option(name, job, offered); // report an unknown name before a bad value
            put(values, name, constant(name, value));
        });
        Map<String, List<String>> options = new HashMap<>();
        Map<String, ValueShape> shapes = JobOptions.shapes(job);
        values.forEach((name, value) -> {
            String option = option(name, job, offered);
            if (options.put(option, texts(name, value, Objects.requireNonNull(shapes.get(option)))) != null) {
                throw Refusal.usage("%s: %s is given twice".formatted(function, SqlNames.argument(option)));
            }
        });
        return options;
    }

    private void putMap(Map<String, Object> values, Expression map) {
        if (!(map.dataType() instanceof MapType)
                || !(constant("the second argument", map) instanceof Map<?, ?> given)) {
            throw Refusal.usage(
                    "%s: options are given by name, such as model => 'Qwen3-4B-Base', or as a map of names and values"
                            .formatted(function));
        }
        given.forEach((name, value) -> put(values, String.valueOf(name).toLowerCase(Locale.ROOT), java(value)));
    }

    /// Puts a value, unless it is null, which stands for the default.
    private void put(Map<String, Object> values, String name, @Nullable Object value) {
        if (value != null && values.put(name, value) != null) {
            throw Refusal.usage("%s: %s is given twice".formatted(function, Quote.of(name)));
        }
    }

    private String option(String name, String job, Set<String> offered) {
        String option = SqlNames.option(name);
        if (offered.contains(option)) {
            return option;
        }
        if (offered.contains(option + COLUMN)) {
            return option + COLUMN;
        }
        if (JobOptions.names(job).contains(option)) {
            throw Refusal.usage("%s has no option %s; qwen_%s_table has".formatted(function, Quote.of(name), job));
        }
        throw Refusal.usage("%s has no option %s; it has %s"
                .formatted(
                        function,
                        Quote.of(name),
                        offered.stream().map(SqlNames::argument).sorted().collect(Collectors.joining(", "))));
    }

    /// Evaluates a constant on the driver.
    private @Nullable Object constant(String name, Expression value) {
        Expression constant = evaluable(value);
        if (!constant.foldable()) {
            throw Refusal.usage("%s: %s is %s, but options are the same for all rows; write a constant"
                    .formatted(function, Quote.of(name), Quote.of(value.sql())));
        }
        return java(CatalystTypeConverters.convertToScala(constant.eval(InternalRow.empty()), constant.dataType()));
    }

    /// Replaces functions that Spark evaluates by way of others, such as `nvl`, as its optimizer would do later.
    private static Expression evaluable(Expression value) {
        return value instanceof RuntimeReplaceable replaceable
                ? evaluable(replaceable.replacement())
                : value.mapChildren(FunctionArguments::evaluable);
    }

    private static @Nullable Object java(@Nullable Object value) {
        return switch (value) {
            case null -> null;
            case scala.collection.Seq<?> seq -> CollectionConverters.asJava(seq);
            case scala.collection.Map<?, ?> map -> CollectionConverters.asJava(map);
            default -> value;
        };
    }

    /// Formats a value as the command line would have it.
    private List<String> texts(String name, Object value, ValueShape shape) {
        return switch (value) {
            case List<?> list -> elements(name, list, shape);
            case Map<?, ?> map
            when shape == ValueShape.MAP ->
                map.entrySet().stream()
                        .map(entry -> text(name, entry.getKey(), shape) + "=" + text(name, entry.getValue(), shape))
                        .toList();
            case Map<?, ?> _ -> throw takes(name, shape, "a map");
            case Number number when shape == ValueShape.MAP -> throw takes(name, shape, number.toString());
            default -> List.of(text(name, value, shape));
        };
    }

    /// Formats the elements of an array. An array of one value may stand for the value, because all values of a map
    /// have one type. The command line divides a single label at its commas, so an array of one label, which is
    /// none to choose from in any case, is refused here.
    private List<String> elements(String name, List<?> list, ValueShape shape) {
        if (!shape.isList() && list.size() != 1) {
            throw takes(name, shape, list.isEmpty() ? "an empty array" : "an array of " + list.size());
        }
        List<String> elements =
                list.stream().map(each -> element(name, each, shape)).toList();
        if (name.equals(LABELS) && elements.size() == 1) {
            throw Refusal.usage("%s: labels: '%s' is the only label; there must be two to choose from"
                    .formatted(function, Quote.of(elements.getFirst())));
        }
        return elements;
    }

    private String element(String name, @Nullable Object value, ValueShape shape) {
        if (shape == ValueShape.MAP && value instanceof Number) {
            throw takes(name, shape, "an array of numbers");
        }
        if (!(java(value) instanceof List<?> list)) {
            return text(name, value, shape);
        }
        if (shape != ValueShape.SEVERAL_IDS) {
            throw takes(name, shape, "an array within an array");
        }
        return list.stream().map(each -> text(name, each, shape)).collect(Collectors.joining(","));
    }

    private String text(String name, @Nullable Object value, ValueShape shape) {
        return switch (java(value)) {
            case null -> throw Refusal.usage("%s: %s has a null in it".formatted(function, Quote.of(name)));
            case Number number when shape == ValueShape.NUMBER -> number(number);
            case BigDecimal number -> number.toPlainString();
            case String text when shape == ValueShape.SWITCH -> onOrOff(text);
            case String text -> text;
            case Number number -> number.toString();
            case Boolean truth when shape == ValueShape.SWITCH -> onOrOff(truth.toString());
            case Boolean truth
            when shape == ValueShape.TEXT || shape == ValueShape.NUMBER -> throw takes(name, shape, truth.toString());
            case Boolean truth -> truth.toString();
            default ->
                throw Refusal.usage("%s: %s is neither text nor a number, nor true or false, nor a list of these"
                        .formatted(function, Quote.of(name)));
        };
    }

    /// Python's map of options has its truths as texts.
    private static String onOrOff(String text) {
        return text.equalsIgnoreCase("true") ? "on" : text.equalsIgnoreCase("false") ? "off" : text;
    }

    /// Writes a whole number as one, whatever its type, such as that of `4096 / 2`.
    private static String number(Number number) {
        try {
            BigDecimal exact = new BigDecimal(number.toString()).stripTrailingZeros();
            return exact.scale() <= 0 ? exact.toPlainString() : number.toString();
        } catch (NumberFormatException _) { // NaN and the infinities
            return number.toString();
        }
    }

    private Refusal takes(String name, ValueShape shape, String given) {
        return Refusal.usage("%s: %s takes %s, not %s".formatted(function, Quote.of(name), shape, given));
    }
}
