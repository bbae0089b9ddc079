package org.sparkqwen.engine.checkpoint;

/// A safetensors file that a packed file was made of.
///
/// @param name without a directory
/// @param sha256 64 lower-case hexadecimal digits
public record SourceFile(String name, String sha256) {
    static final String NAME = "[A-Za-z0-9_][A-Za-z0-9._-]*\\.safetensors";
    public static final String SHA256 = "[0-9a-f]{64}";

    /// As `sha256sum` prints it.
    @Override
    public String toString() {
        return "%s  %s\n".formatted(sha256, name);
    }
}
