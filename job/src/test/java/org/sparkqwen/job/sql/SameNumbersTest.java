package org.sparkqwen.job.sql;

import static org.apache.spark.sql.functions.call_function;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.map;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.ShortCorpus;

/// The command line, a scalar function, a table function and a call by name give the same numbers, bit for bit.
class SameNumbersTest {
    @TempDir
    private Path directory = Path.of("");

    @Test
    @Tag("slow")
    void ofTheBeginningsOfSomeDocuments() {
        String some = directory.resolve("some").toString();
        LocalSpark.session()
                .read()
                .parquet(ShortCorpus.file())
                .limit(40)
                .write()
                .parquet(some);
        assertScoresAreTheSame(LittleModel.directory(), some, 40);
    }

    @Test
    @Tag("slow")
    void ofTheWholeSampleCorpus() {
        assertScoresAreTheSame(LocalSpark.MODEL, LocalSpark.CORPUS, ShortCorpus.ROWS);
    }

    private void assertScoresAreTheSame(Path model, String corpus, int rows) {
        List<String> expected =
                commandLine(model, "score", corpus, "--columns", "id", "--token-logprobs", "--context", "512");
        assertThat(expected).hasSize(rows);
        SparkSession session = session(model);
        session.read().parquet(corpus).createOrReplaceTempView("corpus");
        assertThat(LocalSpark.sorted(session.sql("""
            SELECT id, s.* FROM (
              SELECT id, qwen_score(text, token_logprobs => true, context => 512) AS s
              FROM (SELECT /*+ REPARTITION(3) */ id, text FROM corpus))\
            """))).isEqualTo(expected);
        assertThat(LocalSpark.sorted(session.sql("""
            SELECT * FROM qwen_score_table(TABLE(SELECT id, text AS body FROM corpus),
                text => 'body', token_logprobs => true, context => 512)\
            """).drop("body"))).isEqualTo(expected);
        Column options = map(lit("token_logprobs"), lit("true"), lit("context"), lit("512"));
        assertThat(LocalSpark.sorted(session.table("corpus")
                        .select(
                                col("id"),
                                call_function("qwen_score", col("text"), options)
                                        .as("s"))
                        .select("id", "s.*")))
                .isEqualTo(expected);
    }

    @Test
    void ofGeneratedTexts() {
        List<String> expected = commandLine(
                LittleModel.directory(),
                "generate",
                LocalSpark.PROMPTS,
                "--columns",
                "id",
                "--limit",
                "4",
                "--max-new-tokens",
                "6",
                "--temperature",
                "0.9",
                "--seed",
                "5",
                "--stop",
                ",");
        assertThat(expected).hasSize(4);
        SparkSession session = session(LittleModel.directory());
        assertThat(LocalSpark.sorted(session.sql("""
            SELECT id, g.* FROM (
              SELECT id, qwen_generate(
                prompt, max_new_tokens => 6, temperature => 0.9, seed => 5, stop => array(',')) AS g
              FROM prompts LIMIT 4)\
            """))).isEqualTo(expected);
    }

    private static SparkSession session(Path model) {
        SparkSession session = LocalSpark.session().newSession();
        session.conf().set("spark.qwen.model", model.toString());
        session.conf().set("spark.sql.codegen.wholeStage", true); // as users have it
        session.conf().set("spark.sql.codegen.factoryMode", "FALLBACK");
        session.read().parquet(LocalSpark.PROMPTS).createOrReplaceTempView("prompts");
        return session;
    }

    private List<String> commandLine(Path model, String command, String input, String... options) {
        Path output = directory.resolve("out");
        CommandRun run = CommandRun.of(LocalSpark.command(model, command, input, output, options));
        assertThat(run.exitCode()).as(run.err()).isZero();
        Dataset<Row> rows = LocalSpark.session().read().parquet(output.toString());
        return LocalSpark.sorted(rows);
    }
}
