package org.sparkqwen.engine.disk;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/// The pages of a file that are in memory, as the kernel reports them.
class MappedPagesTest {
    private static final int PAGE = 64 << 10; // a multiple of any system's
    private static final int PAGES = 400; // more than are read in one call
    private static final int DATA_START = 4096;

    private final Path path = Files.createTempFile(Path.of("target"), "pages", ".bin");
    private final Arena arena = Arena.ofShared();
    private final byte[] bytes = new byte[PAGES * PAGE];
    private final MemorySegment data;

    MappedPagesTest() throws IOException {
        new Random(5).nextBytes(bytes);
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(bytes), DATA_START);
            channel.force(true); // the system keeps what it has not written yet
            data = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena)
                    .asSlice(DATA_START);
        }
    }

    @AfterEach
    void delete() throws IOException {
        arena.close();
        Files.delete(path);
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void linuxTakesAdvice() {
        assertThat(PageAdvice.ofThisSystem()).isPresent();
        assertThat(PageAdvice.ofThisSystem().orElseThrow().pageBytes()).isIn(4096L, 16_384L, 65_536L);
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void whatIsReadIsInMemoryAndWhatIsReleasedIsNot() {
        try (MappedPages pages = pages(PageAdvice.ofThisSystem())) {
            pages.release(0, data.byteSize());
            assertThat(residentPages(1, PAGES - 1)).isZero();

            pages.read(10 * PAGE, 300 * PAGE, () -> false);
            assertThat(residentPages(10, 300)).isEqualTo(290);

            pages.release(20 * PAGE, 200 * PAGE);
            assertThat(residentPages(10, 20)).isEqualTo(10);
            assertThat(residentPages(21, 199)).isZero();
            assertThat(residentPages(200, 300)).isEqualTo(100);
        }
        assertThat(data.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(bytes);
    }

    /// The rest of the page may still be needed.
    @Test
    @EnabledOnOs(OS.LINUX)
    void aPageThatIsReleasedInPartStays() {
        try (MappedPages pages = pages(PageAdvice.ofThisSystem())) {
            pages.read(0, data.byteSize(), () -> false);
            pages.release(10 * PAGE + 1, 12 * PAGE - 1);
            assertThat(data.asSlice(10 * PAGE, 1).isLoaded()).isTrue();
            assertThat(data.asSlice(12 * PAGE - 1, 1).isLoaded()).isTrue();
            pages.release(10 * PAGE + 1, 10 * PAGE + 2);
            assertThat(data.asSlice(10 * PAGE, 1).isLoaded()).isTrue();
        }
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void readingEndsSoonWhenNobodyWaits() {
        try (MappedPages pages = pages(PageAdvice.ofThisSystem())) {
            pages.release(0, data.byteSize());
            pages.read(0, data.byteSize(), () -> true);
            assertThat(residentPages(1, PAGES)).isZero();
        }
    }

    /// The test runs as on a system that is not Linux.
    @Test
    void withoutAdviceEverythingIsReadAndNothingGivenBack() {
        try (MappedPages pages = pages(Optional.empty())) {
            pages.read(0, data.byteSize(), () -> false);
            pages.release(0, data.byteSize());
            assertThat(residentPages(0, PAGES)).isEqualTo(PAGES);
        }
        assertThat(data.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(bytes);
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void theDisksRateIsThatOfPagesThatWereNotInMemory() throws IOException {
        assertThat(DiskRate.measure(path)).as("of a file that is too small").isEmpty();
        Path large = Files.createTempFile(Path.of("target"), "large", ".bin");
        try {
            try (FileChannel channel = FileChannel.open(large, StandardOpenOption.WRITE)) {
                for (int i = 0; i < 3; i++) {
                    channel.write(ByteBuffer.wrap(bytes), (long) i * bytes.length);
                }
                channel.force(true);
            }
            assertThat(DiskRate.measure(large)).isPresent();
        } finally {
            Files.delete(large);
        }
    }

    private MappedPages pages(Optional<PageAdvice> advice) {
        return new MappedPages(path, data, DATA_START, advice);
    }

    private int residentPages(int from, int to) {
        int count = 0;
        for (int page = from; page < to; page++) {
            count += data.asSlice((long) page * PAGE, PAGE).isLoaded() ? 1 : 0;
        }
        return count;
    }
}
