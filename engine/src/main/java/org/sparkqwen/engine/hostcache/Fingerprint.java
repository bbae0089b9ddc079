package org.sparkqwen.engine.hostcache;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SortedMap;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.checkpoint.PackedFile;
import org.sparkqwen.engine.checkpoint.Sha256;
import org.sparkqwen.engine.checkpoint.SourceFile;
import org.sparkqwen.engine.checkpoint.SourceHashes;
import org.sparkqwen.engine.checkpoint.WeightFiles;

/// The fingerprint that identifies a model on every row it produced: the sha256 over the names and sha256 of the files
/// that decide its results, as `sha256sum` prints them. A packed model has its own fingerprint, because what its header
/// says of the safetensors it was made of cannot be compared with them.
public final class Fingerprint {
    private Fingerprint() {}

    /// Computes a model's fingerprint. It reads the weights once, some seconds for 8 GB, and not again while the
    /// cache knows them. A packed file is then compared with its checksums.
    ///
    /// @param cache a directory, see [SourceHashes]; null for none
    /// @return 64 hexadecimal digits
    /// @throws org.sparkqwen.engine.modelfile.InvalidModelException if a packed file is damaged
    public static String of(WeightFiles weights, @Nullable Path cache) {
        StringBuilder lines = new StringBuilder();
        Path directory = weights.directory();
        for (String name : ModelFiles.besideWeights(weights, name -> Files.isRegularFile(directory.resolve(name)))) {
            lines.append(new SourceFile(name, Sha256.of(directory.resolve(name))));
        }
        SourceHashes hashes = new SourceHashes(cache);
        if (weights instanceof PackedFile packed
                && hashes.remembered(packed.files()).isEmpty()) {
            packed.tensors().parallelStream().forEach(packed::check);
        }
        hashes.of(weights.files()).forEach(lines::append);
        return Sha256.of(lines.toString());
    }

    /// Computes the fingerprint of a single file.
    ///
    /// @return 64 hexadecimal digits
    /// @throws java.io.UncheckedIOException if it cannot be read
    public static String of(Path file) {
        return Sha256.of(file);
    }

    /// Computes the fingerprint of small files that were read already.
    ///
    /// @param contents the files' bytes by name, in an order of its own
    /// @return 64 hexadecimal digits
    public static String of(SortedMap<String, byte[]> contents) {
        StringBuilder lines = new StringBuilder();
        contents.forEach((name, bytes) -> lines.append(new SourceFile(name, Sha256.of(bytes))));
        return Sha256.of(lines.toString());
    }
}
