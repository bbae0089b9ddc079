package org.sparkqwen.engine.checkpoint;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.checkpoint.PackedTensor.Form;
import org.sparkqwen.engine.kernels.format.KnownFormat;
import org.sparkqwen.engine.testing.Refusal;
import org.sparkqwen.engine.testing.SafetensorsWriter;
import org.sparkqwen.engine.testing.Unwatched;
import org.sparkqwen.engine.testing.Writable;

/// A packed file holds the checkpoint's numbers to the bit, and a damaged one is refused.
class PackedFileTest {
    private static final int PREAMBLE_BYTES = 20;

    /// A tensor of each form, with sizes that fill no panel and no tile.
    private static final PackedLayout LAYOUT = layout();

    @TempDir
    private Path directory = Path.of("");

    private Path file = Path.of("");

    private static PackedLayout layout() {
        PackedLayout.Builder layout = new PackedLayout.Builder();
        layout.add("rows", Form.rows(KnownFormat.BF16), List.of(67, 5));
        layout.add("half", Form.rows(KnownFormat.F32), List.of(33, 3));
        layout.add("norm", Form.VECTOR, List.of(9));
        layout.add("brain", Form.panels(KnownFormat.BF16), List.of(70, 300));
        layout.add("single", Form.panels(KnownFormat.F32), List.of(31, 7));
        return layout.build();
    }

