package org.sparkqwen.job.executor;

import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.function.ToLongFunction;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.Row;
import org.apache.spark.util.TaskCompletionListener;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.Engine;
import org.sparkqwen.engine.request.RejectedContent;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.run.ClassificationRun;
import org.sparkqwen.engine.run.GenerationRun;
import org.sparkqwen.engine.run.RequestSize;
import org.sparkqwen.engine.run.ScoringRun;
import org.sparkqwen.job.columns.JobRow;
import org.sparkqwen.job.columns.TaskCounts;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.spark.Iterators;

/// Runs a partition through the engine: rows become requests when the engine has room for them, and results become
/// outcomes as they come. A row in work waits here, and its passed columns never reach the engine.
///
/// Rows come out in the order of completion.
public final class PartitionEngine {
    private final Iterator<JobRow> rows;
    private final int samples;
    private final TaskCounts counts;
    private final RowTally tally;
    private final Map<Long, Waiting> waiting = new HashMap<>();
    private long nextRow;
    private long tokensInWork;

    /// A row in work, and how many of its results are still to come.
    private static final class Waiting {
        private final JobRow row;
        private int missing;
        private boolean failed;
        private long computedTokens; // before the row is done
        private long computedShare; // share of the row, in millionths

        Waiting(JobRow row, int missing) {
            this.row = row;
            this.missing = missing;
        }
    }

    /// Reads a row once. The factory that it returns makes the requests of that row.
    public interface RowReader<R extends Request> {
        /// @param row the columns that the job reads
        RequestFactory<R> read(Row row);
    }

    /// Makes the requests of one row.
    public interface RequestFactory<R extends Request> {
        R request(long id, int sample);
    }

    /// @param samples how many requests each row has
    private PartitionEngine(Iterator<JobRow> rows, int samples, TaskCounts counts) {
        this.rows = rows;
        this.samples = samples;
        this.counts = counts;
        tally = new RowTally(counts, samples);
    }

    /// Scores each row once.
    public static Iterator<Outcome<Result.Scored>> score(
            ModelReference model, Iterator<JobRow> rows, RowReader<Request.Score> reader, TaskCounts counts) {
        PartitionEngine partition = new PartitionEngine(rows, 1, counts);
        Engine engine = engine(model);
        ScoringRun run = engine.score(partition.requests(reader), partition::computed);
        onTaskCompletion(() -> counts.countPrompts(run.promptTokens(), run.sharedTokens()));
        return partition.outcomes(run, Result.Scored.class, scored -> scored.tokens().length);
    }

    /// Classifies each row once.
    public static Iterator<Outcome<Result.Classified>> classify(
            ModelReference model, Iterator<JobRow> rows, RowReader<Request.Classify> reader, TaskCounts counts) {
        PartitionEngine partition = new PartitionEngine(rows, 1, counts);
        Engine engine = engine(model);
        ClassificationRun run = engine.classify(partition.requests(reader));
        onTaskCompletion(() -> counts.countPrompts(run.promptTokens(), run.sharedTokens()));
        return partition.outcomes(
                run, Result.Classified.class, classified -> classified.promptTokens() + classified.labelTokens());
    }

    /// Embeds each row once.
    public static Iterator<Outcome<Result.Embedded>> embed(
            ModelReference model, Iterator<JobRow> rows, RowReader<Request.Embed> reader, TaskCounts counts) {
        PartitionEngine partition = new PartitionEngine(rows, 1, counts);
        Engine engine = engine(model);
        return partition.outcomes(
                engine.embed(partition.requests(reader)), Result.Embedded.class, Result.Embedded::tokens);
    }

    /// Scores each row once with a model, and once with a reference model.
    ///
    /// @param memoryShare the model's part of the memory for weights; the reference model has the rest
    public static Iterator<Outcome<ComparedScore>> compare(
            ModelReference model,
            ModelReference reference,
            double memoryShare,
            Iterator<JobRow> rows,
            RowReader<Request.Score> reader,
            TaskCounts counts) {
        PartitionEngine partition = new PartitionEngine(rows, 1, counts);
        ReferenceRun run = new ReferenceRun(
                engine(model, memoryShare),
                engine(reference, 1 - memoryShare),
                partition.requests(reader),
                partition::computed);
        Iterator<Outcome<Result.Scored>> outcomes =
                partition.outcomes(run, Result.Scored.class, scored -> scored.tokens().length);
        return Iterators.map(outcomes, outcome -> switch (outcome) {
            case Outcome.Finished<Result.Scored>(JobRow row, int sample, Result.Scored scored) ->
                new Outcome.Finished<>(row, sample, new ComparedScore(scored, run.reference()));
            case Outcome.Rejected<Result.Scored>(JobRow row, int sample, String reason) ->
                new Outcome.Rejected<>(row, sample, reason);
        });
    }

