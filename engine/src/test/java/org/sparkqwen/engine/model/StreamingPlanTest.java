package org.sparkqwen.engine.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.sparkqwen.engine.checkpoint.PackedLayout;
import org.sparkqwen.engine.checkpoint.StreamedFile;
import org.sparkqwen.engine.kernels.format.KnownFormat;
import org.sparkqwen.engine.model.StreamingPlan.Part;
import org.sparkqwen.engine.model.family.PublishedShape;

/// What stays in memory fits into it, together with the slots through which the rest goes.
class StreamingPlanTest {
    private static final int STEPS = 5;
    private static final long MIB = 1 << 20;

    @ParameterizedTest
    @EnumSource
    void partsCoverEveryLayerAndTheHeadWhateverTheMemory(PublishedShape shape) {
        ModelConfig config = shape.config(shape.layers());
        TensorPlan tensors = TensorPlan.of(config);
        PackedLayout layout = layout(tensors);
        for (int step = 0; step <= STEPS + 1; step++) {
            StreamingPlan plan = StreamingPlan.of(tensors, layout, layout.bytes() / STEPS * step);
            List<Part> parts = plan.parts();
            assertThat(parts).hasSize(1 + config.layers() + (config.tiedEmbeddings() ? 0 : 1));
            for (int i = 0; i < config.layers(); i++) {
                String layer = "model.layers.%d.".formatted(i);
                Part part = parts.get(1 + i);
                assertThat(layout.tensors())
                        .filteredOn(tensor -> tensor.name().startsWith(layer))
                        .isNotEmpty()
                        .allMatch(tensor -> tensor.offset() >= part.from())
                        .allMatch(tensor -> tensor.offset() + tensor.bytes() <= part.to());
                assertThat(part.from()).isGreaterThanOrEqualTo(parts.get(i).to());
                assertThat(part.kept()).isBetween(part.from(), part.to());
                assertThat((part.kept() - part.from()) % PackedLayout.ALIGNMENT == 0 || part.kept() == part.to())
                        .isTrue();
            }
            assertThat(parts.getFirst().streamedBytes()).isZero();
            assertThat(plan.bytes()).isCloseTo(layout.tensorBytes(), within(layout.bytes() / 1000));
        }
    }

    @ParameterizedTest
    @EnumSource
    void residentWeightsAndSlotsFitIntoMemory(PublishedShape shape) {
        ModelConfig config = shape.config(shape.layers());
        TensorPlan tensors = TensorPlan.of(config);
        PackedLayout layout = layout(tensors);
        for (int step = 1; step < STEPS; step++) {
            long memory = layout.bytes() / STEPS * step;
            StreamingPlan plan = StreamingPlan.of(tensors, layout, memory);
            assertThat(plan.streams()).isTrue();
            if (plan.overlapping()) {
                assertThat(plan.keptBytes() + plan.slotBytes()).isLessThanOrEqualTo(memory);
            } else {
                assertThat(plan.keptBytes()).isEqualTo(plan.parts().getFirst().keptBytes());
            }
        }
    }

    @Test
    void nearlyAllMemoryIsUsed() {
        ModelConfig config = PublishedShape.B32.config(PublishedShape.B32.layers());
        TensorPlan tensors = TensorPlan.of(config);
        PackedLayout layout = layout(tensors);
        long memory = layout.bytes() / 2;
        StreamingPlan plan = StreamingPlan.of(tensors, layout, memory);
        assertThat(plan.keptBytes() + plan.slotBytes()).isGreaterThan((long) (0.999 * memory));
    }

    /// A tenth of the model does not fit, and the slots take a thirtieth. A batch reads no more than both.
    @Test
    void littleIsReadIfLittleIsMissing() {
        ModelConfig config = PublishedShape.B32.config(PublishedShape.B32.layers());
        TensorPlan tensors = TensorPlan.of(config);
        PackedLayout layout = layout(tensors);
        StreamingPlan plan = StreamingPlan.of(tensors, layout, layout.bytes() / 10 * 9);
        assertThat(plan.streamedBytes()).isBetween(layout.bytes() / 10, layout.bytes() / 7);
    }

