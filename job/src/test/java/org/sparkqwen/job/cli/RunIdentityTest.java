package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.AnnotatedElement;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.run.RunIdentity;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/// The options that change a run's identity.
class RunIdentityTest {
    @TempDir
    private Path directory = Path.of("");

    @Test
    void optionsThatChangeRowsDifferAndOthersDoNot() {
        RunIdentity run = identity("m@1", "--temperature", "0.8");
        assertThat(run.differences(identity("m@1", "--temperature", "0.8"))).isEmpty();
        assertThat(run.differences(identity(
                        "m@1",
                        "--temperature=0.8",
                        "--threads=1",
                        "--batch-tokens=7",
                        "--max-sequences=3",
                        "--kernels=scalar",
                        "--memory=1g",
                        "--cache-dir=/tmp",
                        "--conf=a=b",
                        "--checkpoint-rows=5",
                        "--checkpoint-bytes=5",
                        "--target-file-size=5",
                        "--mode=fail",
                        "--on-error=drop",
                        "--max-error-rate=0.1",
                        "--output-option=compression=zstd")))
                .isEmpty();
        assertThat(run.differences(identity("m@1", "--temperature", "1.0"))).isEqualTo("temperature 0.8, not 1.0");
        assertThat(run.differences(identity("m@1", "--temperature", "0.8", "--kv", "bf16")))
                .isEqualTo("kv f32, not bf16");
        assertThat(run.differences(identity("m@2"))).isEqualTo("model m@1, not m@2; temperature 0.8, not unset");
        assertThat(identity("m@1", "--seed=1", "--top-k=2", "--top-p=0.5", "--samples=2")
                        .differences(identity("m@1")))
                .endsWith("; and 1 more");
    }

    @Test
    void ofAFileThatAnOptionNamesTheContentsCount() throws IOException {
        Path schema = Files.writeString(directory.resolve("schema.json"), "{}");
        RunIdentity run = identity("m@1", "--json-schema", schema.toString());
        assertThat(run.differences(identity("m@1", "--json-schema", schema.toString())))
                .isEmpty();
        Files.writeString(schema, "{\"type\": \"string\"}");
        assertThat(run.differences(identity("m@1", "--json-schema", schema.toString())))
                .startsWith("json-schema " + schema);
    }

    @Test
    void aFileNamedLikeAnOptionsValueChangesNothing() throws IOException {
        Path file = directory.resolve("keep");
        RunIdentity before = identity("m@1", "--prompt-column", file.toString(), "--system", file.toString());
        Files.writeString(file, "a file of that name");
        assertThat(before.differences(identity("m@1", "--prompt-column", file.toString(), "--system", file.toString())))
                .isEmpty();
    }

    @Test
    void everyOptionOfARunThatNamesAFileSaysSo() {
        for (Object command :
                List.of(new ScoreCommand(), new GenerateCommand(), new ClassifyCommand(), new TokenizeCommand())) {
            for (OptionSpec option : new CommandLine(command).getCommandSpec().options()) {
                boolean marked = option.userObject() instanceof AnnotatedElement field
                        && field.isAnnotationPresent(NamesFile.class);
                assertThat(marked)
                        .as(option.longestName())
                        .isEqualTo(option.paramLabel().contains("FILE"));
            }
        }
    }

    @Test
    void aDifferenceIsOneLineWhateverTheValuesAre() {
        String differences = identity("m@1", "--system", "a\nb\u001b[31m" + "c".repeat(1000))
                .differences(identity("m@1", "--system", "d"));
        assertThat(differences)
                .startsWith("system a\\nb\\u001b[31mccc")
                .endsWith("…, not d")
                .hasSizeLessThan(200);
    }

    private static RunIdentity identity(String model, String... options) {
        List<String> arguments = new ArrayList<>(List.of("--input", "in", "--output", "out"));
        arguments.addAll(List.of(options));
        CommandLine command = new CommandLine(new GenerateCommand()).setCaseInsensitiveEnumValuesAllowed(true);
        command.parseArgs(arguments.toArray(String[]::new));
        return new OptionValues(command.getCommandSpec()).identity(model);
    }
}
