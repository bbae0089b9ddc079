package org.sparkqwen.job.page;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.job.ScoreJob;

/// An output with chosen numbers, in the form in which a run leaves it.
final class WrittenRun {
    private WrittenRun() {}

    /// Writes an output of `score`.
    ///
    /// @param rows columns that passed through, and some of the job's; those that are missing are null
    static Path score(Path directory, String model, Dataset<Row> rows) throws IOException {
        complete(rows, ScoreJob.SCHEMA).write().parquet(directory.toString());
        ObjectMapper json = new ObjectMapper();
        ObjectNode manifest = json.createObjectNode().put("job", "score").put("model", model);
        manifest.put("started", "2026-11-29T18:43:24.842745182Z").put("seconds", 75.0);
        manifest.putArray("rates")
                .addObject()
                .put("rows", 3)
                .put("tokens", 3000)
                .put("seconds", 75.0);
        manifest.putArray("warnings").add("a <warning>");
        ObjectNode summary = manifest.putObject("summary").put("rows", rows.count());
        summary.put("errors", 1).put("bits_per_byte", 1.25).put("perplexity", 62.5);
        summary.putArray("commonest_errors")
                .addObject()
                .put("error", "the text is null")
                .put("rows", 1);
        manifest.putObject("options")
                .put("output-format", "parquet")
                .putArray("input")
                .add("corpus.parquet");
        json.writeValue(directory.resolve("_run.json").toFile(), manifest);
        return directory;
    }

    /// Returns rows with all columns of a job.
    static Dataset<Row> complete(Dataset<Row> rows, StructType own) {
        List<String> there = Arrays.asList(rows.columns());
        Dataset<Row> all = rows;
        for (StructField field : own.fields()) {
            Column value = there.contains(field.name()) ? functions.col(field.name()) : functions.lit(null);
            all = all.withColumn(field.name(), value.cast(field.dataType()));
        }
        return all;
    }
}
