package org.sparkqwen.engine.checkpoint;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.nio.charset.StandardCharsets.US_ASCII;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.modelfile.ModelJson;

/// The header of a packed file, which comes before its data.
///
/// | bytes | |
/// |---|---|
/// | 8 | `SPARKQWN` |
/// | 4 | version of the format |
/// | 4 | bytes of the JSON that follows |
/// | 4 | CRC-32C of the sixteen bytes before and of the JSON |
/// | … | JSON: `packed_by`, `sources`, `quantization` and `adapter` if there was one, `fidelity` if measured, `tensors`
/// |
/// | … | zeros, to a multiple of 4096: there the data begins |
///
/// Numbers are little-endian. The file is untrusted: see [#parse].
///
/// @param sources the files from which the packed file was made
/// @param quantization how config.json said that those were quantized, in the words of its title; empty if
///     they were not
/// @param adapter the sha256 of the adapter that was merged into the numbers; empty if there was none
/// @param checksums CRC-32C of each tensor's bytes, by name
/// @param fidelity how far the numbers are from those of the sources; null if it was not measured
record PackedHeader(
        List<SourceFile> sources,
        String quantization,
        String adapter,
        PackedLayout layout,
        Map<String, Integer> checksums,
        @Nullable Fidelity fidelity) {
    static final int VERSION = 2;

    private static final byte[] MAGIC = "SPARKQWN".getBytes(US_ASCII);
    private static final int CHECKED_BYTES = MAGIC.length + 2 * Integer.BYTES;
    private static final int PREAMBLE_BYTES = CHECKED_BYTES + Integer.BYTES;

    /// The most bytes of the JSON. The model with the most tensors needs 8 MB.
    private static final int MAX_JSON_BYTES = 16 << 20;

    private static final int MAX_TENSORS = 200_000;
    private static final int MAX_SIZE = 1 << 24;

    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final HexFormat HEX = HexFormat.of();

    PackedHeader {
        sources = List.copyOf(sources);
        checksums = Map.copyOf(checksums);
    }

    PackedHeader with(Fidelity measured) {
        return new PackedHeader(sources, quantization, adapter, layout, checksums, measured);
    }

    PackedHeader with(Map<String, Integer> computed) {
        return new PackedHeader(sources, quantization, adapter, layout, computed, fidelity);
    }

    /// The position in the file where the data begins; the checksums do not move it.
    long dataStart() {
        return PackedLayout.aligned(PREAMBLE_BYTES + (long) json().length);
    }

    /// The size of the whole file in bytes.
    long fileBytes() {
        return dataStart() + layout.bytes();
    }

    /// The bytes of the header, from the file's first on.
    ByteBuffer bytes() {
        byte[] json = json();
        ByteBuffer buffer = ByteBuffer.allocate(PREAMBLE_BYTES + json.length).order(ByteOrder.LITTLE_ENDIAN);
        buffer.put(MAGIC).putInt(VERSION).putInt(json.length);
        CRC32C checksum = new CRC32C();
        checksum.update(buffer.array(), 0, CHECKED_BYTES);
        checksum.update(json);
        return buffer.putInt((int) checksum.getValue()).put(json).flip();
    }

    private byte[] json() {
        ObjectNode header = MAPPER.createObjectNode();
        header.put("packed_by", "spark-qwen, format " + VERSION);
        ArrayNode sourceNodes = header.putArray("sources");
        for (SourceFile source : sources) {
            sourceNodes.addObject().put("name", source.name()).put("sha256", source.sha256());
        }
        if (!quantization.isEmpty()) {
            header.put("quantization", quantization);
        }
        if (!adapter.isEmpty()) {
            header.put("adapter", adapter);
        }
        if (fidelity != null) {
            header.putObject("fidelity")
                    .put("text", fidelity.text())
                    .put("tokens", fidelity.tokens())
                    .put("mean_divergence", fidelity.meanDivergence())
                    .put("high_divergence", fidelity.highDivergence())
                    .put("published_perplexity", fidelity.publishedPerplexity())
                    .put("perplexity", fidelity.perplexity())
                    .put("agreement", fidelity.agreement());
        }
        ArrayNode tensorNodes = header.putArray("tensors");
        for (PackedTensor tensor : layout.tensors()) {
            ObjectNode node = tensorNodes.addObject();
            node.put("name", tensor.name()).put("form", tensor.form().toString());
            ArrayNode shape = node.putArray("shape");
            tensor.shape().forEach(shape::add);
            node.put("offset", tensor.offset()).put("bytes", tensor.bytes());
            node.put("crc32c", HEX.toHexDigits(checksums.getOrDefault(tensor.name(), 0)));
        }
        try {
            return MAPPER.writeValueAsBytes(header);
        } catch (JsonProcessingException e) {
            throw new AssertionError("a tree of plain values is JSON", e);
        }
    }

    /// Reads and checks the header of `file`: its own checksum, its sizes, and that the tensors it lists cover the
    /// data in order and to the last byte.
    ///
    /// @param file the whole file
    /// @throws InvalidModelException if any of it does not hold
    static PackedHeader parse(Path path, MemorySegment file) {
        return new Parser(path, file).parse();
    }

    private record Parser(Path path, MemorySegment file) {

        PackedHeader parse() {
            if (file.byteSize() < PREAMBLE_BYTES) {
                throw damaged("truncated: %,d bytes are too few for a packed model".formatted(file.byteSize()));
            }
            ByteBuffer preamble = ByteBuffer.wrap(
                            file.asSlice(0, PREAMBLE_BYTES).toArray(JAVA_BYTE))
                    .order(ByteOrder.LITTLE_ENDIAN);
            byte[] magic = new byte[MAGIC.length];
            preamble.get(magic);
            if (!Arrays.equals(magic, MAGIC)) {
                throw damaged("not a packed model: it starts with %s".formatted(HEX.formatHex(magic)));
            }
            int version = preamble.getInt();
            if (version != VERSION) {
                throw damaged("packed in format %s, this version of spark-qwen reads format %d"
                        .formatted(Integer.toUnsignedString(version), VERSION));
            }
            int jsonBytes = preamble.getInt();
            if (jsonBytes < 2 || jsonBytes > Math.min(MAX_JSON_BYTES, file.byteSize() - PREAMBLE_BYTES)) {
                throw damaged("a header of %s bytes in a file of %,d"
                        .formatted(Integer.toUnsignedString(jsonBytes), file.byteSize()));
            }
            int expected = preamble.getInt();
            byte[] json = file.asSlice(PREAMBLE_BYTES, jsonBytes).toArray(JAVA_BYTE);
            CRC32C checksum = new CRC32C();
            checksum.update(preamble.array(), 0, CHECKED_BYTES);
            checksum.update(json);
            if ((int) checksum.getValue() != expected) {
                throw damaged("the header is damaged");
            }
            PackedHeader header = header(ModelJson.parseObject(json, path + " (header)"));
            long start = PackedLayout.aligned(PREAMBLE_BYTES + (long) jsonBytes);
            if (start + header.layout().bytes() != file.byteSize()) {
                throw damaged("%,d bytes long where its header tells of %,d"
                        .formatted(file.byteSize(), start + header.layout().bytes()));
            }
            return header;
        }

        private PackedHeader header(JsonNode json) {
            List<SourceFile> sources = new ArrayList<>();
            for (JsonNode node : json.path("sources")) {
                String name = node.path("name").asText();
                String sha256 = node.path("sha256").asText();
                if (!name.matches(SourceFile.NAME) || !sha256.matches(SourceFile.SHA256)) {
                    throw damaged("no valid source: " + Quote.of(node));
                }
                sources.add(new SourceFile(name, sha256));
            }
            if (json.path("tensors").size() > MAX_TENSORS) {
                throw damaged("%,d tensors, more than the %,d allowed"
                        .formatted(json.path("tensors").size(), MAX_TENSORS));
            }
            PackedLayout.Builder layout = new PackedLayout.Builder();
            Map<String, Integer> checksums = new HashMap<>();
            for (JsonNode node : json.path("tensors")) {
                addTensor(node, layout, checksums);
            }
            String adapter = json.path("adapter").asText("");
            if (!adapter.isEmpty() && !adapter.matches(SourceFile.SHA256)) {
                throw damaged("no valid adapter: " + Quote.of(json.path("adapter")));
            }
            return new PackedHeader(
                    sources,
                    json.path("quantization").asText(""),
                    adapter,
                    layout.build(),
                    checksums,
                    fidelity(json.path("fidelity")));
        }

        private static @Nullable Fidelity fidelity(JsonNode json) {
            return json.isObject()
                    ? new Fidelity(
                            json.path("text").asText(),
                            json.path("tokens").asLong(),
                            json.path("mean_divergence").asDouble(),
                            json.path("high_divergence").asDouble(),
                            json.path("published_perplexity").asDouble(),
                            json.path("perplexity").asDouble(),
                            json.path("agreement").asDouble())
                    : null;
        }

        private void addTensor(JsonNode node, PackedLayout.Builder layout, Map<String, Integer> checksums) {
            String name = node.path("name").asText();
            PackedTensor.Form form = form(node);
            List<Integer> shape = new ArrayList<>();
            for (JsonNode size : node.path("shape")) {
                if (!size.isInt() || size.intValue() < 1 || size.intValue() > MAX_SIZE) {
                    throw damaged("tensor %s has a size of %s in its shape".formatted(Quote.of(name), Quote.of(size)));
                }
                shape.add(size.intValue());
            }
            if (shape.size() != form.dimensions()) {
                throw damaged("tensor %s has shape %s, its form %s has %d dimension(s)"
                        .formatted(Quote.of(name), Quote.of(shape), form, form.dimensions()));
            }
            String checksum = node.path("crc32c").asText();
            if (!checksum.matches("[0-9a-f]{8}")) {
                throw damaged("tensor %s has no valid crc32c".formatted(Quote.of(name)));
            }
            if (checksums.put(name, HexFormat.fromHexDigits(checksum)) != null) {
                throw damaged("tensor %s is listed twice".formatted(Quote.of(name)));
            }
            PackedTensor tensor = layout.add(name, form, List.copyOf(shape));
            if (node.path("offset").asLong(-1) != tensor.offset()
                    || node.path("bytes").asLong(-1) != tensor.bytes()) {
                throw damaged("tensor %s has %s bytes at %s of the data, expected %,d at %,d"
                        .formatted(
                                Quote.of(name),
                                Quote.of(node.path("bytes")),
                                Quote.of(node.path("offset")),
                                tensor.bytes(),
                                tensor.offset()));
            }
            if (tensor.offset() + tensor.bytes() > file.byteSize()) {
                throw damaged("truncated: tensor %s ends behind the end of the file".formatted(Quote.of(name)));
            }
        }

        private PackedTensor.Form form(JsonNode node) {
            return PackedTensor.Form.named(node.path("form").asText())
                    .orElseThrow(() -> damaged("tensor %s has form %s"
                            .formatted(Quote.of(node.path("name").asText()), Quote.of(node.path("form")))));
        }

        private InvalidModelException damaged(String what) {
            return PackedFile.damaged(path, what);
        }
    }
}
