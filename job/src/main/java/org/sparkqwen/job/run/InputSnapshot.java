package org.sparkqwen.job.run;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileStatus;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.failure.Console;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.input.InputFormat;
import org.sparkqwen.job.spark.FileFormats;

/// The rows of a table or a query as a run first found them, copied to Parquet files in the run's output.
///
/// Nothing says in which order a source gives its rows, or that it gives the same ones again. So a run copies them
/// once, and works on the copy as on any files. A copy counts if the run's state names it; others are what a killed
/// driver left. It is deleted when all rows are done. See docs/decisions/0026-tables.md.
final class InputSnapshot {
    private static final String FORMAT = "parquet";

    private final SparkSession spark;
    private final RunSettings settings;
    private final RunState state;
    private final DriverClaim claim;

    /// @param claim this driver's claim to the output
    InputSnapshot(SparkSession spark, RunSettings settings, RunState state, DriverClaim claim) {
        this.spark = spark;
        this.settings = settings;
        this.state = state;
        this.claim = claim;
    }

    /// A whole copy, as the state of a run names it.
    ///
    /// @param directory its directory in the output
    /// @param columns its columns, as DDL
    /// @param files the state of each of its files when it was written
    record Taken(String directory, String columns, Map<String, StoredFile> files) {
        Taken {
            if (directory == null || columns == null || files == null) {
                throw new IllegalArgumentException("it does not say where the rows are");
            }
            files = Map.copyOf(files);
        }
    }

    /// Refuses columns that a copy would not give back as they were.
    static void refuseWhatItCannotHold(SparkSession spark, InputFormat input, StructType columns) {
        new OutputFormat(spark, FORMAT).firstNotHeld(columns).ifPresent(field -> {
            throw Refusal.usage(("%s is copied to Parquet, which cannot hold column '%s', %s; leave it out with"
                            + " --columns, or cast it in --input-sql")
                    .formatted(
                            input.source(),
                            Quote.of(field.name()),
                            Quote.of(field.dataType().simpleString())));
        });
    }

    /// Returns the copied rows, and copies them first if no start of the run has. There are none if all are done.
    ///
    /// @param rows the rows of the source
    Dataset<Row> of(Dataset<Row> rows) {
        Optional<Taken> taken = state.snapshot();
        if (taken.isEmpty()) {
            return read(take(rows), rows.schema());
        }
        if (state.isDone(settings.limit())) {
            return spark.createDataFrame(List.<Row>of(), rows.schema());
        }
        if (!ColumnTypes.areSame(taken.get().columns(), rows.schema().toDDL())) {
            throw Refusal.failure("the run has copied the columns %s from %s, and now needs %s; begin anew with --mode"
                            .formatted(
                                    Quote.of(taken.get().columns()),
                                    input().source(),
                                    Quote.of(rows.schema().toDDL()))
                    + " overwrite");
        }
        refuseChanged(taken.get());
        return read(taken.get(), rows.schema());
    }

    /// Deletes the copy.
    void discard() {
        state.discardSnapshots();
    }

    private Taken take(Dataset<Row> rows) {
        state.removeMark(); // somebody may have inserted rows into the table that the run is going to write
        state.discardSnapshots();
        String directory = RunState.newSnapshot();
        new Console(System.err)
                .printf(
                        "Copying the rows of %s to %s; later starts use this copy%n",
                        input().source(), path(directory));
        try {
            rows.write().format(FORMAT).options(DataFiles.committerOptions()).save(path(directory));
        } catch (Exception | FSError | LinkageError e) { // Spark throws checked exceptions that it does not declare
            claim.refuseIfLost();
            throw Refusal.failure(
                    "%s cannot be copied: %s. Once that is mended, the same command begins again"
                            .formatted(input().source(), Failures.firstLineWithFile(e)),
                    e);
        }
        claim.refuseIfLost();
        DataDirectory copy = state.data(directory);
        Map<String, StoredFile> files = new HashMap<>();
        copy.visible().forEach(file -> files.put(file.getPath().getName(), copy.stored(file)));
        Taken taken = new Taken(directory, rows.schema().toDDL(), files);
        state.add(taken);
        return taken;
    }

    /// Refuses a copy whose files are not those that were written.
    private void refuseChanged(Taken taken) {
        DataDirectory copy = state.data(taken.directory());
        Map<String, FileStatus> present = new HashMap<>();
        copy.visible().forEach(file -> present.put(file.getPath().getName(), file));
        Set<String> names = new TreeSet<>(taken.files().keySet());
        names.addAll(present.keySet());
        for (String name : names) {
            StoredFile before = taken.files().get(name);
            FileStatus now = present.get(name);
            Optional<String> difference = before == null
                    ? Optional.of("was not there before")
                    : now == null ? Optional.of("is gone") : copy.difference(before, now);
            if (difference.isPresent()) {
                throw Refusal.failure(("%s/%s, of the rows that the run copied from %s, %s; bring back what it was, or"
                                + " begin anew with --mode overwrite")
                        .formatted(path(taken.directory()), Quote.of(name), input().source(), difference.get()));
            }
        }
    }

    private Dataset<Row> read(Taken taken, StructType columns) {
        return spark.read()
                .format(FileFormats.PARQUET_FILES)
                .option("__globPaths__", false)
                .schema(columns)
                .load(path(taken.directory()));
    }

    private InputFormat input() {
        return settings.input();
    }

    private String path(String directory) {
        return settings.output() + "/" + directory;
    }
}
