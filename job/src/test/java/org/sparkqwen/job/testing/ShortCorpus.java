package org.sparkqwen.job.testing;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.substring;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.sparkqwen.job.ScoreJobTest;
import org.sparkqwen.job.model.ModelReference;

/// The sample corpus with the first 120 characters of each text: all of its rows with a tenth of its tokens. It is for
/// tests of processes, places and files, in which the length of a document does not matter.
public final class ShortCorpus {
    /// How many rows the corpus has.
    public static final int ROWS = 220;

    private static final String[] COMPARED = {"id", "sum_nll", "tokens_scored", "perplexity", "token_logprobs", "error"
    };

    private ShortCorpus() {}

    /// Returns the one Parquet file that holds the corpus, the same for the whole life of the JVM.
    public static String file() {
        return Written.FILE.toString();
    }

    /// Asserts that a run scored each row once, with the bits of the job in this JVM.
    ///
    /// @param scores the output of `score --token-logprobs` over this corpus with [LittleModel]
    public static void assertScored(Dataset<Row> scores) {
        assertThat(Written.SCORES).hasSize(ROWS);
        assertThat(compared(scores)).isEqualTo(Written.SCORES);
    }

    /// Returns a text for each row with the id, the scores and their every digit, in an order of its own.
    public static List<String> compared(Dataset<Row> scores) {
        return LocalSpark.sorted(scores.selectExpr(COMPARED));
    }

    /// What is made once in a JVM, when it is first asked for.
    private static final class Written {
        static final Path FILE = write();

        /// The columns that are compared, of all rows.
        static final List<String> SCORES = compared(ScoreJobTest.score(
                ModelReference.open(LittleModel.directory()),
                LocalSpark.session().read().parquet(FILE.toString()),
                List.of("id")));

        private static Path write() {
            try {
                Path directory = Files.createTempDirectory(Files.createDirectories(Path.of("target")), "short-corpus-");
                Path written = directory.resolve("corpus").toAbsolutePath();
                LocalSpark.corpus()
                        .withColumn("text", substring(col("text"), 1, 120))
                        .coalesce(1)
                        .write()
                        .parquet(written.toString());
                return RunFiles.list(written, "*.parquet").getFirst();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
