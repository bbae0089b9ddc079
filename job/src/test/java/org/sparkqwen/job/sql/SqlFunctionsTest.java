package org.sparkqwen.job.sql;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.expr;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.scoring.ScoreDetails;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.job.ClassifyJob;
import org.sparkqwen.job.EmbedJob;
import org.sparkqwen.job.GenerateJob;
import org.sparkqwen.job.ScoreJob;
import org.sparkqwen.job.TokenizeJob;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.executor.ExecutorEngine;
import org.sparkqwen.job.executor.RowCounts;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;

/// The functions of SQL, in a session with the extension. What the model computes does not matter here; see
/// [SameNumbersTest] for that.
class SqlFunctionsTest {
    private static @Nullable SparkSession shared;

    private final SparkSession session = Objects.requireNonNull(shared);

    @BeforeAll
    static void makeViews() {
        SparkSession session = LocalSpark.session().newSession();
        session.conf().set("spark.qwen.model", LittleModel.directory().toString());
        session.conf().set("spark.qwen.kernels", "scalar");
        session.conf().set("spark.sql.codegen.wholeStage", false); // compiling takes longer than these few rows
        session.createDataFrame(
                        LocalSpark.corpus()
                                .select("id", "text")
                                .orderBy("id")
                                .limit(4)
                                .collectAsList(),
                        LocalSpark.corpus().select("id", "text").schema())
                .selectExpr("id", "left(text, 40) AS text")
                .createOrReplaceTempView("few");
        shared = session;
    }

    private List<Row> rows(String query) {
        return session.sql(query).collectAsList();
    }

    private List<String> sorted(String query) {
        return LocalSpark.sorted(session.sql(query));
    }

    private long evaluated(String query) {
        long before = RowCounts.rows();
        rows(query);
        return RowCounts.rows() - before;
    }

    @Test
    void resultsHaveTheColumnsOfTheJobs() {
        assertThat(result("qwen_score(text)")).isEqualTo(names(ScoreJob.SCHEMA));
        assertThat(result("qwen_generate(text)")).isEqualTo(names(GenerateJob.SCHEMA));
        assertThat(result("qwen_classify(text, labels => array(' a', ' b'))")).isEqualTo(names(ClassifyJob.SCHEMA));
        assertThat(result("qwen_embed(text)")).isEqualTo(names(EmbedJob.SCHEMA));
        assertThat(result("qwen_tokenize(text)")).isEqualTo(names(TokenizeJob.SCHEMA));
        List<String> columns = new ArrayList<>(List.of("id", "text"));
        columns.addAll(names(GenerateJob.SCHEMA));
        assertThat(session.sql("SELECT * FROM qwen_generate_table(TABLE(few), prompt => 'text')")
                        .columns())
                .containsExactlyElementsOf(columns);
    }

    @Test
    void detailsAddTheirColumnsToTheResult() {
        List<String> columns = names(ScoreJob.schema(new ScoreDetails(true, 2)));
        String options = "entropy => true, token_logprobs => true, top_logprobs => 2";
        assertThat(result("qwen_score(text, %s)".formatted(options))).isEqualTo(columns);
        assertThat(result("qwen_score(text, entropy => false)")).isEqualTo(names(ScoreJob.SCHEMA));
        List<String> scalar =
                sorted("SELECT id, s.* FROM (SELECT id, qwen_score(text, %s) AS s FROM few)".formatted(options));
        assertThat(scalar)
                .isEqualTo(sorted("SELECT id, %s FROM qwen_score_table(TABLE(few), %s)"
                        .formatted(String.join(", ", columns), options)));
        assertThat(rows("SELECT s.mean_entropy, s.min_k_plus_plus, size(s.token_entropies), size(s.top_logprobs[1])"
                        + " FROM (SELECT qwen_score(text, %s) AS s FROM few)".formatted(options)))
                .hasSize(4)
                .allSatisfy(row -> {
                    assertThat(row.getDouble(0)).isPositive();
                    assertThat(row.getDouble(1)).isFinite();
                    assertThat(row.getInt(2)).isPositive();
                    assertThat(row.getInt(3)).isEqualTo(2);
                });
    }

