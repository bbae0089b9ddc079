package org.sparkqwen.engine.hostcache;

import java.io.Serializable;
import org.sparkqwen.engine.checkpoint.SourceFile;

/// A file of a model directory.
///
/// @param name file name, or that of a folder, a slash and a file name
/// @param sha256 64 lower-case hexadecimal digits
public record ModelFile(String name, long bytes, String sha256) implements Serializable {
    /// The pattern of a name, without groups.
    static final String NAME = "(?:%1$s/)?%1$s".formatted("[A-Za-z0-9_][A-Za-z0-9._-]*");

    public ModelFile {
        if (!name.matches(NAME) || bytes < 0 || !sha256.matches(SourceFile.SHA256)) {
            throw new IllegalArgumentException("no file of a model: %s, %d bytes, %s".formatted(name, bytes, sha256));
        }
    }
}
