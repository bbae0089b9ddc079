package org.sparkqwen.engine.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.sparkqwen.engine.Packing;
import org.sparkqwen.engine.checkpoint.PackedFile;
import org.sparkqwen.engine.checkpoint.PackingException;
import org.sparkqwen.engine.checkpoint.StreamedFile;
import org.sparkqwen.engine.model.StreamingPlan.Part;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.Unwatched;

/// The right pages are in memory while a model's parts are used one after the other. The test needs a disk,
/// because a file system in memory never gives pages back.
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
        Path path = Packing.intoDirectory(
                        Golden.SMALL_MODEL, WeightEncoding.STORED, packed, directory.resolve("cache"), new Unwatched())
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
        try (StreamedFile all = open(plan(Long.MAX_VALUE));
                WeightStream _ = WeightStream.start(plan(Long.MAX_VALUE), all)) {
            Thread.sleep(Duration.ofMillis(50));
            assertThat(residentBytes(0, data.byteSize())).isLessThan(data.byteSize() / 20);
        }
    }

    @Test
    void theNextPartIsReadWhileOneIsUsed() {
        StreamingPlan plan = plan(memoryForTwoLayers());
        try (StreamedFile streamed = open(plan);
                WeightStream stream = WeightStream.start(plan, streamed)) {
            for (int batch = 0; batch < 3; batch++) {
                for (int part = 0; part <= LAST; part++) {
                    stream.use(part);
                    assertThat(isThere(streamed, plan, part)).isTrue();
                    int next = part == LAST ? 1 : part + 1;
                    await(() -> isThere(streamed, plan, next));
                    assertThat(isThere(streamed, plan, part)).isTrue();
                }
            }
        }
    }

    /// The weights that are read for each batch bypass the page cache, and those that stay are in it.
    @Test
    void thePageCacheHasOnlyResidentWeights() {
        StreamingPlan plan = plan(memoryForTwoLayers() + data.byteSize() / 4);
        assertThat(plan.parts().get(1).keptBytes()).isPositive();
        try (StreamedFile streamed = open(plan);
                WeightStream stream = WeightStream.start(plan, streamed)) {
            for (int batch = 0; batch < 3; batch++) {
                for (int part = 0; part <= LAST; part++) {
                    stream.use(part);
                }
            }
            for (Part part : plan.parts()) {
                assertThat(residentBytes(part.from(), part.kept())).isEqualTo(part.keptBytes());
                assertThat(residentBytes(part.kept(), part.to())).isLessThanOrEqualTo(part.streamedBytes() / 10);
            }
        }
    }

    @Test
    void aModelThatFitsIsReadAheadOnce() {
        StreamingPlan plan = plan(Long.MAX_VALUE);
        try (StreamedFile all = open(plan);
                WeightStream stream = WeightStream.start(plan, all)) {
            stream.use(0);
            await(() -> residentBytes(
                            plan.parts().get(1).from(), plan.parts().get(1).to())
                    == plan.parts().get(1).keptBytes());
            for (int part = 0; part <= LAST; part++) {
                stream.use(part);
            }
        }
        assertThat(residentBytes(0, data.byteSize())).isEqualTo(data.byteSize());
    }

    @Test
    void partsMayBeUsedInAnyOrder() {
        StreamingPlan plan = plan(memoryForTwoLayers());
        try (StreamedFile streamed = open(plan);
                WeightStream stream = WeightStream.start(plan, streamed)) {
            for (int part : new int[] {3, 3, 1, 0, 0, LAST, 2, 7, 1, LAST}) {
                stream.use(part);
                assertThat(isThere(streamed, plan, part)).isTrue();
            }
        }
    }

    @Test
    void nothingIsReadAheadWithRoomForOnePart() throws InterruptedException {
        StreamingPlan plan = plan(0);
        try (StreamedFile streamed = open(plan);
                WeightStream stream = WeightStream.start(plan, streamed)) {
            for (int part = 1; part <= LAST; part++) {
                stream.use(part);
                Thread.sleep(Duration.ofMillis(5));
                assertThat(isThere(streamed, plan, part)).isTrue();
                assertThat(part < LAST && isThere(streamed, plan, part + 1)).isFalse();
            }
        }
    }

    /// The file is closed together with the mapping, so nothing could be read any more.
    @Test
    void anUnreadableFileIsAnErrorWhenAPartIsUsed() {
        StreamedFile closed = open(plan(Long.MAX_VALUE));
        WeightStream stream = WeightStream.start(plan(Long.MAX_VALUE), closed);
        closed.close();
        assertThatThrownBy(() -> stream.use(0))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("the weights cannot be read");
        stream.close();
    }

    @Test
    void aFileThatWasCutShortIsAnErrorOfItsUse() throws IOException {
        StreamingPlan plan = plan(memoryForTwoLayers());
        try (StreamedFile streamed = open(plan);
                WeightStream stream = WeightStream.start(plan, streamed)) {
            stream.use(1);
            try (FileChannel channel = FileChannel.open(file.path(), StandardOpenOption.WRITE)) {
                channel.truncate(channel.size() / 2);
            }
            assertThatThrownBy(() -> stream.use(LAST - 1))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("the weights cannot be read")
                    .hasMessageContaining(file.path() + " ends after ");
        }
    }

    @Test
    void nothingCanBeUsedAfterClosing() {
        StreamingPlan plan = plan(memoryForTwoLayers());
        try (StreamedFile streamed = open(plan)) {
            WeightStream stream = WeightStream.start(plan, streamed);
            stream.use(1);
            stream.close();
            assertThatThrownBy(() -> stream.use(LAST)).hasMessage("the weights are closed");
        }
    }

    private StreamedFile open(StreamingPlan plan) {
        return new StreamedFile(PackedFile.open(file.path()), plan.ranges());
    }

    /// Tells whether the code that computes with a part finds the contents of the file.
    private boolean isThere(StreamedFile streamed, StreamingPlan plan, int index) {
        Part part = plan.parts().get(index);
        return file.layout().tensors().stream()
                .filter(tensor -> tensor.offset() >= part.from() && tensor.offset() < part.to())
                .allMatch(tensor -> streamed.data(tensor).mismatch(file.data(tensor)) == -1);
    }

    private StreamingPlan plan(long memory) {
        return StreamingPlan.of(TensorPlan.of(CONFIG), file.layout(), memory);
    }

    private long memoryForTwoLayers() {
        List<Part> parts = plan(Long.MAX_VALUE).parts();
        return parts.get(0).keptBytes() + 2 * parts.get(1).keptBytes();
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
