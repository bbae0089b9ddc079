package org.sparkqwen.job.sql;

import static org.apache.spark.sql.functions.call_function;
import static org.apache.spark.sql.functions.col;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.Engine;
import org.sparkqwen.engine.sampling.Ending;
import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.engine.sampling.SamplingParams;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.job.GenerateJob;
import org.sparkqwen.job.ScoreJob;
import org.sparkqwen.job.TokenizeJob;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.executor.ExecutorEngine;
import org.sparkqwen.job.executor.RowCounts;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.ShortCorpus;

/// The functions of SQL, in a session with the extension.
class SqlFunctionsTest {
    private static final GenerationParams GREEDY = new GenerationParams(SamplingParams.GREEDY, Ending.after(6));

    private final SparkSession session = LocalSpark.session().newSession();

    @BeforeEach
    void makeViews() {
        session.conf().set("spark.qwen.model", LocalSpark.MODEL.toString());
        session.read().parquet(ShortCorpus.file()).createOrReplaceTempView("corpus");
        session.sql("SELECT id, text FROM corpus ORDER BY id LIMIT 12").coalesce(1).createOrReplaceTempView("few");
        session.read().parquet(LocalSpark.PROMPTS).limit(3).createOrReplaceTempView("prompts");
    }

    private List<Row> rows(String query) {
        return session.sql(query).collectAsList();
    }

    private long evaluated(String query) {
        long before = RowCounts.rows();
        rows(query);
        return RowCounts.rows() - before;
    }

    @Test
    void scoresHaveTheBitsOfTheJob() {
        ShortCorpus.assertScored(session.sql("""
                SELECT id, s.* FROM (
                  SELECT id, qwen_score(text, token_logprobs => true) AS s
                  FROM (SELECT /*+ REPARTITION(3) */ id, text FROM corpus))"""));
    }

    @Test
    void theTableFunctionHasTheBitsOfTheJob() {
        ShortCorpus.assertScored(session.sql("""
                SELECT * FROM qwen_score_table(TABLE(SELECT id, text AS body FROM corpus),
                    text => 'body', token_logprobs => true)"""));
    }

    @Test
    void resultsHaveTheColumnsOfTheJobs() {
        assertThat(struct("qwen_score(text)")).isEqualTo(names(ScoreJob.SCHEMA));
        assertThat(struct("qwen_generate(text)")).isEqualTo(names(GenerateJob.SCHEMA));
        assertThat(struct("qwen_tokenize(text)")).isEqualTo(names(TokenizeJob.SCHEMA));
        List<String> columns = new ArrayList<>(List.of("id", "text"));
        columns.addAll(names(GenerateJob.SCHEMA));
        assertThat(session.sql("SELECT * FROM qwen_generate_table(TABLE(few), prompt => 'text')")
                        .columns())
                .containsExactlyElementsOf(columns);
    }

    private List<String> struct(String call) {
        return names((StructType)
                session.sql("SELECT %s AS s FROM few".formatted(call)).schema().apply("s").dataType());
    }

    private static List<String> names(StructType type) {
        return Arrays.asList(type.fieldNames());
    }

    @Test
    void tokenIdsAreThoseOfTheJob() {
        Dataset<Row> expected = new TokenizeJob(TokenizeJob.Settings.of(
                        LocalSpark.MODEL.toString(), new ContentColumn.Text("text", SpecialTokens.TEXT)))
                .run(session.table("few"));
        assertThat(LocalSpark.sorted(session.sql("SELECT id, text, t.* FROM (SELECT *, qwen_tokenize(text) t FROM few)")))
                .isEqualTo(LocalSpark.sorted(expected));
        assertThat(LocalSpark.sorted(session.sql("SELECT * FROM qwen_tokenize_table(TABLE(few))")))
                .isEqualTo(LocalSpark.sorted(expected));
        assertThat(LocalSpark.sorted(session.sql("SELECT id, qwen_score(qwen_tokenize(text).token_ids).sum_nll FROM few")))
                .isEqualTo(LocalSpark.sorted(session.sql("SELECT id, qwen_score(text).sum_nll FROM few")));
    }

    @Test
    void textsAreThoseOfTheJob() {
        Dataset<Row> expected = new GenerateJob(
                        LocalSpark.model(),
                        GenerateJob.Settings.of(new ContentColumn.Text("prompt", SpecialTokens.TEXT), GREEDY)
                                .withColumns(List.of("id")))
                .run(session.table("prompts"));
        assertThat(LocalSpark.sorted(session.sql("""
                SELECT id, g.* FROM (
                  SELECT id, qwen_generate(prompt, max_new_tokens => 6, temperature => 0) AS g FROM prompts)""")))
                .isEqualTo(LocalSpark.sorted(expected))
                .hasSize(3);
    }

