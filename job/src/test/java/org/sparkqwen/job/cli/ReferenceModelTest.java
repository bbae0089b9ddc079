package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.engine.scoring.ScoreDetails;
import org.sparkqwen.job.ScoreJob;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleGguf;
import org.sparkqwen.job.testing.LocalSpark;

/// `score --reference-model` compares two models on the same tokens.
class ReferenceModelTest {
    /// The sample model with the adapter for speeches, packed into a directory.
    private static Path reference = Path.of("");

    private static Path corpus = Path.of("");

    @TempDir
    private static Path shared = Path.of("");

    @TempDir
    private Path directory = Path.of("");

    /// Writes twenty short documents, a tenth of which are speeches, and two rows that cannot be scored.
    @BeforeAll
    static void prepare() {
        reference = shared.resolve("speeches");
        CommandRun pack = CommandRun.of(
                "pack",
                "--model",
                LocalSpark.MODEL.toString(),
                "--lora",
                LocalSpark.SAMPLES.resolve("speeches-lora").toString(),
                "--output",
                reference.toString());
        assertThat(pack.exitCode()).as(pack.err()).isZero();
        SparkSession session = LocalSpark.session();
        LocalSpark.corpus().createOrReplaceTempView("all_samples");
        corpus = shared.resolve("corpus");
        session.sql("SELECT id, source, left(text, 400) AS text FROM (SELECT *, row_number() OVER"
                        + " (PARTITION BY source = 'sotu' ORDER BY id) AS n FROM all_samples WHERE condition = 'whole'"
                        + " AND length(text) >= 300) WHERE n <= if(source = 'sotu', 2, 18)"
                        + " UNION ALL SELECT 'empty', 'none', '' UNION ALL SELECT 'null', 'none', null")
                .coalesce(1)
                .write()
                .parquet(corpus.toString());
    }

    @Test
    void theExcessIsTheDifferenceOfBothModelsAndFindsWhatTheReferenceKnows() {
        CommandRun run = score(LocalSpark.MODEL, "--reference-model", reference.toString(), "--token-logprobs");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .contains("model       tiny-qwen3@")
                .contains("reference   speeches@")
                .containsPattern("perplexity [0-9.,]+ a token; mean excess loss -?[0-9.]+ nats a token");
        Dataset<Row> compared = rows();
        assertThat(Arrays.asList(compared.columns()))
                .endsWith(ScoreJob.schemaWithReference(ScoreDetails.NONE).fieldNames());
        List<Row> both = compared.orderBy("id").collectAsList();

        CommandRun alone = score(reference, "--token-logprobs");
        assertThat(alone.exitCode()).as(alone.err()).isZero();
        List<Row> ofReference = rows().orderBy("id").collectAsList();
        CommandRun plain = score(LocalSpark.MODEL, "--token-logprobs");
        assertThat(plain.exitCode()).as(plain.err()).isZero();
        List<Row> ofModel = rows().orderBy("id").collectAsList();

        assertThat(both).hasSize(22);
        for (int i = 0; i < both.size(); i++) {
            Row row = both.get(i);
            Row its = ofReference.get(i);
            for (String column : List.of("sum_nll", "perplexity", "token_logprobs", "error", "tokens")) {
                assertThat(row.<Object>getAs(column)).isEqualTo(ofModel.get(i).getAs(column));
            }
            assertThat(row.<Object>getAs("token_reference_logprobs")).isEqualTo(its.getAs("token_logprobs"));
            assertThat(row.<String>getAs("reference_model"))
                    .startsWith("speeches@")
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
        Row most = both.stream()
                .filter(row -> row.getAs("excess_nll") != null)
                .max(Comparator.comparingDouble(row -> row.<Double>getAs("excess_nll")))
                .orElseThrow();
        assertThat(most.<String>getAs("source")).isEqualTo("sotu");
        assertThat(meanExcess(both, true)).isGreaterThan(meanExcess(both, false));
    }

    private static double meanExcess(List<Row> rows, boolean ofSpeeches) {
        return rows.stream()
                .filter(row -> row.getAs("excess_nll") != null)
                .filter(row -> "sotu".equals(row.getAs("source")) == ofSpeeches)
                .mapToDouble(row -> row.<Double>getAs("excess_nll"))
                .average()
                .orElseThrow();
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
    void aRunIsNotContinuedWithAnotherReference() {
        String[] options = {"--limit", "2", "--columns", "id", "--reference-model"};
        CommandRun first = CommandRun.of(
                LocalSpark.command("score", corpus, directory.resolve("out"), with(options, reference.toString())));
        assertThat(first.exitCode()).as(first.err()).isZero();
        CommandRun.of(LocalSpark.command(
                        "score", corpus, directory.resolve("out"), with(options, LocalSpark.MODEL.toString())))
                .assertRefused(2, "reference model speeches@");
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
                        + " (SELECT %s AS s FROM few_documents WHERE source = 'sotu')".formatted(call))
                .collectAsList();
        assertThat(rows).hasSize(2).allSatisfy(row -> {
            assertThat(row.getDouble(1)).isCloseTo(row.getDouble(0), within(1e-12));
            assertThat(row.isNullAt(2)).isTrue();
        });
    }

    @Test
    void aDryRunCountsBothModels() {
        CommandRun run = score(LocalSpark.MODEL, "--reference-model", reference.toString(), "--dry-run");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).containsPattern("weights +[0-9.]+ MiB").containsPattern("reference +[0-9.]+ MiB");
    }
}
