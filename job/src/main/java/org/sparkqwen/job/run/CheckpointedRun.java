package org.sparkqwen.job.run;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.LongFunction;
import org.apache.hadoop.fs.FSError;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.errors.ErrorKind;
import org.sparkqwen.job.errors.ErrorPolicy;
import org.sparkqwen.job.errors.ErrorTally;
import org.sparkqwen.job.errors.ErrorWatch;
import org.sparkqwen.job.failure.Console;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Origin;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.failure.Version;
import org.sparkqwen.job.failure.Warnings;
import org.sparkqwen.job.input.Balance;
import org.sparkqwen.job.input.InputPlan;
import org.sparkqwen.job.input.InputScan;
import org.sparkqwen.job.input.Piece;
import org.sparkqwen.job.input.PlannedRows;
import org.sparkqwen.job.input.Split;
import org.sparkqwen.job.input.UnreadableFiles;
import org.sparkqwen.job.progress.Counters;
import org.sparkqwen.job.progress.Pace;
import org.sparkqwen.job.progress.Progress;
import org.sparkqwen.job.spark.RowNumber;

/// A run's work, interval by interval. Each interval reads the next rows of the plan and appends the job's rows for
/// them to the output. It is then committed by one small file that names its data files.
///
/// A restarted driver continues with the first row that no commit covers, and deletes data files that no commit names.
/// So each row is in the output once, whenever and however often a run is killed. See
/// docs/decisions/0011-intervals-and-commits.md.
final class CheckpointedRun {
    /// The most attempts at an interval. It is repeated when files of another driver were written during it. That
    /// driver finds with its first attempt to commit that it has lost the output.
    private static final int MOST_TRIES = 3;

    private static final int SHOWN_RENAMED = 3;

    private final SparkSession spark;
    private final RunSettings settings;
    private final RunState state;
    private final DriverClaim claim;
    private final OutputFiles files;
    private final Intake intake;
    private final Warnings warnings;
    private final Interruption interruption;
    private final ErrorPolicy policy;
    private final InputScan scan;
    private final @Nullable String origin;
    private final Work work;
    private final Balance.Measure measure;
    private final Counters counters;
    private final Pace pace;
    private UnreadableFiles leftOut = UnreadableFiles.NONE;

    /// @param files the files that the run writes
    /// @param intake decides which rows the run takes on
    /// @param work makes the output from rows of the input
    /// @param counters the counts of the run's tasks
    /// @param pace receives the tokens
    CheckpointedRun(
            DriverStart start,
            RunSettings settings,
            RunState state,
            OutputFiles files,
            Intake intake,
            StageInput input,
            Work work,
            Counters counters,
            Pace pace) {
        spark = start.spark();
        claim = start.claim();
        warnings = start.warnings();
        interruption = start.interruption();
        this.settings = settings;
        policy = settings.errors();
        this.state = state;
        this.files = files;
        this.intake = intake;
        scan = input.scan();
        origin = input.origin();
        measure = input.measure();
        this.work = work;
        this.counters = counters;
        this.pace = pace;
    }

    /// All work of a run, by this start and earlier ones.
    ///
    /// @param commits the commits in order
    /// @param origins finds the file of a row
    /// @param leftOut the input files that cannot be read
    /// @param wasComplete whether earlier starts had done everything
    record Outcome(List<Commit> commits, LongFunction<Origin> origins, UnreadableFiles leftOut, boolean wasComplete) {
        List<ErrorKind> errorKinds() {
            return CheckpointedRun.errorKinds(commits);
        }

        /// Returns the time of all intervals together.
        Duration time() {
            return CheckpointedRun.time(commits);
        }
    }

