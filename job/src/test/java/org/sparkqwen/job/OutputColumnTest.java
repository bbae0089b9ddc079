package org.sparkqwen.job;

import static org.apache.spark.sql.functions.expr;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.SparkException;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkqwen.engine.request.Labels;
import org.sparkqwen.engine.sampling.Ending;
import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.engine.sampling.SamplingParams;
import org.sparkqwen.engine.scoring.ScoreDetails;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.columns.LabelSource;
import org.sparkqwen.job.columns.TaskCounts;
import org.sparkqwen.job.executor.Outcome;
import org.sparkqwen.job.model.ModelDistribution;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.testing.LocalSpark;

/// Each job has one list of the columns that it adds.
class OutputColumnTest {
    private static final ContentColumn.Text TEXT = new ContentColumn.Text("text", SpecialTokens.TEXT);

    /// Returns each job with one more column in its list, and the columns that it has without.
    static Stream<Object[]> jobsWithOneMoreColumn() {
        ModelReference model = LocalSpark.model();
        ScoreJob.Settings scoring = ScoreJob.Settings.of(model, TEXT);
        GenerateJob.Settings generation =
                GenerateJob.Settings.of(TEXT, new GenerationParams(SamplingParams.GREEDY, Ending.after(2)));
        return Stream.of(
                new Object[] {
                    new ScoreJob(
                            model,
                            scoring,
                            withOneMore(ScoreJob.columns("", false, ScoreDetails.NONE)),
                            ModelDistribution.SHARED,
                            null),
                    ScoreJob.SCHEMA
                },
                new Object[] {
                    new GenerateJob(
                            model, generation, withOneMore(GenerateJob.columns("", false)), ModelDistribution.SHARED),
                    GenerateJob.SCHEMA
                },
                new Object[] {
                    new ClassifyJob(
                            model,
                            ClassifyJob.Settings.of(
                                    model, TEXT, new LabelSource.Fixed(new Labels(List.of(" the", " of")))),
                            withOneMore(ClassifyJob.columns("", false, false)),
                            ModelDistribution.SHARED),
                    ClassifyJob.SCHEMA
                },
                new Object[] {
                    new EmbedJob(
                            model,
                            EmbedJob.Settings.of(model, TEXT),
                            withOneMore(EmbedJob.columns("")),
                            ModelDistribution.SHARED),
                    EmbedJob.SCHEMA
                },
                new Object[] {new TokenizeJob(tokenization(), withOneMore(TokenizeJob.columns())), TokenizeJob.SCHEMA});
    }

    private static TokenizeJob.Settings tokenization() {
        return TokenizeJob.Settings.of(LocalSpark.MODEL.toString(), TEXT);
    }

    private static <R> List<OutputColumn<R>> withOneMore(List<OutputColumn<R>> columns) {
        OutputColumn<R> more = new OutputColumn<>(
                "more", DataTypes.StringType, outcome -> outcome instanceof Outcome.Rejected ? "rejected" : "finished");
        return Stream.concat(columns.stream(), Stream.of(more)).toList();
    }

    @ParameterizedTest
    @MethodSource("jobsWithOneMoreColumn")
    void aColumnOfTheListIsInTheSchemaTheRowsAndTheRowsWithErrors(Work job, StructType without) {
        Dataset<Row> input = LocalSpark.session()
                .range(4)
                .select(expr("id"), expr("if(id % 2 = 0, 'The people', cast(null as string)) as text"));
        Dataset<Row> output = job.run(input);
        assertThat(output.columns())
                .containsExactly(
                        Stream.of(Stream.of(input.columns()), Arrays.stream(without.fieldNames()), Stream.of("more"))
                                .flatMap(names -> names)
                                .toArray(String[]::new));
        assertThat(output.collectAsList()).hasSize(4).allSatisfy(row -> {
            boolean rejected = row.<Long>getAs("id") % 2 == 1;
            assertThat(row.<String>getAs("more")).isEqualTo(rejected ? "rejected" : "finished");
            assertThat(row.<String>getAs("error")).isEqualTo(rejected ? "the text is null" : null);
        });
        job.release();
    }

    @Test
    void aTokenizerIsSentOnceAndReleasedAtTheEnd() {
        Dataset<Row> input = LocalSpark.corpus().limit(3);
        TokenizeJob job = new TokenizeJob(tokenization());
        Dataset<Row> unprepared = job.apply(input, TaskCounts.NONE);
        assertThatThrownBy(unprepared::collectAsList).hasStackTraceContaining("was not prepared");
        job.prepare(LocalSpark.session());
        Dataset<Row> first = job.apply(input, TaskCounts.NONE);
        job.prepare(LocalSpark.session());
        Dataset<Row> second = job.apply(input, TaskCounts.NONE);
        assertThat(LocalSpark.sorted(first)).hasSize(3).isEqualTo(LocalSpark.sorted(second));
        job.release();
        assertThatThrownBy(first::collectAsList).isInstanceOf(SparkException.class);
        assertThat(job.run(input).collectAsList()).hasSize(3);
        job.release();
    }
}