    /// Generates `samples` texts for each row.
    public static Iterator<Outcome<Result.Generated>> generate(
            ModelReference model,
            Iterator<JobRow> rows,
            int samples,
            RowReader<Request.Generate> reader,
            TaskCounts counts) {
        PartitionEngine partition = new PartitionEngine(rows, samples, counts);
        Engine engine = engine(model);
        GenerationRun run =
                engine.generate(partition.requests(reader), TaskContext.get()::isInterrupted, partition::tokensInWork);
        onTaskCompletion(() -> {
            run.close();
            counts.countPrompts(run.promptTokens(), run.sharedTokens());
        });
        Iterator<Result> results = Iterators.map(run, result -> {
            partition.tokensInWork(run.tokensInWork()); // excludes this result's tokens, which are counted as a whole
            return result;
        });
        return partition.outcomes(
                results,
                Result.Generated.class,
                generated -> generated.promptTokens() + generated.tokens().size());
    }

    /// Measures the requests of each row, without computing them.
    ///
    /// @param samples how many requests each row has; all of them have the same size
    public static <R extends Request> Iterator<Outcome<RequestSize>> sizes(
            ModelReference model, Iterator<JobRow> rows, int samples, RowReader<R> reader) {
        Engine engine = engine(model);
        return Iterators.map(rows, row -> {
            try {
                RequestSize size = engine.size(reader.read(row.read()).request(0, 0));
                return new Outcome.Finished<>(
                        row, 0, new RequestSize(samples * size.given(), samples * size.mostGenerated()));
            } catch (RejectedContent e) {
                return new Outcome.Rejected<>(row, 0, e.reason());
            }
        });
    }

    /// Returns the executor's engine, which is given back when the task ends, however it ends.
    private static Engine engine(ModelReference model) {
        return engine(model, 1);
    }

    private static Engine engine(ModelReference model, double memoryShare) {
        ExecutorEngine.Lease lease = ExecutorEngine.lease(model, memoryShare);
        onTaskCompletion(lease::close);
        return lease.engine();
    }

    private static void onTaskCompletion(Runnable action) {
        TaskCompletionListener listener = context -> action.run();
        TaskContext.get().addTaskCompletionListener(listener);
    }

    /// Makes the requests of the rows. It ends when the task is killed, because not every source of rows does.
    private <R extends Request> Iterator<R> requests(RowReader<R> reader) {
        TaskContext task = TaskContext.get();
        return new Iterator<>() {
            private @Nullable RequestFactory<R> current;
            private int sample = samples;

            @Override
            public boolean hasNext() {
                if (task.isInterrupted()) {
                    throw new CancellationException("the task was killed");
                }
                return sample < samples || rows.hasNext();
            }

            @Override
            public R next() {
                if (sample == samples) {
                    JobRow row = rows.next();
                    current = reader.read(row.read());
                    sample = 0;
                    waiting.put(nextRow++, new Waiting(row, samples));
                }
                long id = (nextRow - 1) * samples + sample;
                return Objects.requireNonNull(current).request(id, sample++);
            }
        };
    }

    /// Counts the computed part of a row in work, for the progress display.
    private void computed(long id, int tokens, int all) {
        Waiting in = Objects.requireNonNull(waiting.get(id / samples));
        long share = TaskCounts.WHOLE_ROW * tokens / Math.max(1, all);
        in.computedTokens += tokens;
        in.computedShare += share;
        counts.countPart(tokens, share);
    }

    /// Counts the tokens of unfinished texts, for the progress display, in place of those counted before.
    private void tokensInWork(long tokens) {
        if (tokens != tokensInWork) {
            counts.countPart(tokens - tokensInWork, 0);
            tokensInWork = tokens;
        }
    }

    /// @param type the type of a result that is not rejected
    /// @param computed how many tokens were computed for a result
    private <R extends Result> Iterator<Outcome<R>> outcomes(
            Iterator<Result> results, Class<R> type, ToLongFunction<R> computed) {
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return ExecutorEngine.onDevice(results::hasNext);
            }

            @Override
            public Outcome<R> next() {
                Result result = ExecutorEngine.onDevice(results::next);
                long index = result.id() / samples;
                Waiting in = Objects.requireNonNull(waiting.get(index));
                if (--in.missing == 0) {
                    waiting.remove(index);
                }
                if (in.computedTokens > 0) {
                    counts.countPart(-in.computedTokens, -in.computedShare); // the tally counts the whole
                    in.computedTokens = 0;
                }
                int sample = (int) (result.id() % samples);
                if (result instanceof Result.Rejected rejected) {
                    Outcome<R> outcome = new Outcome.Rejected<>(in.row, sample, rejected.reason());
                    tally.count(outcome, 0, in.missing == 0, in.failed);
                    in.failed = true;
                    return outcome;
                }
                R finished = type.cast(result);
                Outcome<R> outcome = new Outcome.Finished<>(in.row, sample, finished);
                tally.count(outcome, computed.applyAsLong(finished), in.missing == 0, in.failed);
                return outcome;
            }
        };
    }
}