    /// Does the work that is not done yet. The caller marks the output as complete.
    Outcome run() {
        List<Commit> commits = new ArrayList<>(state.commits());
        files.refuseChanged(commits);
        refuseOtherPolicy(commits);
        PlannedRows planned = PlannedRows.of(state.plans(), origin);
        state.refuseMoreThan(planned.rows(), commits);
        leftOut = state.leftOut().among(planned.paths());
        if (leavesOutFiles()) {
            leftOut = leftOut.and(planned.gone(rows(commits), scan.files()));
        }
        if (origin == null || !state.isDone(settings.limit())) { // a copy whose rows are done has been deleted
            refuseMoved(planned.gone(rows(commits), scan.files()));
            planned.refuseChanges(rows(commits), scan.files(), leftOut);
        }
        leftOut = leftOut.and(plan(planned));
        state.leaveOut(leftOut);
        files.discardUnfinished();
        long total = Math.min(limit(), planned.rows());
        boolean wasComplete = rows(commits) >= total && !commits.isEmpty();
        if (!wasComplete) {
            state.removeMark();
            if (commits.isEmpty()) {
                intake.check(scan, pieces(planned, 0, total));
            }
            process(commits, planned, total);
        }
        files.discardUnfinished();
        claim.refuseIfLost();
        files.discard(files.strays(commits));
        files.refuseChanged(commits);
        return new Outcome(commits, planned::origin, leftOut, wasComplete);
    }

    /// Refuses a copy of a table whose files all exist, but at another place than planned.
    ///
    /// @param gone the planned files that do not exist
    private void refuseMoved(UnreadableFiles gone) {
        if (origin != null && scan.liesInFiles() && !gone.isEmpty()) {
            throw Refusal.failure(
                    "--output %s was moved since it was planned; move it back, or begin anew with --mode overwrite"
                            .formatted(settings.output()));
        }
    }

    /// Returns whether input files that cannot be read are left out. The run's own copy of a table is never left
    /// out, because nobody could read its rows later.
    private boolean leavesOutFiles() {
        return settings.drops() && origin == null;
    }

    private Refusal refusal(UnreadableFiles unreadable) {
        return origin == null
                ? unreadable.refusal()
                : Refusal.failure(("%s, of the rows that the run copied from %s; bring back what it was, or begin anew"
                                + " with --mode overwrite")
                        .formatted(unreadable, settings.input().source()));
    }

    private long limit() {
        return settings.limit() == null ? Long.MAX_VALUE : settings.limit();
    }

    private static long rows(List<Commit> commits) {
        return commits.isEmpty() ? 0 : commits.getLast().to();
    }

    private static Duration time(List<Commit> commits) {
        return Duration.ofMillis(
                (long) (1e3 * commits.stream().mapToDouble(Commit::seconds).sum()));
    }

    /// Records the splits that are in no plan yet. With a limit it reads only as many as the limit takes.
    ///
    /// @return the files that are left out of the plan; each start looks at them again
    private UnreadableFiles plan(PlannedRows planned) {
        UnreadableFiles unreadable = scan.emptyFiles(settings.input());
        Set<String> done = planned.rows() < limit() ? renamed(planned) : Set.of();
        List<Split> found = scan.splits().stream()
                .filter(split -> !planned.contains(split) && !done.contains(split.path()))
                .toList();
        int batch = settings.limit() == null ? found.size() : cores();
        InputScan counting = scan.counting(settings.input());
        for (int next = 0; next < found.size() && planned.rows() < limit(); ) {
            int end = (int) Math.min(found.size(), (long) next + batch);
            InputScan.Counted counted = scan.count(found.subList(next, end), settings.input(), counting);
            unreadable = unreadable.and(counted.unreadable());
            boolean none = planned.rows() == 0 && counted.rows().isEmpty() && end == found.size();
            if (!unreadable.isEmpty() && (none || !leavesOutFiles())) {
                throw refusal(unreadable);
            }
            if (!counted.rows().isEmpty()) {
                intake.check(counted.rows().keySet());
                for (InputPlan part : InputPlan.of(counted.rows(), scan.files()).parts()) {
                    state.add(part);
                    planned.add(part);
                }
            }
            next = end;
            batch = 4 * batch;
        }
        if (!unreadable.isEmpty() && !leavesOutFiles()) {
            throw refusal(unreadable);
        }
        return unreadable;
    }

