package org.sparkqwen.job.progress;

import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.LongAccumulator;
import org.sparkqwen.job.columns.RowNotes;
import org.sparkqwen.job.columns.TaskCounts;
import org.sparkqwen.job.errors.ErrorKind;
import org.sparkqwen.job.errors.ErrorKinds;

/// The accumulators that tasks update while they work. The progress display reads them, and they have what the output
/// does not tell. A retried task counts again, so a run's summary uses its output where that has the figure.
///
/// @param partialRows how far unfinished rows are, in parts of [#WHOLE_ROW]
/// @param promptTokens the prompt tokens of generated texts, of scored continuations, or of labels
/// @param sharedTokens those of the prompt tokens that were computed for another prompt, and so were not computed again
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
        implements TaskCounts {

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

    @Override
    public void count(long tokens, boolean error, boolean row) {
        rows.add(row ? 1 : 0);
        this.tokens.add(tokens);
        errors.add(error ? 1 : 0);
    }

    @Override
    public void countPart(long tokens, long share) {
        this.tokens.add(tokens);
        partialRows.add(share);
    }

    @Override
    public void reject(String reason, long number) {
        errorKinds.add(new ErrorKind(reason, 1, number));
    }

    @Override
    public void countPrompts(long tokens, long shared) {
        promptTokens.add(tokens);
        sharedTokens.add(shared);
    }

    @Override
    public void note(String note) {
        notes.add(note);
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
