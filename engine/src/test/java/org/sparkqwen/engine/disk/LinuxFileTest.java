package org.sparkqwen.engine.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/// Files that are opened and read through Linux itself.
class LinuxFileTest {
    private static final int BLOCK = LinuxFile.BLOCK;

    @TempDir
    private Path directory = Path.of("");

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
