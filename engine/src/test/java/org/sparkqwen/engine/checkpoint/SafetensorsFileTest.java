package org.sparkqwen.engine.checkpoint;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.testing.Refusal;
import org.sparkqwen.engine.testing.SafetensorsWriter;

/// The safetensors files that are valid, and the name of each kind of damage.
class SafetensorsFileTest {
    private static final byte[] EIGHT = new byte[8];

    @TempDir
    private Path directory;

    /// Returns a valid file: `a` is F32 `[2, 2]`, `b` BF16 `[3]`, `c` F16 without dimensions, `d` F32 without
    /// elements.
    private static SafetensorsWriter valid() {
        return new SafetensorsWriter()
                .add("a", DType.F32, List.of(2, 2), SafetensorsWriter.floats(1, 2, 3, 4))
                .add("b", DType.BF16, List.of(3), SafetensorsWriter.patterns(0x3f80, 0x4000, 0x4040))
                .add("c", DType.F16, List.of(), SafetensorsWriter.patterns(0x3c00))
                .add("d", DType.F32, List.of(0, 7), new byte[0]);
    }

    @Test
    void everyNumberFormatIsReadExactly() throws IOException {
        float least = Float.MIN_VALUE;
        float[] floats = {0f, -0f, 1f, least, -least, Float.MAX_VALUE, Float.NEGATIVE_INFINITY, 0.1f};
        byte[] bytes = new SafetensorsWriter()
                .add("f32", DType.F32, List.of(2, 4), SafetensorsWriter.floats(floats))
                // 0, −0, 1, the least subnormal, −inf, the greatest finite, 3.140625
                .add(
                        "bf16",
                        DType.BF16,
                        List.of(7),
                        SafetensorsWriter.patterns(0, 0x8000, 0x3f80, 1, 0xff80, 0x7f7f, 0x4049))
                // 0, −0, 1, the least subnormal, inf, the greatest finite, 1/3 rounded
                .add(
                        "f16",
                        DType.F16,
                        List.of(7),
                        SafetensorsWriter.patterns(0, 0x8000, 0x3c00, 1, 0x7c00, 0x7bff, 0x3555))
                .bytes();
        try (Arena arena = Arena.ofConfined()) {
            List<TensorView> tensors = SafetensorsFile.map(write(bytes), arena).tensors();
            assertThat(tensors).extracting(TensorView::name).containsExactly("f32", "bf16", "f16");
            assertThat(tensors.get(0).shape()).containsExactly(2, 4);
            assertBits(read(tensors.get(0)), floats);
            assertBits(read(tensors.get(1)), 0f, -0f, 1f, 0x1p-133f, Float.NEGATIVE_INFINITY, 0x1.fep127f, 3.140625f);
            assertBits(read(tensors.get(2)), 0f, -0f, 1f, 0x1p-24f, Float.POSITIVE_INFINITY, 65504f, 0.33325195f);

            float[] middle = new float[2];
            tensors.get(2).read(2, middle);
            assertBits(middle, 1f, 0x1p-24f);
        }
    }

    @Test
    void scalarsAndEmptyTensorsAndMetadataAreRead() throws IOException {
        SafetensorsWriter writer = valid();
        writer.header().putObject("__metadata__").put("format", "pt");
        try (Arena arena = Arena.ofConfined()) {
            List<TensorView> tensors =
                    SafetensorsFile.map(write(writer.bytes()), arena).tensors();
            assertThat(tensors).extracting(TensorView::name).containsExactly("a", "b", "c", "d");
            assertThat(tensors).extracting(TensorView::elements).containsExactly(4L, 3L, 1L, 0L);
            assertBits(read(tensors.get(2)), 1f);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7})
    void aFileShorterThanItsHeadersLengthIsTruncated(int bytes) {
        assertThat(refusal(Arrays.copyOf(valid().bytes(), bytes)))
                .contains("truncated", "%d bytes".formatted(bytes), "download");
    }

    @Test
    void aFileCutAnywhereIsTruncated() {
        byte[] whole = valid().bytes();
        for (int bytes = 8; bytes < whole.length; bytes++) {
            assertThat(refusal(Arrays.copyOf(whole, bytes)))
                    .as("%d of %d bytes", bytes, whole.length)
                    .contains("truncated", "download");
        }
    }

