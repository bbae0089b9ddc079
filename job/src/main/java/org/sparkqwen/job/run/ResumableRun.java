package org.sparkqwen.job.run;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;
import org.sparkqwen.job.Work;

/// A run with checkpoints, for callers in Java: it processes its input interval by interval, as the commands do, and
/// the same call resumes what an earlier one has begun.
///
/// ```java
/// RunSettings settings = RunSettings.of(InputFormat.of("parquet", "corpus"), "scores").withCheckpointRows(100_000);
/// RunSummary summary = ResumableRun.run(spark, settings, new ScoreJob(model, scoring));
/// ```
public final class ResumableRun {
    private ResumableRun() {}

    /// Returns the configuration of a session in which a run works as with the command line: what Spark was started
    /// with, the configuration in the settings, and our defaults for progress and S3.
    public static SparkConf configuration(RunSettings settings) {
        return CommandSession.configuration(settings);
    }

    /// Runs `work` until every row of the input is in the output once, and shows the progress on standard error.
    ///
    /// If the output has intervals of an earlier call with the same input, settings and work, the run goes on after
    /// the last one. It refuses an output of anything else, such as one that a command wrote.
    ///
    /// @param spark the session, which stays open. Spark's configuration in `settings` does not apply to it.
    /// @param work is prepared if there is something to do, and released at the end
    /// @return the summary of all calls together
    /// @throws RuntimeException with one line for a person, if the input, the output or the work does not suit,
    ///     if too many rows are rejected, or if Spark fails. The output keeps what was done.
    public static RunSummary run(SparkSession spark, RunSettings settings, Work work) {
        try (JobRun run = JobRun.in(spark, work.name(), settings)) {
            return run.run(identity(settings, work), work).summary();
        }
    }

    /// Returns the identity of a run: what decides the rows of its output.
    private static RunIdentity identity(RunSettings settings, Work work) {
        Map<String, Object> facts = new LinkedHashMap<>(work.identity());
        facts.put("input", settings.input().paths());
        facts.put("input-format", settings.input().name());
        facts.put("input-option", settings.input().options());
        facts.put("input-table", Objects.requireNonNullElse(settings.input().table(), "unset"));
        facts.put("input-sql", Objects.requireNonNullElse(settings.input().sql(), "unset"));
        facts.put("output-format", settings.target().format());
        facts.put("limit", settings.limit() == null ? "unset" : settings.limit());
        return RunIdentity.of(facts, SafeOptions.of(settings.conf().get(SafeOptions.REDACTED_SETTINGS)));
    }
}
