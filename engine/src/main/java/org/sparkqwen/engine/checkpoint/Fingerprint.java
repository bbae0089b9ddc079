package org.sparkqwen.engine.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/// What identifies a model on every row it produced: the sha256 over the names and sha256 of the files that decide its
/// results, as `sha256sum` prints them.
public final class Fingerprint {
    private static final List<String> OTHER_FILES = List.of("config.json", "generation_config.json", "tokenizer.json");
    private static final int BUFFER_BYTES = 1 << 20;

    private Fingerprint() {}

    /// Reads the whole model once: some seconds for 8 GB.
    ///
    /// @return 64 hexadecimal digits
    public static String of(Checkpoint checkpoint) {
        List<Path> files = new ArrayList<>();
        for (String name : OTHER_FILES) {
            Path file = checkpoint.directory().resolve(name);
            if (Files.isRegularFile(file)) {
                files.add(file);
            }
        }
        files.addAll(checkpoint.files());
        MessageDigest whole = sha256();
        files.parallelStream()
                .map(file -> "%s  %s\n".formatted(sha256(file), file.getFileName()))
                .forEachOrdered(line -> whole.update(line.getBytes(StandardCharsets.UTF_8)));
        return HexFormat.of().formatHex(whole.digest());
    }

    private static String sha256(Path file) {
        MessageDigest digest = sha256();
        ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
        try (FileChannel channel = FileChannel.open(file)) {
            while (channel.read(buffer) >= 0) {
                digest.update(buffer.flip());
                buffer.clear();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java has SHA-256", e);
        }
    }
}
