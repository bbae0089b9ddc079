package org.sparkqwen.engine.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;

/// Gives a finished file of a cache, which has no permission to write, to a test that damages it.
public final class Writable {
    private Writable() {}

    public static Path file(Path file) {
        assertThat(file.toFile().setWritable(true)).isTrue();
        return file;
    }
}
