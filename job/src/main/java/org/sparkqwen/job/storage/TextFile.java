package org.sparkqwen.job.storage;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Refusal;

/// A small file of text on any file system that Hadoop knows.
public final class TextFile {
    private TextFile() {}

    /// Writes a file in UTF-8, in the place of one that is there.
    ///
    /// @throws Refusal if it cannot be written
    public static void write(Path path, String content, Configuration configuration) {
        try (OutputStream out = path.getFileSystem(configuration).create(path, true)) {
            out.write(content.getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw Refusal.failure("%s cannot be written: %s".formatted(path, Failures.firstLine(e)), e);
        }
    }
}
