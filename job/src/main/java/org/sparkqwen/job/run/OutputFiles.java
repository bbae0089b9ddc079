package org.sparkqwen.job.run;

import static org.apache.spark.sql.functions.col;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.apache.hadoop.fs.FileStatus;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.errors.ErrorKind;
import org.sparkqwen.job.errors.ErrorKinds;
import org.sparkqwen.job.input.Origins;
import org.sparkqwen.job.spark.InternalRows;
import org.sparkqwen.job.spark.RowNumber;
import org.sparkqwen.job.storage.OutputLayout;

/// The files to which intervals write rows: the output, and with `--on-error drop` the [Quarantine] for rejected rows.
/// In both, files that no commit names do not count.
///
/// With buckets, rows are scored into a directory of the output, see [BucketStage].
final class OutputFiles {
    private final RunState state;
    private final DataFiles output;
    private final DataFiles quarantine;
    private final @Nullable StructType quarantined;
    private final boolean outdated;

    /// @param quarantined the columns of dropped rows; null if rows with errors stay in the output
    OutputFiles(RunSettings settings, RunState state, @Nullable StructType quarantined) {
        this(new DataFiles(settings, settings.output(), state.data()), settings, state, quarantined, false);
    }

    /// @param outdated whether the files of the output may be gone, because another stage has all their rows
    private OutputFiles(
            DataFiles output,
            RunSettings settings,
            RunState state,
            @Nullable StructType quarantined,
            boolean outdated) {
        this.state = state;
        this.output = output;
        this.quarantined = quarantined;
        this.outdated = outdated;
        quarantine = new DataFiles(settings, settings.output() + "/" + OutputLayout.ERRORS, state.rejected());
    }

    /// Returns the files of a run that writes to a directory in its output. Rejected rows are in the same place and
    /// of the same format as in every run.
    ///
    /// @param directory its name
    /// @param writing the settings with which files are written there
    /// @param outdated whether the files there may be gone, because another stage has all their rows
    static OutputFiles within(
            String directory,
            RunSettings writing,
            RunSettings settings,
            RunState state,
            @Nullable StructType quarantined,
            boolean outdated) {
        return new OutputFiles(
                new DataFiles(writing, settings.output() + "/" + directory, state.data(directory)),
                settings,
                state,
                quarantined,
                outdated);
    }

    /// The files that an interval wrote.
    ///
    /// @param bytes the size of the data
    /// @param stored the state of each file
    record Written(List<String> data, List<String> errors, long bytes, Map<String, StoredFile> stored) {}

    /// Writes the result of an interval, one file for each partition.
    ///
    /// @param rows how many rows the interval has
    /// @param found the errors that tasks find; complete when the tasks have ended
    void write(Dataset<Row> result, long rows, Origins origins, ErrorKinds found) {
        if (quarantined == null) {
            output.write(inOrder(result));
            return;
        }
        // Both writes read the shuffle before the parts, so the job's work is done once.
        InternalRows shuffled = InternalRows.of(result);
        Dataset<Row> once = shuffled.dataset(result.sparkSession(), result.schema());
        output.write(inOrder(once.filter(col("error").isNull())));
        if (!found.isZero()) {
            Dataset<Row> bad = once.filter(col("error").isNotNull());
            double share = (double) ErrorKind.total(found.value().values()) / rows;
            int files = (int) Math.clamp(Math.ceil(share * shuffled.partitions()), 1, Integer.MAX_VALUE);
            quarantine.write(Quarantine.rows(bad, quarantined, origins, files));
        }
    }

    private static Dataset<Row> inOrder(Dataset<Row> result) {
        return RowNumber.isIn(result.schema()) ? RowNumber.order(result) : result;
    }

    /// Returns the data files that no commit names, which interrupted work left behind.
    Strays strays(List<Commit> commits) {
        return new Strays(
                output.strays(names(commits, Commit::files)), quarantine.strays(names(commits, Commit::errorFiles)));
    }

    /// Files of the output and of the quarantine that no commit names.
    record Strays(List<FileStatus> data, List<FileStatus> errors) {
        static final Strays NONE = new Strays(List.of(), List.of());

        /// Returns the files that are not among `others`.
        Strays without(Strays others) {
            return new Strays(without(data, others.data), without(errors, others.errors));
        }

        private static List<FileStatus> without(List<FileStatus> files, List<FileStatus> others) {
            Set<String> names = Set.copyOf(OutputFiles.names(others));
            return files.stream()
                    .filter(file -> !names.contains(file.getPath().getName()))
                    .toList();
        }

        /// Returns whether another driver wrote some of the files meanwhile.
        boolean areOfSeveralWrites() {
            return DataFiles.areOfSeveralWrites(data) || DataFiles.areOfSeveralWrites(errors);
        }
    }

    /// Returns what an interval wrote.
    ///
    /// @param files the files that appeared during the interval
    Written written(Strays files) {
        Map<String, StoredFile> stored = output.stored(files.data());
        stored.putAll(quarantine.stored(files.errors()));
        return new Written(
                names(files.data()),
                names(files.errors()),
                files.data().stream().mapToLong(FileStatus::getLen).sum(),
                stored);
    }

    /// Deletes files that no commit names.
    void discard(Strays strays) {
        output.discard(strays.data());
        quarantine.discard(strays.errors());
    }

    /// Deletes what Spark's committers leave of interrupted work.
    void discardUnfinished() {
        output.discardUnfinished();
        quarantine.discardUnfinished();
    }

    /// Refuses an output that differs from its commits. If a file is gone, cut or changed, rows would be missing;
    /// if no run wrote it, nobody computed its rows.
    void refuseChanged(List<Commit> commits) {
        output.refuseForeign();
        Map<String, FileStatus> data = output.present();
        Map<String, FileStatus> errors = quarantine.present();
        for (Commit commit : commits) {
            if (!outdated) {
                output.refuseChanged(commit, commit.files(), data, state);
            }
            quarantine.refuseChanged(commit, commit.errorFiles(), errors, state);
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