    @ParameterizedTest
    @CsvSource({
        "0, a header of 0 bytes",
        "1, a header of 1 bytes",
        "100000001, a header of 100000001 bytes",
        "-1, a header of 18446744073709551615 bytes",
        "-9223372036854775808, a header of 9223372036854775808 bytes"
    })
    void anImpossibleHeaderLengthIsRefused(long length, String named) {
        assertThat(refusal(SafetensorsWriter.file(length, "{}".getBytes(UTF_8), EIGHT)))
                .contains("not a safetensors file", named, "2 to 16,777,216");
    }

    @ParameterizedTest
    @ValueSource(longs = {3, 11, 16_777_216})
    void aHeaderLongerThanTheFileIsTruncated(long length) {
        assertThat(refusal(SafetensorsWriter.file(length, "{}".getBytes(UTF_8), new byte[0])))
                .contains("truncated", "the header has %,d bytes".formatted(length), "download");
    }

    @ParameterizedTest
    @CsvSource(delimiterString = " | ", quoteCharacter = '`', textBlock = """
        [] | expected a JSON object
        `  ` | expected a JSON object
        null | expected a JSON object
        {"a" | malformed JSON at line 1
        {} x | malformed JSON at line 1
        {"a":1,"a":2} | Duplicate field 'a'
        {"a":NaN} | malformed JSON at line 1
        """)
    void aHeaderThatIsNotOneJsonObjectIsRefused(String header, String named) {
        assertThat(refusal(SafetensorsWriter.file(header.getBytes(UTF_8), new byte[0])))
                .contains("(header)", named);
    }

    @Test
    void bytesThatAreNoTextAreRefused() {
        assertThat(refusal(SafetensorsWriter.file(new byte[] {'{', '"', (byte) 0xff, '"', ':', '1', '}'}, EIGHT)))
                .contains("(header)", "malformed JSON");
        assertThat(refusal(SafetensorsWriter.file(new byte[] {0, 0, 0, '{', 0, 1, 2, 3}, EIGHT)))
                .contains("(header)");
    }

    @ParameterizedTest
    @ValueSource(ints = {33, 1000, 1_000_000})
    void aDeeplyNestedHeaderIsRefused(int depth) {
        String nested = "{\"a\":" + "[".repeat(depth) + "]".repeat(depth) + "}";
        assertThat(refusal(SafetensorsWriter.file(nested.getBytes(UTF_8), new byte[0])))
                .contains("(header)", "nesting depth");
    }

