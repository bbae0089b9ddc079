package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.engine.checkpoint.AdapterFiles;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.job.model.ExecutorOptions;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;

/// The commands take a model with a LoRA adapter, and say so in what they write.
class AdapterCommandsTest {
    private static final Path ADAPTER = LocalSpark.SAMPLES.resolve("manual-lora");

    @TempDir
    private Path directory = Path.of("");

    private Path input = Path.of("");
    private String label = "";

    @BeforeEach
    void writeInput() throws IOException {
        input = directory.resolve("in.jsonl");
        Files.writeString(input, "{\"text\": \"Call me Ishmael.\"}\n{\"text\": \"My fellow citizens\"}\n");
        label = "+lora:%.12s".formatted(new AdapterFiles(ADAPTER).sha256(null));
    }

    @Test
    void aRunMergesTheAdapterAndAPackedDirectoryGivesTheSameRows() {
        Path cache = directory.resolve("cache");
        Path packed = directory.resolve("packed");
        CommandRun pack = CommandRun.of(
                "pack",
                "--model",
                LocalSpark.MODEL.toString(),
                "--lora",
                ADAPTER.toString(),
                "--output",
                packed.toString(),
                "--cache-dir",
                cache.toString());
        assertThat(pack.exitCode()).as(pack.err()).isZero();
        assertThat(CommandRun.of("inspect", "--model", packed.toString()).out())
                .contains("  adapter      a LoRA adapter is merged into the weights, sha256 " + label.substring(6));

        List<Row> merged = scores(LocalSpark.MODEL, "--lora", ADAPTER.toString());
        List<Row> broadcast = scores(
                LocalSpark.MODEL,
                "--lora",
                ADAPTER.toString(),
                "--model-distribution",
                "broadcast",
                "--cache-dir",
                cache.toString());
        List<Row> ofPacked = scores(packed);
        assertThat(merged).hasSize(2);
        for (int i = 0; i < merged.size(); i++) {
            assertThat(broadcast.get(i)).isEqualTo(merged.get(i));
            assertThat(ofPacked.get(i).getDouble(0)).isEqualTo(merged.get(i).getDouble(0));
            assertThat(merged.get(i).getString(1)).matches("tiny-qwen3@[0-9a-f]{12}\\" + label);
            assertThat(ofPacked.get(i).getString(1)).matches("packed@[0-9a-f]{12}\\" + label);
        }
    }

    private List<Row> scores(Path model, String... options) {
        Path output = directory.resolve("scores");
        String[] all = Stream.concat(Stream.of("--input-format", "json", "--mode", "overwrite"), Stream.of(options))
                .toArray(String[]::new);
        CommandRun run = CommandRun.of(LocalSpark.command(model, "score", input, output, all));
        assertThat(run.exitCode()).as(run.err()).isZero();
        Dataset<Row> rows = LocalSpark.session().read().parquet(output.toString());
        return rows.orderBy("text").select("sum_nll", "model").collectAsList();
    }

    @Test
    void aRunIsNotContinuedWithAnotherAdapter() throws IOException {
        Path other = Files.createDirectory(directory.resolve("other"));
        Files.copy(ADAPTER.resolve("adapter_model.safetensors"), other.resolve("adapter_model.safetensors"));
        Files.writeString(
                other.resolve("adapter_config.json"), Files.readString(ADAPTER.resolve("adapter_config.json")) + "\n");
        Path output = directory.resolve("scores");
        String[] options = {"--input-format", "json", "--checkpoint-rows", "1", "--mode", "resume"};
        CommandRun first =
                CommandRun.of(LocalSpark.command("score", input, output, with(options, "--lora", ADAPTER.toString())));
        assertThat(first.exitCode()).as(first.err()).isZero();
        CommandRun.of(LocalSpark.command("score", input, output, with(options, "--lora", other.toString())))
                .assertRefused(2, "model tiny-qwen3@", "+lora:");
        CommandRun.of(LocalSpark.command("score", input, output, options)).assertRefused(2, "+lora:");
    }

    private static String[] with(String[] options, String... more) {
        return Stream.concat(Stream.of(options), Stream.of(more)).toArray(String[]::new);
    }

    @Test
    void inspectSaysWhatTheAdapterIs() {
        CommandRun run = CommandRun.of("inspect", "--model", LocalSpark.MODEL.toString(), "--lora", ADAPTER.toString());
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .contains("  adapter      %s: LoRA, rank 4, alpha ".formatted(ADAPTER))
                .contains("157,696 parameters for 56 matrices, which become float32, sha256 " + label.substring(6))
                .contains("tensors      all ");
    }

    @Test
    void whatIsNoAdapterIsRefusedOnTheDriver() {
        Path output = directory.resolve("scores");
        CommandRun.of(LocalSpark.command("score", input, output, "--lora", LocalSpark.MODEL.toString()))
                .assertRefused(1, "not an adapter of PEFT: there is no adapter_config.json");
        CommandRun.of(LocalSpark.command("score", input, output, "--lora", "nosuchfs://adapters/one"))
                .assertRefused(1, "--lora nosuchfs://adapters/one cannot be read");
        CommandRun.of("pack", "--model", LocalSpark.MODEL.toString(), "--lora", "s3a://adapters/one")
                .assertRefused(2, "--lora takes a directory of this machine here, not a URI");
    }

    @Test
    void anAdapterAtAUriIsCopiedAndIsTheSame() {
        Path cache = directory.resolve("cache");
        ModelReference model =
                ModelReference.open(LocalSpark.MODEL, ExecutorOptions.DEFAULT.withCacheDirectory(cache.toString()));
        String uri = ADAPTER.toUri().toString();
        ModelReference merged = model.withAdapter(uri, new SparkConf());
        assertThat(merged.label()).isEqualTo(model.withAdapter(ADAPTER).label()).endsWith(label);
        assertThat(merged.adapterOrigin()).contains(uri);
        assertThat(merged.adapterPath().orElseThrow()).startsWith(cache);
        assertThat(merged.adapterOnThisHost()).isPresent();
        assertThatThrownBy(() -> model.withAdapter(LocalSpark.MODEL.toUri().toString(), new SparkConf()))
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining("not an adapter of PEFT: there is no adapter_config.json");
    }

    @Test
    void aQueryMergesAnAdapterToo() {
        Row row = LocalSpark.session()
                .sql("""
                    SELECT merged.model, merged.sum_nll, base.model, base.sum_nll FROM (SELECT
                        qwen_score('Call me Ishmael.', model => '%1$s', lora => '%2$s') AS merged,
                        qwen_score('Call me Ishmael.', model => '%1$s') AS base)
                    """.formatted(LocalSpark.MODEL, ADAPTER.toUri()))
                .first();
        assertThat(row.getString(0)).isEqualTo(row.getString(2) + label);
        assertThat(row.getDouble(1)).isNotEqualTo(row.getDouble(3));
    }
}
