package org.sparkqwen.job.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.sparkqwen.job.cli.Main;

/// Runs shell code in bash, where `./spark-qwen` and `spark-submit` are functions that run the command in this JVM.
///
/// The functions replace the launcher and Spark's own command. A command that needs a model and names none gets the
/// sample model. The options of `spark-submit` for Spark are checked, but have no effect. `mvn` does nothing, because
/// the build that runs the test has built everything. The code ends at the first command that fails.
public final class Shell {
    /// Defines the functions. A call writes the number of its words to standard output, then the words, each
    /// followed by a NUL. It reads the exit code from standard input once the files `out` and `err` have the
    /// command's output.
    private static final String FUNCTIONS = """
        set -euo pipefail
        exec 3>&1 1>&2 4<&0 </dev/null
        call() {
            printf '%s\\0' $# "$@" >&3
            local code
            read -r code <&4
            cat "$CALL/out"
            cat "$CALL/err" >&2
            return "$code"
        }
        ./spark-qwen() { call spark-qwen "$@"; }
        spark-submit() { call spark-submit "$@"; }
        mvn() { :; }
        """;

    private Shell() {}

    /// Runs `code` and waits for its end.
    ///
    /// @param directory where the shell works and puts temporary files
    /// @return the exit code, and as both outputs what the shell and the commands printed
    public static CommandRun run(Path directory, String code) throws IOException, InterruptedException {
        Path script = Files.writeString(directory.resolve("script"), FUNCTIONS + code);
        Path printed = directory.resolve("printed");
        ProcessBuilder builder = new ProcessBuilder("bash", script.toString())
                .directory(directory.toFile())
                .redirectError(printed.toFile());
        builder.environment().put("CALL", directory.toString());
        builder.environment().put("TMPDIR", directory.toString());
        Process process = builder.start();
        try (InputStream calls = new BufferedInputStream(process.getInputStream());
                OutputStream answers = process.getOutputStream()) {
            for (String count = word(calls); !count.isEmpty(); count = word(calls)) {
                List<String> words = new ArrayList<>();
                for (int i = 0; i < Integer.parseInt(count); i++) {
                    words.add(word(calls));
                }
                CommandRun run = run(words);
                Files.writeString(directory.resolve("out"), run.out());
                Files.writeString(directory.resolve("err"), run.err());
                answers.write((run.exitCode() + "\n").getBytes(StandardCharsets.UTF_8));
                answers.flush();
            }
            assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        } finally {
            process.destroyForcibly();
        }
        String output = Files.readString(printed);
        return new CommandRun(process.exitValue(), output, output);
    }

    private static CommandRun run(List<String> words) {
        List<String> arguments = words.subList(1, words.size());
        if (words.getFirst().equals("spark-submit")) {
            int jar = arguments.indexOf("job/target/spark-qwen.jar");
            assertThat(jar).as("no jar of this project in %s", words).isNotNegative();
            checkSparkOptions(arguments.subList(0, jar));
            arguments = arguments.subList(jar + 1, arguments.size());
        }
        List<String> command = new ArrayList<>(arguments);
        if (!command.contains("--model") && !command.contains("report")) {
            command.addAll(1, List.of("--model", LocalSpark.MODEL.toString()));
        }
        return CommandRun.of(command.toArray(String[]::new));
    }

    private static void checkSparkOptions(List<String> options) {
        for (int i = 0; i < options.size(); i += 2) {
            String value = options.get(i + 1);
            switch (options.get(i)) {
                case "--class" -> assertThat(value).isEqualTo(Main.class.getName());
                case "--properties-file" -> assertThat(Path.of("..", value)).isRegularFile();
                case "--master" -> assertThat(value).startsWith("spark://");
                default -> throw new AssertionError("%s: add what to check about it".formatted(options.get(i)));
            }
        }
    }

    /// Reads the bytes up to the next NUL, or none at the end.
    private static String word(InputStream in) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int b = in.read(); b > 0; b = in.read()) {
            bytes.write(b);
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }
}
