package org.sparkqwen.engine.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.sparkqwen.engine.Golden;
import org.sparkqwen.engine.Packing;
import org.sparkqwen.engine.checkpoint.PackedFile;
import org.sparkqwen.engine.checkpoint.PackingException;
import org.sparkqwen.engine.checkpoint.Unwatched;
import org.sparkqwen.engine.model.StreamingPlan.Part;

/// What is in memory while a model's parts are used one after the other, as the kernel says it. On a disk: a file
/// system in memory never gives pages back.
@EnabledOnOs(OS.LINUX)
@Timeout(60)
class WeightStreamTest {
    private static final ModelConfig CONFIG = ModelConfig.read(Golden.SMALL_MODEL);
    private static final int LAST = CONFIG.layers(); // the embedding is part 0, and the head, too

    private final List<Path> made = new ArrayList<>();
    private Arena arena = Arena.ofShared();
    private PackedFile file;
    private MemorySegment data;

    WeightStreamTest() throws IOException, PackingException {
        Path directory = Files.createTempDirectory(Path.of("target"), "stream");
        Path packed = directory.resolve("packed");
        Path path = Packing.intoDirectory(Golden.SMALL_MODEL, packed, directory.resolve("cache"), new Unwatched())
                .file();
        try (var all = Files.walk(directory)) {
            made.addAll(all.toList());
        }
        file = PackedFile.open(path);
        try (FileChannel channel = FileChannel.open(path)) {
            MemorySegment whole = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            data = whole.asSlice(whole.byteSize() - file.layout().bytes());
        }
    }

    @BeforeEach
    void startCold() {
        try (var pages = file.pages()) {
            pages.release(0, data.byteSize());
        }
        assertThat(residentBytes(0, data.byteSize())).isLessThan(data.byteSize() / 20);
    }

    @AfterEach
    void delete() throws IOException {
        file.close();
        arena.close();
        for (Path path : made.reversed()) {
            Files.delete(path);
        }
    }

    @Test
    void nothingIsReadBeforeTheFirstUse() throws InterruptedException {
        try (WeightStream _ = open(Long.MAX_VALUE)) {
            Thread.sleep(Duration.ofMillis(50));
            assertThat(residentBytes(0, data.byteSize())).isLessThan(data.byteSize() / 20);
        }
    }

    @Test
    void thePartInUseIsThereAndTheNextIsReadMeanwhile() {
        StreamingPlan plan = plan(memoryForTwoLayers());
        try (WeightStream stream = new WeightStream(plan, file.pages())) {
            for (int batch = 0; batch < 3; batch++) {
                for (int part = 0; part <= LAST; part++) {
                    stream.use(part);
                    assertThat(isResident(plan.parts().get(part))).isTrue();
                    Part next = plan.parts().get(part == LAST ? 1 : part + 1);
                    await(() -> isResident(next));
                }
            }
        }
    }

    @Test
    void whatWasUsedIsGivenBackButForWhatStays() {
        StreamingPlan plan = plan(memoryForTwoLayers() + data.byteSize() / 4);
        assertThat(plan.parts().get(1).keptBytes()).isPositive();
        try (WeightStream stream = new WeightStream(plan, file.pages())) {
            for (int batch = 0; batch < 3; batch++) {
                for (int part = 0; part <= LAST; part++) {
                    stream.use(part);
                    if (part > 1) {
                        Part before = plan.parts().get(part - 1);
                        await(() -> residentBytes(before.kept(), before.to()) < before.streamedBytes() / 10);
                        assertThat(residentBytes(before.from(), before.kept())).isEqualTo(before.keptBytes());
                    }
                }
            }
        }
    }

    @Test
    void aModelThatFitsIsReadAheadOnceAndStays() {
        try (WeightStream stream = open(Long.MAX_VALUE)) {
            stream.use(0);
            await(() -> isResident(plan(Long.MAX_VALUE).parts().get(1)));
            for (int part = 0; part <= LAST; part++) {
                stream.use(part);
            }
        }
        assertThat(residentBytes(0, data.byteSize())).isEqualTo(data.byteSize());
    }

    @Test
    void partsMayBeUsedInAnyOrder() {
        StreamingPlan plan = plan(memoryForTwoLayers());
        try (WeightStream stream = new WeightStream(plan, file.pages())) {
            for (int part : new int[] {3, 3, 1, 0, 0, LAST, 2, 7, 1, LAST}) {
                stream.use(part);
                assertThat(isResident(plan.parts().get(part))).isTrue();
            }
        }
    }

    @Test
    void withRoomForOnePartNoneIsReadAhead() throws InterruptedException {
        StreamingPlan plan = plan(0);
        try (WeightStream stream = new WeightStream(plan, file.pages())) {
            for (int part = 1; part < LAST; part++) {
                stream.use(part);
                Part next = plan.parts().get(part + 1);
                Thread.sleep(Duration.ofMillis(5));
                assertThat(residentBytes(next.from(), next.to())).isLessThan(next.streamedBytes() / 4);
            }
        }
    }

    /// Closed with the mapping, or nothing could be read any more.
    @Test
    void aFileThatCannotBeReadIsAnErrorOfItsUse() {
        WeightStream stream = open(Long.MAX_VALUE);
        file.close();
        assertThatThrownBy(() -> stream.use(0))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("the weights cannot be read");
        stream.close();
        file = PackedFile.open(file.path());
    }

    private WeightStream open(long memory) {
        return new WeightStream(plan(memory), file.pages());
    }

    private StreamingPlan plan(long memory) {
        return StreamingPlan.of(file.layout(), CONFIG.layers(), memory);
    }

    private long memoryForTwoLayers() {
        List<Part> parts = plan(Long.MAX_VALUE).parts();
        return parts.get(0).keptBytes() + 2 * parts.get(1).keptBytes();
    }

    private boolean isResident(Part part) {
        return residentBytes(part.from(), part.to()) == part.to() - part.from();
    }

    private long residentBytes(long from, long to) {
        long bytes = 0;
        for (long at = from; at < to; at += 4096) {
            long count = Math.min(4096, to - at);
            bytes += data.asSlice(at, count).isLoaded() ? count : 0;
        }
        return bytes;
    }

    private interface Condition {
        boolean holds();
    }

    private static void await(Condition condition) {
        while (!condition.holds()) {
            Thread.onSpinWait();
        }
    }
}
