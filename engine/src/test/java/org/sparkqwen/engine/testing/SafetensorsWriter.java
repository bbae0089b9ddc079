package org.sparkqwen.engine.testing;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.sparkqwen.engine.checkpoint.DType;
import org.sparkqwen.engine.quantized.NumberType;

/// Builds safetensors files for tests. [#bytes] is always a valid file. Tests of damaged files edit [#header] or
/// combine their own bytes with [#file].
public final class SafetensorsWriter {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private final ObjectNode header = MAPPER.createObjectNode();
    private final ByteArrayOutputStream data = new ByteArrayOutputStream();

    /// Appends a tensor.
    ///
    /// @param values its little-endian bytes
    public SafetensorsWriter add(String name, DType dtype, List<Integer> shape, byte[] values) {
        return add(name, NumberType.valueOf(dtype.name()), shape, values);
    }

    /// Appends a tensor, which may be a part of a quantized weight.
    ///
    /// @param values its little-endian bytes
    public SafetensorsWriter add(String name, NumberType dtype, List<Integer> shape, byte[] values) {
        ObjectNode entry = header.putObject(name);
        entry.put("dtype", dtype.name());
        ArrayNode sizes = entry.putArray("shape");
        shape.forEach(sizes::add);
        entry.putArray("data_offsets").add(data.size()).add(data.size() + values.length);
        data.writeBytes(values);
        return this;
    }

    /// Returns the header, which may be edited.
    public ObjectNode header() {
        return header;
    }

    public byte[] data() {
        return data.toByteArray();
    }

    public byte[] bytes() {
        return file(json(header), data());
    }

    /// Returns a file of the given header and data, whatever they are.
    public static byte[] file(byte[] header, byte[] data) {
        return file(header.length, header, data);
    }

    /// Returns a file that states another header length than the header has.
    public static byte[] file(long headerBytes, byte[] header, byte[] data) {
        byte[] file = new byte[Long.BYTES + header.length + data.length];
        little(file).putLong(headerBytes).put(header).put(data);
        return file;
    }

    public static byte[] floats(float... values) {
        byte[] bytes = new byte[values.length * Float.BYTES];
        little(bytes).asFloatBuffer().put(values);
        return bytes;
    }

    /// Returns the bytes of 16-bit patterns, for BF16 and F16.
    public static byte[] patterns(int... values) {
        byte[] bytes = new byte[values.length * Short.BYTES];
        ByteBuffer buffer = little(bytes);
        for (int value : values) {
            buffer.putShort((short) value);
        }
        return bytes;
    }

    /// Overwrites elements of a tensor in an F32 or BF16 file.
    ///
    /// @param from the first element's index
    public static void overwrite(Path file, String tensor, int from, float... values) {
        try {
            byte[] bytes = Files.readAllBytes(file);
            ByteBuffer buffer = little(bytes);
            int headerBytes = Math.toIntExact(buffer.getLong(0));
            var entry = MAPPER.readTree(bytes, Long.BYTES, headerBytes).get(tensor);
            NumberType dtype = NumberType.valueOf(entry.get("dtype").textValue());
            int start =
                    Long.BYTES + headerBytes + entry.get("data_offsets").get(0).intValue();
            for (int i = 0; i < values.length; i++) {
                int at = start + dtype.bytes() * (from + i);
                switch (dtype) {
                    case F32 -> buffer.putFloat(at, values[i]);
                    case BF16 -> buffer.putShort(at, (short) (Float.floatToIntBits(values[i]) >> 16));
                    case F16 -> buffer.putShort(at, Float.floatToFloat16(values[i]));
                    case F8_E4M3, I8, I32, I64 -> throw new IllegalStateException("no floats: " + dtype);
                }
            }
            Files.write(file, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// A tensor without its name.
    public record Tensor(NumberType dtype, List<Integer> shape, byte[] bytes) {
        /// Converts an F32 tensor to bfloat16 by truncation.
        public Tensor toBf16() {
            byte[] cut = new byte[bytes.length / 2];
            for (int i = 0; i < cut.length; i += 2) {
                cut[i] = bytes[2 * i + 2];
                cut[i + 1] = bytes[2 * i + 3];
            }
            return new Tensor(NumberType.BF16, shape, cut);
        }

        /// Widens a BF16 tensor to float32.
        public Tensor toF32() {
            byte[] wide = new byte[bytes.length * 2];
            for (int i = 0; i < bytes.length; i += 2) {
                wide[2 * i + 2] = bytes[i];
                wide[2 * i + 3] = bytes[i + 1];
            }
            return new Tensor(NumberType.F32, shape, wide);
        }
    }

    /// Rewrites a file with other tensors.
    ///
    /// @param edit edits the tensors, by name and in their order
    public static void rewrite(Path file, Consumer<Map<String, Tensor>> edit) {
        try {
            Map<String, Tensor> tensors = read(file);
            edit.accept(tensors);
            SafetensorsWriter writer = new SafetensorsWriter();
            tensors.forEach((name, tensor) -> writer.add(name, tensor.dtype(), tensor.shape(), tensor.bytes()));
            Files.write(file, writer.bytes());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Reads the tensors of a file, by name and in their order.
    public static Map<String, Tensor> read(Path file) {
        try {
            byte[] bytes = Files.readAllBytes(file);
            int headerBytes = Math.toIntExact(little(bytes).getLong(0));
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            for (var field : MAPPER.readTree(bytes, Long.BYTES, headerBytes).properties()) {
                if (!field.getKey().equals("__metadata__")) {
                    var entry = field.getValue();
                    int start = Long.BYTES + headerBytes;
                    List<Integer> shape = new ArrayList<>();
                    entry.get("shape").forEach(size -> shape.add(size.intValue()));
                    tensors.put(
                            field.getKey(),
                            new Tensor(
                                    NumberType.valueOf(entry.get("dtype").textValue()),
                                    shape,
                                    Arrays.copyOfRange(
                                            bytes,
                                            start + entry.at("/data_offsets/0").intValue(),
                                            start + entry.at("/data_offsets/1").intValue())));
                }
            }
            return tensors;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static byte[] json(ObjectNode node) {
        try {
            return MAPPER.writeValueAsBytes(node);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static ByteBuffer little(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
