package org.sparkqwen.job.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.job.errors.ErrorKind;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.input.InputPlan;

/// The state of a run after somebody has edited it: valid JSON of a wrong shape, forged numbers, no JSON at all. Each
/// case gives one line that names the file.
@Timeout(60)
class RunStateTest {
    private static final Commit FIRST = commit(0, 0, 10);
    private static final Commit SECOND = commit(1, 10, 30);

    @TempDir
    private Path directory = Path.of("");

    private RunState state;

    @BeforeEach
    void aRun() throws IOException {
        state = open();
        state.begin(new RunState.Run("now", new RunIdentity(Map.of("job", "test")), "text STRING"));
        state.add(new InputPlan(List.of(new InputPlan.PlannedFile(
                "file:/in/a",
                100,
                1,
                List.of(new InputPlan.PlannedSplit(0, 60, 20), new InputPlan.PlannedSplit(60, 40, 10))))));
        state.add(FIRST);
        state.add(SECOND);
    }

    private RunState open() throws IOException {
        return new RunState(
                FileSystem.getLocal(new Configuration()), new org.apache.hadoop.fs.Path(directory.toString()));
    }

    private static Commit commit(int interval, long from, long to) {
        String file = "part-0000%d".formatted(interval);
        return new Commit(
                interval,
                from,
                to,
                List.of(file),
                List.of(),
                100,
                2,
                3,
                List.of(new ErrorKind("the text is null", 3, 7)),
                4,
                5,
                6.5,
                0,
                "1",
                Map.of(file, new StoredFile(100, 1_700_000_000_000L, "crc32c 00000000")));
    }

    @Test
    void whatWasWrittenIsRead() {
        assertThat(state.commits()).containsExactly(FIRST, SECOND);
        assertThat(state.run().identity().facts()).containsEntry("job", "test");
        assertThat(state.plans())
                .singleElement()
                .satisfies(plan -> assertThat(plan.files().getFirst().splits()).hasSize(2));
        state.refuseMoreThan(30, state.commits());
        assertThatThrownBy(() -> state.refuseMoreThan(29, state.commits()))
                .isInstanceOf(Refusal.class)
                .hasMessageContainingAll("commits/00001.json is damaged or was edited", "ends with row 30", "have 29");
    }

    @Test
    void theStateIsItsOwnersAlone() throws IOException {
        Path own = directory.resolve("_spark_qwen");
        assertThat(Files.getPosixFilePermissions(own)).isEqualTo(PosixFilePermissions.fromString("rwx------"));
        // It also applies to a run of an earlier version, once there is more to write.
        Files.setPosixFilePermissions(own, PosixFilePermissions.fromString("rwxr-xr-x"));
        open().add(commit(2, 30, 30));
        assertThat(Files.getPosixFilePermissions(own)).isEqualTo(PosixFilePermissions.fromString("rwx------"));
    }

    /// Each edit forges a number and leaves the file as valid as before.
    @ParameterizedTest
    @CsvSource({
        "commits/00001.json, '\"to\" : 30', '\"to\" : 25'",
        "commits/00001.json, '\"seconds\" : 6.5', '\"seconds\" : 7.5'",
        "commits/00001.json, 'part-00001', 'part-00002'",
        "commits/00000.json, '\"bytes\" : 100,', '\"bytes\" : 101,'",
        "plans/00000.json, '\"rows\" : 20', '\"rows\" : 19'",
        "run.json, 'test', 'best'",
        "run.json, '\"format\" : 2', '\"format\" : 3'",
        "commits/00001.json, '\"sha256\" : \"', '\"sha256\" : \"0'",
        "commits/00001.json, '{', '{ '",
        "commits/00001.json, '\"version\" : \"1\"', '\"version\" : \"1\", \"more\" : 1'",
    })
    void aForgedNumberIsNoticed(String file, String before, String after) throws IOException {
        Path path = path(file);
        String content = Files.readString(path);
        assertThat(content).contains(before);
        replace(path, content.replace(before, after));
        assertDamaged(file);
    }

