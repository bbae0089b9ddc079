package org.sparkqwen.job.cli.report;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What a command says of a finished run.
///
/// @param title the first line for a person
/// @param facts what `_run.json` has of the job's output, besides what it has of every run
/// @param lines the lines below the title
/// @param page the page for a browser that is drawn; null for none
/// @param tables the tables at the end
public record JobSummary(
        String title,
        Map<String, Object> facts,
        List<String> lines,
        @Nullable Page page,
        List<Table> tables) {
    /// A page for a browser.
    ///
    /// @param by the column whose values the charts compare; null for none
    public record Page(@Nullable String by) {}

    /// A table with a title, in lines that are aligned.
    public record Table(String title, List<String> lines) {}

    /// Makes a summary without a page and without tables.
    public JobSummary(String title, Map<String, Object> facts, List<String> lines) {
        this(title, facts, lines, null, List.of());
    }

    /// Returns a number of things, such as `1 row` or `1,200 rows`.
    public static String count(long things, String noun) {
        return "%,d %s%s".formatted(things, noun, things == 1 ? "" : "s");
    }

    /// Returns the title of a run, such as `Scored 220 rows in 18.6 s: 111,879 tokens, 6,016 tokens/s`.
    ///
    /// @param done what was done, such as `Scored 220 rows`
    public static String title(String done, long tokens, double seconds) {
        return title(done, tokens, "tokens", seconds);
    }

    /// Returns the title of a run that counts tokens of one kind.
    ///
    /// @param kind which tokens are counted, such as `new tokens`
    public static String title(String done, long tokens, String kind, double seconds) {
        return "%s in %.1f s: %,d %s, %,.0f %s/s".formatted(done, seconds, tokens, kind, tokens / seconds, kind);
    }
}
