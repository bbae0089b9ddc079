package org.sparkqwen.engine.gguf;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// The header of a GGUF file: metadata, and where each tensor lies in the file.
///
/// | bytes | content |
/// |---|---|
/// | 4 | `GGUF` |
/// | 4 | the version, 2 or 3 |
/// | 8, 8 | the number of tensors, the number of metadata values |
/// | … | the metadata: key, type and value of each |
/// | … | the tensors: name, sizes (the inner one first), type and offset of each |
/// | … | zeros up to a multiple of `general.alignment`, then the tensors' bytes, each at such a multiple |
///
/// The file is untrusted. Everything is checked before it is used: counts and lengths against the file's size, each
/// tensor's range against the data, and all ranges against each other. Numbers are little-endian. See
/// <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.
///
/// @param tensors in the order of the file
record GgufHeader(GgufMetadata metadata, List<GgufTensor> tensors) {
    /// `GGUF`.
    private static final int MAGIC = 0x46554747;

    /// `vers`, the first bytes of a pointer of Git LFS.
    private static final int LFS_POINTER = 0x73726576;

    private static final int OLDEST = 2;
    private static final int NEWEST = 3;

    private static final int MAX_VALUES = 100_000;

    /// The most tensors of a file. A file of 235B-A22B has 1,131.
    private static final int MAX_TENSORS = 200_000;

    private static final int MAX_KEY_BYTES = (1 << 16) - 1;
    private static final int MAX_NAME_BYTES = 256;
    private static final int MAX_DIMENSIONS = 4;
    private static final int MAX_ALIGNMENT = 1 << 20;
    private static final int DEFAULT_ALIGNMENT = 32;

    /// Reads the header of a file.
    ///
    /// @throws InvalidModelException if the file is absent, truncated, or not what the format says
    static GgufHeader read(Path path) {
        try (Arena arena = Arena.ofConfined()) {
            return parse(path, map(path, arena));
        }
    }