    static List<String> wrongShapes() {
        return List.of(
                "",
                " ",
                "{",
                "[]",
                "null",
                "7",
                "\"text\"",
                "{}",
                "{\"interval\": 1}",
                "{} {}",
                "\u0000\u0001",
                "[".repeat(100_000),
                "{\"a\":".repeat(100_000),
                "{\"to\": 1e999999999}",
                "{\"to\": " + "9".repeat(100_000) + "}",
                "{\"" + "k".repeat(1_000_000) + "\": 1}");
    }

    @ParameterizedTest
    @MethodSource("wrongShapes")
    void anotherShapeIsNoticed(String content) throws IOException {
        for (String file : List.of("commits/00001.json", "plans/00000.json", "run.json")) {
            Path path = path(file);
            String before = Files.readString(path);
            replace(path, content);
            assertDamaged(file);
            replace(path, before);
        }
    }

    /// Files of earlier versions have no checksum, so their values are checked.
    @ParameterizedTest
    @CsvSource({
        "commits/00001.json, '\"to\" : 30', '\"to\" : 5'",
        "commits/00001.json, '\"to\" : 30', '\"to\" : \"30\"'",
        "commits/00001.json, '\"to\" : 30', '\"to\" : 30.5'",
        "commits/00001.json, '\"to\" : 30', '\"to\" : null'",
        "commits/00001.json, '\"to\" : 30', '\"to\" : 30, \"to\" : 31'",
        "commits/00001.json, '\"to\" : 30,', ''",
        "commits/00001.json, '\"to\" : 30', '\"to\" : 99999999999999999999'",
        "commits/00001.json, '\"from\" : 10', '\"from\" : 11'",
        "commits/00001.json, '\"interval\" : 1', '\"interval\" : 2'",
        "commits/00001.json, '\"interval\" : 1', '\"interval\" : 99999999999'",
        "commits/00001.json, '\"tokens\" : 2', '\"tokens\" : -2'",
        "commits/00001.json, '\"seconds\" : 6.5', '\"seconds\" : -6.5'",
        "commits/00001.json, '\"seconds\" : 6.5', '\"seconds\" : \"NaN\"'",
        "commits/00001.json, '[ \"part-00001\" ]', '\"part-00001\"'",
        "commits/00001.json, '[ \"part-00001\" ]', '{ }'",
        "commits/00001.json, '[ \"part-00001\" ]', 'null'",
        "commits/00001.json, '[ \"part-00001\" ]', '[ null ]'",
        "commits/00001.json, '\"version\"', '\"edition\"'",
        "plans/00000.json, '\"rows\" : 20', '\"rows\" : -20'",
        "plans/00000.json, '\"rows\" : 20', '\"rows\" : 9223372036854775807'",
        "plans/00000.json, '\"rows\" : 20', '\"rows\" : true'",
        "plans/00000.json, '\"size\" : 100', '\"size\" : [ ]'",
        "plans/00000.json, '\"splits\"', '\"cuts\"'",
        "run.json, '\"columns\"', '\"fields\"'",
        "run.json, '\"columns\"', '\"format\" : 0, \"columns\"'",
        "run.json, '\"facts\" : {', '\"facts\" : { \"job\" : { }, '",
    })
    void ofAnEarlierVersionWrongValuesAreNoticed(String file, String before, String after) throws IOException {
        unseal();
        assertThat(state.commits()).hasSize(2);
        assertThat(state.plans()).hasSize(1);
        Path path = path(file);
        String content = Files.readString(path);
        assertThat(content).contains(before);
        replace(path, content.replace(before, after));
        assertDamaged(file);
    }

    @Test
    void aCommitOfAnEarlierVersionThatKnowsNoSizesIsRead() throws IOException {
        unseal();
        Path path = path("commits/00001.json");
        String content = Files.readString(path);
        replace(path, content.replaceFirst("(?s),\\s*\"stored\" : .*", "}"));
        assertThat(state.commits().getLast().stored("part-00001")).isNull();
    }

    @Test
    void aChecksumThatIsTakenOutIsMissed() throws IOException {
        Path path = path("commits/00001.json");
        replace(path, Files.readString(path).replaceFirst("\"sha256\" : \"[0-9a-f]{64}\",", ""));
        assertDamaged("commits/00001.json");
    }

