package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.groups.Tuple.tuple;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;

/// `score --buckets` on the command line: what it writes and says, and what it refuses.
class BucketOptionsTest {
    /// An input of short texts in two languages, one of which is null.
    @TempDir
    private static Path input = Path.of("");

    @TempDir
    private Path directory = Path.of("");

    @BeforeAll
    static void writeInput() {
        LocalSpark.session()
                .range(0, 12, 1, 1)
                .selectExpr(
                        "id",
                        "if(id % 3 = 0, 'de', 'en') as language",
                        "if(id = 5, null, concat('The people of ', id * id * id)) as text",
                        "array(int(id), 2) as ids")
                .write()
                .mode("overwrite")
                .parquet(input.toString());
    }

    @Test
    @Tag("slow")
    void theOutputIsThatOfARunWithoutBucketsAndOneMoreColumn() throws IOException {
        assertThat(score("plain", "--columns", "id", "--token-logprobs").exitCode())
                .isZero();
        String[] options = {
            "--columns", "id", "--token-logprobs", "--buckets", "30.0,60", "--buckets-by", "language", "--report"
        };
        CommandRun run = score("buckets", options);
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.err()).contains("All 12 rows are scored; computing the percentiles of bits_per_byte");
        assertThat(run.out())
                .contains("Buckets 30,60 of bits_per_byte, by language")
                .containsPattern("language +rows +head +middle +tail +none +head up to +middle up to")
                .containsPattern("de +4 +2 +1 +1 +0 ")
                .containsPattern("en +8 +3 +2 +2 +1 ");
        Dataset<Row> rows = read("buckets");
        assertThat(rows.columns())
                .containsExactly(Stream.concat(Arrays.stream(read("plain").columns()), Stream.of("bucket"))
                        .toArray(String[]::new));
        assertThat(LocalSpark.sorted(rows.drop("bucket"))).isEqualTo(LocalSpark.sorted(read("plain")));
        assertThat(rows.filter("bucket is null").select("id", "error").collectAsList())
                .extracting(Row::toString)
                .containsExactly("[5,the text is null]");

        JsonNode manifest = new ObjectMapper()
                .readTree(directory.resolve("buckets/_run.json").toFile());
        assertThat(manifest.at("/summary/buckets/thresholds/0").toString())
                .startsWith(
                        "{\"group\":\"de\",\"rows\":4,\"head\":2,\"middle\":1,\"tail\":1,\"none\":0,\"head_up_to\":");
        assertThat(manifest.at("/options/buckets").textValue()).isEqualTo("30,60");
        assertThat(manifest.at("/options/buckets-of").textValue()).isEqualTo("bits_per_byte");
        assertThat(directory.resolve("buckets/_report.html"))
                .content()
                .contains("<h2>Buckets</h2>", "within the same language");
        CommandRun report = CommandRun.of("report", path("buckets"), "--by", "bucket");
        assertThat(report.exitCode()).as(report.err()).isZero();

        options[4] = "30,70";
        score("buckets", options).assertRefused(2, "holds a run of other options: buckets 30,60, not 30,70; choose");
        score("buckets", "--columns", "id", "--token-logprobs")
                .assertRefused(2, "buckets 30,60, not unset; buckets-by language, not unset");
    }

    @Test
    void droppedRowsAreAsideWithTheirOriginsAndTokenIdsHavePerplexities() throws IOException {
        CommandRun run = score(
                "out",
                "--columns=id",
                "--tokens-column=ids",
                "--buckets=50,75",
                "--buckets-of=PERPLEXITY",
                "--output-format=json",
                "--on-error=drop",
                "--input-sql=SELECT id, if(id = 5, array(), ids) AS ids FROM parquet.`%s`".formatted(input));
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).containsPattern("all +11 +6 +3 +2 +0 ").contains("errors      1 row, put aside");
        assertThat(LocalSpark.session()
                        .read()
                        .json(path("out"))
                        .groupBy("bucket")
                        .count()
                        .orderBy("bucket")
                        .collectAsList())
                .extracting(Row::toString)
                .containsExactly("[head,6]", "[middle,3]", "[tail,2]");
        assertThat(LocalSpark.session().read().json(path("out") + "/_errors").collectAsList())
                .extracting(row -> row.<Long>getAs("id"), row -> row.<Long>getAs("origin_row"))
                .containsExactly(tuple(5L, 5L));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--buckets 60,30 | --buckets: 60,30 are not two percentiles A,B with 0 < A < B < 100; write",
                "--buckets 30 | --buckets: '30' is not two percentiles A,B",
                "--buckets-by language | --buckets-by is for --buckets; give that, too",
                "--buckets-of perplexity | --buckets-of is for --buckets; give that, too",
                "--buckets 30,60 --buckets-of tokens | Invalid value for option '--buckets-of'",
                "--buckets 30,60 --tokens-column ids | documents of token ids have no bytes, and so no bits_per_byte;"
                        + " give --buckets-of perplexity",
                "--buckets 30,60 --buckets-of excess_nll | --buckets-of excess_nll is for runs with a reference model",
                "--buckets 30,60 --windows half | --windows half scores no document as a whole",
                "--buckets 30,60 --buckets-by lang | --buckets-by: the input has no column 'lang'; it has 'id'",
                "--buckets 30,60 --buckets-by ids | --buckets-by: column 'ids' is array<int>; take one of strings"
            })
    void whatCannotWorkIsRefusedInOneLine(String options, String message) {
        CommandRun run = score("out", options.split(" "));
        assertThat(run.exitCode()).as(run.out() + run.err()).isEqualTo(2);
        assertThat(run.err()).contains(message).doesNotContain("\tat ");
        assertThat(directory.resolve("out")).doesNotExist();
    }

    @Test
    void functionsOfSqlDoNotHaveTheOptions() {
        assertThat(JobOptions.names("score"))
                .contains("min-k")
                .doesNotContainAnyElementsOf(Set.of("buckets", "buckets-of", "buckets-by"));
    }

    private Dataset<Row> read(String output) {
        return LocalSpark.session().read().parquet(path(output));
    }

    private String path(String name) {
        return directory.resolve(name).toString();
    }

    private CommandRun score(String output, String... options) {
        List<String> all = List.of(options);
        boolean query = all.stream().anyMatch(option -> option.startsWith("--input-sql"));
        String[] command = LittleModel.command("score", input, path(output), options);
        return CommandRun.of(
                query
                        ? Stream.of(command)
                                .filter(part -> !part.equals("--input") && !part.equals(input.toString()))
                                .toArray(String[]::new)
                        : command);
    }
}
