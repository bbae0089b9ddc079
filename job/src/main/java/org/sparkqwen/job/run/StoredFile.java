package org.sparkqwen.job.run;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.zip.CRC32C;
import org.apache.hadoop.fs.EtagSource;
import org.apache.hadoop.fs.FileChecksum;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.jspecify.annotations.Nullable;

/// The state of a data file as a commit or a snapshot records it, to detect later changes.
///
/// @param bytes the file's size
/// @param modified the time of modification, in milliseconds since 1970
/// @param checksum the checksum by the store, or on a local disk by us, after the name of its kind; null if there is
///     none
record StoredFile(
        long bytes,
        long modified,
        @JsonProperty(required = false) @Nullable String checksum) {
    private static final String ETAG = "etag";
    private static final String LOCAL = "crc32c";

    StoredFile {
        if (bytes < 0) {
            throw new IllegalArgumentException("it says that a file has %,d bytes".formatted(bytes));
        }
    }

    static StoredFile of(FileSystem files, FileStatus file) throws IOException {
        return new StoredFile(file.getLen(), file.getModificationTime(), currentChecksum(files, file));
    }

    /// Returns how a file differs from its state when it was written; null if it does not.
    ///
    /// A file with the same size and time of modification counts as unchanged, so that a start reads no data. If
    /// the time differs, as with a copy, the checksum decides.
    @Nullable
    String difference(FileSystem files, FileStatus now) throws IOException {
        if (now.getLen() != bytes) {
            return "has %,d bytes, not the %,d that were written".formatted(now.getLen(), bytes);
        }
        boolean sameTime = now.getModificationTime() == modified && !(now instanceof EtagSource);
        if (checksum == null || sameTime) {
            return null;
        }
        String current = currentChecksum(files, now);
        if (current == null || current.equals(checksum) || !kind(current).equals(kind(checksum))) {
            return null;
        }
        return "has other contents than those that were written";
    }

    private static String kind(String checksum) {
        return checksum.substring(0, Math.max(0, checksum.indexOf(' ')));
    }

    private static @Nullable String currentChecksum(FileSystem files, FileStatus file) throws IOException {
        if (file instanceof EtagSource source && source.getEtag() != null) {
            return ETAG + " " + source.getEtag();
        }
        if ("file".equals(files.getUri().getScheme())) {
            return LOCAL + " " + crc32c(Path.of(file.getPath().toUri().getPath()));
        }
        try {
            FileChecksum ofStore = files.getFileChecksum(file.getPath());
            return ofStore == null
                    ? null
                    : ofStore.getAlgorithmName() + " " + HexFormat.of().formatHex(ofStore.getBytes());
        } catch (IOException | UnsupportedOperationException e) {
            return null; // the store has checksums, but none of this file
        }
    }

    private static String crc32c(Path file) throws IOException {
        CRC32C crc = new CRC32C();
        byte[] buffer = new byte[1 << 16];
        try (InputStream in = Files.newInputStream(file)) {
            for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                crc.update(buffer, 0, read);
            }
        }
        return HexFormat.of().toHexDigits((int) crc.getValue());
    }
}
