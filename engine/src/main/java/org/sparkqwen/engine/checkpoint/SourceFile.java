package org.sparkqwen.engine.checkpoint;

/// A safetensors or GGUF file from which a packed file was made.
///
/// @param name file name without a directory
/// @param sha256 64 lower-case hexadecimal digits
public record SourceFile(String name, String sha256) {
    static final String NAME = "[A-Za-z0-9_][A-Za-z0-9._-]*\\.(safetensors|gguf)";
    public static final String SHA256 = "[0-9a-f]{64}";

    /// The line that `sha256sum` prints.
    @Override
    public String toString() {
        return "%s  %s\n".formatted(sha256, name);
    }
}
