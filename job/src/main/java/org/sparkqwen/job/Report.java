package org.sparkqwen.job;

import java.io.PrintStream;
import java.util.List;
import java.util.Map;

/// The summary on the console at the end of a run.
final class Report {
    private final PrintStream out;

    Report(PrintStream out) {
        this.out = out;
    }

    void title(String title) {
        out.println();
        out.println(title);
    }

    void lines(List<String> lines) {
        lines.forEach(line -> out.println("  " + line));
    }

    /// @param errors the commonest messages and their numbers of rows
    void errors(long rows, Map<String, Long> errors) {
        if (rows == 0) {
            return;
        }
        out.printf("  errors      %,d rows%n", rows);
        errors.forEach((message, count) -> out.printf("              %,d × %s%n", count, message));
    }

    void written(RunOptions options, String manifest) {
        out.printf("  output      %s (%s), %s%n", options.output, options.outputFormat, manifest);
    }
}