    @Test
    void everyLayerReadsTheSameShare() {
        ModelConfig config = PublishedShape.B8.config(PublishedShape.B8.layers());
        TensorPlan tensors = TensorPlan.of(config);
        PackedLayout layout = layout(tensors);
        StreamingPlan plan = StreamingPlan.of(tensors, layout, layout.bytes() / 2);
        List<Part> layers = plan.parts().subList(1, 1 + config.layers());
        long largest = (long) config.intermediateSize() * config.hiddenSize() * Short.BYTES;
        long streamed = layers.stream().mapToLong(Part::streamedBytes).sum();
        double share = (double) streamed
                / layers.stream().mapToLong(part -> part.to() - part.from()).sum();
        assertThat(share).isBetween(0.4, 0.7);
        double owed = 0; // never more than a tensor or two, however many layers there are
        for (Part layer : layers) {
            owed += share * (layer.to() - layer.from()) - layer.streamedBytes();
            assertThat(owed).as("tensors stay or are read as wholes").isBetween(-2.0 * largest, 2.0 * largest);
        }
    }

    /// While one slot is used, the next part is read, and after the last part the first one.
    @ParameterizedTest
    @EnumSource
    void partsThatFollowEachOtherHaveDifferentSlots(PublishedShape shape) {
        for (int layers : new int[] {1, 2, 3, 4, shape.layers()}) {
            ModelConfig config = shape.config(layers);
            TensorPlan tensors = TensorPlan.of(config);
            PackedLayout layout = layout(tensors);
            for (int step = 0; step < STEPS; step++) {
                StreamingPlan plan = StreamingPlan.of(tensors, layout, layout.bytes() / STEPS * step);
                List<StreamedFile.Range> ranges = plan.ranges();
                assertThat(ranges).isNotEmpty();
                for (int i = 0; plan.overlapping() && i < ranges.size(); i++) {
                    StreamedFile.Range next = ranges.get((i + 1) % ranges.size());
                    assertThat(ranges.get(i).slot()).isNotEqualTo(next.slot());
                }
                assertThat(ranges.stream().map(StreamedFile.Range::slot)).allMatch(slot -> slot >= 0 && slot < 2);
            }
        }
    }

    @Test
    void aModelThatFitsStaysWhole() {
        ModelConfig config = PublishedShape.B4.config(PublishedShape.B4.layers());
        TensorPlan tensors = TensorPlan.of(config);
        PackedLayout layout = layout(tensors);
        assertThat(StreamingPlan.of(tensors, layout, layout.bytes()).streams()).isFalse();
        assertThat(StreamingPlan.of(tensors, layout, layout.bytes() - MIB).streams())
                .isTrue();
    }

    /// In such memory there would be room for one part, and the next part would replace it before it is used.
    @Test
    void nothingIsReadAheadIntoMemoryForLessThanTwoParts() {
        ModelConfig config = PublishedShape.B4.config(PublishedShape.B4.layers());
        TensorPlan tensors = TensorPlan.of(config);
        PackedLayout layout = layout(tensors);
        StreamingPlan whole = StreamingPlan.of(tensors, layout, Long.MAX_VALUE);
        long embedding = whole.parts().get(0).keptBytes();
        long layer = whole.parts().get(1).keptBytes();
        assertThat(StreamingPlan.of(tensors, layout, embedding + 2 * layer - 1).overlapping())
                .isFalse();
        assertThat(StreamingPlan.of(tensors, layout, embedding + 2 * layer).overlapping())
                .isTrue();
        assertThat(StreamingPlan.of(tensors, layout, 0).overlapping()).isFalse();
    }

    private static PackedLayout layout(TensorPlan tensors) {
        return tensors.layout(name -> KnownFormat.BF16);
    }
}