    private List<String> result(String call) {
        return names((StructType) session.sql("SELECT %s AS s FROM few".formatted(call))
                .schema()
                .apply("s")
                .dataType());
    }

    private static List<String> names(StructType type) {
        return Arrays.asList(type.fieldNames());
    }

    @Test
    void tokenIdsAreThoseOfTheJobAndScoreLikeTheText() {
        Dataset<Row> expected = new TokenizeJob(TokenizeJob.Settings.of(
                        LocalSpark.MODEL.toString(), new ContentColumn.Text("text", SpecialTokens.TEXT)))
                .run(session.table("few"));
        assertThat(sorted("SELECT id, text, t.* FROM (SELECT *, qwen_tokenize(text) AS t FROM few)"))
                .isEqualTo(LocalSpark.sorted(expected))
                .isEqualTo(sorted("SELECT * FROM qwen_tokenize_table(TABLE(few))"));
        assertThat(rows("SELECT qwen_score(qwen_tokenize(text).token_ids).sum_nll, qwen_score(text).sum_nll FROM few"))
                .hasSize(4)
                .allSatisfy(row -> assertThat(row.getDouble(0)).isEqualTo(row.getDouble(1)));
    }

    @Test
    void embeddingsAreThoseOfTheJob() {
        ModelReference model = ModelReference.open(LittleModel.directory());
        Dataset<Row> expected = new EmbedJob(
                        model, EmbedJob.Settings.of(model, LocalSpark.TEXT).withDims(16))
                .run(session.table("few"));
        assertThat(sorted("SELECT id, text, e.* FROM (SELECT *, qwen_embed(text, dims => 16) AS e FROM few)"))
                .isEqualTo(LocalSpark.sorted(expected))
                .isEqualTo(sorted("SELECT * FROM qwen_embed_table(TABLE(few), dims => 16)"))
                .isEqualTo(sorted("""
                    SELECT id, text, e.* FROM
                        (SELECT *, qwen_embed(qwen_tokenize(text).token_ids, dims => 16) AS e FROM few)
                    """));
    }

    @Test
    void labelsOfAnArrayMayHaveCommas() {
        String call = "qwen_classify(text, labels => array(' yes, so', ' no'))";
        List<Row> rows = rows("SELECT sort_array(map_keys(%s.label_probs)) FROM few LIMIT 1".formatted(call));
        assertThat(rows.getFirst().<String>getList(0)).containsExactly(" no", " yes, so");
        assertThat(rows("SELECT size(qwen_classify(text, labels => ' a, b, c').label_probs) FROM few LIMIT 1")
                        .getFirst()
                        .getInt(0))
                .isEqualTo(3);
    }

