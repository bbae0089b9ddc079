package org.sparkqwen.job.run;

import java.util.Map;
import java.util.function.Function;
import org.apache.hadoop.fs.FSError;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Refusal;

/// The rows that a finished run wrote, which are read back for its summary.
public final class WrittenRows {
    private final SparkSession spark;
    private final String place;
    private final String format;
    private final Map<String, String> options;
    private final StructType columns;

    /// @param place the directory of the rows
    /// @param options the options of the format's reader
    WrittenRows(SparkSession spark, String place, String format, Map<String, String> options, StructType columns) {
        this.spark = spark;
        this.place = place;
        this.format = format;
        this.options = options;
        this.columns = columns;
    }

    /// Computes a value from the rows.
    ///
    /// @param reading reads what it needs of the rows before it returns
    /// @throws Refusal if the rows cannot be read
    public <T> T read(Function<Dataset<Row>, T> reading) {
        try {
            return reading.apply(
                    spark.read().format(format).options(options).schema(columns).load(place));
        } catch (Refusal e) {
            throw e;
        } catch (Exception | FSError e) { // Spark throws checked exceptions that it does not declare
            throw Refusal.failure(
                    ("all rows are done, but %s cannot be read back for the summary: %s; bring back what it was, or"
                                    + " begin anew with --mode overwrite")
                            .formatted(place, Failures.firstLineWithFile(e)),
                    e);
        }
    }
}