    /// The data of tensor `a` have 16 bytes.
    @ParameterizedTest
    @CsvSource(delimiterString = " | ", quoteCharacter = '`', textBlock = """
        7 | no dtype
        {} | no dtype
        {"dtype":"I64","shape":[2],"data_offsets":[0,16]} | dtype "I64"; BF16, F16 and F32 are supported
        {"dtype":"f32","shape":[4],"data_offsets":[0,16]} | dtype "f32"
        {"dtype":"F8_E4M3","shape":[],"data_offsets":[0,1]} | dtype "F8_E4M3"
        {"dtype":32,"shape":[4],"data_offsets":[0,16]} | dtype 32
        {"dtype":["F32"],"shape":[4],"data_offsets":[0,16]} | dtype ["F32"]
        {"dtype":"F32","data_offsets":[0,16]} | no valid shape
        {"dtype":"F32","shape":4,"data_offsets":[0,16]} | no valid shape
        {"dtype":"F32","shape":[1,1,1,1,1,1,1,1,4],"data_offsets":[0,16]} | no valid shape
        {"dtype":"F32","shape":[-4],"data_offsets":[0,16]} | a size of -4 in its shape
        {"dtype":"F32","shape":[4.0],"data_offsets":[0,16]} | a size of 4.0 in its shape
        {"dtype":"F32","shape":["4"],"data_offsets":[0,16]} | a size of "4" in its shape
        {"dtype":"F32","shape":[4294967300],"data_offsets":[0,16]} | a size of 4294967300 in its shape
        {"dtype":"F32","shape":[5],"data_offsets":[0,16]} | 16 bytes of data; F32 of shape [5] needs 20
        {"dtype":"BF16","shape":[4],"data_offsets":[0,16]} | 16 bytes of data; BF16 of shape [4] needs 8
        {"dtype":"F32","shape":[4]} | no valid data_offsets
        {"dtype":"F32","shape":[4],"data_offsets":[0]} | no valid data_offsets
        {"dtype":"F32","shape":[4],"data_offsets":[0,8,16]} | no valid data_offsets
        {"dtype":"F32","shape":[4],"data_offsets":[0,16.0]} | no valid data_offsets
        {"dtype":"F32","shape":[4],"data_offsets":["0",16]} | no valid data_offsets
        {"dtype":"F32","shape":[4],"data_offsets":[16,0]} | impossible data_offsets [16,0]
        {"dtype":"F32","shape":[4],"data_offsets":[-16,0]} | impossible data_offsets [-16,0]
        {"dtype":"F32","shape":[4],"data_offsets":[0,18446744073709551632]} | impossible data_offsets
        {"dtype":"F32","shape":[4],"data_offsets":[16,32]} | tensor a ends at byte 32
        {"dtype":"F32","shape":[3],"data_offsets":[4,16]} | starts at byte 4 of the data, where 0 was
        {"dtype":"F32","shape":[3],"data_offsets":[0,12]} | end at byte 12 of the data, which has 16
        """)
    void aDamagedEntryIsRefusedByTheTensorsName(String entry, String named) {
        byte[] header = "{\"a\":%s}".formatted(entry.strip()).getBytes(UTF_8);
        assertThat(refusal(SafetensorsWriter.file(header, SafetensorsWriter.floats(1, 2, 3, 4))))
                .contains(named)
                .matches(message -> named.startsWith("end at") || message.contains("tensor a "), "names the tensor")
                .matches(message -> message.contains("download") || named.startsWith("dtype"), "says what to do");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "[2147483647,2147483647,2147483647]", "[2147483647,2147483647,2]", "[2147483647,2147483647,0,3]",
                "[65536,65536,65536,65536]", "[65536,65536,65536,32768]", "[65536,65536,65536,16384]"
            })
    void aShapeWhoseSizeOverflowsIsNotTakenForASmallOne(String shape) {
        String header = "{\"a\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[0,16]}}".formatted(shape);
        assertThat(refusal(SafetensorsWriter.file(header.getBytes(UTF_8), SafetensorsWriter.floats(1, 2, 3, 4))))
                .contains("tensor a has", "shape");
    }

    @Test
    void offsetsThatOverlapAreRefused() {
        assertThat(refusal(twoTensors(0, 16, 8, 24))).contains("tensor b starts at byte 8", "16 was", "overlap");
        assertThat(refusal(twoTensors(0, 16, 0, 16))).contains("starts at byte 0", "16 was", "overlap");
    }

    @Test
    void aGapBetweenTensorsIsRefused() {
        assertThat(refusal(twoTensors(0, 16, 24, 40))).contains("tensor b starts at byte 24", "leave a gap");
    }

    @Test
    void trailingBytesAreRefused() {
        byte[] whole = valid().bytes();
        assertThat(refusal(Arrays.copyOf(whole, whole.length + 1)))
                .contains("the tensors end at byte 24 of the data, which has 25", "download");
        assertThat(refusal(SafetensorsWriter.file("{}".getBytes(UTF_8), EIGHT))).contains("end at byte 0");
    }

    @Test
    void theOrderOfTheHeaderNeedNotBeThatOfTheData() throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            List<TensorView> tensors =
                    SafetensorsFile.map(write(twoTensors(16, 32, 0, 16)), arena).tensors();
            assertBits(read(tensors.get(0)), 5f, 6f, 7f, 8f);
            assertBits(read(tensors.get(1)), 1f, 2f, 3f, 4f);
        }
    }

    @Test
    void anAbsentFileIsRefused() {
        try (Arena arena = Arena.ofConfined()) {
            Path absent = directory.resolve("absent.safetensors");
            assertThat(Refusal.messageOf(() -> SafetensorsFile.map(absent, arena)))
                    .startsWith(absent + ": cannot be mapped");
        }
    }

    @Test
    void aNameWithLineBreaksDoesNotBreakTheMessageIntoLines() {
        String header = """
            {"a\\nERROR forged\\u2028\\u001b[31m":{"dtype":"I64\\r","shape":[],"data_offsets":[0,8]}}\
            """;
        assertThat(refusal(SafetensorsWriter.file(header.getBytes(UTF_8), EIGHT)))
                .contains("ERROR forged")
                .doesNotContain("\u001b", "\u2028");
    }

    /// Bytes of a valid header are flipped, replaced, cut out and put in; the file is then refused in one line, or
    /// it is a consistent one, all of whose numbers can be read.
    @Test
    void anyDamageOfTheHeaderIsRefusedOrLeavesAConsistentFile() throws IOException {
        byte[] whole = valid().bytes();
        int headerEnd = whole.length - valid().data().length;
        Random random = new Random(20);
        int sound = 0;
        int refused = 0;
        for (int round = 0; round < 5000; round++) {
            byte[] damaged = whole;
            for (int i = random.nextInt(3); i >= 0; i--) {
                damaged = damage(damaged, headerEnd, random);
            }
            try (Arena arena = Arena.ofConfined()) {
                for (TensorView tensor :
                        SafetensorsFile.map(write(damaged), arena).tensors()) {
                    assertThat(tensor.data().byteSize())
                            .isEqualTo(tensor.dtype().bytes(tensor.elements()));
                    assertThat(read(tensor)).hasSize(Math.toIntExact(tensor.elements()));
                }
                sound++;
            } catch (InvalidModelException e) {
                assertThat(e.getMessage()).hasLineCount(1).contains("x.safetensors");
                refused++;
            }
        }
        assertThat(sound).isGreaterThan(20);
        assertThat(refused).isGreaterThan(2000);
    }

    /// Changes the header; half of the time its length too, so that the change is not seen as a wrong length.
    private static byte[] damage(byte[] file, int headerEnd, Random random) {
        byte[] damaged = file.clone();
        int at = random.nextInt(Math.min(headerEnd, file.length));
        switch (random.nextInt(4)) {
            case 0 -> damaged[at] ^= (byte) (1 << random.nextInt(8));
            case 1 -> damaged[at] = (byte) "{}[]\",:0123456789-.eE \\\n".charAt(random.nextInt(23));
            case 2 -> {
                int count = Math.min(1 + random.nextInt(4), file.length - at);
                damaged = Arrays.copyOf(file, file.length - count);
                System.arraycopy(file, at + count, damaged, at, file.length - at - count);
                lengthen(damaged, -count, random);
            }
            default -> {
                damaged = Arrays.copyOf(file, file.length + 1);
                System.arraycopy(file, at, damaged, at + 1, file.length - at);
                lengthen(damaged, 1, random);
            }
        }
        return damaged.length < 9 ? file : damaged;
    }

    private static void lengthen(byte[] file, int count, Random random) {
        if (random.nextBoolean() && file.length > 0) {
            file[0] = (byte) (file[0] + count);
        }
    }

    /// Returns `a` and `b`, F32 of 16 bytes each, over data of 40 bytes, or 32 where neither reaches further.
    private static byte[] twoTensors(int beginA, int endA, int beginB, int endB) {
        String header = """
            {"a":{"dtype":"F32","shape":[4],"data_offsets":[%d,%d]},\
            "b":{"dtype":"F32","shape":[4],"data_offsets":[%d,%d]}}\
            """.formatted(beginA, endA, beginB, endB);
        byte[] data = SafetensorsWriter.floats(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
        return SafetensorsWriter.file(header.getBytes(UTF_8), Arrays.copyOf(data, Math.max(endA, endB)));
    }

    private String refusal(byte[] file) {
        try (Arena arena = Arena.ofConfined()) {
            Path path = write(file);
            String message = Refusal.messageOf(() -> SafetensorsFile.map(path, arena));
            assertThat(message).startsWith(path.toString());
            return message;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Path write(byte[] file) throws IOException {
        return Files.write(directory.resolve("x.safetensors"), file);
    }

    private static float[] read(TensorView tensor) {
        float[] values = new float[Math.toIntExact(tensor.elements())];
        tensor.read(0, values);
        return values;
    }

    private static void assertBits(float[] values, float... expected) {
        assertThat(values).hasSameSizeAs(expected);
        for (int i = 0; i < expected.length; i++) {
            assertThat(Float.floatToRawIntBits(values[i]))
                    .as("element %d", i)
                    .isEqualTo(Float.floatToRawIntBits(expected[i]));
        }
    }
}