    @Test
    void aTableFunctionGivesARowForEachSample() {
        String call = """
            qwen_generate_table(TABLE(few), prompt => 'text',
                samples => 2, max_new_tokens => 4, temperature => 0.9, seed => 7)\
            """;
        assertThat(sorted("SELECT id, sample FROM " + call)).hasSize(8).doesNotHaveDuplicates();
        assertThat(rows("SELECT count(*) FROM " + call).getFirst().getLong(0)).isEqualTo(8);
        assertThat(rows("WITH g AS (SELECT * FROM %s) SELECT * FROM g a JOIN g b USING (id, sample) LIMIT 20"
                        .formatted(call)))
                .hasSize(8);
        Dataset<Row> texts = session.sql("SELECT id FROM " + call);
        assertThat(texts.as("a")
                        .join(texts.as("b"), col("a.id").equalTo(col("b.id")))
                        .count())
                .isEqualTo(16);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "4 | SELECT qwen_score(text).perplexity, qwen_score(text).tokens FROM few",
                "4 | SELECT s.tokens, s.perplexity FROM (SELECT qwen_score(text) AS s FROM few)",
                "4 | SELECT perplexity FROM qwen_score_table(TABLE(few)) WHERE tokens > 0",
                "1 | SELECT qwen_score(text).tokens FROM few LIMIT 1",
                "1 | SELECT id FROM few WHERE qwen_score(text).tokens > 0 AND id = (SELECT min(id) FROM few)",
                "4 | SELECT count(*), avg(qwen_score(text).perplexity) FROM few",
                "8 | SELECT qwen_score(qwen_score(text).model).tokens FROM few",
                "8 | SELECT qwen_score(text).tokens, qwen_tokenize(text).tokens FROM few",
                "4 | SELECT id, rank() OVER (ORDER BY qwen_score(text).sum_nll) FROM few",
                "4 | SELECT id, qwen_score(text).tokens FROM (SELECT * FROM few ORDER BY id)",
                "4 | SELECT id, qwen_score(text).tokens FROM few ORDER BY id LIMIT 3",
                "0 | SELECT id FROM (SELECT id, qwen_score(text) AS s FROM few)",
            })
    void aRowIsEvaluatedOnceWhereverTheCallStands(long expected, String query) {
        assertThat(evaluated(query)).isEqualTo(expected);
    }

    /// The documented exceptions.
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "4 | SELECT CASE WHEN id = 'none' THEN qwen_score(text).tokens END FROM few",
                "8 | SELECT s.perplexity FROM (SELECT qwen_score(text) AS s FROM few) WHERE s.tokens > 0",
                "8 | SELECT qwen_score(text).tokens FROM few WHERE qwen_score(text).tokens > 0",
                "8 | SELECT qwen_score(text).tokens > 5 AS l, max(qwen_score(text).perplexity) FROM few GROUP BY 1",
                "8 | SELECT id FROM few ORDER BY qwen_score(text).perplexity",
                "8 | SELECT id, qwen_score(text).tokens FROM few ORDER BY id",
                "8 | SELECT id, tokens FROM qwen_score_table(TABLE(few)) ORDER BY id",
                "8 | WITH s AS (SELECT id, qwen_score(text) AS s FROM few) SELECT * FROM s UNION ALL SELECT * FROM s",
            })
    void spareOrRepeatedEvaluationsAreThoseThatThePageNames(long expected, String query) {
        assertThat(evaluated(query)).isEqualTo(expected);
    }

    @Test
    void rowsKeepTheirOrder() {
        String order = "SELECT id, text FROM few ORDER BY length(text), id DESC";
        assertThat(rows("SELECT id, qwen_score(text) FROM (%s)".formatted(order)).stream()
                        .map(row -> row.getString(0))
                        .toList())
                .isEqualTo(rows(order).stream().map(row -> row.getString(0)).toList());
    }

    @Test
    void aViewATableAndAMapOfOptionsGiveTheSameNumbers() {
        String call = "SELECT id, qwen_score(text).sum_nll AS nll FROM few";
        List<String> expected = sorted(call);
        session.sql("CREATE OR REPLACE TEMPORARY VIEW scored AS " + call);
        session.sql("DROP TABLE IF EXISTS sql_scores");
        session.sql("CREATE TABLE sql_scores USING parquet AS SELECT * FROM scored");
        assertThat(LocalSpark.sorted(session.table("sql_scores"))).isEqualTo(expected);
        session.sql("DROP TABLE sql_scores");
        assertThat(sorted("SELECT id, qwen_score(text, map('batch_tokens', '16', 'threads', '1')).sum_nll FROM few"))
                .isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {"false | false", "false | 'FALSE'", "true | true", "true | 'True'", "true | array('true')"})
    void aFlagIsTrueOrFalseInAnyCase(boolean expected, String value) {
        assertThat(rows("SELECT qwen_score(text, token_logprobs => %s).token_logprobs FROM few LIMIT 1"
                                .formatted(value))
                        .getFirst()
                        .isNullAt(0))
                .isEqualTo(!expected);
    }

    /// In a map, all values have one type. If one option has several values, all others are lists, too.
    @Test
    void aListInAMapOfOptionsIsAListOfValues() {
        assertThat(rows("""
            SELECT qwen_generate(text, map('max_new_tokens', array('8'), 'temperature', array('0'),
                'choices', array('calm', 'grave'), 'ignore_eos', array('false'))).generated_text FROM few\
            """))
                .hasSize(4)
                .allSatisfy(row -> assertThat(row.getString(0)).isIn("calm", "grave"));
    }

    @Test
    void optionsThatTakeTokenIdsTakeArraysOfThem() {
        String call = "qwen_generate(text, max_new_tokens => 1, temperature => 0, suppress_tokens => %s,"
                + " bad_words_ids => %s).token_ids[0]";
        assertThat(sorted(
                        "SELECT %s FROM few".formatted(call.formatted("array(5, 6)", "array(array(7, 8), array(9))"))))
                .isEqualTo(sorted("SELECT %s FROM few".formatted(call.formatted("'5,6'", "array('7,8', '9')"))));
    }

    @Test
    void aWholeNumberMayHaveAnyType() {
        assertThat(result("qwen_score(text, context => 128 / 2, top_logprobs => 2.0)"))
                .isEqualTo(result("qwen_score(text, context => 64, top_logprobs => 2)"));
    }

    @Test
    void aTextMayHaveACollation() {
        assertThat(sorted("SELECT qwen_score(text COLLATE UNICODE_CI, prompt => id COLLATE UNICODE).sum_nll FROM few"))
                .isEqualTo(sorted("SELECT qwen_score(text, prompt => id).sum_nll FROM few"));
    }

    @Test
    void aPromptMayBeTokenIdsOrNull() {
        Row row = rows("SELECT qwen_score(array(1, 2), prompt => array(3)).error,"
                        + " qwen_score(array(1, 2), prompt => NULL).error, qwen_score('a', prompt => NULL).error")
                .getFirst();
        assertThat(row.isNullAt(0)).isTrue();
        assertThat(row.getString(1)).contains("null");
        assertThat(row.getString(2)).contains("null");
    }

    /// Spark's API has no named arguments, but expressions have.
    @Test
    void anExpressionOfTheApiHasAPromptForEachRow() {
        assertThat(LocalSpark.sorted(
                        session.table("few").select(expr("qwen_score(text, prompt => id).sum_nll AS nll"))))
                .isEqualTo(sorted("SELECT qwen_score(text, prompt => id).sum_nll AS nll FROM few"))
                .isNotEqualTo(sorted("SELECT qwen_score(text).sum_nll AS nll FROM few"));
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
    @CsvSource(
            delimiter = '|',
            value = {
                "qwen_score(text, widnows => 'half')              | qwen_score has no option widnows; it has ",
                "qwen_score(text, map('widnows', 'half'))         | qwen_score has no option widnows; it has ",
                "qwen_score(text, windows => 'halve')             | windows",
                "qwen_score(text, token_logprobs => 'yes')        | token_logprobs is true or false, not yes",
                "qwen_score(text, token_logprobs => 1)            | token_logprobs is true or false, not 1",
                "qwen_score(text, token_logprobs => array(true, true)) | token_logprobs takes true or false, not an"
                        + " array of 2",
                "qwen_score(text, model => '')                    | model is empty; give a path, or leave it out",
                "qwen_score(text, cache_dir => ' ')               | cache_dir is empty",
                "qwen_score(text, model => array('a', 'b'))       | model takes one text, not an array of 2",
                "qwen_score(text, context => array())             | context takes one number, not an empty array",
                "qwen_score(text, context => map('a', 1))         | context takes one number, not a map",
                "qwen_score(text, windows => true)                | windows takes one text, not true",
                "qwen_generate(text, chat => true, system => array('a', 'b')) | system takes one text, not an array of"
                        + " 2",
                "qwen_generate(text, map('regex', array('a', 'b'))) | regex takes one text, not an array of 2",
                "qwen_generate(text, max_new_tokens => true)      | max_new_tokens takes one number, not true",
                "qwen_generate(text, stop => map('a', 'b'))       | stop takes one value or an array of them, not a"
                        + " map",
                "qwen_generate(text, stop => array(array('a')))   | stop takes one value or an array of them, not an"
                        + " array within an array",
                "qwen_score(text, context => length(text))        | options are the same for all rows; write a"
                        + " constant",
                "qwen_score(text, 'half')                         | options are given by name",
                "qwen_score(text, text => text)                   | qwen_score has no option text",
                "qwen_score(1.5D)                                 | qwen_score takes text or token ids",
                "qwen_score()                                     | qwen_score needs a text as its first argument",
                "qwen_score(text, prompt => 5)                    | prompt is text beside a text, not int",
                "qwen_score(array(1, 2), prompt => text)          | prompt is token ids beside token ids, not string",
                "qwen_score(text, prompt => array(1, 2))          | prompt is text beside a text, not array<int>",
                "qwen_classify(text, labels => array('a, b'))     | labels: 'a, b' is the only label; there must be"
                        + " two",
                "qwen_classify(text, map('labels', array('a,b'))) | labels: 'a,b' is the only label; there must be two",
                "qwen_generate(text, chat => true, tools => 'id') | tools is neither a list in JSON nor a file",
                "qwen_generate(text, samples => 2)                | qwen_generate has no option samples;"
                        + " qwen_generate_table has",
                "qwen_score(text, allow_other_device => true)     | qwen_score has no option allow_other_device; it"
                        + " has",
                "qwen_score(text, context => 2.5)                 | option 'context': '2.5' is no whole number",
                "qwen_generate(text, logit_bias => 5)             | logit_bias takes a map, not 5",
                "qwen_generate(text, logit_bias => array(5, 6))   | logit_bias takes a map, not an array of numbers",
                "qwen_generate(array('hi'))                       | takes text or token ids, and with chat => true"
                        + " messages, not array<string>",
                "qwen_generate(text, input => 'x')                | qwen_generate has no option input",
            })
    void aCallThatMakesNoSenseIsRefusedWithOneLine(String call, String message) {
        assertThatThrownBy(() -> session.sql("SELECT %s FROM few".formatted(call)))
                .hasMessageContaining(message)
                .hasMessageNotContaining("--");
    }

    @Test
    void aColumnIsNamedInAnyCase() {
        assertThat(sorted("SELECT id, sum_nll FROM qwen_score_table(TABLE(few), text => 'TEXT')"))
                .isEqualTo(sorted("SELECT id, sum_nll FROM qwen_score_table(TABLE(few))"));
    }

    @Test
    void aTableMayHaveColumnsOfAnyName() {
        String names = "_row, _number, _spark_qwen_number, _SPARK_QWEN_PASSED, c0";
        String query = "SELECT text AS _row, id AS _number, 1 AS _spark_qwen_number, 2 AS _SPARK_QWEN_PASSED, 3 AS c0"
                + " FROM few";
        assertThat(sorted("SELECT %s FROM qwen_score_table(TABLE(%s), text => '_row') WHERE error IS NULL"
                        .formatted(names, query)))
                .isEqualTo(sorted(query));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "qwen_score_table('few')                              | takes a table first",
                "qwen_score_table(TABLE(few) PARTITION BY id)         | without PARTITION BY",
                "qwen_score_table(TABLE(SELECT 1 AS Tokens))          | adds a column Tokens, which the table has, too",
                "qwen_score_table(TABLE(few), text => 'body')         | no column 'body'; it has 'id', 'text'. Choose",
                "qwen_score_table(TABLE(few), context => 10000000)    | context 10,000,000 is more than the model",
            })
    void aTableCallThatMakesNoSenseIsRefusedWithOneLine(String call, String message) {
        assertThatThrownBy(() -> rows("SELECT * FROM " + call))
                .hasMessageContaining(message)
                .hasMessageNotContaining("--");
    }

    @Test
    void aSettingThatIsNoneIsRefused() {
        SparkSession other = LocalSpark.session().newSession();
        other.conf().set("spark.qwen.modle", "x");
        assertThatThrownBy(() -> other.sql("SELECT qwen_score('a')"))
                .hasMessageContaining("there is no setting spark.qwen.modle; there are ")
                .hasMessageContaining("spark.qwen.batchTokens");
    }

    @Test
    void aConstantMayCallFunctions() {
        assertThat(rows("SELECT qwen_generate(text, choices => array(nvl('calm', 'x'), upper(concat('gra', 've'))))"
                        + ".generated_text FROM few"))
                .hasSize(4)
                .allSatisfy(row -> assertThat(row.getString(0)).isIn("calm", "GRAVE"));
    }

    @Test
    void aFormattedPlanShowsTheCall() {
        assertThat(rows("EXPLAIN FORMATTED SELECT qwen_score(text, context => 64) FROM few")
                        .getFirst()
                        .getString(0))
                .contains("Qwen", "score", "context")
                .doesNotContain("SessionJobs");
    }

    /// The model does not exist, which nobody notices before rows are computed.
    @ParameterizedTest
    @ValueSource(
            strings = {
                "SELECT qwen_score(text, model => '/no/such/model').tokens FROM few",
                "SELECT tokens FROM qwen_score_table(TABLE(few), model => '/no/such/model')"
            })
    void explainingOpensNoModel(String query) {
        assertThat(rows("EXPLAIN " + query).getFirst().getString(0)).contains("Qwen score(");
        assertThatThrownBy(() -> rows(query)).hasMessageContaining("/no/such/model");
    }

    /// Both queries would run for minutes. The rows of the second never end by themselves within a task.
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "generate | SELECT qwen_generate(text, max_new_tokens => 900, ignore_eos => true) FROM few, range(500)",
                "score    | SELECT qwen_score(text).tokens FROM few, range(1000000)",
            })
    void aKilledQueryLeavesNothingInTheEngine(String job, String query) throws InterruptedException {
        long before = batches();
        killWhen(() -> batches() > before + 8, job, query);
        long after = batches();
        assertThat(rows("SELECT qwen_score('It goes on.').error").getFirst().isNullAt(0))
                .isTrue();
        assertThat(batches()).as("batches of the query after it").isEqualTo(after + 1);
    }

    @Test
    void aKilledQueryStopsItsTokenizer() throws InterruptedException {
        long before = RowCounts.rows();
        killWhen(
                () -> RowCounts.rows() > before + 8,
                "tokenize",
                "SELECT sum(qwen_tokenize(text).tokens) FROM few, range(100000000)");
    }

    /// Starts a query, kills it when it has come so far, and waits until nothing of it is in work.
    private void killWhen(BooleanSupplier isSoFar, String group, String query) throws InterruptedException {
        SparkContext context = session.sparkContext();
        // A thread of its own, because Parquet reads with the common pool's, of which a small machine has one.
        Executor thread = task -> Thread.ofPlatform().daemon().start(task);
        CompletableFuture<List<Row>> killed = CompletableFuture.supplyAsync(
                () -> {
                    context.setJobGroup(group, "a query that is killed", false);
                    return rows(query);
                },
                thread);
        await(() -> killed.isDone() || isSoFar.getAsBoolean());
        assertThat(killed).as("the query, which has not ended by itself").isNotDone();
        context.cancelJobGroup(group);
        assertThatThrownBy(killed::join).hasMessageContaining("cancelled");
        await(() -> !isInWork());
    }

    private static long batches() {
        return ExecutorEngine.engines().stream()
                .mapToLong(engine -> engine.load().batches())
                .sum();
    }

    /// Returns whether an engine has texts or blocks of the KV cache in use, or a task's thread runs our code.
    private static boolean isInWork() {
        boolean busy = ExecutorEngine.engines().stream()
                .anyMatch(engine -> engine.blocksInUse() > 0
                        || engine.load().running() > 0
                        || engine.load().waiting() > 0);
        return busy
                || Thread.getAllStackTraces().entrySet().stream()
                        .filter(thread -> thread.getKey().getName().startsWith("Executor task launch worker"))
                        .flatMap(thread -> Arrays.stream(thread.getValue()))
                        .anyMatch(frame -> frame.getClassName().startsWith("org.sparkqwen."));
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
