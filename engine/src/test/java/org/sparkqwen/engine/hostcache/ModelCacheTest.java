package org.sparkqwen.engine.hostcache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.testing.DirectorySource;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.OtherJvm;
import org.sparkqwen.engine.testing.Pipe;
import org.sparkqwen.engine.testing.Unwatched;
import org.sparkqwen.engine.testing.Writable;

/// A host's copies of models are whole and verified, are made once whoever asks, and are continued after a kill.
class ModelCacheTest {
    private static final String BIG = "model.safetensors";
    private static final int FOUR_RANGES = 3 * FileRange.MAX_BYTES + 12_345;

    @TempDir
    private Path directory = Path.of("");

    private Path origin = Path.of("");
    private Path cache = Path.of("");

    /// The size of the big file, which has one range unless a test needs more.
    private int bigBytes = 123_456;

    @BeforeEach
    void writeFiles() throws IOException {
        origin = Files.createDirectory(directory.resolve("origin"));
        cache = directory.resolve("cache");
        writeBig();
        Files.writeString(origin.resolve("config.json"), "{}");
        Files.writeString(origin.resolve("chat_template.jinja"), "");
        Files.writeString(origin.resolve("README.md"), "no file that the engine reads");
    }

    private void writeBig() throws IOException {
        byte[] bytes = new byte[bigBytes];
        new Random(1).nextBytes(bytes);
        Files.write(origin.resolve(BIG), bytes);
    }

    private void writeFourRanges() throws IOException {
        bigBytes = FOUR_RANGES;
        writeBig();
    }

    @Test
    void aCopyHasTheEnginesFilesAndNothingElse() throws IOException {
        ModelFiles files = ModelFilesOf.sample();
        DirectorySource source = new DirectorySource(Golden.SMALL_MODEL, log());
        try (ModelCache.Copy copy = new ModelCache(cache).open(files, source, new Unwatched())) {
            assertThat(names(copy.directory()))
                    .containsExactlyInAnyOrder(
                            "config.json",
                            "generation_config.json",
                            "tokenizer.json",
                            "tokenizer_config.json",
                            "model.safetensors.index.json",
                            "model-00001-of-00003.safetensors",
                            "model-00002-of-00003.safetensors",
                            "model-00003-of-00003.safetensors");
            try (WeightFiles weights = WeightFiles.open(copy.directory());
                    WeightFiles original = WeightFiles.open(Golden.SMALL_MODEL)) {
                assertThat(Fingerprint.of(weights, cache)).isEqualTo(Fingerprint.of(original, null));
            }
        }
        new ModelCache(cache).open(files, source, new Unwatched()).close();
        assertThat(source.reads()).hasSize(8);
    }

