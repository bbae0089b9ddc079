package org.sparkqwen.job;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.apache.hadoop.fs.FSError;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;

/// A run's work, interval by interval: each reads the next rows of the plan, appends what the job makes of them to
/// the output, and is then committed by one small file that names the data files it wrote.
///
/// A driver that starts again deletes data files that no commit names, and goes on with the first row that none
/// covers. So each row is in the output once, whenever and however often a run is killed. See
/// docs/decisions/0011-intervals-and-commits.md.
final class CheckpointedRun {
    private final SparkSession spark;
    private final String name;
    private final RunOptions options;
    private final RunState state;
    private final OutputFiles files;
    private final ErrorPolicy policy;
    private final InputScan scan;
    private final Column estimatedTokens;
    private final UnaryOperator<Dataset<Row>> job;
    private final Counters counters;
    private final Pace pace;
    private UnreadableFiles leftOut = UnreadableFiles.NONE;

    /// @param quarantined the columns of rows that are dropped; null if none are
    /// @param scan of the columns that the job needs
    /// @param estimatedTokens of a row of the input, for balance
    /// @param job makes the output of rows of the input, counting as it goes
    /// @param pace takes note of the tokens
    CheckpointedRun(
            SparkSession spark,
            String name,
            RunOptions options,
            RunState state,
            @Nullable StructType quarantined,
            InputScan scan,
            Column estimatedTokens,
            UnaryOperator<Dataset<Row>> job,
            Counters counters,
            Pace pace) {
        this.spark = spark;
        this.name = name;
        this.options = options;
        this.state = state;
        files = new OutputFiles(options, state, quarantined);
        policy = ErrorPolicy.of(options);
        this.scan = scan;
        this.estimatedTokens = estimatedTokens;
        this.job = job;
        this.counters = counters;
        this.pace = pace;
    }

    /// All that was done, now and before.
    ///
    /// @param commits in order
    /// @param origins of its rows
    /// @param leftOut input files that cannot be read
    record Outcome(List<Commit> commits, Origins origins, UnreadableFiles leftOut) {
        List<ErrorKind> errorKinds() {
            return CheckpointedRun.errorKinds(commits);
        }

        /// Of all intervals together.
        Duration time() {
            return CheckpointedRun.time(commits);
        }
    }

    /// Does what is not done yet.
    Outcome run() {
        List<Commit> commits = new ArrayList<>(state.commits());
        files.refuseLost(commits);
        policy.refuseOther(options, commits);
        PlannedRows planned = PlannedRows.of(state.plans());
        leftOut = state.leftOut().among(planned.paths());
        if (options.onError == ErrorPolicy.OnError.DROP) {
            leftOut = leftOut.and(planned.gone(rows(commits), scan.files()));
        }
        planned.refuseChanges(rows(commits), scan.files(), leftOut);
        leftOut = leftOut.and(plan(planned));
        state.leaveOut(leftOut);
        files.discardStrays(commits);
        long total = Math.min(limit(), planned.rows());
        if (rows(commits) < total || commits.isEmpty()) {
            state.mark(false);
            work(commits, planned, total);
        }
        // Of a driver that went on although it was taken for dead.
        files.discardStrays(commits);
        state.mark(true);
        return new Outcome(commits, planned.origins(0, total), leftOut);
    }

    private long limit() {
        return options.limit == null ? Long.MAX_VALUE : options.limit;
    }

    private static long rows(List<Commit> commits) {
        return commits.isEmpty() ? 0 : commits.getLast().to();
    }

    private static Duration time(List<Commit> commits) {
        return Duration.ofMillis(
                (long) (1e3 * commits.stream().mapToDouble(Commit::seconds).sum()));
    }

