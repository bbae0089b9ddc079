package org.sparkqwen.job.testing;

import java.nio.file.Path;

/// A model of two layers as a GGUF file and as a Hugging Face directory, with the same random numbers and the same
/// tokenizer.
public final class LittleGguf {
    private static final Path GOLDEN =
            Path.of("../engine/src/test/resources/golden/gguf").toAbsolutePath().normalize();

    public static final Path FILE = GOLDEN.resolve("little.gguf");
    public static final Path DIRECTORY = GOLDEN.resolve("little");

    private LittleGguf() {}
}
