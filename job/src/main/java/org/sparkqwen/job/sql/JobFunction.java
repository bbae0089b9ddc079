package org.sparkqwen.job.sql;

import java.util.List;
import java.util.Locale;

/// A job as functions of SQL: a scalar function that gives a struct, and a table function that adds columns.
enum JobFunction {
    SCORE("text", List.of("prompt")),
    GENERATE("prompt", List.of()),
    TOKENIZE("text", List.of());

    private final String content;

    @SuppressWarnings("ImmutableEnumChecker") // nobody writes to it
    private final List<String> others;

    /// @param content the name of the scalar function's first argument
    /// @param others the names of other arguments that are read for each row
    JobFunction(String content, List<String> others) {
        this.content = content;
        this.others = others;
    }

    /// Returns the job's name on the command line.
    String job() {
        return name().toLowerCase(Locale.ROOT);
    }

    String scalarName() {
        return "qwen_" + job();
    }

    String tableName() {
        return scalarName() + "_table";
    }

    String content() {
        return content;
    }

    List<String> others() {
        return others;
    }

    String scalarUsage() {
        return "%s(%s, option => value, ...) - Runs the job %s on each row, and returns a struct of its columns."
                .formatted(scalarName(), content, job());
    }

    String tableUsage() {
        return "%s(TABLE(query), option => value, ...) - Returns the rows of the query with the columns of the job %s."
                .formatted(tableName(), job());
    }
}
