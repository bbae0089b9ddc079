package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.engine.scoring.ScoreDetails;
import org.sparkqwen.job.ScoreJob;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleGguf;
import org.sparkqwen.job.testing.LocalSpark;

/// `score --reference-model` compares two models on the same tokens.
class ReferenceModelTest {
    /// The rows that are not planted, whole documents and such that were misread.
    private static final int OTHERS = 36;

    /// The sample model with the adapter for the manual, packed into a directory.
    private static Path reference = Path.of("");

    private static Path corpus = Path.of("");

    @TempDir
    private static Path shared = Path.of("");

    @TempDir
    private Path directory = Path.of("");

    /// Writes forty short documents, a tenth of which are of the manual, and two rows that cannot be scored. Of the
    /// others, the model foresees some as badly, because they are misread.
    @BeforeAll
    static void prepare() {
        reference = shared.resolve("manual");
        CommandRun pack = CommandRun.of(
                "pack",
                "--model",
                LocalSpark.MODEL.toString(),
                "--lora",
                LocalSpark.SAMPLES.resolve("manual-lora").toString(),
                "--output",
                reference.toString());
        assertThat(pack.exitCode()).as(pack.err()).isZero();
        SparkSession session = LocalSpark.session();
        LocalSpark.corpus().createOrReplaceTempView("all_samples");
        session.read()
                .json(LocalSpark.SAMPLES.resolve("manual.jsonl").toString())
                .createOrReplaceTempView("manual");
        corpus = shared.resolve("corpus");
        session.sql("SELECT id, source, left(text, 400) AS text FROM (SELECT *, row_number() OVER"
                        + " (PARTITION BY condition ORDER BY xxhash64(id)) AS n FROM all_samples"
                        + " WHERE condition IN ('whole', 'ocr-noise') AND length(text) >= 300)"
                        + " WHERE n <= if(condition = 'whole', %d, 9)".formatted(OTHERS - 9)
                        + " UNION ALL SELECT id, 'manual', left(text, 400)"
                        + " FROM (SELECT * FROM manual ORDER BY id LIMIT %d)".formatted(OTHERS / 9)
                        + " UNION ALL SELECT 'empty', 'none', '' UNION ALL SELECT 'null', 'none', null")
                .coalesce(1)
                .write()
                .parquet(corpus.toString());
    }

    @Test
    void theExcessSeparatesAPlantedTenthAndTheLossDoesNot() {
        CommandRun run = score(
                LocalSpark.MODEL,
                "--reference-model",
                reference.toString(),
                "--buckets",
                "50,90",
                "--buckets-of",
                "excess_nll");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .contains("model       tiny-qwen3@")
                .contains("reference   manual@")
                .containsPattern("perplexity [0-9.,]+ a token; mean excess loss -?[0-9.]+ nats a token")
                .contains("Buckets 50,90 of excess_nll");
        List<Row> rows = rows().where("excess_nll IS NOT NULL").collectAsList();
        assertThat(rows).hasSize(OTHERS + OTHERS / 9);
        assertThat(areaUnderCurve(rows, row -> row.getAs("excess_nll"))).isGreaterThanOrEqualTo(0.97);
        assertThat(areaUnderCurve(rows, row -> row.<Double>getAs("sum_nll") / row.<Integer>getAs("tokens_scored")))
                .isLessThan(0.9);
        assertThat(rows().where("bucket = 'tail'").select("source").distinct().collectAsList())
                .extracting(row -> row.getString(0))
                .containsExactly("manual");
    }

    /// Returns the share of the pairs of a planted document and another one in which the planted one has more.
    private static double areaUnderCurve(List<Row> rows, ToDoubleFunction<Row> figure) {
        Predicate<Row> isPlanted = row -> "manual".equals(row.getAs("source"));
        double[] planted = rows.stream().filter(isPlanted).mapToDouble(figure).toArray();
        double[] others =
                rows.stream().filter(isPlanted.negate()).mapToDouble(figure).toArray();
        long more = Arrays.stream(planted)
                .mapToLong(its ->
                        Arrays.stream(others).filter(other -> other < its).count())
                .sum();
        return (double) more / planted.length / others.length;
    }

