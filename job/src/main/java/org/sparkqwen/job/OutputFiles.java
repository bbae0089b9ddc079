package org.sparkqwen.job;

import static org.apache.spark.sql.functions.col;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.apache.hadoop.fs.FileStatus;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;

/// Where the rows of intervals go: into the output, and with `--on-error drop` those that have errors into the
/// [Quarantine]. What no commit names does not count in either.
final class OutputFiles {
    private final DataFiles output;
    private final DataFiles quarantine;
    private final @Nullable StructType quarantined;

    /// @param quarantined the columns of dropped rows; null if rows with errors stay in the output
    OutputFiles(RunOptions options, RunState state, @Nullable StructType quarantined) {
        output = new DataFiles(options, options.output, state);
        quarantine =
                new DataFiles(options, options.output + "/" + Quarantine.DIRECTORY, state.inside(Quarantine.DIRECTORY));
        this.quarantined = quarantined;
    }

    /// What an interval wrote.
    ///
    /// @param bytes of the data
    record Written(List<String> data, List<String> errors, long bytes) {}

    /// Writes the result of an interval, a file a partition.
    ///
    /// @param rows of the interval
    /// @param found what tasks find wrong with rows; whole when they have ended
    void write(Dataset<Row> result, long rows, Origins origins, ErrorKinds found) {
        if (quarantined == null) {
            output.write(inOrder(result));
            return;
        }
        // Both are read from the shuffle before the parts, so the work is done once.
        RDD<InternalRow> shuffled = result.queryExecution().toRdd();
        Dataset<Row> once = InternalRows.dataset(result.sparkSession(), shuffled, result.schema());
        output.write(inOrder(once.filter(col("error").isNull())));
        if (!found.isZero()) {
            Dataset<Row> bad = once.filter(col("error").isNotNull());
            double share = (double) ErrorKind.total(found.value().values()) / rows;
            int files = (int) Math.clamp(Math.ceil(share * shuffled.getNumPartitions()), 1, Integer.MAX_VALUE);
            quarantine.write(Quarantine.rows(bad, quarantined, origins, files));
        }
    }

    private static Dataset<Row> inOrder(Dataset<Row> result) {
        return RowNumber.isIn(result.schema()) ? RowNumber.order(result) : result;
    }

    /// What was written since these commits.
    Written written(List<Commit> commits) {
        List<FileStatus> data = output.written(names(commits, Commit::files));
        List<FileStatus> errors = quarantine.written(names(commits, Commit::errorFiles));
        return new Written(
                names(data),
                names(errors),
                data.stream().mapToLong(FileStatus::getLen).sum());
    }

    /// Deletes what was written by work that was broken off.
    void discardStrays(List<Commit> commits) {
        output.discardStrays(names(commits, Commit::files));
        quarantine.discardStrays(names(commits, Commit::errorFiles));
    }

    void refuseLost(List<Commit> commits) {
        Set<String> data = output.present();
        Set<String> errors = quarantine.present();
        for (Commit commit : commits) {
            output.refuseLost(commit.interval(), commit.files(), data);
            quarantine.refuseLost(commit.interval(), commit.errorFiles(), errors);
        }
    }

    private static Set<String> names(List<Commit> commits, Function<Commit, List<String>> files) {
        Set<String> names = new HashSet<>();
        commits.forEach(commit -> names.addAll(files.apply(commit)));
        return names;
    }

    private static List<String> names(List<FileStatus> files) {
        List<String> names = new ArrayList<>();
        files.forEach(file -> names.add(file.getPath().getName()));
        return names;
    }
}
