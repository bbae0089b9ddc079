package org.sparkqwen.job.failure;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.hostcache.ModelCopyException;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// What a person is told about an exception.
public final class Failures {
    /// The words in which Spark names the file that a task was reading.
    private static final Pattern READING = Pattern.compile("rror while reading file (\\S+?)\\.?(\\s|$)");

    private Failures() {}

    /// Returns the first line of the root cause's message that has any text, fit to be shown.
    public static String firstLine(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null
                && !(root instanceof InvalidModelException)
                && !(root instanceof ModelCopyException)) {
            root = root.getCause();
        }
        String message = root.getMessage();
        if (root instanceof ClassNotFoundException) { // whose message is the name alone
            return Quote.line("there is no class %s on the class path".formatted(message));
        }
        return message == null || message.isBlank()
                ? Quote.line(root.toString())
                : Quote.line(message.strip().lines().findFirst().orElse(""));
    }

    /// Returns the first line of the root cause's message, with the name of the input file if one was being read.
    public static String firstLineWithFile(Throwable failure) {
        String file = file(failure);
        return file == null
                ? firstLine(failure)
                : "%s cannot be read: %s".formatted(Origin.shortened(file), firstLine(failure));
    }

    /// Returns the input file that could not be read; null if something else went wrong.
    public static @Nullable String file(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            Matcher reading = READING.matcher(String.valueOf(cause.getMessage()));
            if (reading.find()) {
                return reading.group(1);
            }
        }
        return null;
    }
}
