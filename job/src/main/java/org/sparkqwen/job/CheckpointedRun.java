package org.sparkqwen.job;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileStatus;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SaveMode;
import org.apache.spark.sql.SparkSession;

/// A run's work, interval by interval: each reads the next rows of the plan, appends what the job makes of them to
/// the output, and is then committed by one small file that names the data files it wrote.
///
/// A driver that starts again deletes data files that no commit names, and goes on with the first row that none
/// covers. So each row is in the output once, whenever and however often a run is killed. See
/// docs/decisions/0011-intervals-and-commits.md.
final class CheckpointedRun {
    /// `part-00000-` and what Spark gives all files of one write in common.
    private static final Pattern DATA_FILE =
            Pattern.compile("part-\\d+-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}).*");

    private final SparkSession spark;
    private final String name;
    private final RunOptions options;
    private final RunState state;
    private final InputScan scan;
    private final Column estimatedTokens;
    private final UnaryOperator<Dataset<Row>> job;
    private final Counters counters;
    private final Pace pace;

    /// @param scan of the columns that the job needs
    /// @param estimatedTokens of a row of the input, for balance
    /// @param job makes the output of rows of the input, counting as it goes
    /// @param pace takes note of the tokens
    CheckpointedRun(
            SparkSession spark,
            String name,
            RunOptions options,
            RunState state,
            InputScan scan,
            Column estimatedTokens,
            UnaryOperator<Dataset<Row>> job,
            Counters counters,
            Pace pace) {
        this.spark = spark;
        this.name = name;
        this.options = options;
        this.state = state;
        this.scan = scan;
        this.estimatedTokens = estimatedTokens;
        this.job = job;
        this.counters = counters;
        this.pace = pace;
    }

    /// Does what is not done yet.
    ///
    /// @return all that was committed, now and before, in order
    List<Commit> run() {
        List<Commit> commits = new ArrayList<>(state.commits());
        refuseLostFiles(commits);
        PlannedRows planned = PlannedRows.of(state.plans());
        planned.refuseChanges(rows(commits), scan.files());
        plan(planned);
        state.discard(strays(commits));
        long total = Math.min(limit(), planned.rows());
        if (rows(commits) < total || commits.isEmpty()) {
            state.mark(false);
            work(commits, planned, total);
        }
        // Of a driver that went on although it was taken for dead.
        state.discard(strays(commits));
        state.mark(true);
        return commits;
    }

    private long limit() {
        return options.limit == null ? Long.MAX_VALUE : options.limit;
    }

    private static long rows(List<Commit> commits) {
        return commits.isEmpty() ? 0 : commits.getLast().to();
    }

    /// Takes note of the splits that are in no plan yet. With a limit it looks at no more than that takes.
    private void plan(PlannedRows planned) {
        List<Split> found =
                scan.splits().stream().filter(split -> !planned.contains(split)).toList();
        int batch = options.limit == null ? found.size() : cores();
        for (int next = 0; next < found.size() && planned.rows() < limit(); ) {
            int end = (int) Math.min(found.size(), (long) next + batch);
            InputPlan plan = InputPlan.of(scan.count(found.subList(next, end)), scan.files());
            state.add(plan);
            planned.add(plan);
            next = end;
            batch = 4 * batch;
        }
    }

    private void work(List<Commit> commits, PlannedRows planned, long total) {
        int attempt = state.add(thisDriver());
        if (attempt > 0) {
            System.err.printf("Going on with %s: %,d of %,d rows are done%n", options.output, rows(commits), total);
        }
        counters.restore(commits);
        counters.settle(rows(commits));
        IntervalSize size = IntervalSize.of(options);
        try (Progress _ = Progress.show(spark, name, total, counters, pace)) {
            do {
                long from = rows(commits);
                long to = scan.liesInFiles() ? size.end(planned, from, total, commits, cores()) : total;
                Commit commit = interval(commits, planned, from, to, attempt);
                refuseOtherDriver(attempt);
                state.add(commit);
                commits.add(commit);
                counters.settle(to);
            } while (rows(commits) < total);
        }
    }

