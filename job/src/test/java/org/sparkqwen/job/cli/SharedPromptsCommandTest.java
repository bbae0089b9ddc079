package org.sparkqwen.job.cli;

import static org.apache.spark.sql.functions.expr;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;

/// A run of `score` computes the prompt of a question once for its answers, though it spreads rows over tasks.
class SharedPromptsCommandTest {
    @TempDir
    private Path directory = Path.of("");

    @Test
    void thePromptsOfAMultipleChoiceSetAreComputedOnce() throws IOException {
        String input = directory.resolve("in").toString();
        LocalSpark.session()
                .range(0, 160, 1, 1)
                .select(
                        expr("id"),
                        expr("concat('question ', repeat(string(id div 4), 10), ' and so on?') AS prompt"),
                        expr("concat(' answer ', string(id % 4)) AS text"))
                .write()
                .parquet(input);
        Path output = directory.resolve("out");
        CommandRun run = CommandRun.of(LittleModel.command("score", input, output, "--prompt-column", "prompt"));
        assertThat(run.exitCode()).as(run.err()).isZero();
        JsonNode shared = new ObjectMapper()
                .readTree(output.resolve("_run.json").toFile())
                .at("/summary/prefix_cache");
        assertThat(shared.at("/shared_tokens").longValue())
                .isGreaterThanOrEqualTo(shared.at("/prompt_tokens").longValue() * 3 / 4);
        assertThat(run.out()).contains("\n  prompts     ");
        assertThat(LocalSpark.session().read().parquet(output.toString()).collectAsList().stream()
                        .map((Row row) -> row.<Long>getAs("id")))
                .doesNotHaveDuplicates()
                .hasSize(160);
    }
}
