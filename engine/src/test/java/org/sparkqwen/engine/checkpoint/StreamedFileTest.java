package org.sparkqwen.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.Packing;
import org.sparkqwen.engine.disk.DirectReads;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.Unwatched;

/// Ranges of a packed file that share a slot, and reading past the page cache.
class StreamedFileTest {

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
                        Golden.SMALL_MODEL,
                        WeightEncoding.STORED,
                        directory.resolve("packed"),
                        directory.resolve("cache"),
                        new Unwatched())
                .file());
    }
}