    @Test
    void aTableFunctionGivesARowForEachSample() {
        String call = """
                qwen_generate_table(TABLE(SELECT id, prompt FROM prompts),
                    samples => 2, max_new_tokens => 4, temperature => 0.9, seed => 7)""";
        assertThat(LocalSpark.sorted(session.sql("SELECT id, sample FROM " + call))).hasSize(6).doesNotHaveDuplicates();
        assertThat(rows("SELECT count(*) FROM " + call).getFirst().getLong(0)).isEqualTo(6);
        assertThat(rows("SELECT id FROM %s LIMIT 2".formatted(call))).hasSize(2);
        assertThat(rows("WITH g AS (SELECT * FROM %s) SELECT * FROM g a JOIN g b USING (id, sample)".formatted(call)))
                .hasSize(6);
        Dataset<Row> texts = session.sql("SELECT * FROM " + call);
        assertThat(texts.as("a").join(texts.as("b"), col("a.id").equalTo(col("b.id"))).count())
                .isEqualTo(12);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "12 | SELECT qwen_score(text).perplexity, qwen_score(text).tokens FROM few",
            "12 | SELECT s.tokens, s.perplexity FROM (SELECT qwen_score(text) AS s FROM few)",
            "12 | SELECT perplexity FROM qwen_score_table(TABLE(few)) WHERE tokens > 0 ORDER BY perplexity",
        "3  | SELECT qwen_score(text).tokens FROM few LIMIT 3",
        "1  | SELECT id FROM few WHERE qwen_score(text).tokens > 0 AND id = (SELECT min(id) FROM few)",
        "12 | SELECT count(*), avg(qwen_score(text).perplexity) FROM few",
        "24 | SELECT qwen_score(qwen_score(text).model).tokens FROM few",
        "24 | SELECT qwen_score(text).tokens, qwen_tokenize(text).tokens FROM few",
        "12 | SELECT id, rank() OVER (ORDER BY qwen_score(text).sum_nll) FROM few",
        "0  | SELECT id FROM (SELECT id, qwen_score(text) AS s FROM few)",
    })
    void aRowIsEvaluatedOnceWhereverTheCallStands(long expected, String query) {
        assertThat(evaluated(query)).isEqualTo(expected);
    }

    /// The documented exceptions.
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "12 | SELECT CASE WHEN id = 'none' THEN qwen_score(text).tokens END FROM few",
            "24 | SELECT s.perplexity FROM (SELECT qwen_score(text) AS s FROM few) WHERE s.tokens > 0",
            "24 | SELECT qwen_score(text).tokens FROM few WHERE qwen_score(text).tokens > 0",
            "24 | SELECT qwen_score(text).tokens > 5 AS l, max(qwen_score(text).perplexity) FROM few GROUP BY 1",
    })
    void spareOrRepeatedEvaluationsAreThoseThatThePageNames(long expected, String query) {
        assertThat(evaluated(query)).isEqualTo(expected);
    }

    @Test
    void rowsKeepTheirOrder() {
        List<Row> rows = rows("SELECT id, qwen_score(text) FROM (SELECT * FROM few ORDER BY length(text), id DESC)");
        assertThat(rows.stream().map(row -> row.getString(0)).toList())
                .isEqualTo(rows("SELECT id FROM few ORDER BY length(text), id DESC").stream()
                        .map(row -> row.getString(0))
                        .toList());
    }

    @Test
    void aViewATableAndAColumnFunctionGiveTheSameNumbers() {
        List<String> expected = LocalSpark.sorted(session.sql("SELECT id, qwen_score(text).sum_nll AS nll FROM few"));
        session.sql("CREATE OR REPLACE TEMPORARY VIEW scored AS SELECT id, qwen_score(text).sum_nll AS nll FROM few");
        assertThat(LocalSpark.sorted(session.table("scored"))).isEqualTo(expected);
        session.sql("DROP TABLE IF EXISTS sql_scores");
        session.sql("CREATE TABLE sql_scores USING parquet AS SELECT * FROM scored");
        assertThat(LocalSpark.sorted(session.table("sql_scores"))).isEqualTo(expected);
        session.sql("DROP TABLE sql_scores");
        assertThat(LocalSpark.sorted(session.table("few")
                        .select(col("id"), call_function("qwen_score", col("text")).getField("sum_nll"))))
                .isEqualTo(expected);
        assertThat(LocalSpark.sorted(session.sql(
                        "SELECT id, qwen_score(text, map('kernels', 'scalar', 'threads', '1')).sum_nll FROM few")))
                .isEqualTo(expected);
    }

    @Test
    void aBadRowGivesAnError() {
        assertThat(rows("SELECT qwen_score(CAST(NULL AS STRING)).error, qwen_score(X'61FF').error,"
                        + " qwen_generate(NULL).finish_reason, qwen_score(array(1, 9999999)).error")
                        .getFirst()
                        .toString())
                .startsWith("[the text is null,the text is not valid UTF-8 at byte 1,error,token ")
                .endsWith("]");
        assertThat(rows("SELECT error FROM qwen_score_table(TABLE(SELECT CAST(NULL AS STRING) AS text))")
                        .getFirst()
                        .getString(0))
                .isEqualTo("the text is null");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "qwen_score(text, widnows => 'half')              | qwen_score has no option widnows; it has ",
        "qwen_score(text, windows => 'halve')             | windows",
        "qwen_score(text, context => length(text))        | options are the same for all rows; write a constant",
        "qwen_score(text, 'half')                         | options are given by name",
        "qwen_score(text, text => text)                   | qwen_score has no option text",
        "qwen_score(1.5D)                                 | qwen_score takes text or token ids",
        "qwen_score()                                     | qwen_score needs a text as its first argument",
        "qwen_generate(text, samples => 2)                | qwen_generate has no option samples",
        "qwen_generate(text, input => 'x')                | qwen_generate has no option input",
    })
    void aCallThatMakesNoSenseIsRefusedWithOneLine(String call, String message) {
        assertThatThrownBy(() -> session.sql("SELECT %s FROM few".formatted(call)))
                .hasMessageContaining(message)
                .hasMessageNotContaining("--");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "qwen_score_table('few')                              | takes a table first",
        "qwen_score_table(TABLE(few) PARTITION BY id)         | without PARTITION BY",
        "qwen_score_table(TABLE(SELECT 1 AS Tokens))          | adds a column Tokens, which the table has, too",
        "qwen_score_table(TABLE(few), text => 'body')         | no column 'body'",
        "qwen_score_table(TABLE(few), context => 10000000)    | context 10,000,000 is more than the model",
    })
    void aTableCallThatMakesNoSenseIsRefusedWithOneLine(String call, String message) {
        assertThatThrownBy(() -> rows("SELECT * FROM " + call))
                .hasMessageContaining(message)
                .hasMessageNotContaining("--");
    }

    @Test
    void aSettingThatIsNoneIsRefused() {
        session.conf().set("spark.qwen.batchTokens", "100");
        assertThat(rows("SELECT qwen_score('a b').error").getFirst().isNullAt(0)).isTrue();
        session.conf().set("spark.qwen.modle", "x");
        assertThatThrownBy(() -> session.sql("SELECT qwen_score('a')"))
                .hasMessageContaining("there is no setting spark.qwen.modle; there are ")
                .hasMessageContaining("spark.qwen.batchTokens");
    }

    /// The model does not exist, which nobody notices before rows are computed.
    @ParameterizedTest
    @ValueSource(strings = {
        "SELECT qwen_score(text, model => '/no/such/model').tokens FROM few",
        "SELECT tokens FROM qwen_score_table(TABLE(few), model => '/no/such/model')"
    })
    void explainingOpensNoModel(String query) {
        assertThat(rows("EXPLAIN " + query).getFirst().getString(0)).contains("Qwen score(");
        assertThatThrownBy(() -> rows(query)).hasMessageContaining("/no/such/model");
    }

    @Test
    void aKilledQueryLeavesNothingInTheEngine() throws InterruptedException {
        SparkContext context = session.sparkContext();
        try (ExecutorEngine.Lease lease = ExecutorEngine.lease(LocalSpark.model())) {
            Engine engine = lease.engine();
            CompletableFuture<List<Row>> texts = CompletableFuture.supplyAsync(() -> {
                context.setJobGroup("killed query", "texts that are killed", false);
                return rows("SELECT qwen_generate(text, max_new_tokens => 900, temperature => 1, ignore_eos => true)"
                        + " FROM corpus");
            });
            await(() -> texts.isDone() || engine.blocksInUse() > 8);
            assertThat(texts.isDone() ? texts.join() : List.of())
                    .as("rows of a query that ended before it was killed")
                    .isEmpty();
            context.cancelJobGroup("killed query");
            assertThatThrownBy(texts::join).hasMessageContaining("cancelled");
            await(() -> engine.blocksInUse() == 0);
        }
    }

    /// Waits longer than any of this takes on a busy machine.
    private static void await(BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(2);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("it did not come about in time").isLessThan(deadline);
            Thread.sleep(5);
        }
    }
}