    @Test
    void processesThatRaceMakeOneCopy() throws IOException, InterruptedException {
        writeFourRanges();
        List<Process> processes = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            processes.add(copying(Integer.MAX_VALUE));
        }
        for (Process process : processes) {
            assertThat(OtherJvm.lines(process).getLast()).isEqualTo("copied");
        }
        assertThat(reads()).hasSize(6).doesNotHaveDuplicates();
        assertSameBytes();
        assertThat(names(cache.resolve("models"))).hasSize(3); // the copy and two locks
    }

    @Test
    void afterAKillOnlyWhatIsMissingIsCopied() throws IOException, InterruptedException {
        writeFourRanges();
        copyAndKill(4);
        List<String> before = reads();
        assertThat(before).hasSize(4);
        open().close();
        assertThat(reads()).hasSize(6).doesNotHaveDuplicates();
        assertSameBytes();
    }

    @Test
    void damageOfWhatAKilledProcessLeftIsFoundAndThatFileIsCopiedAgain() throws IOException, InterruptedException {
        writeFourRanges();
        copyAndKill(4);
        Path part = cache.resolve("models").resolve(files().key() + ".part");
        try (FileChannel file = FileChannel.open(part.resolve(BIG), StandardOpenOption.WRITE)) {
            file.write(ByteBuffer.wrap(new byte[] {1, 2, 3}), FileRange.MAX_BYTES / 2);
        }
        open().close();
        assertSameBytes();
        assertThat(reads()).filteredOn(read -> read.startsWith(BIG)).hasSize(4 + 4);
        assertThat(new HashSet<>(reads())).hasSize(6);
    }

    @Test
    void aSourceWithOtherBytesIsRefusedAndNothingIsInPlace() throws IOException {
        ModelFiles files = files();
        Files.writeString(origin.resolve("config.json"), "[]");
        assertThatThrownBy(() -> open(files))
                .isInstanceOf(ModelCopyException.class)
                .hasMessageContaining("config.json has sha256")
                .hasMessageContaining("did it change?");
        assertThat(names(cache.resolve("models"))).noneMatch(name -> name.equals(files.key()));
    }

    @Test
    void aSourceThatHasBecomeShorterIsRefused() throws IOException {
        ModelFiles files = files();
        Files.writeString(origin.resolve("config.json"), "");
        assertThatThrownBy(() -> open(files))
                .isInstanceOf(ModelCopyException.class)
                .hasMessageContaining("config.json: ends at byte 0 instead of 2");
    }

    @Test
    void aCopyThatWasCutShortIsMadeAgain() throws IOException {
        open().close();
        try (FileChannel file = FileChannel.open(Writable.file(copy().resolve(BIG)), StandardOpenOption.WRITE)) {
            file.truncate(5);
        }
        open().close();
        assertSameBytes();
    }

    /// The files have the same sizes and other numbers.
    @ParameterizedTest
    @ValueSource(strings = {"a file", "the directory", "a link", "a link to a directory"})
    void aCopyThatOthersMayHaveWrittenIsMadeAgain(String what) throws IOException {
        open().close();
        Path copied = copy().resolve(BIG);
        Path elsewhere = directory.resolve("elsewhere");
        switch (what) {
            case "a file" -> {
                Files.write(Writable.file(copied), new byte[bigBytes]);
                Files.setAttribute(copied, "unix:mode", 0664);
            }
            case "the directory" -> {
                Files.write(Writable.file(copied), new byte[bigBytes]);
                Files.setAttribute(copy(), "unix:mode", 0777);
            }
            case "a link" -> {
                Files.delete(copied);
                Files.createSymbolicLink(copied, Files.write(elsewhere, new byte[bigBytes]));
            }
            default -> {
                Files.move(copy(), elsewhere);
                Files.write(Writable.file(elsewhere.resolve(BIG)), new byte[bigBytes]);
                Files.createSymbolicLink(copy(), elsewhere);
            }
        }
        open().close();
        assertSameBytes();
        assertThat(copy()).isDirectory();
        assertThat(Files.isSymbolicLink(copy())).isFalse();
        assertThat(Files.getPosixFilePermissions(copied)).doesNotContain(PosixFilePermission.OWNER_WRITE);
        if (what.startsWith("a link")) {
            assertThat(elsewhere).exists();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"cache", "cache/models"})
    void nothingIsCopiedToWhereOthersMayWrite(String name) throws IOException {
        open().close();
        Files.setAttribute(directory.resolve(name), "unix:mode", 0777);
        assertThatThrownBy(this::open)
                .isInstanceOf(ModelCopyException.class)
                .hasMessage(
                        "the model cannot be copied into %s: other users may write to %s (mode 777); chmod go-w takes"
                                + " that from them; another directory can be named with --cache-dir",
                        cache.resolve("models"), directory.resolve(name));
    }

    /// A journal may come from a killed process, or be garbage.
    @ParameterizedTest
    @ValueSource(strings = {"model.safetensors x\n", "model.safetensors 99999999999999999999\n", "\u0000\n", "a pipe"})
    void aGarbageJournalIsNone(String journal) throws IOException {
        Path part = Files.createDirectories(cache.resolve("models").resolve(files().key() + ".part"));
        if (journal.equals("a pipe")) {
            Pipe.make(part.resolve(".ranges"));
        } else {
            Files.writeString(part.resolve(".ranges"), journal + "model.safetensors 0\n");
        }
        open().close();
        assertSameBytes();
    }

    @Test
    void aDiskThatIsTooSmallIsSaidBeforeAnythingIsCopied() {
        ModelFiles files = new ModelFiles(List.of(new ModelFile(BIG, 1L << 60, "0".repeat(64))));
        assertThatThrownBy(() -> open(files))
                .isInstanceOf(ModelCopyException.class)
                .hasMessageContaining(cache.toString())
                .hasMessageContaining("needs 1,152,921,504,606,846,976 bytes more")
                .hasMessageContaining("--cache-dir");
    }

    @ParameterizedTest
    @ValueSource(strings = {"../config.json", "a/b/c", "a/../b", "a//b", "a/", "/etc/passwd", ".ranges", "", "a\nb"})
    void namesCannotLeaveTheDirectory(String name) {
        assertThatThrownBy(() -> new ModelFile(name, 1, "0".repeat(64))).isInstanceOf(IllegalArgumentException.class);
    }

    private ModelFiles files() {
        List<ModelFile> files = new ArrayList<>();
        for (String name : List.of("config.json", "chat_template.jinja", BIG)) {
            files.addAll(ModelFiles.of(origin.resolve(name)).files());
        }
        return new ModelFiles(files);
    }

    private ModelCache.Copy open() {
        return open(files());
    }

    private ModelCache.Copy open(ModelFiles files) {
        return new ModelCache(cache).open(files, new DirectorySource(origin, log()), new Unwatched());
    }

    private Path copy() {
        return cache.resolve("models").resolve(files().key());
    }

    private Path log() {
        return directory.resolve("reads");
    }

    private List<String> reads() throws IOException {
        return new DirectorySource(origin, log()).reads();
    }

    private void assertSameBytes() throws IOException {
        assertThat(Files.mismatch(origin.resolve(BIG), copy().resolve(BIG))).isEqualTo(-1);
        assertThat(names(copy())).containsExactlyInAnyOrder(BIG, "config.json", "chat_template.jinja");
    }

    private static List<String> names(Path directory) throws IOException {
        try (Stream<Path> content = Files.list(directory)) {
            return content.map(path -> String.valueOf(path.getFileName())).toList();
        }
    }

    private Process copying(int stopAfter) throws IOException {
        return OtherJvm.start(
                Other.class,
                List.of("-Xmx256m"),
                origin.toString(),
                cache.toString(),
                log().toString(),
                Integer.toString(stopAfter));
    }

    /// Kills a process that has read as many ranges as `stopAfter` says, once its journal has all of them: the
    /// thread that keeps the journal hears of a range after it was read.
    private void copyAndKill(int stopAfter) throws IOException, InterruptedException {
        Process process = copying(stopAfter);
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            assertThat(lines.lines().anyMatch("stalled"::equals)).isTrue();
            Path journal = cache.resolve("models").resolve(files().key() + ".part/.ranges");
            while (Files.readString(journal).strip().lines().count() < stopAfter) {
                assertThat(process.isAlive()).isTrue();
                Thread.sleep(10);
            }
        } finally {
            process.destroyForcibly(); // kill -9
        }
        process.waitFor();
    }

    /// The program of the other JVMs.
    static final class Other {
        private Other() {}

        public static void main(String[] args) {
            ModelCacheTest test = new ModelCacheTest();
            test.origin = Path.of(args[0]);
            DirectorySource source = new DirectorySource(test.origin, Path.of(args[2]), Integer.parseInt(args[3]));
            new ModelCache(Path.of(args[1]))
                    .open(test.files(), source, new Unwatched())
                    .close();
            System.out.println("copied");
        }
    }

    /// The sample model's.
    private static final class ModelFilesOf {
        static ModelFiles sample() {
            try (WeightFiles weights = WeightFiles.open(Golden.SMALL_MODEL)) {
                return ModelFiles.of(weights, null);
            }
        }
    }
}