    /// Writes the rows from `from` to `to`.
    private Commit interval(List<Commit> commits, PlannedRows planned, long from, long to, int attempt) {
        long start = System.nanoTime();
        long tokens = counters.tokens().value();
        long errors = counters.errors().value();
        long promptTokens = counters.promptTokens().value();
        long sharedTokens = counters.sharedTokens().value();
        List<Piece> pieces = planned.pieces(from, to);
        try {
            Dataset<Row> result = job.apply(spread(scan.read(pieces), to - from));
            write(inOrder(result, from, to, files(commits, pieces, to - from)));
        } catch (Exception | FSError e) { // Spark throws checked exceptions that it does not declare
            throw Refusal.failure(
                    "rows %,d to %,d: %s. What was done before is kept: the same command goes on from there"
                            .formatted(from, to, Failures.firstLine(e)),
                    e);
        }
        List<FileStatus> written = strays(commits);
        refuseMixture(written);
        return new Commit(
                commits.size(),
                from,
                to,
                written.stream().map(file -> file.getPath().getName()).toList(),
                written.stream().mapToLong(FileStatus::getLen).sum(),
                counters.tokens().value() - tokens,
                counters.errors().value() - errors,
                counters.promptTokens().value() - promptTokens,
                counters.sharedTokens().value() - sharedTokens,
                Duration.ofNanos(System.nanoTime() - start).toMillis() / 1e3,
                attempt,
                Main.version());
    }

    private Dataset<Row> spread(Dataset<Row> rows, long count) {
        return RowNumber.isIn(rows.schema())
                ? Balance.spread(rows, count, estimatedTokens, cores())
                : rows.repartition(cores());
    }

    /// A shuffle, not a coalesce, which would also make the job's own tasks so few.
    private static Dataset<Row> inOrder(Dataset<Row> result, long from, long to, int files) {
        return RowNumber.isIn(result.schema()) ? RowNumber.order(result, from, to, files) : result.repartition(files);
    }

    /// How many files rows go into. Before anything was written the input's size stands for the output's.
    private int files(List<Commit> commits, List<Piece> pieces, long rows) {
        long writtenRows = rows(commits);
        long writtenBytes = commits.stream().mapToLong(Commit::bytes).sum();
        double bytes = writtenRows == 0
                ? pieces.stream().mapToDouble(Piece::bytes).sum()
                : (double) writtenBytes / writtenRows * rows;
        return Math.clamp((long) Math.ceil(bytes / options.targetFileSize), 1, Integer.MAX_VALUE);
    }

    private void write(Dataset<Row> result) {
        result.write()
                .format(options.outputFormat)
                // So that JSON, too, has every column in every row.
                .option("ignoreNullFields", "false")
                // Hadoop's committer takes all that lies below its attempt's number for its own, that of a killed
                // driver's tasks, too, if they had the same.
                .option(
                        "mapreduce.job.application.attempt.id",
                        Integer.toString(ThreadLocalRandom.current().nextInt(1, Integer.MAX_VALUE)))
                // The output is whole when all intervals are.
                .option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")
                .options(options.outputOptions)
                .mode(SaveMode.Append)
                .save(options.output);
    }

    /// Data files that no commit names.
    private List<FileStatus> strays(List<Commit> commits) {
        Set<String> committed = new HashSet<>();
        commits.forEach(commit -> committed.addAll(commit.files()));
        return state.visible().stream()
                .filter(file -> DATA_FILE.matcher(file.getPath().getName()).matches())
                .filter(file -> !committed.contains(file.getPath().getName()))
                .toList();
    }

    private void refuseLostFiles(List<Commit> commits) {
        Set<String> present = new HashSet<>();
        state.visible().forEach(file -> present.add(file.getPath().getName()));
        for (Commit commit : commits) {
            for (String file : commit.files()) {
                if (!present.contains(file)) {
                    throw Refusal.failure("%s/%s, which interval %d wrote, is gone; begin anew with --mode overwrite"
                            .formatted(options.output, file, commit.interval()));
                }
            }
        }
    }

    /// All files of one write have an identifier in common; those of two are another driver's beside this one's.
    private void refuseMixture(List<FileStatus> written) {
        Set<String> writes = new HashSet<>();
        for (FileStatus file : written) {
            Matcher matcher = DATA_FILE.matcher(file.getPath().getName());
            if (matcher.matches()) {
                writes.add(Objects.requireNonNull(matcher.group(1)));
            }
        }
        if (writes.size() > 1) {
            throw Refusal.failure("another run writes to --output %s at the same time; end it, and start this one again"
                    .formatted(options.output));
        }
    }

    /// The driver that started last goes on; one that finds another after it has lost its place.
    private void refuseOtherDriver(int attempt) {
        if (state.attempts() != attempt + 1) {
            RunState.Attempt other = state.lastAttempt();
            throw Refusal.failure("another run has begun on --output %s (process %d on %s, at %s); this one stops"
                    .formatted(options.output, other.pid(), other.host(), other.started()));
        }
    }

    private static RunState.Attempt thisDriver() {
        String host;
        try {
            host = InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            host = "an unknown host";
        }
        return new RunState.Attempt(
                Instant.now().toString(), host, ProcessHandle.current().pid(), Main.version());
    }

    private int cores() {
        return spark.sparkContext().defaultParallelism();
    }
}
