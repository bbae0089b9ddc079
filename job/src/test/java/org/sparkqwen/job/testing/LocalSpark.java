package org.sparkqwen.job.testing;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.model.ExecutorOptions;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.sql.QwenExtensions;

/// A Spark session in this JVM, and the samples on it.
public final class LocalSpark {
    public static final Path SAMPLES =
            Path.of("../data-samples").toAbsolutePath().normalize();
    public static final Path MODEL = SAMPLES.resolve("tiny-qwen3");
    public static final String CORPUS = SAMPLES.resolve("corpus.parquet").toString();
    public static final String PROMPTS = SAMPLES.resolve("prompts.parquet").toString();
    public static final ContentColumn TEXT = new ContentColumn.Text("text", SpecialTokens.TEXT);

    private LocalSpark() {}

    /// Returns the session of this JVM, in which its commands work, too; a new one if a test has stopped the last.
    public static SparkSession session() {
        return SparkSession.builder()
                .master("local[2]")
                .appName("test")
                .config("spark.ui.enabled", false)
                .config("spark.executor.heartbeatInterval", "2s") // as runs have it
                .config("spark.sql.shuffle.partitions", 2)
                .config("spark.sql.timeType.enabled", true) // off by default; see SparkTypes
                // Compiling code for some rows takes longer than interpreting their plan.
                .config("spark.sql.codegen.wholeStage", false)
                .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
                .config("spark.sql.ui.explainMode", "simple") // nobody sees the plans
                .config("spark.sql.extensions", QwenExtensions.class.getName())
                .config(
                        "spark.sql.warehouse.dir",
                        Path.of("target/warehouse").toUri().toString())
                .getOrCreate();
    }

    public static Dataset<Row> corpus() {
        return session().read().parquet(CORPUS);
    }

    public static ModelReference model() {
        return ModelReference.open(MODEL);
    }

    public static ModelReference model(KernelChoice kernels, int threads, int batchTokens, int maxSequences) {
        return ModelReference.open(
                MODEL,
                ExecutorOptions.DEFAULT
                        .withKernels(kernels)
                        .withThreads(threads)
                        .withBatchTokens(batchTokens)
                        .withMaxSequences(maxSequences));
    }

    /// Returns the arguments of a job with the sample model.
    ///
    /// @param input a path, like `output`
    public static String[] command(String command, Object input, Object output, String... options) {
        return command(MODEL, command, input, output, options);
    }

    /// Returns the arguments of a job with a model.
    ///
    /// @param input a path, like `output`
    public static String[] command(Path model, String command, Object input, Object output, String... options) {
        List<String> arguments = new ArrayList<>(List.of(command, "--model", model.toString()));
        arguments.addAll(List.of("--input", input.toString(), "--output", output.toString()));
        arguments.addAll(List.of(options));
        return arguments.toArray(String[]::new);
    }

    /// Returns all rows as text with every column and every digit, in an order that does not depend on partitions.
    public static List<String> sorted(Dataset<Row> rows) {
        return rows.collectAsList().stream()
                .map(LocalSpark::text)
                .sorted(Comparator.naturalOrder())
                .toList();
    }

    private static String text(Row row) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < row.size(); i++) {
            Object value = row.get(i);
            text.append(value instanceof byte[] bytes ? Arrays.toString(bytes) : String.valueOf(value))
                    .append('\u0001');
        }
        return text.toString();
    }
}
