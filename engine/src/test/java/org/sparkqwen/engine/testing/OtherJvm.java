package org.sparkqwen.engine.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// Runs a class of the tests in a separate JVM, on the class path of this one.
public final class OtherJvm {
    /// The option without which there are no vector kernels.
    public static final String VECTOR_MODULE = "--add-modules=jdk.incubator.vector";

    private OtherJvm() {}

    /// Starts `main`. Its standard error is merged into its output.
    public static Process start(Class<?> main, List<String> options, String... arguments) throws IOException {
        return startIn("exec \"$@\"", main, options, arguments);
    }

    /// Starts `main` through a shell.
    ///
    /// @param shell a script that ends by running the command that it is given
    public static Process startIn(String shell, Class<?> main, List<String> options, String... arguments)
            throws IOException {
        List<String> command = new ArrayList<>(List.of("bash", "-c", shell, "bash"));
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("--enable-native-access=ALL-UNNAMED");
        command.addAll(options);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command).redirectErrorStream(true).start();
    }

    /// Returns the lines of a process that must succeed.
    public static List<String> lines(Process process) throws IOException, InterruptedException {
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output.lines().toList();
    }
}
