package org.sparkqwen.engine.template;

import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.sparkqwen.engine.message.Quote;

/// The functions that every chat template finds: those of Jinja, and those that transformers adds.
final class Functions {
    static final Map<String, Callable> ALL = Map.of(
            "namespace", Functions::namespace,
            "dict", Functions::dict,
            "range", Functions::range,
            "raise_exception", Functions::raiseException,
            "strftime_now", Functions::strftimeNow);

    /// The steps for each directive of `strftime`, because formatting a time takes that much longer than a
    /// step.
    private static final int STEPS_PER_DIRECTIVE = 64;

    private static final Pattern DIRECTIVE = Pattern.compile("%(.)", Pattern.DOTALL);

    /// The formatters of java.time that correspond to the directives of `strftime`.
    private static final Map<Character, DateTimeFormatter> FORMATTERS = Map.ofEntries(
            directive('a', "EEE"),
            directive('A', "EEEE"),
            directive('b', "MMM"),
            directive('B', "MMMM"),
            directive('d', "dd"),
            directive('H', "HH"),
            directive('I', "hh"),
            directive('j', "DDD"),
            directive('m', "MM"),
            directive('M', "mm"),
            directive('p', "a"),
            directive('S', "ss"),
            directive('y', "yy"),
            directive('Y', "yyyy"));

    private Functions() {}

    private static Map.Entry<Character, DateTimeFormatter> directive(char letter, String pattern) {
        return Map.entry(letter, DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH));
    }

    private static Object namespace(Arguments arguments) {
        return new Namespace(dict(arguments), arguments.budget());
    }

    private static Dict dict(Arguments arguments) {
        Dict entries = new Dict(arguments.budget());
        if (!arguments.positional().isEmpty()) {
            if (!(arguments.positional().getFirst() instanceof Dict map)) {
                throw new TemplateException("expected a mapping or named arguments");
            }
            entries.putEach(map);
        }
        arguments.named().forEach((name, value) -> entries.put(Text.own(name), value));
        return entries;
    }

    private static Object range(Arguments arguments) {
        boolean fromZero = arguments.positional().size() == 1;
        long start = fromZero ? 0 : arguments.integer(0, "start", 0);
        long end = arguments.integer(fromZero ? 0 : 1, "stop", 0);
        long step = fromZero ? 1 : arguments.integer(2, "step", 1);
        return new Range(start, end, step, arguments.budget());
    }

    private static Object raiseException(Arguments arguments) {
        throw new TemplateException(
                Spelling.text(arguments.get(0, "message"), arguments.budget()).toString());
    }

    /// Returns the current time in the given format, in English whatever the machine's language is.
    private static Object strftimeNow(Arguments arguments) {
        Budget budget = arguments.budget();
        LocalDateTime now = LocalDateTime.now(ZoneId.systemDefault());
        Text format = arguments.text(0, "format");
        Text.Builder written = new Text.Builder(budget);
        int start = 0;
        Matcher directive = DIRECTIVE.matcher(format.toString());
        while (directive.find()) {
            budget.steps(STEPS_PER_DIRECTIVE);
            written.append(format, start, directive.start());
            written.append(Text.own(written(now, directive.group(1).codePointAt(0))));
            start = directive.end();
        }
        written.append(format, start, format.length());
        return written.text();
    }

    private static String written(LocalDateTime time, int directive) {
        if (directive == '%') {
            return "%";
        }
        DateTimeFormatter formatter = FORMATTERS.get((char) directive);
        if (formatter == null) {
            throw new TemplateException(
                    "strftime_now with %%%s is not supported".formatted(Quote.of(Character.toString(directive))));
        }
        return formatter.format(time);
    }
}
