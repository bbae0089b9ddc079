package org.sparkqwen.job.progress;

import java.io.Serializable;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.LongAccumulator;
import org.sparkqwen.engine.run.GenerationRun;
import org.sparkqwen.job.columns.RowNotes;
import org.sparkqwen.job.errors.ErrorKind;
import org.sparkqwen.job.errors.ErrorKinds;

/// What tasks count while they work, for the progress display and for what the output does not tell. A task that is
/// tried again counts again, so a run's summary is taken from its output where that has it.
///
/// @param partialRows how far rows are that are not done, in parts of [#WHOLE_ROW]
/// @param promptTokens of texts that were generated
/// @param sharedTokens of them that other prompts had in common and did not have to be computed again
/// @param errorKinds of the interval at work
/// @param notes of rows that were worked on all the same
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

    /// @param tokens computed for the row
    public void count(long tokens, boolean error) {
        count(tokens, error, true);
    }

    /// @param tokens computed for the result
    /// @param row whether it is the last one of its row
    public void count(long tokens, boolean error, boolean row) {
        rows.add(row ? 1 : 0);
        this.tokens.add(tokens);
        errors.add(error ? 1 : 0);
    }

    /// Counts what was computed for a row that is not done; or takes it back, when it is.
    public void countPart(long tokens, long share) {
        this.tokens.add(tokens);
        partialRows.add(share);
    }

    /// Takes note of a row that cannot be worked on, once for all its samples.
    ///
    /// @param number where the row is in the run's plan, or `RowNumber.NONE`
    public void reject(String reason, long number) {
        errorKinds.add(new ErrorKind(reason, 1, number));
    }

    public void countPrompts(GenerationRun run) {
        promptTokens.add(run.promptTokens());
        sharedTokens.add(run.sharedTokens());
    }

    /// Counts what an interval before has counted, perhaps that of an earlier driver.
    public void restore(long rows, long tokens, long errors, long promptTokens, long sharedTokens) {
        this.rows.add(rows);
        this.tokens.add(tokens);
        this.errors.add(errors);
        this.promptTokens.add(promptTokens);
        this.sharedTokens.add(sharedTokens);
    }

    /// Sets the rows to those that are committed: tasks that were tried again have counted theirs more than once.
    public void settle(long committedRows) {
        rows.add(committedRows - rows.value());
    }
}
