package org.sparkqwen.job.run;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.input.UnreadableFiles;
import org.sparkqwen.job.progress.SpeedProbe;

/// What a run would read and take, as far as that is known before it starts.
///
/// @param files how many files are read; 0 for a table or a query
/// @param bytes the bytes of these files
/// @param rows how many rows are processed
/// @param judgedBy the bytes from whose rows the number of all rows was estimated; 0 if it is known
/// @param unreadable files that cannot be read, and would be left out
/// @param columns the names of the columns that are read
/// @param done the rows that an earlier start has done
/// @param replaces whether a finished or unfinished run in the output would be deleted
/// @param sample the sizes of sampled rows
/// @param speed how fast tasks process tokens; null if there is nothing to process
/// @param cores the cores on which that was measured
public record RunForecast(
        int files,
        long bytes,
        long rows,
        long judgedBy,
        UnreadableFiles unreadable,
        List<String> columns,
        long done,
        boolean replaces,
        SampledSizes sample,
        SpeedProbe.@Nullable Speed speed,
        int cores) {
    /// Returns the rows that are left to process.
    public long left() {
        return Math.max(0, rows - done);
    }

    /// Returns the estimated tokens of the rows that are left, with all that may be generated.
    public double tokens() {
        return left() * (sample.meanGiven() + sample.meanMostGenerated());
    }

    /// Returns the estimated time that the rows that are left take, without the start of Spark and the loading of
    /// the model.
    public Duration time() {
        return speed == null || speed.tokensPerSecond() <= 0
                ? Duration.ZERO
                : Duration.ofMillis(Math.round(1e3 * tokens() / speed.tokensPerSecond()));
    }

    /// Returns the estimated hours that one core would take.
    public double coreHours() {
        return time().toMillis() / 3.6e6 * cores;
    }
}
