package org.sparkqwen.job.page;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.GenerateJob;
import org.sparkqwen.job.ScoreJob;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.storage.OutputLayout;

/// The output of a finished run of `score` or `generate`: its rows, and what `_run.json` says of it.
///
/// @param directory where it is, as the user says it
/// @param rows the rows, with all columns that the job adds
record RunOutput(String directory, RunFacts facts, Dataset<Row> rows) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /// Opens an output.
    ///
    /// @throws Refusal if it is none of a finished run of these jobs
    static RunOutput open(SparkSession spark, String directory) {
        RunFacts facts = facts(spark, directory);
        StructType own = added(facts.job(), directory);
        try {
            Map<String, String> options = facts.readerOptions();
            StructType found = spark.read()
                    .format(facts.format())
                    .options(options)
                    .load(directory)
                    .schema();
            Dataset<Row> rows = spark.read()
                    .format(facts.format())
                    .options(options)
                    .schema(complete(found, own))
                    .load(directory);
            return new RunOutput(directory, facts, rows);
        } catch (Exception e) { // Spark throws checked exceptions that it does not declare
            throw Refusal.failure("%s cannot be read: %s".formatted(directory, Failures.firstLineWithFile(e)), e);
        }
    }

    /// Makes the output of a run that has just finished.
    ///
    /// @param manifest the contents of `_run.json`
    /// @param rows the rows, with all columns that the job adds
    static RunOutput of(String directory, String manifest, Dataset<Row> rows) {
        try {
            return new RunOutput(directory, new RunFacts(JSON.readTree(manifest)), rows);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e); // the run has written it
        }
    }

    private static RunFacts facts(SparkSession spark, String directory) {
        Path manifest = new Path(directory, OutputLayout.MANIFEST);
        try (FSDataInputStream in =
                manifest.getFileSystem(spark.sessionState().newHadoopConf()).open(manifest)) {
            return new RunFacts(JSON.readTree((InputStream) in));
        } catch (FileNotFoundException e) {
            throw Refusal.usage("%s has no %s; name the --output of a run that is finished"
                    .formatted(directory, OutputLayout.MANIFEST));
        } catch (JsonProcessingException e) {
            throw Refusal.failure("%s is damaged: %s".formatted(manifest, Failures.firstLine(e)), e);
        } catch (IOException e) {
            throw Refusal.failure("%s cannot be read: %s".formatted(manifest, Failures.firstLine(e)), e);
        }
    }

    /// Returns the columns that a job adds to its input's.
    private static StructType added(String job, String directory) {
        return switch (job) {
            case "score" -> ScoreJob.SCHEMA;
            case "generate" -> GenerateJob.SCHEMA;
            default ->
                throw Refusal.usage(
                        "%s is the output of '%s'; there are reports of score and generate".formatted(directory, job));
        };
    }

    /// Gives each added column its type. JSON tells no types, and leaves out a column in which all is null.
    private static StructType complete(StructType found, StructType own) {
        StructType columns = new StructType();
        for (StructField field : found.fields()) {
            if (!List.of(own.fieldNames()).contains(field.name())) {
                columns = columns.add(field);
            }
        }
        for (StructField field : own.fields()) {
            columns = columns.add(field.name(), field.dataType());
        }
        return columns;
    }

    /// Refuses a column that the output does not have.
    ///
    /// @param option the option that names it
    void refuseWithout(String option, String column) {
        List<String> columns = List.of(rows.columns());
        if (!columns.contains(column)) {
            throw Refusal.usage("%s: %s has no column %s; it has %s"
                    .formatted(option, directory, Quote.of(column), ContentColumn.quoted(columns)));
        }
    }

    /// Returns the columns that an example shows.
    Example.Columns columns() {
        StructType own = added(facts.job(), directory);
        List<StructField> passed = Arrays.stream(rows.schema().fields())
                .filter(field -> !List.of(own.fieldNames()).contains(field.name()))
                .toList();
        return Example.Columns.of(passed, rows.schema(), facts.textColumn());
    }
}
