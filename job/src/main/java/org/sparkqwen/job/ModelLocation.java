package org.sparkqwen.job;

import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.regex.Pattern;

/// Where `--model` points.
sealed interface ModelLocation {
    /// A scheme has two letters at least: `C:` is none.
    Pattern WITH_SCHEME = Pattern.compile("[A-Za-z][A-Za-z0-9+.-]+:.*", Pattern.DOTALL);

    /// As some file systems had it once: `s3a://key:secret@bucket`.
    Pattern WITH_PASSWORD = Pattern.compile("[^@]*:[^@]*@.*", Pattern.DOTALL);

    /// A directory of this machine.
    record Local(Path directory) implements ModelLocation {}

    /// A directory on a file system that Hadoop knows.
    record Remote(String uri) implements ModelLocation {}

    /// @throws Refusal if it is neither
    static ModelLocation of(String text) {
        if (!WITH_SCHEME.matcher(text).matches()) {
            return new Local(Path.of(text));
        }
        try {
            URI uri = new URI(text.replaceAll("/+$", ""));
            String authority = uri.getRawAuthority();
            if (authority != null && WITH_PASSWORD.matcher(authority).matches()) {
                throw Refusal.usage("--model has credentials in its URI, where anyone can read them; leave them out and"
                        + " set them in the environment");
            }
            if (uri.getPath() == null || uri.getPath().isEmpty()) {
                throw Refusal.usage("--model %s names no directory".formatted(text));
            }
            return "file".equalsIgnoreCase(uri.getScheme())
                    ? new Local(Path.of(uri.getPath()))
                    : new Remote(uri.toString());
        } catch (URISyntaxException e) {
            throw Refusal.usage("--model %s is no URI: %s".formatted(text, e.getReason()));
        }
    }
}
