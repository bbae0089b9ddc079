package org.sparkqwen.job.progress;

import java.io.Serializable;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.LongAccumulator;
import org.sparkqwen.engine.run.GenerationRun;
import org.sparkqwen.job.columns.RowNotes;
import org.sparkqwen.job.errors.ErrorKind;
import org.sparkqwen.job.errors.ErrorKinds;

/// The accumulators that tasks update while they work. The progress display reads them, and they have what the output
/// does not tell. A retried task counts again, so a run's summary uses its output where that has the figure.
///
/// @param partialRows how far unfinished rows are, in parts of [#WHOLE_ROW]
/// @param promptTokens the prompt tokens of the generated texts
/// @param sharedTokens those of the prompt tokens that were in the KV cache through prefix caching
/// @param errorKinds the kinds of errors of the interval at work
/// @param notes the row notes
public record Counters(
        LongAccumulator rows,
        LongAccumulator partialRows,
        LongAccumulator tokens,
        LongAccumulator errors,
        LongAccumulator promptTokens,
        LongAccumulator sharedTokens,
        ErrorKinds errorKinds,
        RowNotes notes)
        implements Serializable {

    public static final long WHOLE_ROW = 1_000_000;

    public static Counters register(SparkSession spark) {
        ErrorKinds errorKinds = new ErrorKinds();
        spark.sparkContext().register(errorKinds, "spark-qwen error kinds");
        RowNotes notes = new RowNotes();
        spark.sparkContext().register(notes, "spark-qwen notes of rows");
        return new Counters(
                spark.sparkContext().longAccumulator("spark-qwen rows"),
                spark.sparkContext().longAccumulator("spark-qwen partial rows"),
                spark.sparkContext().longAccumulator("spark-qwen tokens"),
                spark.sparkContext().longAccumulator("spark-qwen errors"),
                spark.sparkContext().longAccumulator("spark-qwen prompt tokens"),
                spark.sparkContext().longAccumulator("spark-qwen shared prompt tokens"),
                errorKinds,
                notes);
    }

    /// @param tokens the tokens computed for the row
    public void count(long tokens, boolean error) {
        count(tokens, error, true);
    }

    /// @param tokens the tokens computed for the result
    /// @param row whether the result is the last one of its row
    public void count(long tokens, boolean error, boolean row) {
        rows.add(row ? 1 : 0);
        this.tokens.add(tokens);
        errors.add(error ? 1 : 0);
    }

    /// Counts what was computed for an unfinished row, or subtracts it when the row is done.
    public void countPart(long tokens, long share) {
        this.tokens.add(tokens);
        partialRows.add(share);
    }

    /// Counts a rejected row, once for all its samples.
    ///
    /// @param number the row's number in the run's plan, or `RowNumber.NONE`
    public void reject(String reason, long number) {
        errorKinds.add(new ErrorKind(reason, 1, number));
    }

    public void countPrompts(GenerationRun run) {
        promptTokens.add(run.promptTokens());
        sharedTokens.add(run.sharedTokens());
    }

    /// Adds the counts of an earlier interval, perhaps by an earlier driver.
    public void restore(long rows, long tokens, long errors, long promptTokens, long sharedTokens) {
        this.rows.add(rows);
        this.tokens.add(tokens);
        this.errors.add(errors);
        this.promptTokens.add(promptTokens);
        this.sharedTokens.add(sharedTokens);
    }

    /// Sets the rows to the committed ones, because retried tasks have counted theirs more than once.
    public void settle(long committedRows) {
        rows.add(committedRows - rows.value());
    }
}