    @Test
    void aFileThatIsMissingOrInAnothersPlaceIsNamed() throws IOException {
        Files.copy(path("commits/00001.json"), path("commits/00002.json"));
        assertDamaged("commits/00002.json");
        Files.delete(path("commits/00002.json"));
        Files.move(path("commits/00000.json"), path("commits/00000.old"));
        assertThatThrownBy(this::readAll)
                .isInstanceOf(Refusal.class)
                .hasMessageContaining("commits/00000.json is missing");
    }

    @ParameterizedTest
    @ValueSource(strings = {"99999999999999999999.json", "1.json", "-0001.json", "00001.json.bak", ".hidden.json"})
    void aFileOfAnotherNameIsNone(String name) throws IOException {
        Files.writeString(path("commits").resolve(name), "nothing");
        assertThat(state.commits()).hasSize(2);
    }

    @Test
    void aFileThatIsTooLargeIsNotRead() throws IOException {
        Path path = path("commits/00001.json");
        Files.deleteIfExists(path.resolveSibling(".00001.json.crc"));
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.setLength(1L << 40); // sparse
        }
        assertDamaged("commits/00001.json");
    }

    @Test
    void whatIsNoRegularFileIsNotOpened() throws IOException {
        Path path = path("commits/00001.json");
        Files.delete(path);
        Files.createSymbolicLink(path, Path.of("/dev/zero"));
        assertDamaged("commits/00001.json");
        Files.delete(path);
        Files.createDirectory(path);
        assertDamaged("commits/00001.json");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{}", "null", "[null]", "[7]", "[{\"file\": {}}]", "[[", "{\"file\": \"a\"}"})
    void theListOfUnreadableFilesIsLookedAt(String content) throws IOException {
        Files.writeString(Files.createDirectories(directory.resolve("_errors")).resolve("_files.json"), content);
        assertThatThrownBy(state::leftOut)
                .isInstanceOf(Refusal.class)
                .hasMessageContaining("_errors/_files.json is damaged or was edited");
    }

    /// Rewrites the state as an earlier version wrote it.
    private void unseal() throws IOException {
        for (String file : List.of("commits/00000.json", "commits/00001.json", "plans/00000.json", "run.json")) {
            Path path = path(file);
            String content = Files.readString(path).replaceFirst("\"sha256\" : \"[0-9a-f]{64}\",", "");
            replace(path, content.replaceFirst(",\\s*\"format\" : 2", ""));
        }
    }

    /// What a newer version writes. This version knows neither its format nor its other keys.
    private record NewerRun(String begun, int format, List<String> parts) {}

    @Test
    void aStateOfANewerFormatIsRefusedByItsFormat() throws IOException {
        Path path = path("run.json");
        Files.deleteIfExists(path.resolveSibling(".run.json.crc"));
        Files.write(path, SealedJson.write(new NewerRun("now", 3, List.of("columns"))));
        assertThatThrownBy(this::readAll)
                .isInstanceOf(Refusal.class)
                .hasMessageContaining("_spark_qwen/run.json is of format 3, and this version of spark-qwen knows"
                        + " formats up to 2; go on with the version that began the run, or begin anew with --mode"
                        + " overwrite")
                .hasMessageNotContaining("damaged");
    }

    private void readAll() {
        state.run();
        state.plans();
        state.commits();
    }

    private void assertDamaged(String file) {
        assertThatThrownBy(this::readAll)
                .isInstanceOf(Refusal.class)
                .hasMessageContainingAll(
                        "_spark_qwen/" + file + " is damaged or was edited", "begin anew with --mode overwrite")
                .hasMessageNotContainingAny("\n", "org.sparkqwen", "jackson");
    }

    private Path path(String file) {
        return directory.resolve("_spark_qwen").resolve(file);
    }

    private static void replace(Path path, String content) throws IOException {
        Files.deleteIfExists(path.resolveSibling("." + path.getFileName() + ".crc"));
        Files.writeString(path, content);
    }
}
