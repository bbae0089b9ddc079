package org.sparkqwen.job.failure;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.hostcache.ModelCopyException;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// What a person is told of an exception.
public final class Failures {
    /// As Spark says which file a task has read.
    private static final Pattern READING = Pattern.compile("rror while reading file (\\S+?)\\.?(\\s|$)");

    private Failures() {}

    /// The first line of what went wrong at the bottom, fit to be shown.
    public static String firstLine(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null
                && !(root instanceof InvalidModelException)
                && !(root instanceof ModelCopyException)) {
            root = root.getCause();
        }
        String message = root.getMessage();
        return message == null || message.isBlank()
                ? Quote.line(root.toString())
                : Quote.line(message.lines().findFirst().orElse(""));
    }

    /// The same, with the name of the input file if one was read.
    public static String firstLineWithFile(Throwable failure) {
        String file = file(failure);
        return file == null
                ? firstLine(failure)
                : "%s cannot be read: %s".formatted(Origin.shortened(file), firstLine(failure));
    }

    /// The input file that could not be read; null if something else went wrong.
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
