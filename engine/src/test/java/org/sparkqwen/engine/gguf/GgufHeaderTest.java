package org.sparkqwen.engine.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.testing.GgufWriter;
import org.sparkqwen.engine.testing.Refusal;

/// Headers of GGUF files are read as the format says. A damaged or hostile one is refused in one line.
class GgufHeaderTest {
    private static final Duration SOON = Duration.ofSeconds(10);

    @TempDir
    private Path directory = Path.of("");

    private final GgufWriter writer = new GgufWriter()
            .put("general.architecture", "qwen3")
            .put("a.list", new int[] {1, -2, 3})
            .put("some.texts", List.of("", "\u00e9", "two words"))
            .add("first", GgufWriter.F32, List.of(2, 3), new byte[24])
            .add("second", 8, List.of(5, 64), new byte[5 * 2 * 34])
            .add("third", GgufWriter.F16, List.of(1), new byte[2]);

    @Test
    void metadataAndTensorsAreRead() {
        GgufHeader header = read();
        assertThat(header.metadata().text("general.architecture")).isEqualTo("qwen3");
        assertThat(header.metadata().integers("a.list")).containsExactly(1, -2, 3);
        assertThat(header.metadata().texts("some.texts")).containsExactly("", "\u00e9", "two words");
        int start = Math.ceilDiv(writer.header().length, 32) * 32;
        assertThat(header.tensors())
                .containsExactly(
                        new GgufTensor("first", TensorType.F32, List.of(2, 3), start, 24),
                        new GgufTensor("second", TensorType.Q8_0, List.of(5, 64), start + 32, 340),
                        new GgufTensor("third", TensorType.F16, List.of(1), start + 384, 2));
    }

