package org.sparkqwen.job.cli;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.JavaSource;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.Page;
import org.sparkqwen.job.testing.Shell;
import picocli.CommandLine;

/// The commands in the README and in docs/ work as they are written there.
///
/// Every block of shell code is run with the sample model and the sample data, by itself. Those of the README are run
/// in every build, and those of docs/ in the profile `slow`. Those of the guides are run by [DocumentedGuidesTest]. A
/// block of commands that cannot be run is marked as `text`, and [#NOT_RUN] has the reason. The options of all commands
/// are compared with those that exist.
class DocumentedCommandsTest {
    /// A command of this project with its options, anywhere in a page.
    private static final Pattern COMMAND =
            Pattern.compile("\\b(score|generate|classify|embed|tokenize|inspect|pack|bench|report) +(--?[a-z][^`\n]*)");

    private static final String README = "README.md";

    private static final Pattern OPTION = Pattern.compile("(?<=\\s)--[a-z][a-z0-9-]*");

    /// The command that scores the whole corpus and takes the longest. CommandLineTest runs it, and compares its
    /// output with the README's.
    private static final String LONGEST =
            "./spark-qwen score --input data-samples/corpus.parquet --output /tmp/scores --summary-by condition\n";

    /// The reason why a block of commands is not run, by its first line.
    private static final Map<String, String> NOT_RUN = Map.ofEntries(
            Map.entry(
                    "./spark-qwen bench --model Qwen3-4B-Base --seconds 120 --json bench.json",
                    "it measures for many minutes; BenchCommandTest runs bench with the sample model"),
            Map.entry(
                    "./spark-qwen generate --model DIR --input data-samples/prompts.parquet --limit 16 --samples 2"
                            + " --max-new-tokens 96 \\",
                    "it shows how a figure was measured; docs/generation.md has a schema that is run"),
            Map.entry(
                    "./spark-qwen bench --shape 0.6b --layers 4 --only score,entropy --threads 1 --batch-tokens 256"
                            + " --document-tokens 256 \\",
                    "it shows how figures were measured, for minutes; BenchCommandTest runs bench with the sample"
                            + " model"),
            Map.entry(
                    "spark-submit --master spark://HOST:7077 --properties-file conf/gpu.conf \\",
                    "it needs a cluster with GPUs; GpuClusterIT runs jobs on one with stand-ins"),
            Map.entry(
                    "mvn -DskipTests package",
                    "it makes an image and needs Kubernetes; ImageIT builds the image and runs containers of it"),
            Map.entry(
                    "spark-submit --master yarn --deploy-mode cluster --name spark-qwen --properties-file"
                            + " conf/yarn.conf \\",
                    "it needs a YARN cluster; YarnIT submits jobs to one"),
            Map.entry(
                    "mkdir /sys/fs/cgroup/memory/small",
                    "it shows how figures were measured, and needs root; StreamingTest runs models larger than memory"),
            Map.entry(
                    "mvn -q -pl engine,job test-compile dependency:build-classpath"
                            + " -Dmdep.outputFile=target/classpath.txt",
                    "it makes the sample data from texts that are not here; SampleDataTest compares its checksums"),
            Map.entry(
                    "mvn -pl job -am test -Pslow -Dtest=ManyFilesTest -Dsurefire.failIfNoSpecifiedTests=false"
                            + " -Dmany.files=100000",
                    "it shows how figures were measured, for many minutes; ManyFilesTest runs it with fewer files"),
            Map.entry(
                    "SPARK_QWEN_DRIVER_MEMORY=5g ./spark-qwen score --dry-run --input million --output million-out",
                    "it shows how figures were measured, with a million files; docs/runs.md has a dry run"),
            Map.entry(
                    "SPARK_QWEN_DRIVER_MEMORY=3g ./spark-qwen score --limit 2000 --input million --output million-out",
                    "it shows how figures were measured, with a million files"),
            Map.entry(
                    "./spark-qwen inspect --plan --input corpus3 --hosts 2 --cores 1",
                    "it shows how figures were measured; docs/runs.md has a plan that is run"),
            Map.entry(
                    "./spark-qwen inspect --plan --input corpus5 --cores 2",
                    "it shows how figures were measured; docs/runs.md has a plan that is run"));

    @TempDir
    private Path directory = Path.of("");

    @ParameterizedTest
    @MethodSource("readmeBlocks")
    void aBlockOfTheReadmeRuns(Page.Block block) throws IOException, InterruptedException {
        run(block);
    }

