package org.sparkqwen.job.cli.report;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.progress.SpeedProbe;
import org.sparkqwen.job.run.RunForecast;
import org.sparkqwen.job.run.SampledSizes;

/// What `--dry-run` shows: what would be read, how many tokens that are, and how long it takes.
public final class ForecastReport {
    private final RunForecast forecast;

    public ForecastReport(RunForecast forecast) {
        this.forecast = forecast;
    }

    /// Returns the lines about what is read and written.
    ///
    /// @param output where the output would be, for a person
    public List<String> input(String output) {
        List<String> lines = new ArrayList<>();
        lines.add("input       "
                + (forecast.files() == 0
                        ? JobSummary.count(forecast.rows(), "row") + " of a table or a query"
                        : "%s of %s, %s"
                                .formatted(
                                        JobSummary.count(forecast.files(), "file"),
                                        ByteCount.text(forecast.bytes()),
                                        rows(forecast))));
        lines.add("columns     " + Quote.of(String.join(", ", forecast.columns())));
        if (!forecast.unreadable().isEmpty()) {
            lines.add("left out    " + forecast.unreadable());
        }
        lines.add("output      %s, %s".formatted(Quote.of(output), state()));
        return lines;
    }

    /// Formats the number of rows, and what it was estimated from.
    static String rows(RunForecast forecast) {
        return forecast.judgedBy() == 0
                ? JobSummary.count(forecast.rows(), "row")
                : "about %s, judging by %s of them"
                        .formatted(JobSummary.count(forecast.rows(), "row"), ByteCount.text(forecast.judgedBy()));
    }

    private String state() {
        if (forecast.replaces()) {
            return "whose rows of an earlier run would be deleted";
        }
        if (forecast.done() == 0) {
            return "which the run would begin";
        }
        return forecast.left() == 0
                ? "which has all rows already"
                : "which has %,d rows already, so %,d are left".formatted(forecast.done(), forecast.left());
    }

    /// Returns the lines about rows, tokens and time.
    public List<String> work() {
        List<String> lines = new ArrayList<>();
        SampledSizes sample = forecast.sample();
        lines.add("sample      %s, of which %s would be rejected%s"
                .formatted(
                        JobSummary.count(sample.rows(), "row"),
                        sample.rejected() == 0 ? "none" : "%,d".formatted(sample.rejected()),
                        sample.rejected() == 0 ? "" : ":"));
        sample.reasons()
                .forEach((reason, count) -> lines.add("            %,d × %s".formatted(count, Quote.line(reason))));
        lines.add("tokens      %s%s".formatted(tokens(sample), error(sample)));
        lines.add("            %,.0f a row on average, %,d in the longest of the sample"
                .formatted(sample.meanGiven(), sample.longest()));
        SpeedProbe.Speed speed = forecast.speed();
        if (speed == null) {
            lines.add("time        none: there is nothing to process");
            return lines;
        }
        lines.add("speed       %,.0f tokens/s, measured for %.0f s on %s"
                .formatted(speed.tokensPerSecond(), speed.seconds(), JobSummary.count(forecast.cores(), "core")));
        lines.add("time        %s%s, which is %s core hours"
                .formatted(
                        sample.mostGenerated() > 0 ? "at most about " : "about ",
                        clock(forecast.time()),
                        hours(forecast.coreHours())));
        return lines;
    }

    private String tokens(SampledSizes sample) {
        double given = forecast.left() * sample.meanGiven();
        return sample.mostGenerated() == 0
                ? "about %,.0f".formatted(given)
                : "about %,.0f of prompts, and at most %,.0f generated ones"
                        .formatted(given, forecast.left() * sample.meanMostGenerated());
    }

    /// Formats twice the standard error, within which the mean lies with 95 %.
    private String error(SampledSizes sample) {
        return sample.rows() >= forecast.rows() ? "" : " (± %.1f %%)".formatted(200 * sample.relativeError());
    }

    private static String hours(double hours) {
        return hours < 0.1 ? "%.3f".formatted(hours) : hours < 10 ? "%.2f".formatted(hours) : "%,.0f".formatted(hours);
    }

    /// Formats a duration, such as `12 s`, `14 min 38 s` or `2 days 3 h`.
    static String clock(Duration time) {
        if (time.toMinutes() == 0) {
            return "%d s".formatted(Math.max(1, time.toSeconds()));
        }
        if (time.toHours() == 0) {
            return "%d min %d s".formatted(time.toMinutes(), time.toSecondsPart());
        }
        return time.toDays() == 0
                ? "%d h %d min".formatted(time.toHours(), time.toMinutesPart())
                : "%,d day%s %d h".formatted(time.toDays(), time.toDays() == 1 ? "" : "s", time.toHoursPart());
    }
}