    @BeforeEach
    void pack() throws IOException {
        Random random = new Random(5);
        SafetensorsWriter writer = new SafetensorsWriter()
                .add("rows", DType.BF16, List.of(67, 5), bytes(random, 67 * 5 * 2))
                .add("half", DType.F16, List.of(33, 3), bytes(random, 33 * 3 * 2))
                .add("norm", DType.BF16, List.of(9), bytes(random, 9 * 2))
                .add("brain", DType.BF16, List.of(70, 300), bytes(random, 70 * 300 * 2))
                .add("single", DType.F32, List.of(31, 7), bytes(random, 31 * 7 * 4));
        Files.write(directory.resolve("model.safetensors"), writer.bytes());
        file = directory.resolve("test.packed");
        try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            PackingPlan.of(checkpoint, LAYOUT, directory.resolve("cache")).write(file, new Unwatched());
        }
        assertThat(Files.getPosixFilePermissions(file)).doesNotContain(PosixFilePermission.OWNER_WRITE);
        Writable.file(file);
    }

    private static byte[] bytes(Random random, int count) {
        byte[] bytes = new byte[count];
        random.nextBytes(bytes);
        return bytes;
    }

    @Test
    void holdsTheCheckpointsNumbersToTheBit() {
        try (Checkpoint checkpoint = Checkpoint.open(directory);
                PackedFile packed = PackedFile.open(file);
                PackedMemory memory = PackedMemory.pack(checkpoint, LAYOUT)) {
            assertThat(packed.layout()).isEqualTo(LAYOUT);
            for (PackedTensor tensor : LAYOUT.tensors()) {
                packed.check(tensor);
                assertSameNumbers(checkpoint.find(tensor.name()).orElseThrow(), tensor, packed.data(tensor));
                assertThat(memory.data(tensor).mismatch(packed.data(tensor)))
                        .as(tensor.name())
                        .isEqualTo(-1);
            }
        }
    }

    /// A file of any known format, made from a checkpoint in another, has the numbers that packing into memory
    /// gives.
    @ParameterizedTest
    @EnumSource
    void everyKnownFormatIsWrittenAndFoundAgain(KnownFormat format) throws IOException {
        PackedLayout.Builder layout = new PackedLayout.Builder();
        layout.add("rows", Form.rows(format), List.of(67, 5));
        layout.add("half", Form.panels(format), List.of(33, 3));
        layout.add("brain", Form.panels(format), List.of(70, 300));
        PackedLayout written = layout.build();
        Path other = directory.resolve("other.packed");
        Path numbers = Files.createDirectory(directory.resolve("numbers"));
        Random random = new Random(6);
        SafetensorsWriter writer = new SafetensorsWriter();
        for (PackedTensor tensor : written.tensors()) {
            float[] values = new float[tensor.outputs() * tensor.inputs()];
            for (int i = 0; i < values.length; i++) {
                values[i] = random.nextFloat(-1, 1);
            }
            writer.add(tensor.name(), DType.F32, tensor.shape(), SafetensorsWriter.floats(values));
        }
        Files.write(numbers.resolve("model.safetensors"), writer.bytes());
        try (Checkpoint checkpoint = Checkpoint.open(numbers)) {
            PackingPlan.of(checkpoint, written, directory.resolve("cache")).write(other, new Unwatched());
            try (PackedFile packed = PackedFile.open(other);
                    PackedMemory memory = PackedMemory.pack(checkpoint, written)) {
                assertThat(packed.layout()).isEqualTo(written);
                for (PackedTensor tensor : written.tensors()) {
                    packed.check(tensor);
                    assertThat(memory.data(tensor).mismatch(packed.data(tensor)))
                            .isEqualTo(-1);
                }
            }
        }
    }

    /// No scale reaches an infinite number. Formats without scales keep it.
    @ParameterizedTest
    @EnumSource
    void aNumberThatAFormatCannotHoldIsRefusedWithItsTensor(KnownFormat format) throws IOException {
        Path numbers = Files.createDirectory(directory.resolve("numbers"));
        byte[] values = SafetensorsWriter.floats(1, 2, Float.POSITIVE_INFINITY, 4);
        Files.write(
                numbers.resolve("model.safetensors"),
                new SafetensorsWriter()
                        .add("odd", DType.F32, List.of(2, 2), values)
                        .bytes());
        PackedLayout.Builder layout = new PackedLayout.Builder();
        layout.add("odd", Form.panels(format), List.of(2, 2));
        try (Checkpoint checkpoint = Checkpoint.open(numbers)) {
            PackedLayout odd = layout.build();
            switch (format) {
                case F32, BF16 -> PackedMemory.pack(checkpoint, odd).close();
                case INT8, INT4 ->
                    assertThatThrownBy(() -> PackedMemory.pack(checkpoint, odd))
                            .hasStackTraceContaining("tensor odd cannot be packed as PANELS_" + format)
                            .hasStackTraceContaining("Infinity");
            }
        }
    }

    private static void assertSameNumbers(CheckpointTensor view, PackedTensor tensor, MemorySegment data) {
        float[] expected = new float[Math.toIntExact(view.elements())];
        view.read(0, expected);
        for (int i = 0; i < expected.length; i++) {
            int output = i / tensor.inputs();
            int input = i % tensor.inputs();
            long panelRow = ((long) output / 32 * tensor.inputs() + input) * 32;
            long at = switch (tensor.form().arrangement()) {
                case ROWS, VECTOR -> i;
                case PANELS ->
                    tensor.form().format() == KnownFormat.BF16
                            ? panelRow + output % 32 % 16 * 2L + output % 32 / 16 // 0, 16, 1, 17, …
                            : panelRow + output % 32;
            };
            float actual = tensor.form().format() == KnownFormat.BF16
                    ? Float.intBitsToFloat(data.getAtIndex(JAVA_SHORT, at) << 16)
                    : data.getAtIndex(JAVA_FLOAT, at);
            assertThat(Float.floatToRawIntBits(actual))
                    .as("%s %d", tensor.name(), i)
                    .isEqualTo(Float.floatToRawIntBits(expected[i]));
        }
    }

    @Test
    void isZeroPastTheLastOutput() {
        try (PackedFile packed = PackedFile.open(file)) {
            PackedTensor tensor = LAYOUT.find("brain").orElseThrow();
            for (int input = 0; input < 300; input++) {
                for (int output = 70; output < 96; output++) {
                    long at = (2L * 300 + input) * 32 + output % 32 % 16 * 2L + output % 32 / 16;
                    assertThat(packed.data(tensor).getAtIndex(JAVA_SHORT, at)).isZero();
                }
            }
        }
    }

    @Test
    void laysTensorsOnPagesInTheirOrderAndEndsWithTheLast() throws IOException {
        long end = 0;
        for (PackedTensor tensor : LAYOUT.tensors()) {
            assertThat(tensor.offset() % 4096).isZero();
            assertThat(tensor.offset() - end).isBetween(0L, 4095L);
            end = tensor.offset() + tensor.bytes();
        }
        assertThat(Files.size(file)).isEqualTo(4096 + end);
    }

    @Test
    void theSameCheckpointGivesTheSameBytes() throws IOException {
        Path again = directory.resolve("again.packed");
        try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            PackingPlan.of(checkpoint, LAYOUT, directory.resolve("cache")).write(again, new Unwatched());
        }
        assertThat(Files.mismatch(file, again)).isEqualTo(-1);
    }

    @Test
    void anExistingFileIsNotTouched() throws IOException {
        byte[] before = Files.readAllBytes(file);
        try (Checkpoint checkpoint = Checkpoint.open(directory)) {
            PackingPlan plan = PackingPlan.of(checkpoint, LAYOUT, directory.resolve("cache"));
            assertThatThrownBy(() -> plan.write(file, new Unwatched()))
                    .isInstanceOf(PackingException.class)
                    .hasMessage("%s: cannot be written: %s exists", file, file);
        }
        assertThat(Files.readAllBytes(file)).isEqualTo(before);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 7, 19, 20, 100, 4095, 4096, 5000})
    void aTruncatedFileIsRefused(long length) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(bytes, Math.toIntExact(length)));
        assertThat(refusal()).containsAnyOf("truncated", "in a file of", "bytes long where");
    }

    @Test
    void aFileWithoutItsLastByteOrWithOneMoreIsRefused() throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(bytes, bytes.length - 1));
        assertThat(refusal()).contains("bytes long where its header tells of");
        Files.write(file, Arrays.copyOf(bytes, bytes.length + 1));
        assertThat(refusal()).contains("bytes long where its header tells of");
    }

    @ParameterizedTest
    @CsvSource({
        "0, not a packed model",
        "7, not a packed model",
        "8, 'packed in format 3, this version of spark-qwen reads format 2'",
        "11, packed in format",
        "12, header",
        "15, header of",
        "16, the header is damaged",
        "19, the header is damaged",
        "20, the header is damaged",
        "400, the header is damaged"
    })
    void aFlippedBitOfTheHeaderIsFound(int at, String message) throws IOException {
        flip(at);
        assertThat(refusal()).contains(message);
    }

    @Test
    void aNewerFormatIsRefusedByItsNumber() throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[8] = 3;
        Files.write(file, bytes);
        assertThat(refusal()).contains("packed in format 3, this version of spark-qwen reads format 2");
    }

    static List<Form> forms() {
        return LAYOUT.tensors().stream().map(PackedTensor::form).toList();
    }

    /// Opening does not read the numbers, but the check of the one tensor does.
    @ParameterizedTest
    @MethodSource("forms")
    void aFlippedBitOfAnyTensorIsFoundByItsCheckAlone(Form form) throws IOException {
        PackedTensor damaged = LAYOUT.tensors().stream()
                .filter(tensor -> tensor.form().equals(form))
                .findFirst()
                .orElseThrow();
        for (long at : new long[] {0, damaged.bytes() / 2, damaged.bytes() - 1}) {
            int position = Math.toIntExact(4096 + damaged.offset() + at);
            flip(position);
            try (PackedFile packed = PackedFile.open(file)) {
                for (PackedTensor tensor : LAYOUT.tensors()) {
                    if (tensor.equals(damaged)) {
                        assertThat(Refusal.messageOf(() -> packed.check(tensor)))
                                .startsWith(file + ": tensor " + tensor.name() + " is damaged: CRC-32C ")
                                .contains("delete it");
                    } else {
                        packed.check(tensor);
                    }
                }
            }
            flip(position);
        }
    }

    @Test
    void anAbsentFileIsNamed() {
        Path absent = directory.resolve("absent");
        assertThat(Refusal.messageOf(() -> PackedFile.open(absent).close())).startsWith(absent + ": cannot be mapped");
    }

    /// The headers are whole but wrong.
    @Test
    void aHeaderThatDoesNotFitItsFileIsRefused() throws IOException {
        assertThat(refusalOf(header -> tensor(header, 0).put("form", "COLUMNS")))
                .contains("tensor rows has form \"COLUMNS\"");
        assertThat(refusalOf(header -> tensor(header, 0).putArray("shape").add(67)))
                .contains("tensor rows has shape [67], its form ROWS_BF16 has 2 dimension(s)");
        assertThat(refusalOf(
                        header -> tensor(header, 0).putArray("shape").add(67).add(0)))
                .contains("tensor rows has a size of 0");
        assertThat(refusalOf(header ->
                        tensor(header, 0).putArray("shape").add(1 << 24).add(1 << 24)))
                .contains("expected 562,949,953,421,312 at 0");
        assertThat(refusalOf(header ->
                        tensor(header, 0).putArray("shape").add(1L << 40).add(2)))
                .contains("a size of 1099511627776");
        assertThat(refusalOf(header -> tensor(header, 1).put("offset", 0))).contains("tensor half", "bytes at 0");
        assertThat(refusalOf(header -> tensor(header, 1).put("offset", 8192))).contains("tensor half", "at 8192");
        assertThat(refusalOf(header -> tensor(header, 1).put("bytes", 1))).contains("tensor half has 1 bytes");
        assertThat(refusalOf(header -> tensor(header, 1).put("name", "rows"))).contains("tensor rows is listed twice");
        assertThat(refusalOf(header -> tensor(header, 1).put("crc32c", "XYZ"))).contains("half has no valid crc32c");
        assertThat(refusalOf(header -> ((ObjectNode) header.get("sources").get(0)).put("name", "../a.safetensors")))
                .contains("no valid source");
        assertThat(refusalOf(header -> ((ObjectNode) header.get("sources").get(0)).put("sha256", "ab")))
                .contains("no valid source");
        assertThat(refusalOf(header -> header.putArray("tensors"))).contains("bytes long where its header tells of");
        assertThat(refusalOf(header -> tensor(header, 4)
                        .put("bytes", 32L * 1_000_000 * 4)
                        .putArray("shape")
                        .add(31)
                        .add(1_000_000)))
                .contains("truncated: tensor single ends behind the end of the file");
    }

    private static ObjectNode tensor(ObjectNode header, int index) {
        return (ObjectNode) header.get("tensors").get(index);
    }

    /// Returns the refusal of the file with an edited header that has the right checksum.
    private String refusalOf(Consumer<ObjectNode> edit) throws IOException {
        byte[] original = Files.readAllBytes(file);
        ByteBuffer preamble = ByteBuffer.wrap(original).order(ByteOrder.LITTLE_ENDIAN);
        ObjectMapper mapper = new ObjectMapper();
        ObjectNode header = (ObjectNode) mapper.readTree(original, PREAMBLE_BYTES, preamble.getInt(12));
        edit.accept(header);
        byte[] json = mapper.writeValueAsBytes(header);
        byte[] edited = original.clone();
        Arrays.fill(edited, PREAMBLE_BYTES, 4096, (byte) 0);
        ByteBuffer buffer = ByteBuffer.wrap(edited).order(ByteOrder.LITTLE_ENDIAN);
        buffer.putInt(12, json.length).put(PREAMBLE_BYTES, json);
        CRC32C checksum = new CRC32C();
        checksum.update(edited, 0, 16);
        checksum.update(json);
        buffer.putInt(16, (int) checksum.getValue());
        Files.write(file, edited);
        String message = refusal();
        Files.write(file, original);
        return message;
    }

    private void flip(int position) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[position] ^= 1;
        Files.write(file, bytes);
    }

    private String refusal() {
        String message = Refusal.messageOf(() -> PackedFile.open(file).close());
        assertThat(message).startsWith(file.toString()).contains("; delete it");
        return message;
    }
}