    /// Maps a file.
    ///
    /// @throws InvalidModelException if it cannot be mapped
    static MemorySegment map(Path path, Arena arena) {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
        } catch (IOException e) {
            throw new InvalidModelException("%s: cannot be mapped (%s)".formatted(path, e), e);
        }
    }

    private static GgufHeader parse(Path path, MemorySegment file) {
        HeaderCursor in = new HeaderCursor(path.toString(), file);
        int magic = in.readInt("the magic number");
        if (magic == LFS_POINTER) {
            throw in.invalid("a pointer of Git LFS instead of the file; git lfs pull fetches that");
        }
        if (magic != MAGIC) {
            throw in.damaged("not a GGUF file: it does not begin with GGUF");
        }
        checkVersion(in, in.readInt("the version"));
        int tensorCount = in.readCount("the number of tensors", MAX_TENSORS);
        int valueCount = in.readCount("the number of metadata values", MAX_VALUES);
        Map<String, GgufValue> values = new LinkedHashMap<>();
        for (int i = 0; i < valueCount; i++) {
            String key = in.readName("key %,d".formatted(i), MAX_KEY_BYTES);
            if (values.put(key, in.readValue(key)) != null) {
                throw in.invalid("the key %s is there twice".formatted(Quote.of(key)));
            }
        }
        GgufMetadata metadata = new GgufMetadata(path.toString(), values);
        return new GgufHeader(metadata, readTensors(in, tensorCount, alignment(metadata), file.byteSize()));
    }

    private static void checkVersion(HeaderCursor in, int version) {
        if (version != 0 && (version & 0xFFFF) == 0) {
            throw in.invalid("a big-endian GGUF file, which is not read; take the little-endian one");
        }
        if (version < OLDEST || version > NEWEST) {
            throw in.invalid("GGUF version %s is not supported; %d and %d are"
                    .formatted(Integer.toUnsignedString(version), OLDEST, NEWEST));
        }
    }

    private static int alignment(GgufMetadata metadata) {
        if (!metadata.has("general.alignment")) {
            return DEFAULT_ALIGNMENT;
        }
        int alignment = metadata.wholeNumber("general.alignment", 1, MAX_ALIGNMENT);
        if (alignment % 8 != 0) {
            throw metadata.wrong("general.alignment", "a multiple of 8");
        }
        return alignment;
    }

    private static List<GgufTensor> readTensors(HeaderCursor in, int count, int alignment, long fileBytes) {
        List<Entry> entries = new ArrayList<>();
        Set<String> names = new HashSet<>();
        for (int i = 0; i < count; i++) {
            Entry entry = Entry.read(in, i);
            if (!names.add(entry.name())) {
                throw in.invalid("the tensor %s is there twice".formatted(Quote.of(entry.name())));
            }
            entries.add(entry);
        }
        long dataStart = aligned(in.at(), alignment);
        checkLayout(in, entries, alignment, fileBytes - dataStart);
        return entries.stream().map(entry -> entry.tensor(dataStart)).toList();
    }

    /// Checks that the tensors cover the data from its first byte to its last, without overlap, and without a gap
    /// but for the alignment. The end of the last one may be padded or not.
    private static void checkLayout(HeaderCursor in, List<Entry> entries, int alignment, long dataBytes) {
        List<Entry> ordered =
                entries.stream().sorted(Comparator.comparingLong(Entry::offset)).toList();
        long end = 0;
        for (Entry entry : ordered) {
            String where = "tensor " + Quote.of(entry.name());
            long expected = aligned(end, alignment);
            if (entry.offset() != expected) {
                throw in.damaged("%s starts at byte %s of the data, where %,d was expected: the offsets %s"
                        .formatted(
                                where,
                                Long.toUnsignedString(entry.offset()),
                                expected,
                                entry.offset() % alignment != 0
                                        ? "are no multiples of the alignment %d".formatted(alignment)
                                        : entry.offset() < expected ? "overlap" : "leave a gap"));
            }
            if (entry.bytes() > dataBytes - entry.offset()) {
                throw in.damaged("truncated: %s ends at byte %,d of the data, which has %,d"
                        .formatted(where, entry.offset() + entry.bytes(), Math.max(0, dataBytes)));
            }
            end = entry.offset() + entry.bytes();
        }
        if (dataBytes > aligned(end, alignment)) {
            throw in.damaged("the tensors end at byte %,d of the data, which has %,d".formatted(end, dataBytes));
        }
    }

    private static long aligned(long offset, int alignment) {
        return Math.ceilDiv(offset, alignment) * alignment;
    }

    /// One tensor's entry, with its own numbers checked.
    ///
    /// @param offset from the start of the data
    private record Entry(String name, TensorType type, List<Integer> shape, long offset, long bytes) {

        static Entry read(HeaderCursor in, int index) {
            String name = in.readName("the name of tensor %,d".formatted(index), MAX_NAME_BYTES);
            String where = "tensor " + Quote.of(name);
            int dimensions = in.readInt("the number of dimensions of " + where);
            if (dimensions < 1 || dimensions > MAX_DIMENSIONS) {
                throw in.damaged("%s has %s dimensions; 1 to %d are allowed"
                        .formatted(where, Integer.toUnsignedString(dimensions), MAX_DIMENSIONS));
            }
            List<Integer> shape = new ArrayList<>();
            for (int i = 0; i < dimensions; i++) {
                long size = in.readLong("a size of " + where);
                if (size < 1 || size > Integer.MAX_VALUE) {
                    throw in.damaged("%s has a size of %s in its shape".formatted(where, Long.toUnsignedString(size)));
                }
                shape.addFirst((int) size);
            }
            int id = in.readInt("the type of " + where);
            TensorType type = TensorType.withId(id)
                    .orElseThrow(() -> in.invalid(
                            "%s is stored as %s, which is not supported; take a file in F32, F16, BF16, Q8_0, Q4_0,"
                                            .formatted(where, TensorType.nameOfOther(id))
                                    + " Q4_K, Q5_K or Q6_K"));
            long bytes = bytes(in, where, type, shape);
            long offset = in.readLong("the offset of " + where);
            if (offset < 0) {
                throw in.damaged("%s has the impossible offset %s".formatted(where, Long.toUnsignedString(offset)));
            }
            return new Entry(name, type, List.copyOf(shape), offset, bytes);
        }

        private static long bytes(HeaderCursor in, String where, TensorType type, List<Integer> shape) {
            if (shape.getLast() % type.blockNumbers() != 0) {
                throw in.damaged("%s has rows of %,d numbers, which are no whole blocks of %s: %d"
                        .formatted(where, shape.getLast(), type, type.blockNumbers()));
            }
            long bytes = (long) shape.getLast() / type.blockNumbers() * type.blockBytes();
            for (int size : shape.subList(0, shape.size() - 1)) {
                if (Math.multiplyHigh(bytes, size) != 0 || bytes * size < 0) {
                    throw in.damaged("%s has an impossible shape %s".formatted(where, shape));
                }
                bytes *= size;
            }
            return bytes;
        }

        GgufTensor tensor(long dataStart) {
            return new GgufTensor(name, type, shape, dataStart + offset, bytes);
        }
    }
}
