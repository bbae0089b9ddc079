package org.sparkqwen.job.run;

import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.spark.SessionTable;

/// The table that shows a run's output: an entry of Spark's session catalog for the output directory.
///
/// The directory and its commits decide which rows there are, so a table is written exactly once as a directory is. See
/// docs/decisions/0026-tables.md.
final class OutputTable {
    private final String name;
    private final RunSettings settings;
    private final SessionTable table;
    private final Optional<SessionTable.Entry> entry;
    private final Configuration hadoop;

    private OutputTable(
            String name,
            RunSettings settings,
            SessionTable table,
            Optional<SessionTable.Entry> entry,
            Configuration hadoop) {
        this.name = name;
        this.settings = settings;
        this.table = table;
        this.entry = entry;
        this.hadoop = hadoop;
    }

    /// Finds the table of a run.
    ///
    /// @return empty if the run has none
    /// @throws Refusal if the run cannot write that table
    static Optional<OutputTable> of(SparkSession spark, RunSettings settings) {
        String name = settings.target().table();
        if (name == null) {
            return Optional.empty();
        }
        try {
            SessionTable table = SessionTable.of(spark, name);
            Optional<SessionTable.Entry> entry = table.entry();
            Configuration hadoop = spark.sessionState().newHadoopConf();
            String location = location(settings, table, entry, hadoop);
            return Optional.of(new OutputTable(name, settings.withOutput(location), table, entry, hadoop));
        } catch (Refusal e) {
            throw e;
        } catch (SessionTable.OtherMeaning e) {
            throw Refusal.usage(("--output-table %s %s; a run writes exactly once to tables of files in Spark's own"
                            + " catalog only: name such a table, or give --output DIR and insert its rows from there")
                    .formatted(Quote.of(name), Quote.line(String.valueOf(e.getMessage()))));
        } catch (Exception | LinkageError e) { // Spark throws checked exceptions that it does not declare
            throw Refusal.failure(
                    "--output-table %s cannot be looked up: %s".formatted(Quote.of(name), Failures.firstLine(e)), e);
        }
    }

    private static String location(
            RunSettings settings, SessionTable table, Optional<SessionTable.Entry> entry, Configuration hadoop) {
        String own = entry.map(SessionTable.Entry::location).orElseGet(table::defaultLocation);
        if (settings.output().isEmpty()) {
            return own;
        }
        if (entry.isPresent() && !qualified(own, hadoop).equals(qualified(settings.output(), hadoop))) {
            throw Refusal.usage(
                    "--output-table %s lies in %s, not in --output %s; leave out --output, or choose another"
                                    .formatted(
                                            Quote.of(settings.target().table()),
                                            Quote.of(own),
                                            Quote.of(settings.output()))
                            + " table");
        }
        return settings.output();
    }

    private static Path qualified(String path, Configuration hadoop) {
        try {
            FileSystem files = new Path(path).getFileSystem(hadoop);
            return files.makeQualified(new Path(path));
        } catch (IOException e) {
            throw Refusal.failure("%s cannot be reached: %s".formatted(path, Failures.firstLine(e)), e);
        }
    }

    /// Returns the settings of the run, with the table's directory as the output.
    RunSettings settings() {
        return settings;
    }

    /// Refuses a table that could not show this output.
    ///
    /// @param columns the columns of the output
    void refuseUnlike(StructType columns) {
        entry.ifPresent(existing -> refuseUnlike(existing, columns));
    }

    private void refuseUnlike(SessionTable.Entry existing, StructType columns) {
        if (!existing.format().equalsIgnoreCase(settings.target().format())) {
            throw Refusal.usage(
                    OutputFormat.NAMES.contains(existing.format().toLowerCase(Locale.ROOT))
                            ? "--output-table %s has files of %s; give --output-format %2$s"
                                    .formatted(Quote.of(name), existing.format())
                            : ("--output-table %s is of %s, to which a run cannot write exactly once; choose another"
                                            + " table, or give --output DIR and insert its rows from there")
                                    .formatted(Quote.of(name), Quote.of(existing.format())));
        }
        if (existing.isDivided()) {
            throw Refusal.usage(
                    "--output-table %s has partitions or buckets, which a run does not write; choose another"
                                    .formatted(Quote.of(name))
                            + " table");
        }
        Map<String, String> reads = OutputFormat.sharedOptions(existing.options());
        Map<String, String> writes =
                OutputFormat.sharedOptions(settings.target().options());
        if (settings.target().format().equals("json") && !reads.equals(writes)) {
            throw Refusal.usage(
                    "--output-table %s is read with the options %s, and --output-option gives %s; choose another table"
                            .formatted(Quote.of(name), Quote.of(reads.toString()), Quote.of(writes.toString())));
        }
        List<String> before = ColumnTypes.of(existing.columns());
        List<String> now = ColumnTypes.of(columns);
        if (!before.equals(now)) {
            throw Refusal.usage(
                    "--output-table %s has the columns %s, and the output %s; choose another table, or drop it"
                            .formatted(
                                    Quote.of(name),
                                    Quote.of(String.join(", ", before)),
                                    Quote.of(String.join(", ", now))));
        }
    }

