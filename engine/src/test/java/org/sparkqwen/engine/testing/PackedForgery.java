package org.sparkqwen.engine.testing;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.CRC32C;
import org.sparkqwen.engine.checkpoint.PackedFile;

/// Forges a packed file that names other safetensors than its sources, with every checksum right.
public final class PackedForgery {
    private static final int PREAMBLE_BYTES = 20;

    private PackedForgery() {}

    /// Makes `file` name the sources that `honest` names. Both have the same number of sources.
    public static void claim(Path file, Path honest) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        String json = new String(bytes, PREAMBLE_BYTES, buffer.getInt(12), ISO_8859_1);
        try (PackedFile from = PackedFile.open(file);
                PackedFile to = PackedFile.open(honest)) {
            for (int i = 0; i < from.sources().size(); i++) {
                json = json.replace(
                        from.sources().get(i).sha256(), to.sources().get(i).sha256());
            }
        }
        buffer.put(PREAMBLE_BYTES, json.getBytes(ISO_8859_1));
        CRC32C checksum = new CRC32C();
        checksum.update(bytes, 0, 16);
        checksum.update(bytes, PREAMBLE_BYTES, buffer.getInt(12));
        buffer.putInt(16, (int) checksum.getValue());
        Files.write(Writable.file(file), bytes);
    }
}
