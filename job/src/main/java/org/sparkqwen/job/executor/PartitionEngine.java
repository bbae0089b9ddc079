package org.sparkqwen.job.executor;

import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.Objects;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.Row;
import org.apache.spark.util.TaskCompletionListener;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.Engine;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.run.GenerationRun;
import org.sparkqwen.job.columns.JobRow;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.progress.Counters;

/// Runs a partition through the engine: rows become requests when the engine has room for them, and results become rows
/// as they come. A row in work waits here, and its passed columns never reach the engine.
///
/// Rows come out in the order of completion.
public final class PartitionEngine {
    private final Iterator<JobRow> rows;
    private final int samples;
    private final @Nullable Counters counters;
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

    /// Makes the job's own columns from a result.
    public interface RowWriter {
        /// @param sample the number of the result among those of its row
        /// @return a value for each column that the job adds
        @Nullable
        Object[] columns(Result result, int sample);
    }

    /// @param samples how many requests each row has
    /// @param counters receive rejected rows
    private PartitionEngine(Iterator<JobRow> rows, int samples, @Nullable Counters counters) {
        this.rows = rows;
        this.samples = samples;
        this.counters = counters;
    }

    public static Iterator<JobRow.Made> score(
            ModelReference model,
            Iterator<JobRow> rows,
            RowReader<Request.Score> reader,
            RowWriter writer,
            @Nullable Counters counters) {
        PartitionEngine partition = new PartitionEngine(rows, 1, counters);
        Engine engine = engine(model);
        return partition.write(engine.score(partition.requests(reader), partition::computed), writer);
    }

    public static Iterator<JobRow.Made> generate(
            ModelReference model,
            Iterator<JobRow> rows,
            int samples,
            RowReader<Request.Generate> reader,
            RowWriter writer,
            @Nullable Counters counters) {
        PartitionEngine partition = new PartitionEngine(rows, samples, counters);
        Engine engine = engine(model);
        GenerationRun run =
                engine.generate(partition.requests(reader), TaskContext.get()::isInterrupted, partition::tokensInWork);
        onTaskCompletion(() -> {
            run.close();
            if (counters != null) {
                counters.countPrompts(run);
            }
        });
        return partition.write(run, (result, sample) -> {
            partition.tokensInWork(run.tokensInWork()); // excludes this result's tokens, which the writer counts
            return writer.columns(result, sample);
        });
    }

    /// Returns the executor's engine, which is given back when the task ends, however it ends.
    private static Engine engine(ModelReference model) {
        ExecutorEngine.Lease lease = ExecutorEngine.lease(model);
        onTaskCompletion(lease::close);
        return lease.engine();
    }

    private static void onTaskCompletion(Runnable action) {
        TaskCompletionListener listener = context -> action.run();
        TaskContext.get().addTaskCompletionListener(listener);
    }

    private <R extends Request> Iterator<R> requests(RowReader<R> reader) {
        return new Iterator<>() {
            private @Nullable RequestFactory<R> current;
            private int sample = samples;

            @Override
            public boolean hasNext() {
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
        long share = Counters.WHOLE_ROW * tokens / Math.max(1, all);
        in.computedTokens += tokens;
        in.computedShare += share;
        if (counters != null) {
            counters.countPart(tokens, share);
        }
    }

    /// Counts the tokens of unfinished texts, for the progress display, in place of those counted before.
    private void tokensInWork(long tokens) {
        if (counters != null && tokens != tokensInWork) {
            counters.countPart(tokens - tokensInWork, 0);
            tokensInWork = tokens;
        }
    }

    private Iterator<JobRow.Made> write(Iterator<Result> results, RowWriter writer) {
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return results.hasNext();
            }

            @Override
            public JobRow.Made next() {
                Result result = results.next();
                long index = result.id() / samples;
                Waiting in = Objects.requireNonNull(waiting.get(index));
                if (--in.missing == 0) {
                    waiting.remove(index);
                }
                RowCounts.count(in.missing == 0, result instanceof Result.Rejected);
                if (result instanceof Result.Rejected rejected && counters != null && !in.failed) {
                    in.failed = true;
                    counters.reject(rejected.reason(), in.row.number());
                }
                if (counters != null && in.computedTokens > 0) {
                    counters.countPart(-in.computedTokens, -in.computedShare); // the writer counts the whole
                    in.computedTokens = 0;
                }
                return new JobRow.Made(in.row, writer.columns(result, (int) (result.id() % samples)));
            }
        };
    }
}