    /// Finds new files whose rows are done. A new file with the size and the time of modification of one that is
    /// gone counts as that file under another name. Warnings name these files, and those that have only the size of
    /// one that is gone, which are processed.
    private Set<String> renamed(PlannedRows planned) {
        Set<String> done = new HashSet<>();
        List<PlannedRows.Renamed> renamed = planned.renamed(scan.files());
        for (PlannedRows.Renamed file : renamed) {
            if (file.sameTime() && !leftOut.contains(file.before())) {
                done.add(file.now());
            }
        }
        for (PlannedRows.Renamed file : renamed.subList(0, Math.min(SHOWN_RENAMED, renamed.size()))) {
            warnings.add((done.contains(file.now())
                            ? "%s has size and time of modification of %s, which is done and gone: it is taken for the"
                                    + " same file, and not done again. If it is another, give it another time (touch)"
                            : "%s has the size of %s, which is done and gone; it is worked on. If it is the same file,"
                                    + " its rows are in the output twice")
                    .formatted(Quote.of(Origin.shortened(file.now())), Quote.of(Origin.shortened(file.before()))));
        }
        if (renamed.size() > SHOWN_RENAMED) {
            warnings.add(("of %,d new files in all, each has the size of one that is done and gone; %,d of them are not"
                            + " done again")
                    .formatted(renamed.size(), done.size()));
        }
        return done;
    }

    private void process(List<Commit> commits, PlannedRows planned, long total) {
        int attempt = state.add(thisDriver());
        if (attempt > 0) {
            new Console(System.err)
                    .printf("Going on with %s: %,d of %,d rows are done%n", settings.output(), rows(commits), total);
        }
        for (Commit commit : commits) {
            counters.restore(
                    commit.rows(), commit.tokens(), commit.errors(), commit.promptTokens(), commit.sharedTokens());
        }
        counters.settle(rows(commits));
        // These files come from interrupted work. If that was another driver's, which only slept and now wakes, it may
        // still be committing them. It can no longer do so once this driver has committed the interval.
        OutputFiles.Strays before = files.strays(commits);
        IntervalSize size = IntervalSize.of(settings);
        Progress.Whole whole = new Progress.Whole(total, planned::work, time(commits));
        try (Progress progress = Progress.show(spark, work.name(), whole, counters, pace)) {
            interruption.closes(progress);
            do {
                long from = rows(commits);
                interruption.done(from, total);
                long to = scan.liesInFiles() ? size.end(planned, from, total, commits, cores()) : total;
                Commit commit = interval(commits, before, planned, from, to, total, attempt);
                claim.refuseIfLost();
                refuseOtherDriver(attempt);
                state.add(commit);
                commits.add(commit);
                counters.settle(to);
                files.discard(before);
                before = OutputFiles.Strays.NONE;
            } while (rows(commits) < total);
            interruption.done(total, total);
        }
    }

