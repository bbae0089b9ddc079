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
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.Shell;
import picocli.CommandLine;

/// The commands in the README and in docs/ work as they are written there.
///
/// Every block of shell code is run with the sample model and the sample data. A block of commands that cannot be run
/// is marked as `text`, and [#NOT_RUN] has the reason. The options of all commands are compared with those that exist.
class DocumentedCommandsTest {
    private static final Path PROJECT = Path.of("..");

    private static final Pattern BLOCK = Pattern.compile("(?ms)^```(\\w*)\n(.*?)^```$");

    /// A command of this project with its options, anywhere in a page.
    private static final Pattern COMMAND =
            Pattern.compile("\\b(score|generate|tokenize|inspect|pack|bench) +(--?[a-z][^`\n]*)");

    private static final Pattern OPTION = Pattern.compile("(?<=\\s)--[a-z][a-z0-9-]*");

    /// The command that scores the whole corpus and takes the longest. CommandLineTest runs it, and compares its
    /// output with the README's.
    private static final String LONGEST =
            "./spark-qwen score --input data-samples/corpus.parquet --output /tmp/scores --summary-by condition\n";

    /// The reason why a block of commands is not run, by its first line.
    private static final Map<String, String> NOT_RUN = Map.of(
            "./spark-qwen bench --model Qwen3-4B-Base --seconds 120 --json bench.json",
            "it measures for many minutes; BenchCommandTest runs bench with the sample model",
            "./spark-qwen generate --model DIR --input data-samples/prompts.parquet --limit 16 --samples 2"
                    + " --max-new-tokens 96 \\",
            "it shows how a figure was measured; docs/generation.md has a schema that is run",
            "mkdir /sys/fs/cgroup/memory/small",
            "it shows how figures were measured, and needs root; StreamingTest runs models larger than memory",
            "mvn -q -pl engine,job test-compile dependency:build-classpath -Dmdep.outputFile=target/classpath.txt",
            "it makes the sample data from texts that are not here; SampleDataTest compares its checksums");

    @TempDir
    private Path directory = Path.of("");

    /// What stands in for each place that a page names and that does not exist here.
    private Map<String, String> places = Map.of();

    @BeforeEach
    void findPlaces() {
        places = Map.of(
                "data-samples/", LocalSpark.SAMPLES + "/",
                "/tmp/", directory + "/",
                "/shared/Qwen3-4B-Base", LocalSpark.MODEL.toString(),
                "s3a://models/Qwen3-4B-Base", LocalSpark.MODEL.toString(),
                "s3a://corpus/", directory + "/corpus",
                "s3a://scores/", directory + "/s3-scores/");
    }

    @ParameterizedTest
    @MethodSource("shellBlocks")
    void aBlockOfShellCodeRuns(Block block) throws IOException, InterruptedException {
        if (block.text().contains("s3a://corpus/")) {
            LocalSpark.corpus()
                    .limit(3)
                    .write()
                    .parquet(directory.resolve("corpus").toString());
        }
        CommandRun run = Shell.run(directory, onThisMachine(block.text()));
        assertThat(run.exitCode()).as(run.out()).isZero();
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
        for (Path page : pages()) {
            Matcher found = COMMAND.matcher(Files.readString(page).replaceAll("\\\\\n\\s*", ""));
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

    static Stream<Block> shellBlocks() throws IOException {
        return blocks().filter(
                        block -> block.language().equals("sh") && !block.text().equals(LONGEST));
    }

    private static Stream<Block> blocks() throws IOException {
        List<Block> blocks = new ArrayList<>();
        for (Path page : pages()) {
            String text = Files.readString(page);
            Matcher block = BLOCK.matcher(text);
            while (block.find()) {
                long line = text.substring(0, block.start()).lines().count() + 1;
                String place = "%s:%d".formatted(PROJECT.relativize(page), line);
                blocks.add(new Block(place, block.group(1), block.group(2)));
            }
        }
        return blocks.stream();
    }

    private static List<Path> pages() throws IOException {
        List<Path> pages = new ArrayList<>();
        for (String page : List.of("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "data-samples/README.md")) {
            pages.add(PROJECT.resolve(page));
        }
        try (var docs = Files.newDirectoryStream(PROJECT.resolve("docs"), "*.md")) {
            docs.forEach(pages::add);
        }
        return pages;
    }

    /// Returns a block's code with places that exist here.
    private String onThisMachine(String code) {
        String any = places.keySet().stream().map(Pattern::quote).collect(Collectors.joining("|"));
        return Pattern.compile(any)
                .matcher(code)
                .replaceAll(place -> Matcher.quoteReplacement(places.getOrDefault(place.group(), "")));
    }

    /// A block of code in a page.
    ///
    /// @param place the page and the line of the block
    /// @param language the word after the opening fence
    record Block(String place, String language, String text) {
        @Override
        public String toString() {
            return place;
        }
    }
}
