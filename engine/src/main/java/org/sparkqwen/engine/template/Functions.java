package org.sparkqwen.engine.template;

import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The functions that a chat template finds: Jinja's, and those that transformers adds.
final class Functions {
    static final Map<String, Callable> ALL = Map.of(
            "namespace", Functions::namespace,
            "dict", Functions::dict,
            "range", Functions::range,
            "raise_exception", Functions::raiseException,
            "strftime_now", Functions::strftimeNow);

    /// As in Jinja's sandbox.
    private static final int LONGEST_RANGE = 100_000;

    private static final Pattern DIRECTIVE = Pattern.compile("%(.)", Pattern.DOTALL);

    /// What java.time calls the directives of `strftime`.
    private static final Map<Character, String> PATTERNS = Map.ofEntries(
            Map.entry('a', "EEE"),
            Map.entry('A', "EEEE"),
            Map.entry('b', "MMM"),
            Map.entry('B', "MMMM"),
            Map.entry('d', "dd"),
            Map.entry('H', "HH"),
            Map.entry('I', "hh"),
            Map.entry('j', "DDD"),
            Map.entry('m', "MM"),
            Map.entry('M', "mm"),
            Map.entry('p', "a"),
            Map.entry('S', "ss"),
            Map.entry('y', "yy"),
            Map.entry('Y', "yyyy"));

    private Functions() {}

    private static Object namespace(Arguments arguments) {
        Map<String, Object> attributes = new HashMap<>();
        entries(arguments).forEach((key, value) -> attributes.put(key.toString(), value));
        return new Namespace(attributes);
    }

    private static Object dict(Arguments arguments) {
        return entries(arguments);
    }

    private static Map<Object, Object> entries(Arguments arguments) {
        Map<Object, Object> entries = new LinkedHashMap<>();
        if (!arguments.positional().isEmpty()) {
            if (!(arguments.positional().getFirst() instanceof Map<?, ?> map)) {
                throw new TemplateException("expected a mapping or named arguments");
            }
            entries.putAll(map);
        }
        arguments.named().forEach((name, value) -> entries.put(Text.own(name), value));
        return entries;
    }

    private static Object range(Arguments arguments) {
        boolean fromZero = arguments.positional().size() == 1;
        long start = fromZero ? 0 : arguments.integer(0, "start", 0);
        long end = arguments.integer(fromZero ? 0 : 1, "stop", 0);
        long step = fromZero ? 1 : arguments.integer(2, "step", 1);
        if (step == 0) {
            throw new TemplateException("range() with a step of 0");
        }
        List<Object> numbers = new ArrayList<>();
        for (long i = start; step > 0 ? i < end : i > end; i += step) {
            if (numbers.size() == LONGEST_RANGE) {
                throw new TemplateException("range() of more than %,d numbers".formatted(LONGEST_RANGE));
            }
            numbers.add(i);
        }
        return numbers;
    }

    private static Object raiseException(Arguments arguments) {
        throw new TemplateException(Spelling.text(arguments.get(0, "message")).toString());
    }

    /// The time as `format` says, in English whatever the machine's language.
    private static Object strftimeNow(Arguments arguments) {
        LocalDateTime now = LocalDateTime.now(ZoneId.systemDefault());
        String format = arguments.text(0, "format").toString();
        return Text.own(DIRECTIVE
                .matcher(format)
                .replaceAll(directive ->
                        Matcher.quoteReplacement(written(now, directive.group(1).charAt(0)))));
    }

    private static String written(LocalDateTime time, char directive) {
        if (directive == '%') {
            return "%";
        }
        String pattern = PATTERNS.get(directive);
        if (pattern == null) {
            throw new TemplateException("strftime_now with %%%c is not supported".formatted(directive));
        }
        return DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH).format(time);
    }
}