    /// Every type of value is read, with and without a sign.
    @Test
    void valuesOfEveryTypeAreRead() {
        writer.put("u8", value(0, 1, 255))
                .put("i8", value(1, 1, -1))
                .put("u16", value(2, 2, 65_535))
                .put("i16", value(3, 2, -2))
                .put("u32", value(4, 4, 0xFFFF_FFFFL))
                .put("i32", value(5, 4, -3))
                .put("u64", value(10, 8, 1L << 40))
                .put("i64", value(11, 8, -4))
                .put("f64", value(12, 8, Double.doubleToLongBits(0.1)))
                .put("huge", value(10, 8, -1))
                .put("f32", 1e-6f)
                .put("flag", true);
        GgufMetadata metadata = read().metadata();
        assertThat(metadata.wholeNumber("u8", 0, 255)).isEqualTo(255);
        assertThat(metadata.wholeNumber("i8", -1, 0)).isEqualTo(-1);
        assertThat(metadata.wholeNumber("u16", 0, 65_535)).isEqualTo(65_535);
        assertThat(metadata.wholeNumber("i16", -5, 0)).isEqualTo(-2);
        assertThat(metadata.number("u32")).isEqualTo(4_294_967_295.0);
        assertThat(metadata.number("i32")).isEqualTo(-3);
        assertThat(metadata.number("u64")).isEqualTo(1L << 40);
        assertThat(metadata.number("i64")).isEqualTo(-4);
        assertThat(metadata.number("f64")).isEqualTo(0.1);
        assertThat(metadata.number("huge")).isEqualTo(0x1p64);
        assertThat(metadata.number("f32")).isEqualTo(1e-6);
        assertThat(metadata.flag("flag", false)).isTrue();
        assertThat(Refusal.messageOf(() -> metadata.wholeNumber("huge", 1, 100)))
                .endsWith("huge must be a whole number from 1 to 100, not 1.8446744073709552E19");
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 32, 64, 4096})
    void tensorsAreAligned(int alignment) {
        writer.alignment(alignment);
        assertThat(read().tensors()).allMatch(tensor -> tensor.from() % alignment == 0);
    }

    @Test
    void theEndNeedNotBePadded() throws IOException {
        byte[] bytes = writer.bytes();
        write(Arrays.copyOf(bytes, bytes.length - 30));
        assertThat(read(file()).tensors()).hasSize(3);
    }

    /// Wherever a file ends, one line says so.
    @Test
    void aFileThatIsCutOffAnywhereIsRefused() throws IOException {
        byte[] bytes = writer.bytes();
        for (int length = 0; length < bytes.length - 30; length++) {
            write(Arrays.copyOf(bytes, length));
            assertThat(refusal()).as("%d bytes", length).contains("truncated", "download the file again");
        }
    }

    @Test
    void whatFollowsTheLastTensorIsRefused() throws IOException {
        byte[] bytes = writer.bytes();
        write(Arrays.copyOf(bytes, bytes.length + 1));
        assertThat(refusal()).contains("the tensors end at byte 386 of the data, which has 417");
        try (RandomAccessFile large = new RandomAccessFile(file().toFile(), "rw")) {
            large.setLength(1L << 40);
        }
        assertThat(refusal()).contains("the tensors end at byte 386 of the data");
    }

    @ParameterizedTest
    @CsvSource(delimiterString = " | ", textBlock = """
        3 | Q4_1
        6 | Q5_0
        7 | Q5_1
        9 | Q8_1
        10 | Q2_K
        11 | Q3_K
        15 | Q8_K
        16 | IQ2_XXS
        17 | IQ2_XS
        18 | IQ3_XXS
        19 | IQ1_S
        20 | IQ4_NL
        21 | IQ3_S
        22 | IQ2_S
        23 | IQ4_XS
        24 | I8
        26 | I32
        28 | F64
        29 | IQ1_M
        34 | TQ1_0
        35 | TQ2_0
        39 | MXFP4
        4 | the unknown type 4
        99 | the unknown type 99
        -1 | the unknown type 4294967295
        """)
    void anotherNumberFormatIsRefusedByItsName(int id, String name) {
        writer.add("blk.0.ffn_up.weight", id, List.of(256), new byte[256]);
        assertThat(refusal(writer.bytes()))
                .contains("tensor blk.0.ffn_up.weight is stored as %s, which is not supported; take a file in F32, F16,"
                        .formatted(name));
    }

    @ParameterizedTest
    @CsvSource(delimiterString = " | ", textBlock = """
        0 | GGUF version 0 is not supported; 2 and 3 are
        1 | GGUF version 1 is not supported
        4 | GGUF version 4 is not supported
        -1 | GGUF version 4294967295 is not supported
        50331648 | a big-endian GGUF file, which is not read
        """)
    void otherVersionsAreRefused(int version, String line) {
        assertThat(refusal(writer.version(version).bytes())).contains(line);
    }

    @Test
    void version2IsRead() {
        writer.version(2);
        assertThat(read().tensors()).hasSize(3);
    }

    @Test
    void otherFilesAreRefused() {
        assertThat(refusal("anything at all".getBytes(StandardCharsets.UTF_8))).contains("not a GGUF file");
        assertThat(refusal("version https://git-lfs.github.com/spec/v1\n".getBytes(StandardCharsets.UTF_8)))
                .contains("a pointer of Git LFS instead of the file; git lfs pull fetches that");
    }

    /// Counts and lengths of up to 2^64 - 1 are refused before anything is allocated.
    @ParameterizedTest
    @ValueSource(longs = {200_001, 1L << 31, 1L << 32, 1L << 62, Long.MIN_VALUE, -1})
    void hugeCountsAreRefused(long count) {
        assertThat(refusal(edited(bytes -> bytes.putLong(8, count)))).contains("the number of tensors is ");
        assertThat(refusal(edited(bytes -> bytes.putLong(16, count)))).contains("the number of metadata values is ");
        assertThat(refusal(edited(bytes -> bytes.putLong(24, count)))).contains("key 0 at byte 24 has ");
        assertThat(refusal(edited(bytes -> bytes.putLong(24 + 8 + 20 + 4, count))))
                .contains("truncated: the value of general.architecture");
        int texts = indexOf("some.texts") + "some.texts".length() + 8;
        assertThat(refusal(edited(bytes -> bytes.putLong(texts, count))))
                .containsPattern("some.texts|metadata|key|truncated");
        int list = indexOf("a.list") + "a.list".length() + 8;
        assertThat(refusal(edited(bytes -> bytes.putLong(list, count)))).contains("the value of a.list");
        int size = indexOf("second") + "second".length() + 4;
        assertThat(refusal(edited(bytes -> bytes.putLong(size, count))))
                .containsPattern("tensor second (has a size of|has rows of|has an impossible shape)|truncated");
    }

    /// The sizes multiply to more than 2^63.
    @Test
    void anImpossibleShapeIsRefused() {
        int size = Integer.MAX_VALUE;
        writer.add("wide", GgufWriter.F32, List.of(size, size, size), new byte[4]);
        assertThat(refusal(writer.bytes())).contains("tensor wide has an impossible shape [2147483647, 21474");
    }

    @Test
    void rowsAreWholeBlocks() {
        writer.add("odd", 12, List.of(2, 128), new byte[144]);
        assertThat(refusal(writer.bytes()))
                .contains("tensor odd has rows of 128 numbers, which are no whole blocks of Q4_K: 256");
    }

    @ParameterizedTest
    @CsvSource(delimiterString = " | ", textBlock = """
        0 | tensor second starts at byte 0 of the data, where 32 was expected: the offsets overlap
        64 | tensor second starts at byte 64 of the data, where 32 was expected: the offsets leave a gap
        33 | are no multiples of the alignment 32
        9223372036854775807 | where 416 was expected
        -1 | tensor second has the impossible offset 18446744073709551615
        """)
    void offsetsThatOverlapOrLeaveGapsAreRefused(long offset, String line) {
        int at = indexOf("second") + "second".length() + 4 + 2 * 8 + 4;
        String message = refusal(edited(bytes -> bytes.putLong(at, offset)));
        assertThat(message).containsPattern(Pattern.quote(line) + "|tensor third starts at byte");
    }

    @Test
    void whatIsThereTwiceIsRefused() {
        writer.add("first", GgufWriter.F32, List.of(1), new byte[4]);
        assertThat(refusal(writer.bytes())).contains("the tensor first is there twice");
        byte[] twice = new GgufWriter().put("key.a", 1).put("key.b", 2).bytes();
        assertThat(refusal(new String(twice, StandardCharsets.ISO_8859_1)
                        .replace("key.b", "key.a")
                        .getBytes(StandardCharsets.ISO_8859_1)))
                .contains("the key key.a is there twice");
    }

    @ParameterizedTest
    @CsvSource({"0", "-8", "7", "12", "2000000"})
    void aBadAlignmentIsRefused(int alignment) {
        assertThat(refusal(writer.put("general.alignment", alignment).bytes()))
                .contains("general.alignment must be a ");
    }

    @Test
    void badValuesAreRefused() {
        assertThat(refusal(writer.put("flag", new byte[] {7, 0, 0, 0, 2}).bytes()))
                .contains("the value of flag is 2, neither true nor false");
        assertThat(refusal(writer.put("flag", new byte[] {13, 0, 0, 0}).bytes()))
                .contains("the value of flag has the type 13, which does not exist");
        assertThat(refusal(
                        writer.put("flag", new byte[] {9, 0, 0, 0, 9, 0, 0, 0}).bytes()))
                .contains("the value of flag is a list of lists");
        assertThat(refusal(writer.put("flag", new byte[] {8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, (byte) 0xFF})
                        .bytes()))
                .contains("the value of flag is malformed UTF-8");
        assertThat(refusal(writer.put("flag", "general.alignment")
                        .put("general.alignment", "32")
                        .bytes()))
                .contains("general.alignment must be a whole number from 1 to 1,048,576, not 32");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 5, 1 << 30, -1})
    void aTensorHasOneToFourDimensions(int dimensions) {
        int at = indexOf("first") + "first".length();
        assertThat(refusal(edited(bytes -> bytes.putInt(at, dimensions)))).contains("dimensions; 1 to 4 are allowed");
    }

    @Test
    void aLongNameIsRefusedAndAForgedLineIsEscaped() {
        writer.add("x".repeat(257), GgufWriter.F32, List.of(1), new byte[4]);
        assertThat(refusal(writer.bytes())).contains("the name of tensor 3 at byte", "257 bytes; at most 256");
        assertThat(refusal(new GgufWriter()
                        .add("a\n\u001b[2J\u202e", 10, List.of(1), new byte[4])
                        .bytes()))
                .contains("tensor a\\n\\u001b[2J\\u202e is stored as Q2_K");
    }

    private Path file() {
        return directory.resolve("model.gguf");
    }

    private GgufHeader read() {
        return GgufHeader.read(writer.write(file()));
    }

    private static GgufHeader read(Path file) {
        return GgufHeader.read(file);
    }

    private void write(byte[] bytes) throws IOException {
        Files.write(file(), bytes);
    }

    private String refusal(byte[] bytes) {
        try {
            write(bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return refusal();
    }

    private String refusal() {
        String message = assertTimeoutPreemptively(SOON, () -> Refusal.messageOf(() -> read(file())));
        assertThat(message).startsWith(file() + ": ").hasSizeLessThan(600);
        return message;
    }

    private byte[] edited(Consumer<ByteBuffer> edit) {
        byte[] bytes = writer.bytes();
        edit.accept(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN));
        return bytes;
    }

    /// The place of a name in the file.
    private int indexOf(String name) {
        return new String(writer.bytes(), StandardCharsets.ISO_8859_1).indexOf(name);
    }

    /// A value of a type with its little-endian bytes.
    private static byte[] value(int type, int bytes, long value) {
        byte[] all = ByteBuffer.allocate(Integer.BYTES + Long.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(type)
                .putLong(value)
                .array();
        return Arrays.copyOf(all, Integer.BYTES + bytes);
    }
}
