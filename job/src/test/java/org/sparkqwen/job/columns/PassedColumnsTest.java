package org.sparkqwen.job.columns;

import static org.apache.spark.sql.functions.expr;
import static org.assertj.core.api.Assertions.assertThat;
import static org.sparkqwen.job.testing.SparkTypes.bytes;

import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.job.TokenizeJob;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.SparkTypes;

/// The passed columns are unchanged: every type of Spark's, nested in every way, and values that Java's types for them
/// cannot hold.
class PassedColumnsTest {
    @Test
    void everyTypePassesThroughAJob() {
        Dataset<Row> input = SparkTypes.rows(List.of(SparkTypes.values())).coalesce(1);
        Dataset<Row> output = tokenize(input);

        assertThat(output.schema().fields()).startsWith(input.schema().fields());
        assertThat(SparkTypes.changed(input, output)).isEmpty();
        assertThat(output.select("tokens").distinct().collectAsList()).hasSize(1);
    }

    @Test
    void aMapKeepsTheOrderOfItsEntriesAndItsKeysOfAnyType() {
        Dataset<Row> input = LocalSpark.session()
                .range(3)
                .select(
                        expr("'Some text.' as text"),
                        expr("map_from_entries(transform(sequence(1, 40), i -> struct(hash(i, id), i))) as ints"),
                        expr("map(date'1582-10-10', 'a', date'0001-01-01', 'b') as dates"),
                        expr("map(struct(2, 'x'), 1, struct(1, 'y'), 2) as structs"));

        assertThat(bytes(tokenize(input).select("text", "ints", "dates", "structs")))
                .isEqualTo(bytes(input));
    }

    @Test
    void whatAColumnSaysOfItselfPassesToo() {
        Dataset<Row> input = LocalSpark.session()
                .range(1)
                .select(
                        expr("'Some text.' as text"),
                        expr("1 as number")
                                .as(
                                        "number",
                                        org.apache.spark.sql.types.Metadata.fromJson("{\"comment\": \"a count\"}")));

        assertThat(tokenize(input).schema().apply("number"))
                .isEqualTo(input.schema().apply("number"));
    }

    @Test
    void onlyTheColumnsThatAreNeededAreRead() {
        Dataset<Row> input = LocalSpark.corpus();
        String plan = tokenize(input, "id").queryExecution().executedPlan().toString();

        assertThat(plan).containsPattern("ReadSchema: struct<id:string,text:string>");
    }

    /// The values stay at their places, whatever Spark makes of the plan around a job.
    @Test
    void aResultCanBeUsedLikeAnyDataset() {
        Dataset<Row> input = LocalSpark.session()
                .range(100)
                .select(
                        expr("'Some text.' as text"),
                        expr("named_struct('a', id, 'b', string(id), 'c', array(named_struct('x', id, 'y', -id)))"
                                + " as s"),
                        expr("id % 7 as k"));
        Dataset<Row> result = tokenize(input);

        assertThat(result.count()).isEqualTo(100);
        assertThat(bytes(result.select("s.b"))).isEqualTo(bytes(input.select("s.b")));
        assertThat(bytes(result.select(expr("s.c.y")))).isEqualTo(bytes(input.select(expr("s.c.y"))));
        assertThat(bytes(result.sort("s.b").select("s", "k")))
                .isEqualTo(bytes(input.sort("s.b").select("s", "k")));
        assertThat(bytes(result.repartition(3).sort("s.a").select("s"))).isEqualTo(bytes(input.select("s")));
        assertThat(bytes(result.limit(5).select("k", "s")))
                .isEqualTo(bytes(input.limit(5).select("k", "s")));
        assertThat(bytes(result.groupBy("k").sum("s.a").sort("k")))
                .isEqualTo(bytes(input.groupBy("k").sum("s.a").sort("k")));
        assertThat(result.as("one")
                        .join(result.as("other"), expr("one.s.a = other.s.a"))
                        .filter("one.k = other.k and one.tokens = other.tokens")
                        .count())
                .isEqualTo(100);
        assertThat(bytes(tokenize(result.drop(TokenizeJob.SCHEMA.fieldNames())).select("s")))
                .isEqualTo(bytes(input.select("s")));
        assertThat(bytes(result.cache().select("s"))).isEqualTo(bytes(input.select("s")));
        result.unpersist();
    }

    private static Dataset<Row> tokenize(Dataset<Row> input, String... columns) {
        return new TokenizeJob(TokenizeJob.Settings.of(
                                LocalSpark.MODEL.toString(), new ContentColumn.Text("text", SpecialTokens.TEXT))
                        .withColumns(List.of(columns)))
                .run(input);
    }
}
