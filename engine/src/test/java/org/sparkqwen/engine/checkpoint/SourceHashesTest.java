package org.sparkqwen.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.testing.Pipe;
import org.sparkqwen.engine.testing.SafetensorsWriter;

/// A file's sha256 is remembered, and is computed again when the file changes.
class SourceHashesTest {
    private static final Instant LONG_AGO = Instant.parse("2025-05-05T05:05:05.123456789Z");

    @TempDir
    private Path directory = Path.of("");

    private Path model = Path.of("");
    private Path file = Path.of("");
    private Path cache = Path.of("");

    @BeforeEach
    void writeModel() throws IOException {
        model = Files.createDirectory(directory.resolve("model"));
        cache = directory.resolve("cache");
        file = model.resolve("model.safetensors");
        write(1);
        Files.setLastModifiedTime(file, FileTime.from(LONG_AGO));
    }

    @Test
    void aFileThatLooksTheSameIsNotReadAgain() throws IOException {
        List<SourceFile> sources = hashes();
        assertThat(sources)
                .containsExactly(new SourceFile("model.safetensors", Sha256.of(file)))
                .isEqualTo(remembered().orElseThrow());

        overwrite(2); // in place, and made to look as before
        Files.setLastModifiedTime(file, FileTime.from(LONG_AGO));
        assertThat(hashes()).isEqualTo(sources);
    }

    @Test
    void aStampIsWhatSha256sumPrints() throws IOException {
        hashes();
        assertThat(stamp()).hasContent(Sha256.of(file) + "  model.safetensors\n");
    }

    @Test
    void aFileOfAnotherTimeIsReadAgain() throws IOException {
        List<SourceFile> before = hashes();
        overwrite(2);
        Files.setLastModifiedTime(file, FileTime.from(LONG_AGO.plusNanos(1_000_000)));
        assertThat(remembered()).isEmpty();
        assertThat(hashes()).isNotEqualTo(before);
    }

    @Test
    void aFileThatTookTheOldOnesPlaceIsReadAgain() throws IOException {
        List<SourceFile> before = hashes();
        Path other = model.resolve("other");
        Files.copy(file, other);
        byte[] bytes = Files.readAllBytes(other);
        bytes[bytes.length - 1] ^= 1;
        Files.write(other, bytes);
        Files.setLastModifiedTime(other, FileTime.from(LONG_AGO));
        Files.delete(file);
        Files.move(other, file);
        assertThat(hashes()).isNotEqualTo(before);
    }

    /// Such a file might change once more within the steps of the file system's clock, and look the same.
    @Test
    void aFileThatChangedAMomentAgoIsNotRemembered() throws IOException {
        Files.setLastModifiedTime(file, FileTime.from(Instant.now()));
        hashes();
        assertThat(remembered()).isEmpty();
        Files.setLastModifiedTime(file, FileTime.from(Instant.now().plus(Duration.ofDays(1))));
        hashes();
        assertThat(remembered()).isEmpty();
    }

    @Test
    void aStampThatIsNoneIsPassedOver() throws IOException {
        List<SourceFile> sources = hashes();
        Path stamp = stamp();
        for (String content : List.of("", "x", "f".repeat(64) + "  other.safetensors\n", "g".repeat(64) + "\n\n")) {
            Files.writeString(stamp, content);
            assertThat(remembered()).as(content).isEmpty();
            assertThat(hashes()).isEqualTo(sources);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"malformed UTF-8", "two lines", "a directory", "a pipe", "a link", "a file of others"})
    void whatStandsInTheWayOfAStampIsPassedOver(String kind) throws Exception {
        List<SourceFile> sources = hashes();
        Path stamp = stamp();
        String lie = "e".repeat(64) + "  model.safetensors\n";
        Path elsewhere = Files.writeString(directory.resolve("elsewhere"), lie);
        switch (kind) {
            case "malformed UTF-8" -> Files.write(stamp, new byte[] {(byte) 0xff, (byte) 0xfe, 0, '\n'});
            case "two lines" -> Files.writeString(stamp, lie + lie);
            case "a file of others" -> {
                Files.writeString(stamp, lie);
                Files.setAttribute(stamp, "unix:mode", 0666);
            }
            default -> {
                Files.delete(stamp);
                switch (kind) {
                    case "a directory" -> Files.createDirectory(stamp);
                    case "a pipe" -> Pipe.make(stamp);
                    default -> Files.createSymbolicLink(stamp, elsewhere);
                }
            }
        }
        assertThat(remembered()).isEmpty();
        assertThat(hashes()).isEqualTo(sources);
        assertThat(elsewhere).hasContent(lie);
        if (!kind.equals("a directory")) {
            assertThat(remembered()).contains(sources);
        }
    }

    @Test
    void aCacheThatCannotBeWrittenOnlyCostsTime() throws IOException {
        Files.createFile(cache);
        assertThat(hashes()).isEqualTo(hashes()).hasSize(1);
        assertThat(remembered()).isEmpty();
    }

    /// Returns the only stamp.
    private Path stamp() throws IOException {
        try (Stream<Path> stamps = Files.list(cache.resolve("stamps"))) {
            List<Path> all = stamps.toList();
            assertThat(all).hasSize(1);
            return all.getFirst();
        }
    }

    private List<SourceFile> hashes() {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            return new SourceHashes(cache).of(checkpoint.files());
        }
    }

    private Optional<List<SourceFile>> remembered() {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            return new SourceHashes(cache).remembered(checkpoint.files());
        }
    }

    private void write(float value) throws IOException {
        Files.write(
                file,
                new SafetensorsWriter()
                        .add("a", DType.F32, List.of(2), SafetensorsWriter.floats(value, 2))
                        .bytes());
    }

    /// Overwrites the file and keeps its inode.
    private void overwrite(float value) {
        SafetensorsWriter.overwrite(file, "a", 0, value);
    }
}