    /// Takes note of the splits that are in no plan yet. With a limit it looks at no more than that takes.
    ///
    /// @return files that are left out of the plan; each start looks at them again
    private UnreadableFiles plan(PlannedRows planned) {
        UnreadableFiles unreadable = scan.emptyFiles(options);
        List<Split> found =
                scan.splits().stream().filter(split -> !planned.contains(split)).toList();
        int batch = options.limit == null ? found.size() : cores();
        for (int next = 0; next < found.size() && planned.rows() < limit(); ) {
            int end = (int) Math.min(found.size(), (long) next + batch);
            InputScan.Counted counted = scan.count(found.subList(next, end), options);
            unreadable = unreadable.and(counted.unreadable());
            boolean none = planned.rows() == 0 && counted.rows().isEmpty() && end == found.size();
            if (!unreadable.isEmpty() && (none || options.onError != ErrorPolicy.OnError.DROP)) {
                throw unreadable.refusal();
            }
            if (!counted.rows().isEmpty()) {
                InputPlan plan = InputPlan.of(counted.rows(), scan.files());
                state.add(plan);
                planned.add(plan);
            }
            next = end;
            batch = 4 * batch;
        }
        if (!unreadable.isEmpty() && options.onError != ErrorPolicy.OnError.DROP) {
            throw unreadable.refusal();
        }
        return unreadable;
    }

    private void work(List<Commit> commits, PlannedRows planned, long total) {
        int attempt = state.add(thisDriver());
        if (attempt > 0) {
            System.err.printf("Going on with %s: %,d of %,d rows are done%n", options.output, rows(commits), total);
        }
        counters.restore(commits);
        counters.settle(rows(commits));
        IntervalSize size = IntervalSize.of(options);
        Progress.Whole whole = new Progress.Whole(total, planned::work, time(commits));
        try (Progress _ = Progress.show(spark, name, whole, counters, pace)) {
            do {
                long from = rows(commits);
                long to = scan.liesInFiles() ? size.end(planned, from, total, commits, cores()) : total;
                Commit commit = interval(commits, planned, from, to, total, attempt);
                refuseOtherDriver(attempt);
                state.add(commit);
                commits.add(commit);
                counters.settle(to);
            } while (rows(commits) < total);
        }
    }

    /// Writes the rows from `from` to `to`.
    private Commit interval(List<Commit> commits, PlannedRows planned, long from, long to, long total, int attempt) {
        long start = System.nanoTime();
        long tokens = counters.tokens().value();
        long errors = counters.errors().value();
        long promptTokens = counters.promptTokens().value();
        long sharedTokens = counters.sharedTokens().value();
        ErrorTally tally = new ErrorTally(policy, errorKinds(commits), planned.origins(0, to), from, to, to == total);
        List<ErrorKind> errorKinds =
                ErrorWatch.watch(spark, counters.errorKinds(), tally, () -> write(commits, planned, from, to));
        OutputFiles.Written written = files.written(commits);
        return new Commit(
                commits.size(),
                from,
                to,
                written.data(),
                written.errors(),
                written.bytes(),
                counters.tokens().value() - tokens,
                counters.errors().value() - errors,
                errorKinds,
                counters.promptTokens().value() - promptTokens,
                counters.sharedTokens().value() - sharedTokens,
                Duration.ofNanos(System.nanoTime() - start).toMillis() / 1e3,
                attempt,
                Main.version());
    }

    private void write(List<Commit> commits, PlannedRows planned, long from, long to) {
        List<Piece> pieces = planned.pieces(from, to).stream()
                .filter(piece -> !leftOut.contains(piece.split().path()))
                .toList();
        try {
            Dataset<Row> result = job.apply(spread(scan.read(pieces), to - from));
            Dataset<Row> parts = inParts(result, from, to, files(commits, pieces, to - from));
            files.write(parts, to - from, planned.origins(from, to), counters.errorKinds());
        } catch (Exception | FSError e) { // Spark throws checked exceptions that it does not declare
            throw Refusal.failure(
                    "rows %,d to %,d: %s. What was done before is kept: the same command goes on from there%s"
                            .formatted(
                                    from,
                                    to,
                                    Failures.firstLineWithFile(e),
                                    Failures.file(e) == null
                                            ? ""
                                            : ", without that file once it is removed and --on-error is drop"),
                    e);
        }
    }

    private static List<ErrorKind> errorKinds(List<Commit> commits) {
        return commits.stream().flatMap(commit -> commit.errorKinds().stream()).toList();
    }

    private Dataset<Row> spread(Dataset<Row> rows, long count) {
        return RowNumber.isIn(rows.schema())
                ? Balance.spread(rows, count, estimatedTokens, cores())
                : rows.repartition(cores());
    }

    /// A shuffle, not a coalesce, which would also make the job's own tasks so few.
    private static Dataset<Row> inParts(Dataset<Row> result, long from, long to, int files) {
        return RowNumber.isIn(result.schema()) ? RowNumber.inParts(result, from, to, files) : result.repartition(files);
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
