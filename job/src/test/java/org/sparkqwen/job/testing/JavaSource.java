package org.sparkqwen.job.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.tools.ToolProvider;

/// Java of a page of the documentation, made into a class.
public final class JavaSource {
    private JavaSource() {}

    /// Compiles a class named `Example`, which may use what tests may use.
    ///
    /// @param directory gets the source and the class
    /// @param place where the Java stands, for a failure
    public static void compile(String source, Path directory, String place) throws IOException {
        Path file = Files.writeString(directory.resolve("Example.java"), source);
        ByteArrayOutputStream errors = new ByteArrayOutputStream();
        int exitCode = ToolProvider.getSystemJavaCompiler()
                .run(
                        null,
                        null,
                        errors,
                        "-proc:none",
                        "-cp",
                        System.getProperty("java.class.path"),
                        "-d",
                        directory.toString(),
                        file.toString());
        assertThat(exitCode)
                .as("%s: %s", place, errors.toString(StandardCharsets.UTF_8))
                .isZero();
    }
}
