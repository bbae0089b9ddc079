package org.sparkqwen.job.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.input.InputPlan;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.RunFiles;

/// Goes on with a run that an earlier version began.
///
/// The folder `begun-before` has what commit c0cbfb4 wrote, from before the job had packages, with the command
/// `score --input /tmp/spark-qwen/input.jsonl --input-format json --columns id --checkpoint-rows 12`. A kill leaves an
/// output in this state when the last of three intervals is written but not committed.
class EarlierVersionTest {
    private static final Path BEGUN = Path.of("src/test/resources/begun-before");
    private static final String INPUT_THEN = "/tmp/spark-qwen/input.jsonl";
    private static final String NOT_COMMITTED = "part-00000-57838206-667b-450b-9837-84b82190c17c-c000.snappy.parquet";

    @TempDir
    private Path directory = Path.of("");

    private Path input = Path.of("");
    private Path output = Path.of("");

    @BeforeEach
    void copy() throws IOException, NoSuchAlgorithmException {
        input = directory.resolve("input.jsonl");
        output = directory.resolve("scores");
        try (Stream<Path> files = Files.walk(BEGUN)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Path copy = directory.resolve(BEGUN.relativize(file).toString());
                Files.createDirectories(copy.getParent());
                Files.copy(file, copy);
            }
        }
        Path plan = output.resolve("_spark_qwen/plans/00000.json");
        long modified = SealedJson.read(Files.readAllBytes(plan), InputPlan.class, true)
                .files()
                .getFirst()
                .modified();
        Files.setLastModifiedTime(input, FileTime.fromMillis(modified));
        moveInput(plan);
        moveInput(output.resolve("_spark_qwen/run.json"));
    }

    /// Writes the present path of the input into a file of the state, and renews its checksum.
    private void moveInput(Path file) throws IOException, NoSuchAlgorithmException {
        String content = Files.readString(file);
        assertThat(content).contains(INPUT_THEN);
        String moved = content.replace(INPUT_THEN, input.toString())
                .replaceFirst("(\"sha256\" : \")[0-9a-f]{64}", "$1" + "0".repeat(64));
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(moved.getBytes(StandardCharsets.UTF_8));
        Files.writeString(file, moved.replaceFirst("0{64}", HexFormat.of().formatHex(digest)));
    }

    private CommandRun score(Path scores, String... options) {
        List<String> all = new ArrayList<>(List.of("--input-format", "json", "--columns", "id"));
        all.addAll(Arrays.asList(options));
        return CommandRun.of(LocalSpark.command("score", input, scores, all.toArray(String[]::new)));
    }

    private static List<String> rows(Path scores) {
        return LocalSpark.sorted(LocalSpark.session().read().parquet(scores.toString()));
    }

    @Test
    void goesOnAfterTheLastCommitAndHasEachRowOnce() throws IOException {
        List<Path> before = RunFiles.list(output, "part-*.parquet");
        List<Path> kept =
                before.stream().filter(file -> !file.endsWith(NOT_COMMITTED)).toList();
        assertThat(before).hasSize(3);
        assertThat(kept).hasSize(2);
        CommandRun run = score(output, "--checkpoint-rows", "12");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.err()).contains("24 of 32 rows are done");
        assertThat(run.out()).contains("Scored 32 rows");
        assertThat(RunFiles.list(output, "part-*.parquet"))
                .hasSize(3)
                .containsAll(kept)
                .isNotEqualTo(before);

        Path whole = directory.resolve("whole");
        assertThat(score(whole).exitCode()).isZero();
        assertThat(rows(output)).isEqualTo(rows(whole)).hasSize(32);
    }

    @Test
    void isRefusedWithTheDifferenceIfAnOptionDiffers() throws IOException {
        score(output, "--checkpoint-rows", "12", "--min-k", "30").assertRefused(2, "min-k 20.0, not 30.0");
        score(output, "--checkpoint-rows", "12", "--entropy").assertRefused(2, "entropy unset, not true");
        assertThat(RunFiles.list(output, "part-*.parquet")).hasSize(3).anyMatch(file -> file.endsWith(NOT_COMMITTED));
    }
}
