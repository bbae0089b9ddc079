package org.sparkqwen.job;

import static org.apache.spark.sql.functions.col;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SaveMode;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/// The course of every job: check, read, work under the eyes of a person, write, and look at what was written.
final class JobRun implements AutoCloseable {
    /// Formats whose schema holds every output column.
    private static final Set<String> OUTPUT_FORMATS = Set.of("parquet", "json", "orc");

    private static final int SHOWN_ERRORS = 5;

    private final String name;
    private final RunOptions options;
    private final SparkSession spark;

    private JobRun(String name, RunOptions options, SparkSession spark) {
        this.name = name;
        this.options = options;
        this.spark = spark;
    }

    /// What a finished run wrote.
    ///
    /// @param output as read back
    /// @param elapsed from the first row to the last
    /// @param counters what tasks counted
    record Written(Dataset<Row> output, Instant started, Duration elapsed, Counters counters) {
        double seconds() {
            return Math.max(1, elapsed.toMillis()) / 1e3;
        }

        /// The commonest errors with their numbers of rows; none where the caller knows that no row has one.
        Map<String, Long> commonestErrors(long errorRows) {
            Map<String, Long> errors = new LinkedHashMap<>();
            if (errorRows > 0) {
                output.filter(col("error").isNotNull())
                        .groupBy("error")
                        .count()
                        .sort(col("count").desc(), col("error"))
                        .limit(SHOWN_ERRORS)
                        .collectAsList()
                        .forEach(row -> errors.put(row.getString(0), row.getLong(1)));
            }
            return errors;
        }
    }

    /// Starts a session. Refuses options that cannot work before that.
    static JobRun start(String name, RunOptions options) {
        if (!OUTPUT_FORMATS.contains(options.outputFormat)) {
            throw Refusal.usage("--output-format %s cannot hold the output's columns; parquet, json and orc can"
                    .formatted(options.outputFormat));
        }
        if (options.limit != null && options.limit < 1) {
            throw Refusal.usage("--limit must be at least 1, not " + options.limit);
        }
        SparkConf conf = new SparkConf();
        conf.setIfMissing("spark.master", "local[*]");
        // Progress comes with heartbeats; ten seconds, the default, is long to look at a bar that stands still.
        conf.setIfMissing("spark.executor.heartbeatInterval", "2s");
        // Nothing to look at in local runs, which also must not fight over a port.
        if (conf.get("spark.master").startsWith("local")) {
            conf.setIfMissing("spark.ui.enabled", "false");
        }
        SparkSession.Builder builder =
                SparkSession.builder().appName("spark-qwen " + name).config(conf);
        for (Map.Entry<String, String> entry : options.conf.entrySet()) {
            builder.config(entry.getKey(), entry.getValue());
        }
        return new JobRun(name, options, builder.getOrCreate());
    }

    /// Runs a job from input to output.
    ///
    /// @param job makes the output of the input, counting as it goes
    Written run(BiFunction<Dataset<Row>, Counters, Dataset<Row>> job) {
        Path output = new Path(options.output);
        refuseExisting(output);
        Dataset<Row> input = input();
        Counters counters = Counters.register(spark);
        Dataset<Row> result = job.apply(input, counters);
        StructType schema = result.schema();

        long rows = input.count();
        Instant started = Instant.now();
        long start = System.nanoTime();
        try (Progress _ = Progress.show(spark, name, rows, counters)) {
            result.write()
                    .format(options.outputFormat)
                    // So that JSON, too, has every column in every row.
                    .option("ignoreNullFields", "false")
                    .options(options.outputOptions)
                    .mode(options.mode == RunOptions.Mode.OVERWRITE ? SaveMode.Overwrite : SaveMode.ErrorIfExists)
                    .save(options.output);
        }
        Duration elapsed = Duration.ofNanos(System.nanoTime() - start);
        Dataset<Row> written =
                spark.read().format(options.outputFormat).schema(schema).load(options.output);
        return new Written(written, started, elapsed, counters);
    }

    private Dataset<Row> input() {
        options.inputs.forEach(this::refuseAbsent);
        Dataset<Row> input;
        try {
            input = spark.read()
                    .format(options.inputFormat)
                    .options(options.inputOptions)
                    .load(options.inputs.toArray(String[]::new));
        } catch (Exception e) { // Spark throws checked exceptions that it does not declare
            throw Refusal.failure("the input cannot be read as %s: %s. Is --input-format right?"
                    .formatted(options.inputFormat, Failures.firstLine(e)));
        }
        Dataset<Row> rows = options.limit == null ? input : input.limit(options.limit);
        int slots = spark.sparkContext().defaultParallelism();
        // A small file is one partition; one task alone would leave the other executors without work.
        return rows.toJavaRDD().getNumPartitions() < slots ? rows.repartition(slots) : rows;
    }

    private void refuseAbsent(String input) {
        Path path = new Path(input);
        try {
            FileStatus[] found = fileSystem(path).globStatus(path);
            if (found == null || found.length == 0) {
                throw Refusal.usage("--input %s does not exist".formatted(input));
            }
        } catch (IOException e) {
            throw Refusal.failure("--input %s cannot be read: %s".formatted(input, Failures.firstLine(e)));
        }
    }

    private void refuseExisting(Path output) {
        try {
            if (options.mode == RunOptions.Mode.FAIL && fileSystem(output).exists(output)) {
                throw Refusal.usage("--output %s exists; choose another directory, or replace it with --mode overwrite"
                        .formatted(output));
            }
        } catch (IOException e) {
            throw Refusal.failure("--output %s cannot be looked at: %s".formatted(output, Failures.firstLine(e)));
        }
    }

    /// Writes a file beside the output's data, where Spark's readers pass over it.
    ///
    /// @param file a name that starts with an underscore
    /// @return its path
    String writeBeside(String file, String content) {
        Path path = new Path(options.output, file);
        try (OutputStream out = fileSystem(path).create(path, true)) {
            out.write(content.getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw Refusal.failure("%s cannot be written: %s".formatted(path, Failures.firstLine(e)));
        }
        return path.toString();
    }

    private FileSystem fileSystem(Path path) throws IOException {
        return path.getFileSystem(spark.sessionState().newHadoopConf());
    }

    @Override
    public void close() {
        spark.stop();
    }
}
