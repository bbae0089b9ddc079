package org.sparkqwen.engine.hostcache;

import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.sparkqwen.engine.checkpoint.Sha256;

/// A model directory somewhere else, as it is listed there. Like make and rsync, this takes its files for the same as
/// long as the listing is.
///
/// @param uri URI of the directory
/// @param files all files, in the order of their names
public record ModelOrigin(String uri, List<Listed> files) {

    /// A file of the listing.
    ///
    /// @param modified milliseconds since 1970
    public record Listed(String name, long bytes, long modified) {}

    Set<String> names() {
        return files.stream().map(Listed::name).collect(Collectors.toSet());
    }

    /// The bytes of a listed file.
    long bytes(String name) {
        return files.stream()
                .filter(file -> file.name().equals(name))
                .mapToLong(Listed::bytes)
                .sum();
    }

    /// The time when the newest file changed, in milliseconds since 1970.
    long newest() {
        return files.stream().mapToLong(Listed::modified).max().orElse(0);
    }

    String key() {
        StringBuilder text = new StringBuilder(uri).append('\n');
        files.forEach(file -> text.append("%d %d %s%n".formatted(file.bytes(), file.modified(), file.name())));
        return Sha256.of(text.toString());
    }
}
