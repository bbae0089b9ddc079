package org.sparkqwen.engine.checkpoint;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.modelfile.ModelJson;
import org.sparkqwen.engine.quantized.NumberType;
import org.sparkqwen.engine.quantized.StoredTensor;

/// A mapped safetensors file: eight bytes of header length, a JSON header, then the tensors' bytes without gaps.
///
/// The file is untrusted. Everything is checked before it is used: the header's length against the file's, each
/// tensor's range against the data, its size against its shape and type, and all ranges against each other. See
/// <https://github.com/huggingface/safetensors#format>.
final class SafetensorsFile {
    private static final ValueLayout.OfLong LENGTH = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /// The eight bytes of the length if the file is a Git LFS pointer: `version `.
    private static final long LFS_POINTER = 0x206e6f6973726576L;

    /// The most bytes of a header. The format's own library allows 100 MB. The model with the most tensors would
    /// need 5 MB in a single file, and a parsed header takes some ten times its size.
    private static final long MAX_HEADER_BYTES = 16 << 20;

    /// The most tensors of a file. The model with the most, 235B-A22B, has 36,945 in all its files.
    private static final int MAX_TENSORS = 200_000;

    private final Path path;
    private final List<StoredTensor> tensors;

    private SafetensorsFile(Path path, List<StoredTensor> tensors) {
        this.path = path;
        this.tensors = tensors;
    }

    /// Maps `path` into `arena` and checks it.
    ///
    /// @throws InvalidModelException if the file is absent, truncated, or not what the format says, or if a tensor
    ///     has numbers that are no weights by themselves
    static SafetensorsFile map(Path path, Arena arena) {
        return map(path, arena, NumberType.PLAIN);
    }

