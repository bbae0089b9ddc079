package org.sparkqwen.job.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.testing.LocalSpark;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;

/// Pages of runs whose numbers are chosen here.
class RunReportTest {
    private static final int LARGEST_PAGE = 300_000;

    @TempDir
    private Path directory = Path.of("");

    /// The page of [#scores] by their source.
    private static String page = "";

    private final SparkSession spark = LocalSpark.session();

    @BeforeAll
    static void writeThePage(@TempDir Path written) throws IOException {
        page = score(written, scores(), "source");
    }

    @Test
    void thePageSaysWhatWasRunAndShowsItsDistributions() throws IOException {
        assertThat(page)
                .contains("Scored 100 rows of corpus.parquet", "model-a", "2026-11-29 18:43:24 UTC", "1 min 15 s")
                .contains("62.5", "1.25")
                .contains("books: 50 rows, median 0.50", "web: 50 rows, median 1.50")
                .contains("the text is null", "a &lt;warning&gt;")
                .contains("40 tokens/s, 3 rows")
                .contains("<strong>75 %</strong> 1.50 bits per byte", "text of document 75")
                .contains("The worst", "<strong>1.</strong> 2.00 bits per byte");
        // There is a chart for each source, and for bits per byte, perplexity, length and the rate.
        assertThat(Pattern.compile("<svg ").matcher(page).results()).hasSize(6);
    }

    @Test
    void everyPictureIsWellFormedAndTakesNothingFromElsewhere() throws Exception {
        assertThat(page).doesNotContain("<script", "@import", "url(", " src=", " href=", "javascript:");
        assertThat(page.replace("http://www.w3.org/2000/svg", "")).doesNotContain("http:", "https:");
        List<String> pictures = Pattern.compile("(?s)<svg .*?</svg>")
                .matcher(page)
                .results()
                .map(MatchResult::group)
                .toList();
        for (String picture : pictures) {
            parse(picture);
            assertThat(picture).as("presentation attributes alone").doesNotContain("style=", "class=");
        }
    }

    private static void parse(String xml) throws ParserConfigurationException, SAXException, IOException {
        DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(new InputSource(new StringReader(xml)));
    }

    /// Everything that a page shows of a row may be hostile, and as long as it likes.
    @Test
    void hostileTextsAreTextAndThePageStaysSmall() throws IOException {
        Dataset<Row> rows = spark.range(2000)
                .selectExpr(
                        "concat(repeat('<b onclick=\"x()\">&', 100), id) AS id",
                        "concat('</svg><script>alert(', id, ')</script>', char(27)) AS source",
                        "repeat('<script>\\'&\"', 5000) AS text",
                        "repeat('<i>', 3000) AS more",
                        "10 AS tokens",
                        "10 AS tokens_scored",
                        "1D + id AS bits_per_byte",
                        "1D + id AS perplexity");
        String hostile = score(rows, "source");
        assertThat(hostile).doesNotContain("<script", "<b ", "<i>", "\u001b").contains("&lt;script&gt;");
        assertThat(hostile.getBytes(StandardCharsets.UTF_8)).hasSizeLessThan(LARGEST_PAGE);
        assertThat(Pattern.compile("<figure>").matcher(hostile).results())
                .as("the most frequent groups")
                .hasSize(12);
    }

    @Test
    void theTextOfAnExampleMayBeAFieldWithinAColumn() throws IOException {
        Dataset<Row> rows = scores().withColumn("body", functions.expr("struct(text AS words)"))
                .drop("text");
        Path run = WrittenRun.score(directory.resolve("run"), "model-a", rows);
        Path manifest = run.resolve("_run.json");
        String options = "\"options\":{";
        Files.writeString(
                manifest, Files.readString(manifest).replace(options, options + "\"text-column\":\"body.words\","));
        assertThat(RunReport.of(spark, run.toString(), null)).contains("text of document 75");
    }

    @Test
    void aRunWithoutScoresHasAPageWithoutCharts() throws IOException {
        Dataset<Row> rows = spark.range(2).selectExpr("id", "'the text is null' AS error");
        assertThat(score(rows, null)).contains("No document was scored as a whole", "the text is null");
    }

