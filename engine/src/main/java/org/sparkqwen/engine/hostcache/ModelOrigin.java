package org.sparkqwen.engine.hostcache;

import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.sparkqwen.engine.checkpoint.Sha256;

/// A model directory somewhere else, as it is listed there. Its files are the same as long as the listing is, as make
/// and rsync judge.
///
/// @param uri of the directory
/// @param files all of it, in the order of their names
public record ModelOrigin(String uri, List<Listed> files) {

    /// A file of the listing.
    ///
    /// @param modified milliseconds since 1970
    public record Listed(String name, long bytes, long modified) {}

    Set<String> names() {
        return files.stream().map(Listed::name).collect(Collectors.toSet());
    }

    /// Bytes of a file that is listed.
    long bytes(String name) {
        return files.stream()
                .filter(file -> file.name().equals(name))
                .mapToLong(Listed::bytes)
                .sum();
    }

    /// When the newest file changed, in milliseconds since 1970.
    long newest() {
        return files.stream().mapToLong(Listed::modified).max().orElse(0);
    }

    String key() {
        StringBuilder text = new StringBuilder(uri).append('\n');
        files.forEach(file -> text.append("%d %d %s%n".formatted(file.bytes(), file.modified(), file.name())));
        return Sha256.of(text.toString());
    }
}
