package org.sparkqwen.job.sql;

import java.util.Locale;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.sparkqwen.job.cli.JobOptions;
import org.sparkqwen.job.failure.Refusal;

/// The names that options of the command line have in SQL: `--max-new-tokens` is the argument `max_new_tokens`, and
/// `--batch-tokens` the setting `spark.qwen.batchTokens`.
final class SqlNames {
    static final String SETTINGS = "spark.qwen.";

    /// An option. Settings records, which know no dashes, begin their messages with its name.
    private static final Pattern OPTION = Pattern.compile("(?:--|^)([a-z][a-z0-9]*(-[a-z0-9]+)*)");

    private static final Pattern DASH = Pattern.compile("-([a-z])");

    private SqlNames() {}

    /// Returns the name of the argument for an option.
    static String argument(String option) {
        return option.replace('-', '_');
    }

    /// Returns the option, without dashes, for the name of an argument in lower case.
    static String option(String argument) {
        return argument.replace('_', '-');
    }

    /// Returns the setting of a session for an option.
    static String setting(String option) {
        return SETTINGS + DASH.matcher(option).replaceAll(dash -> dash.group(1).toUpperCase(Locale.ROOT));
    }

    /// Runs something that may refuse options, and names them as SQL does if it refuses.
    static <T> T inMessages(Supplier<T> source) {
        try {
            return source.get();
        } catch (Refusal e) {
            throw Refusal.failure(inMessage(String.valueOf(e.getMessage())), e);
        }
    }

    /// Names the options in a message as SQL does. Those that SQL does not have keep the names of the command line.
    static String inMessage(String message) {
        return OPTION.matcher(message)
                .replaceAll(option -> Matcher.quoteReplacement(
                        isOffered(option.group(1)) ? argument(option.group(1)) : option.group()));
    }

    private static boolean isOffered(String option) {
        return Stream.of(JobFunction.values())
                .anyMatch(function -> JobOptions.names(function.job()).contains(option));
    }
}