    @ParameterizedTest
    @MethodSource("blocksOfOtherPages")
    @Tag("slow")
    void aBlockOfAnotherPageRuns(Page.Block block) throws IOException, InterruptedException {
        run(block);
    }

    private void run(Page.Block block) throws IOException, InterruptedException {
        if (block.text().contains("s3a://corpus/")) {
            LocalSpark.corpus()
                    .limit(3)
                    .write()
                    .parquet(directory.resolve("corpus").toString());
        }
        CommandRun run = Shell.run(directory, Page.onThisMachine(block.text(), directory));
        assertThat(run.exitCode()).as(run.out()).isZero();
        String results = run.out() + jsonOutput();
        assertThat(block.shown()).allSatisfy(line -> assertThat(results).contains(line));
    }

    /// Returns the JSON files that commands have written, where quotation marks within texts are not escaped.
    private String jsonOutput() throws IOException {
        StringBuilder output = new StringBuilder();
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.filter(each -> each.getFileName().toString().matches("part-.*\\.json"))
                    .toList()) {
                output.append(Files.readString(file));
            }
        }
        return output.toString().replace("\\\"", "\"");
    }

    @Test
    void aBlockOfCommandsThatIsNotRunSaysWhy() throws IOException {
        Pattern command = Pattern.compile("\\./spark-qwen |spark-submit |mvn |java ");
        assertThat(blocks().filter(block -> !block.language().equals("sh"))
                        .filter(block -> command.matcher(block.text()).find())
                        .map(block -> block.text().lines().findFirst().orElse("")))
                .containsExactlyInAnyOrderElementsOf(NOT_RUN.keySet());
    }

    @Test
    void everyOptionBesideACommandIsOneOfItsOptions() throws IOException {
        Map<String, CommandLine> commands = Main.commandLine().getSubcommands();
        List<String> wrong = new ArrayList<>();
        for (Page page : Page.all()) {
            Matcher found = COMMAND.matcher(page.text().replaceAll("\\\\\n\\s*", ""));
            while (found.find()) {
                CommandLine command = requireNonNull(commands.get(found.group(1)));
                Set<String> options = command.getCommandSpec().optionsMap().keySet();
                OPTION.matcher(" " + found.group(2))
                        .results()
                        .map(MatchResult::group)
                        .filter(option -> !options.contains(option))
                        .forEach(option -> wrong.add("%s: %s of %s".formatted(page, option, found.group(1))));
            }
        }
        assertThat(wrong).isEmpty();
    }

    /// The examples of a page follow each other, so they are compiled as one method.
    @Test
    void javaExamplesCompile() throws IOException {
        Map<String, String> examples = new TreeMap<>();
        blocks().filter(block -> block.language().equals("java"))
                .forEach(block -> examples.merge(block.place().replaceFirst(":.*", ""), block.text(), String::concat));
        assertThat(examples).isNotEmpty();
        for (Map.Entry<String, String> example : examples.entrySet()) {
            String source = """
                import java.nio.file.Path;
                import java.util.List;
                import org.apache.spark.sql.*;
                import org.sparkqwen.engine.request.Labels;
                import org.sparkqwen.engine.sampling.*;
                import org.sparkqwen.engine.tokenizer.SpecialTokens;
                import org.sparkqwen.job.*;
                import org.sparkqwen.job.columns.*;
                import org.sparkqwen.job.errors.ErrorPolicy;
                import org.sparkqwen.job.input.InputFormat;
                import org.sparkqwen.job.model.*;
                import org.sparkqwen.job.run.*;

                class Example {
                    void run(SparkSession spark) {
                        %s
                    }
                }
                """.formatted(example.getValue());
            JavaSource.compile(source, directory, example.getKey());
        }
    }

    static Stream<Page.Block> readmeBlocks() throws IOException {
        return shellBlocks(page -> page.toString().equals(README));
    }

    static Stream<Page.Block> blocksOfOtherPages() throws IOException {
        List<Page> guides = Page.guides();
        return shellBlocks(page -> !page.toString().equals(README) && !guides.contains(page));
    }

    private static Stream<Page.Block> shellBlocks(Predicate<Page> isMeant) throws IOException {
        return Page.all().stream()
                .filter(isMeant)
                .flatMap(page -> page.blocks().stream())
                .filter(block -> block.language().equals("sh") && !block.text().equals(LONGEST));
    }

    private static Stream<Page.Block> blocks() throws IOException {
        return Page.all().stream().flatMap(page -> page.blocks().stream());
    }
}