    @Test
    void nullIsAGroupLikeOthers() throws IOException {
        Dataset<Row> rows = scores().selectExpr("*", "if(id % 2 = 0, null, 'odd') AS parity");
        assertThat(score(rows, "parity")).contains("null: 50 rows", "odd: 50 rows");
    }

    @Test
    @Tag("slow")
    void twoRunsAreComparedDocumentByDocument() throws IOException {
        Path first = WrittenRun.score(directory.resolve("first"), "model-a", scores());
        Path second = WrittenRun.score(
                directory.resolve("second"),
                "model-b",
                scores().selectExpr(
                                "id",
                                "tokens",
                                "tokens_scored",
                                "bits_per_byte + if(id < 25, 0.5D, -0.01D) AS bits_per_byte"));
        String comparison = RunReport.comparing(spark, first.toString(), second.toString(), "id");
        assertThat(comparison)
                .contains("model-b against model-a")
                .contains("75.0 % of 100 documents gain")
                .contains("What gains most", "What loses most", "-0.50 bits per byte fewer");
        assertThat(Pattern.compile("<rect ").matcher(comparison).results()).isNotEmpty();
    }

    @Test
    void runsOfOneModelAreToldApartByTheirDirectories() throws IOException {
        String first = WrittenRun.score(directory.resolve("windows-64"), "model-a", scores())
                .toString();
        String second = WrittenRun.score(directory.resolve("windows-512"), "model-a", scores())
                .toString();
        assertThat(RunReport.comparing(spark, first, second, "id"))
                .contains("windows-512 against windows-64", ">windows-512 (vertical)<", ">windows-64<");
    }

    @Test
    void runsThatCannotBeComparedAreRefused() throws IOException {
        String first = WrittenRun.score(directory.resolve("first"), "model-a", scores())
                .toString();
        String other = WrittenRun.score(
                        directory.resolve("other"),
                        "model-a",
                        scores().selectExpr("id + 1000 AS id", "tokens_scored", "bits_per_byte"))
                .toString();
        assertRefused(() -> RunReport.comparing(spark, first, other, "id"), "no document of", "with the same id");
        assertRefused(() -> RunReport.comparing(spark, first, first, "source"), "--key source: several rows");
        assertRefused(() -> RunReport.comparing(spark, first, first, "name"), "has no column name; it has");
    }

    @Test
    void whatIsNoRunIsRefused() throws IOException {
        Path empty = Files.createDirectory(directory.resolve("empty"));
        assertRefused(
                () -> RunReport.of(spark, empty.toString(), null), "has no _run.json; name the --output of a run");
        Files.writeString(empty.resolve("_run.json"), "{\"job\": \"score\", ");
        assertRefused(() -> RunReport.of(spark, empty.toString(), null), "_run.json is damaged");
        Files.writeString(empty.resolve("_run.json"), "{\"job\": \"tokenize\"}");
        assertRefused(
                () -> RunReport.of(spark, empty.toString(), null),
                "is the output of 'tokenize'; there are reports of score and generate");
        String run =
                WrittenRun.score(directory.resolve("run"), "model-a", scores()).toString();
        assertRefused(() -> RunReport.of(spark, run, "colour"), "has no column colour; it has");
    }

    private static void assertRefused(ThrowingCallable report, String... parts) {
        assertThatThrownBy(report).isInstanceOf(Refusal.class).hasMessageContainingAll(parts);
    }

    private String score(Dataset<Row> rows, @Nullable String by) throws IOException {
        return score(directory, rows, by);
    }

    private static String score(Path directory, Dataset<Row> rows, @Nullable String by) throws IOException {
        Path run = WrittenRun.score(directory.resolve("run"), "model-a", rows);
        return RunReport.of(LocalSpark.session(), run.toString(), by);
    }

    /// Returns 100 documents. The 50 of books have half a bit a byte, and those of the web from 1.02 to 2.
    private static Dataset<Row> scores() {
        return LocalSpark.session()
                .range(100)
                .selectExpr(
                        "id",
                        "if(id < 50, 'books', 'web') AS source",
                        "concat('text of document ', id + 1) AS text",
                        "int(10 + 10 * id) AS tokens",
                        "int(10 + 10 * id) AS tokens_scored",
                        "if(id < 50, 0.5D, 0.02D * (id + 1)) AS bits_per_byte",
                        "10D + id AS perplexity");
    }
}