    /// Maps and checks a file like [#map(Path, Arena)].
    ///
    /// @param types the number types that its tensors may have
    static SafetensorsFile map(Path path, Arena arena, Set<NumberType> types) {
        MemorySegment file;
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            file = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
        } catch (IOException e) {
            throw new InvalidModelException("%s: cannot be mapped (%s)".formatted(path, e), e);
        }
        return parse(path, file, types);
    }

    private static SafetensorsFile parse(Path path, MemorySegment file, Set<NumberType> types) {
        if (file.byteSize() < LENGTH.byteSize()) {
            throw damaged(
                    "%s: truncated: %d bytes are too few for a safetensors file".formatted(path, file.byteSize()));
        }
        long headerBytes = file.get(LENGTH, 0);
        long available = file.byteSize() - LENGTH.byteSize();
        if (headerBytes == LFS_POINTER) {
            throw new InvalidModelException(
                    "%s: a pointer of Git LFS instead of the file; git lfs pull fetches that".formatted(path));
        }
        if (headerBytes < 2 || headerBytes > MAX_HEADER_BYTES) {
            throw damaged("%s: not a safetensors file: a header of %s bytes (2 to %,d are allowed)"
                    .formatted(path, Long.toUnsignedString(headerBytes), MAX_HEADER_BYTES));
        }
        if (headerBytes > available) {
            throw damaged("%s: truncated: the header has %,d bytes, the file only %,d after its length"
                    .formatted(path, headerBytes, available));
        }
        byte[] json = file.asSlice(LENGTH.byteSize(), headerBytes).toArray(JAVA_BYTE);
        JsonNode header = ModelJson.parseObject(json, path + " (header)");
        MemorySegment data = file.asSlice(LENGTH.byteSize() + headerBytes);

        List<Entry> entries = new ArrayList<>();
        for (Map.Entry<String, JsonNode> field : header.properties()) {
            if (!field.getKey().equals("__metadata__")) {
                entries.add(Entry.parse(path, field.getKey(), field.getValue(), types));
            }
        }
        if (entries.size() > MAX_TENSORS) {
            throw new InvalidModelException(
                    "%s: %,d tensors, more than the %,d allowed".formatted(path, entries.size(), MAX_TENSORS));
        }
        checkLayout(path, entries, data.byteSize());
        return new SafetensorsFile(
                path, entries.stream().map(entry -> entry.stored(path, data)).toList());
    }

    /// Checks that the tensors cover the data from its first byte to its last, without overlap and without a gap.
    private static void checkLayout(Path path, List<Entry> entries, long dataBytes) {
        List<Entry> ordered = entries.stream()
                .sorted(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end))
                .toList();
        long end = 0;
        for (Entry entry : ordered) {
            if (entry.end() > dataBytes) {
                throw damaged("%s: truncated: tensor %s ends at byte %,d of the data, which has %,d"
                        .formatted(path, Quote.of(entry.name()), entry.end(), dataBytes));
            }
            if (entry.begin() != end) {
                throw damaged("%s: tensor %s starts at byte %,d of the data, where %,d was expected: the offsets %s"
                        .formatted(
                                path,
                                Quote.of(entry.name()),
                                entry.begin(),
                                end,
                                entry.begin() < end ? "overlap" : "leave a gap"));
            }
            end = entry.end();
        }
        if (end != dataBytes) {
            throw damaged("%s: the tensors end at byte %,d of the data, which has %,d".formatted(path, end, dataBytes));
        }
    }

    private static InvalidModelException damaged(String what) {
        return new InvalidModelException(what + "; download the file again");
    }

    Path path() {
        return path;
    }

    /// The tensors as they are stored.
    List<StoredTensor> stored() {
        return tensors;
    }

    /// The tensors of a file that was mapped without other types than those of weights.
    List<TensorView> tensors() {
        return tensors.stream().map(TensorView::of).toList();
    }

    /// One tensor's entry in the header, with its own numbers checked.
    private record Entry(String name, NumberType type, List<Integer> shape, long begin, long end) {
        private static final int MAX_DIMENSIONS = 8;

        static Entry parse(Path path, String name, JsonNode entry, Set<NumberType> types) {
            String where = "%s: tensor %s".formatted(path, Quote.of(name));
            JsonNode dtypeNode = entry.path("dtype");
            if (dtypeNode.isMissingNode()) {
                throw damaged("%s has no dtype".formatted(where));
            }
            NumberType type = NumberType.named(dtypeNode.asText())
                    .filter(types::contains)
                    .orElseThrow(() -> new InvalidModelException("%s has dtype %s; %s"
                            .formatted(where, Quote.of(dtypeNode), supported(dtypeNode.asText(), types))));
            JsonNode shapeNode = entry.path("shape");
            JsonNode offsets = entry.path("data_offsets");
            if (!shapeNode.isArray() || shapeNode.size() > MAX_DIMENSIONS) {
                throw damaged("%s has no valid shape".formatted(where));
            }
            if (!offsets.isArray() || offsets.size() != 2) {
                throw damaged("%s has no valid data_offsets".formatted(where));
            }
            List<Integer> shape = new ArrayList<>();
            long bytes = type.bytes();
            for (JsonNode size : shapeNode) {
                if (!size.canConvertToInt() || !size.isIntegralNumber() || size.intValue() < 0) {
                    throw damaged("%s has a size of %s in its shape".formatted(where, Quote.of(size)));
                }
                shape.add(size.intValue());
                bytes = Math.multiplyHigh(bytes, size.longValue()) == 0 ? bytes * size.longValue() : -1;
                if (bytes < 0) {
                    throw damaged("%s has an impossible shape %s".formatted(where, Quote.of(shapeNode)));
                }
            }
            if (!offsets.get(0).isIntegralNumber() || !offsets.get(1).isIntegralNumber()) {
                throw damaged("%s has no valid data_offsets".formatted(where));
            }
            long begin = offsets.get(0).canConvertToLong() ? offsets.get(0).longValue() : -1;
            long end = offsets.get(1).canConvertToLong() ? offsets.get(1).longValue() : -1;
            if (begin < 0 || end < begin) {
                throw damaged("%s has impossible data_offsets %s".formatted(where, Quote.of(offsets)));
            }
            if (end - begin != bytes) {
                throw damaged("%s has %,d bytes of data; %s of shape %s needs %,d"
                        .formatted(where, end - begin, type, Quote.of(shape), bytes));
            }
            return new Entry(name, type, List.copyOf(shape), begin, end);
        }

        /// The end of the message about a type that is not one of `types`.
        private static String supported(String dtype, Set<NumberType> types) {
            if (!types.equals(NumberType.PLAIN)) {
                return "the quantization that config.json names has %s"
                        .formatted(types.stream().sorted().map(NumberType::name).collect(Collectors.joining(", ")));
            }
            boolean quantized = dtype.startsWith("F8_") || dtype.startsWith("F4") || dtype.matches("[IU](8|32)");
            return "BF16, F16 and F32 are supported"
                    + (quantized
                            ? "; quantized checkpoints have such tensors, and a quantization_config in config.json,"
                                    + " which is missing here"
                            : "");
        }

        StoredTensor stored(Path path, MemorySegment data) {
            return new StoredTensor(path, name, type, shape, data.asSlice(begin, end - begin));
        }
    }
}
