package org.sparkqwen.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.Packing;
import org.sparkqwen.engine.disk.DirectReads;
import org.sparkqwen.engine.disk.LinuxFile;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.Unwatched;

/// Ranges of a packed file that share a slot, and reading past the page cache.
class StreamedFileTest {
    private static final int BLOCK = LinuxFile.BLOCK;

    @TempDir
    private Path directory = Path.of("");

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aRangeIsInItsSlotUntilAnotherIsReadThere(boolean direct) throws PackingException {
        PackedFile file = packed();
        List<PackedTensor> tensors = file.layout().tensors();
        PackedTensor first = tensors.get(1);
        PackedTensor second = tensors.get(2);
        PackedTensor mapped = tensors.get(3);
        PackedTensor last = tensors.getLast(); // the file ends within a block
        StreamedFile.Range one = new StreamedFile.Range(first.offset(), first.offset() + first.bytes(), 0);
        StreamedFile.Range other = new StreamedFile.Range(second.offset(), second.offset() + second.bytes(), 0);
        StreamedFile.Range end = new StreamedFile.Range(last.offset(), last.offset() + last.bytes(), 1);
        Optional<DirectReads> past = direct ? DirectReads.open(file.path()) : Optional.empty();
        try (PackedFile expected = PackedFile.open(file.path());
                StreamedFile streamed = new StreamedFile(file, List.of(one, other, end), past)) {
            streamed.read(one, () -> false);
            streamed.read(end, () -> false);
            assertSame(streamed, expected, first, mapped, last);
            streamed.check(first);

            streamed.read(other, () -> false);
            assertSame(streamed, expected, second, mapped, last);
            assertThatThrownBy(() -> streamed.check(first))
                    .isInstanceOf(InvalidModelException.class)
                    .hasMessageContaining("tensor %s is damaged", first.name());
            streamed.read(one, () -> true);
            assertSame(streamed, expected, second);
        }
    }

    private static void assertSame(StreamedFile streamed, PackedFile expected, PackedTensor... tensors) {
        for (PackedTensor tensor : tensors) {
            assertThat(streamed.data(tensor).mismatch(expected.data(tensor)))
                    .as(tensor.name())
                    .isEqualTo(-1);
        }
    }

    private PackedFile packed() throws PackingException {
        return PackedFile.open(Packing.intoDirectory(
                        Golden.SMALL_MODEL, directory.resolve("packed"), directory.resolve("cache"), new Unwatched())
                .file());
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void readsBlocksToTheEndOfAFileAndNoFurther() throws IOException {
        byte[] bytes = new byte[5 * BLOCK + 17];
        new Random(1).nextBytes(bytes);
        Path path = Files.write(directory.resolve("file"), bytes);
        try (LinuxFile file = LinuxFile.open(path).orElseThrow();
                Arena arena = Arena.ofConfined()) {
            MemorySegment to = arena.allocate(2 * BLOCK, BLOCK);
            file.read(BLOCK, to);
            assertThat(to.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(Arrays.copyOfRange(bytes, BLOCK, 3 * BLOCK));
            to.fill((byte) 0);
            file.read(4 * BLOCK, to);
            assertThat(to.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(Arrays.copyOfRange(bytes, 4 * BLOCK, 6 * BLOCK));
            assertThatThrownBy(() -> file.read(5 * BLOCK, to))
                    .isInstanceOf(IOException.class)
                    .hasMessage("%s ends after 20,497 bytes", path);
            assertThatThrownBy(() -> file.read(6 * BLOCK, to)).hasMessage("%s ends after 24,576 bytes", path);
        }
        assertThat(LinuxFile.open(directory.resolve("none"))).isEmpty();
        assertThat(LinuxFile.openDirect(directory.resolve("none"))).isEmpty();
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void aReadThatFailsSaysWhereAndWhy() {
        try (LinuxFile folder = LinuxFile.open(directory).orElseThrow();
                Arena arena = Arena.ofConfined()) {
            assertThatThrownBy(() -> folder.read(0, arena.allocate(BLOCK, BLOCK)))
                    .isInstanceOf(IOException.class)
                    .hasMessage("%s cannot be read at byte 0 (errno 21)", directory); // EISDIR
        }
        assertThat(LinuxFile.openDirect(directory)).isEmpty();
    }
}