    /// Writes the rows from `from` to `to`.
    ///
    /// @param before the files that no commit names, and that do not belong to this interval
    private Commit interval(
            List<Commit> commits,
            OutputFiles.Strays before,
            PlannedRows planned,
            long from,
            long to,
            long total,
            int attempt) {
        long start = System.nanoTime();
        long tokens = counters.tokens().value();
        long errors = counters.errors().value();
        long promptTokens = counters.promptTokens().value();
        long sharedTokens = counters.sharedTokens().value();
        List<ErrorKind> errorKinds = List.of();
        OutputFiles.Strays came = OutputFiles.Strays.NONE;
        for (int tries = 1; tries == 1 || came.areOfSeveralWrites(); tries++) {
            if (tries > MOST_TRIES) {
                throw Refusal.failure(
                        "another run writes to --output %s at the same time; end it, and start this one again"
                                .formatted(settings.output()));
            }
            files.discard(came); // of a driver that has lost the output to this one, and this one's with them
            ErrorTally tally = new ErrorTally(
                    policy, ErrorKind.together(errorKinds(commits)).values(), planned::origin, from, to, to == total);
            errorKinds = ErrorWatch.watch(spark, counters.errorKinds(), tally, () -> write(commits, planned, from, to));
            claim.refuseIfLost();
            came = files.strays(commits).without(before);
        }
        OutputFiles.Written written = files.written(came);
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
                Version.current(),
                written.stored());
    }

    private void write(List<Commit> commits, PlannedRows planned, long from, long to) {
        List<Piece> pieces = pieces(planned, from, to);
        try {
            work.prepare(spark);
            Dataset<Row> result = work.apply(spread(scan.read(pieces), to - from), counters);
            Dataset<Row> parts = inParts(result, from, to, files(commits, pieces, to - from));
            files.write(parts, to - from, planned.origins(from, to), counters.errorKinds());
        } catch (Exception | FSError e) { // Spark throws checked exceptions that it does not declare
            claim.refuseIfLost();
            throw Refusal.failure(
                    "rows %,d to %,d: %s. What was done before is kept: the same command goes on from there%s"
                            .formatted(
                                    from,
                                    to,
                                    Failures.firstLineWithFile(e),
                                    Failures.file(e) == null ? "" : onceFileIsMended()),
                    e);
        }
    }

    private List<Piece> pieces(PlannedRows planned, long from, long to) {
        return planned.pieces(from, to).stream()
                .filter(piece -> !leftOut.contains(piece.split().path()))
                .toList();
    }

    private String onceFileIsMended() {
        return origin == null
                ? ", without that file once it is removed and --on-error is drop"
                : ", once that file of the rows that the run copied from %s is what it was"
                        .formatted(settings.input().source());
    }

    private static List<ErrorKind> errorKinds(List<Commit> commits) {
        return commits.stream().flatMap(commit -> commit.errorKinds().stream()).toList();
    }

    private Dataset<Row> spread(Dataset<Row> rows, long count) {
        return RowNumber.isIn(rows.schema())
                ? Balance.spread(rows, count, measure, cores())
                : rows.repartition(cores());
    }

    /// Divides a result into parts with a shuffle, because a coalesce would also reduce the job's own tasks to so
    /// few.
    private static Dataset<Row> inParts(Dataset<Row> result, long from, long to, int files) {
        return RowNumber.isIn(result.schema()) ? RowNumber.inParts(result, from, to, files) : result.repartition(files);
    }

    /// Returns how many files the rows are written to. Before anything is written, the input's size stands for the
    /// output's.
    private int files(List<Commit> commits, List<Piece> pieces, long rows) {
        long writtenRows = rows(commits);
        long writtenBytes = commits.stream().mapToLong(Commit::bytes).sum();
        double bytes = writtenRows == 0
                ? pieces.stream().mapToDouble(Piece::bytes).sum()
                : (double) writtenBytes / writtenRows * rows;
        return Math.clamp((long) Math.ceil(bytes / settings.target().fileSize()), 1, Integer.MAX_VALUE);
    }

    /// Refuses to continue if earlier errors were handled differently. Without errors all policies have the same
    /// result.
    private void refuseOtherPolicy(List<Commit> commits) {
        for (Commit commit : commits) {
            ErrorPolicy.OnError before =
                    commit.errorFiles().isEmpty() ? ErrorPolicy.OnError.KEEP : ErrorPolicy.OnError.DROP;
            if (!commit.errorKinds().isEmpty() && before != policy.onError()) {
                throw Refusal.usage(("--output %s holds rows with errors, done with --on-error %s; go on with that, or"
                                + " begin anew with --mode overwrite")
                        .formatted(settings.output(), before.name().toLowerCase(Locale.ROOT)));
            }
        }
    }

    /// Refuses to continue if another driver has started since, because the driver that started last continues.
    private void refuseOtherDriver(int attempt) {
        if (state.attempts() != attempt + 1) {
            RunState.Attempt other = state.lastAttempt();
            throw Refusal.failure("another run has begun on --output %s (process %d on %s, at %s); this one stops"
                    .formatted(settings.output(), other.pid(), other.host(), other.started()));
        }
    }

    private static RunState.Attempt thisDriver() {
        return new RunState.Attempt(
                Instant.now().toString(),
                DriverProcess.thisHost(),
                ProcessHandle.current().pid(),
                Version.current());
    }

    private int cores() {
        return spark.sparkContext().defaultParallelism();
    }
}