    @Test
    void theExcessIsTheDifferenceOfBothModelsAndEachLossIsThatOfARunWithOneModel() {
        ModelReference model = LocalSpark.model();
        ModelReference other = ModelReference.open(reference);
        ScoreJob.Settings settings =
                ScoreJob.Settings.of(model, LocalSpark.TEXT).withTokenLogprobs(true);
        Dataset<Row> few =
                LocalSpark.session().read().parquet(corpus.toString()).where("source IN ('none', 'manual')");
        Dataset<Row> compared =
                new ScoreJob(model, settings).withReference(other).run(few);
        assertThat(Arrays.asList(compared.columns()))
                .endsWith(ScoreJob.schemaWithReference(ScoreDetails.NONE).fieldNames());
        List<Row> both = compared.orderBy("id").collectAsList();
        List<Row> ofReference =
                new ScoreJob(other, settings).run(few).orderBy("id").collectAsList();
        List<Row> ofModel = new ScoreJob(model, settings).run(few).orderBy("id").collectAsList();
        assertThat(both).hasSize(2 + OTHERS / 9);
        for (int i = 0; i < both.size(); i++) {
            Row row = both.get(i);
            Row its = ofReference.get(i);
            for (String column : List.of("sum_nll", "perplexity", "token_logprobs", "error", "tokens")) {
                assertThat(row.<Object>getAs(column)).isEqualTo(ofModel.get(i).getAs(column));
            }
            assertThat(row.<Object>getAs("token_reference_logprobs")).isEqualTo(its.getAs("token_logprobs"));
            assertThat(row.<String>getAs("reference_model"))
                    .startsWith("manual@")
                    .contains("+lora:");
            Integer scored = row.getAs("tokens_scored");
            if (scored == null || scored == 0) {
                assertThat(row.<Object>getAs("excess_nll")).isNull();
                continue;
            }
            double nll = its.<Double>getAs("sum_nll") / scored;
            assertThat(row.<Double>getAs("reference_nll")).isEqualTo(nll);
            assertThat(row.<Double>getAs("excess_nll"))
                    .isCloseTo(row.<Double>getAs("sum_nll") / scored - nll, within(1e-12));
        }
    }

    private CommandRun score(Path model, String... options) {
        List<String> all = new ArrayList<>(List.of("--columns", "id,source", "--mode", "overwrite"));
        all.addAll(List.of(options));
        return CommandRun.of(
                LocalSpark.command(model, "score", corpus, directory.resolve("out"), all.toArray(String[]::new)));
    }

    private Dataset<Row> rows() {
        return LocalSpark.session().read().parquet(directory.resolve("out").toString());
    }

    @Test
    void whatCannotBeReachedIsNamedByItsOption() {
        score(LocalSpark.MODEL, "--reference-model", "nosuchfs://host/model")
                .assertRefused(1, "--reference-model nosuchfs://host/model cannot be read");
    }

    @Test
    void aRunIsNotContinuedWithAnotherReference() {
        String[] options = {"--limit", "2", "--columns", "id", "--reference-model"};
        CommandRun first = CommandRun.of(
                LocalSpark.command("score", corpus, directory.resolve("out"), with(options, reference.toString())));
        assertThat(first.exitCode()).as(first.err()).isZero();
        CommandRun.of(LocalSpark.command(
                        "score", corpus, directory.resolve("out"), with(options, LocalSpark.MODEL.toString())))
                .assertRefused(2, "reference model manual@");
    }

    private static String[] with(String[] options, String last) {
        String[] all = Arrays.copyOf(options, options.length + 1);
        all[options.length] = last;
        return all;
    }

    @Test
    void aModelWithAnotherTokenizerIsRefused() throws IOException {
        Path other = Files.createDirectory(directory.resolve("other"));
        Path golden = Path.of("../engine/src/test/resources/golden/quantized/gptq");
        for (String file : List.of("config.json", "model.safetensors")) {
            Files.copy(golden.resolve(file), other.resolve(file));
        }
        Files.copy(LittleGguf.DIRECTORY.resolve("tokenizer.json"), other.resolve("tokenizer.json"));
        score(LocalSpark.MODEL, "--reference-model", other.toString())
                .assertRefused(2, "--reference-model: ", "has another tokenizer than", "excess loss needs the same");
    }

    @Test
    void aQueryComparesModelsToo() {
        String call = "qwen_score(text, model => '%s', reference_model => '%s')".formatted(LocalSpark.MODEL, reference);
        LocalSpark.session().read().parquet(corpus.toString()).createOrReplaceTempView("few_documents");
        List<Row> rows = LocalSpark.session()
                .sql("SELECT s.sum_nll / s.tokens_scored - s.reference_nll, s.excess_nll, s.token_excess_nll FROM"
                        + " (SELECT %s AS s FROM few_documents WHERE source = 'manual' LIMIT 2)".formatted(call))
                .collectAsList();
        assertThat(rows).hasSize(2).allSatisfy(row -> {
            assertThat(row.getDouble(1)).isCloseTo(row.getDouble(0), within(1e-12));
            assertThat(row.isNullAt(2)).isTrue();
        });
    }

    @Test
    void inspectSaysWhetherBothFit() {
        CommandRun run = CommandRun.of(
                "inspect", "--model", LocalSpark.MODEL.toString(), "--reference-model", reference.toString());
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .containsPattern("reference +[0-9.]+ MiB of weights with those of .*manual; this machine has .* for")
                .contains("of heap in each executor that scores with both");
    }

    @Test
    void aDryRunCountsBothModels() {
        CommandRun run =
                score(LocalSpark.MODEL, "--reference-model", reference.toString(), "--limit", "6", "--dry-run");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).containsPattern("weights +[0-9.]+ MiB").containsPattern("reference +[0-9.]+ MiB");
    }
}
