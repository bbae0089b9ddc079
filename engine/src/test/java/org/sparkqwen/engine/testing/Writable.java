package org.sparkqwen.engine.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;

/// Makes a finished file of a cache writable, for a test that damages it.
public final class Writable {
    private Writable() {}

    public static Path file(Path file) {
        assertThat(file.toFile().setWritable(true)).isTrue();
        return file;
    }
}