    /// Refuses a table with rows that no run wrote, such as those of an `INSERT`.
    ///
    /// A run deletes files that no commit names, because interrupted work leaves such files. Once a run is done
    /// there are none, so those that are there now are somebody else's.
    ///
    /// @param state the state of the output directory
    void refuseOthersRows(RunState state) {
        boolean others = state.isOurs()
                ? hasOthersFiles(state)
                : entry.isPresent() && !state.data().visible().isEmpty();
        if (others) {
            throw Refusal.usage(("--output-table %s has rows that no run of spark-qwen wrote, and a run writes a table"
                            + " of its own; choose another name, or move these rows to another table")
                    .formatted(Quote.of(name)));
        }
    }

    private boolean hasOthersFiles(RunState state) {
        boolean overwrites = settings.mode() == RunSettings.Mode.OVERWRITE;
        // A driver that is killed after its last commit leaves files, too, but no mark. Missing commits are no sign
        // of an INSERT: a person deletes commits to have rows done again. But --mode overwrite deletes for good.
        try {
            if (!state.exists() || !state.isWhole()) {
                return false;
            }
            RunState last = state.ofOutput();
            return (overwrites || last.isDone(settings.limit()))
                    && !new OutputFiles(settings, state, null)
                            .strays(last.commits())
                            .data()
                            .isEmpty();
        } catch (Refusal e) {
            if (overwrites) {
                return false; // a damaged state is what that mode is for
            }
            throw e;
        }
    }

    /// Adds the table to the catalog if it is not there. Another run may have added one since the start.
    ///
    /// @param columns the columns of the output
    void create(StructType columns) {
        try {
            Optional<SessionTable.Entry> existing = table.entry();
            if (existing.isPresent()) {
                location(settings, table, existing, hadoop); // refuses another place
                refuseUnlike(existing.get(), columns);
                return;
            }
            // The catalog would look for a relative path below the database.
            String location = qualified(settings.output(), hadoop).toString();
            Map<String, String> options =
                    OutputFormat.readerOptions(settings.target().options());
            table.create(settings.target().format(), columns, location, options);
            table.refresh(); // Spark caches the list of files when it creates the entry, and that list is still empty
        } catch (Refusal e) {
            throw e;
        } catch (Exception e) { // Spark throws checked exceptions that it does not declare
            throw Refusal.failure(
                    "--output-table %s cannot be created: %s".formatted(Quote.of(name), Failures.firstLine(e)), e);
        }
    }

    /// Shows the session what the run has written, and adds the table again if somebody has dropped it meanwhile.
    ///
    /// @param columns the columns of the output
    /// @return a warning if that fails; the rows are in the directory nevertheless
    Optional<String> show(StructType columns) {
        try {
            create(columns);
            table.refresh();
            return Optional.empty();
        } catch (Exception e) { // Spark throws checked exceptions that it does not declare
            return Optional.of("all rows are in %s, but the table %s cannot be shown: %s"
                    .formatted(Quote.of(settings.output()), Quote.of(name), Failures.firstLine(e)));
        }
    }

    /// Returns a warning if the table is gone when the session ends.
    Optional<String> caution() {
        return table.endsWithSession()
                ? Optional.of(
                        ("the table %s ends with this session, because Spark's catalog is in memory; its rows stay in"
                            + " %s. A metastore (--conf spark.sql.catalogImplementation=hive) keeps the table")
                                .formatted(Quote.of(name), Quote.of(settings.output())))
                : Optional.empty();
    }
}
