package org.sparkqwen.job.input.record;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.io.JsonEOFException;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.io.compress.CompressionCodec;
import org.apache.hadoop.io.compress.CompressionCodecFactory;
import org.apache.spark.util.SerializableConfiguration;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.spark.PlainFiles;

/// Looks at the first bytes of text files to find files that do not have the input's format. Spark would take them for
/// text, and every line of them for a malformed one.
///
/// @param jsonLines whether each line should be a JSON value
public record FileContents(boolean jsonLines, SerializableConfiguration hadoop) implements Serializable {
    private static final int LOOKED_AT = 1 << 16;

    /// A kind of file, and the bytes with which it begins.
    ///
    /// @param extension the extension by which Spark knows that it must decompress such a file; empty if it cannot
    private record Kind(String name, String extension, String advice, int... magic) {
        boolean begins(byte[] bytes) {
            if (bytes.length < magic.length) {
                return false;
            }
            for (int i = 0; i < magic.length; i++) {
                if ((bytes[i] & 0xFF) != magic[i]) {
                    return false;
                }
            }
            return true;
        }
    }

    private static final String UNPACK = "which is not supported here; unpack it";
    private static final String UTF_8 = "and UTF-8 is expected; convert it";

    private static final List<Kind> KINDS = List.of(
            new Kind("gzip", ".gz", UNPACK, 0x1F, 0x8B),
            new Kind("bzip2", ".bz2", UNPACK, 'B', 'Z', 'h'),
            new Kind("zstd", ".zst", UNPACK, 0x28, 0xB5, 0x2F, 0xFD),
            new Kind("xz", "", UNPACK, 0xFD, '7', 'z', 'X', 'Z', 0),
            new Kind("lz4", "", UNPACK, 0x04, 0x22, 0x4D, 0x18),
            new Kind("framed snappy", "", UNPACK, 0xFF, 0x06, 0, 0, 's', 'N', 'a', 'P', 'p', 'Y'),
            new Kind("lzma", "", UNPACK, 0x5D, 0, 0),
            new Kind("lzip", "", UNPACK, 'L', 'Z', 'I', 'P'),
            new Kind("7z", "", UNPACK, '7', 'z', 0xBC, 0xAF, 0x27, 0x1C),
            new Kind("zip", "", UNPACK, 'P', 'K', 3, 4),
            new Kind("compress (.Z)", "", UNPACK, 0x1F, 0x9D),
            new Kind("Parquet", "", "so --input-format is parquet", 'P', 'A', 'R', '1'),
            new Kind("ORC", "", "so --input-format is orc", 'O', 'R', 'C'),
            new Kind("Avro", "", "so --input-format is avro", 'O', 'b', 'j', 1),
            new Kind("UTF-32", "", UTF_8, 0xFF, 0xFE, 0, 0),
            new Kind("UTF-16", "", UTF_8, 0xFF, 0xFE),
            new Kind("UTF-16", "", UTF_8, 0xFE, 0xFF));

    /// Returns what is wrong with a file; empty if nothing is.
    ///
    /// @param encoded whether the user names the encoding
    public Optional<String> wrong(String path, boolean encoded) {
        try {
            Path file = new Path(path);
            CompressionCodec codec = new CompressionCodecFactory(hadoop.value()).getCodec(file);
            byte[] first;
            FileSystem files = file.getFileSystem(hadoop.value());
            try (InputStream in = files.open(file)) {
                first = in.readNBytes(16);
            }
            for (Kind kind : KINDS) {
                if (kind.begins(first) && !(encoded && kind.advice().equals(UTF_8))) {
                    return wrong(kind, codec);
                }
            }
            return jsonLines && isOverManyLines(file)
                    ? Optional.of("its JSON is over many lines; --input-option multiLine=true reads that")
                    : Optional.empty();
        } catch (IOException | RuntimeException e) {
            return Optional.empty(); // reading the file says what is wrong
        }
    }

    private static Optional<String> wrong(Kind kind, @Nullable CompressionCodec codec) {
        if (codec != null && codec.getDefaultExtension().equals(kind.extension())) {
            return Optional.empty();
        }
        return Optional.of("it is %s, %s"
                .formatted(
                        kind.name(),
                        kind.extension().isEmpty()
                                ? kind.advice()
                                : "and its name does not end in %s; rename or unpack it".formatted(kind.extension())));
    }

    /// Returns whether the first value has more than one line.
    private boolean isOverManyLines(Path file) throws IOException {
        byte[] first;
        try (InputStream in = PlainFiles.open(hadoop.value(), file)) {
            first = in.readNBytes(LOOKED_AT);
        }
        JsonFactory json = new JsonFactoryBuilder()
                .configure(JsonReadFeature.ALLOW_SINGLE_QUOTES, true)
                .build();
        try (JsonParser parser = json.createParser(first)) {
            JsonToken token = parser.nextToken();
            int begins = parser.currentTokenLocation().getLineNr();
            try {
                while (token != null
                        && !(token.isStructEnd() && parser.getParsingContext().inRoot())) {
                    token = parser.nextToken();
                }
            } catch (JsonEOFException e) {
                return parser.currentTokenLocation().getLineNr() > begins;
            }
            return token != null && parser.currentTokenLocation().getLineNr() > begins;
        } catch (JsonProcessingException e) {
            return false;
        }
    }
}
