package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkqwen.engine.scoring.ScoreDetails;
import org.sparkqwen.job.ClassifyJob;
import org.sparkqwen.job.EmbedJob;
import org.sparkqwen.job.GenerateJob;
import org.sparkqwen.job.ScoreJob;
import org.sparkqwen.job.TokenizeJob;
import org.sparkqwen.job.buckets.Buckets;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/// The help, docs/options.md and docs/columns.md say the same as the code.
class DocumentedOptionsTest {
    private static final Path DOCS = Path.of("../docs");

    /// The columns that the job of a command adds.
    private static final Map<String, StructType> ADDED = Map.of(
            "score", ScoreJob.SCHEMA,
            "generate", GenerateJob.SCHEMA,
            "classify", ClassifyJob.SCHEMA,
            "embed", EmbedJob.SCHEMA,
            "tokenize", TokenizeJob.SCHEMA);

    private static final Pattern OPTION = Pattern.compile("--[a-z][a-z0-9-]*");

    @Test
    void thePageHasTheOptionsOfEachGroupInTheSameOrder() throws IOException {
        Map<String, List<String>> groups = new LinkedHashMap<>();
        for (OptionGroup group : OptionGroup.values()) {
            groups.put(group.section(), group.options());
        }
        Map<String, List<String>> sections = new LinkedHashMap<>();
        rows("options.md", "##").forEach((section, rows) -> {
            if (!section.equals("Commands")) {
                sections.put(
                        section,
                        rows.stream()
                                .map(row -> matches(OPTION, row.getFirst()).getLast())
                                .toList());
            }
        });
        assertThat(sections).isEqualTo(groups);
        assertThat(sections.keySet()).containsExactlyElementsOf(groups.keySet());
    }

    @Test
    void everyOptionThatThePageNamesExists() throws IOException {
        Set<String> existing = new TreeSet<>();
        commands().forEach(command -> existing.addAll(command.optionsMap().keySet()));
        assertThat(existing).containsAll(matches(OPTION, Files.readString(DOCS.resolve("options.md"))));
    }

    @Test
    void everyOptionOfAGroupIsAnOptionOfACommandThatShowsIt() {
        for (OptionGroup group : OptionGroup.values()) {
            Set<String> existing = new TreeSet<>();
            commands()
                    .filter(command -> group.isOf(command.name()))
                    .forEach(command -> existing.addAll(command.optionsMap().keySet()));
            assertThat(existing).as(group.section()).containsAll(group.options());
        }
    }

    @ParameterizedTest
    @MethodSource("commands")
    void helpShowsEveryOptionOnceInTheOrderOfTheGroups(CommandSpec command) {
        Map<OptionGroup, List<OptionSpec>> groups = GroupedHelp.groups(command);
        List<OptionSpec> options =
                groups.values().stream().flatMap(List::stream).toList();
        assertThat(options).containsExactlyInAnyOrderElementsOf(command.options());

        List<String> expected = new ArrayList<>();
        groups.forEach((group, shown) -> {
            expected.add(group.heading() + ":");
            shown.forEach(option -> expected.add(option.longestName()));
        });
        String whole = command.commandLine().getUsageMessage();
        String help = whole.substring(0, whole.indexOf("\nExamples:"));
        assertThat(matches(Pattern.compile("(?m)^(?! )[A-Za-z ]+:$|^ {2}(?:-[a-zA-Z],|   ) (--[a-z-]+)"), help).stream()
                        .map(found -> found.startsWith(" ") ? found.substring(found.indexOf("--")) : found)
                        .filter(found -> !found.equals("Commands:")))
                .containsExactlyElementsOf(expected);
        assertThat(help).contains("Usage: " + command.qualifiedName()).doesNotContain("${");
    }

    @ParameterizedTest
    @MethodSource("commands")
    void examplesAreCommandLines(CommandSpec command) {
        String footer = String.join("\n", command.usageMessage().footer()).replaceAll("\\\\\n\\s+", "");
        List<String> examples =
                footer.lines().filter(line -> line.startsWith("  ")).toList();
        assertThat(examples).hasSizeBetween(2, 3).allSatisfy(example -> {
            assertThat(example).startsWith("  ./spark-qwen ");
            List<String> words = new ArrayList<>();
            for (String word : matches(Pattern.compile("'[^']*'|\\S+"), example)) {
                words.add(word.replace("'", ""));
            }
            CommandLine line = Main.commandLine();
            line.parseArgs(words.subList(1, words.size()).toArray(String[]::new));
        });
        assertThat(command.usageMessage().footer()).allSatisfy(line -> {
            if (line.startsWith("  ")) {
                assertThat(line).hasSizeLessThanOrEqualTo(100); // or it is wrapped
            }
        });
    }

    @Test
    void helpNamesTheColumnsThatTheJobsAdd() {
        ADDED.forEach((command, schema) -> {
            CommandSpec spec = Objects.requireNonNull(
                            Main.commandLine().getSubcommands().get(command))
                    .getCommandSpec();
            String description = String.join(" ", spec.usageMessage().description());
            String names = matches(Pattern.compile("input and then (.*? and error)\\."), description)
                    .getFirst()
                    .replace("input and then ", "")
                    .replaceAll(" \\([^)]*\\)", "");
            assertThat(names.split(",? and |, |\\.")).as(command).containsExactly(schema.fieldNames());
        });
    }

    @Test
    void thePageHasTheColumnsThatTheJobsAdd() throws IOException {
        Map<String, List<List<String>>> tables = rows("columns.md", "###");
        ADDED.forEach((command, schema) -> assertThat(tables.getOrDefault(command, List.of()).stream()
                        .map(row ->
                                row.get(0).replace("`", "") + " " + row.get(1).replace("\\", "")))
                .as(command)
                .containsExactlyElementsOf(columns(schema)));
    }

    @Test
    void thePageHasTheColumnOfBuckets() throws IOException {
        assertThat(rows("columns.md", "###").getOrDefault("Buckets", List.of()).stream()
                        .map(row -> row.get(0).replace("`", "") + " " + row.get(1)))
                .containsExactlyElementsOf(columns(Buckets.SCHEMA));
    }

    @Test
    void thePageHasTheColumnsOfDetails() throws IOException {
        StructType all = ScoreJob.schema(new ScoreDetails(true, 1));
        StructType details = new StructType(Arrays.copyOfRange(all.fields(), ScoreJob.SCHEMA.size(), all.size()));
        assertThat(rows("columns.md", "###").getOrDefault("Details", List.of()).stream()
                        .map(row ->
                                row.get(0).replace("`", "") + " " + row.get(1).replace("\\", "")))
                .containsExactlyElementsOf(columns(details));
    }

    private static List<String> columns(StructType schema) {
        return Stream.of(schema.fields())
                .map((StructField field) -> field.name() + " "
                        + field.dataType().catalogString().replace(":", ": ").replace(",", ", "))
                .toList();
    }

    static Stream<CommandSpec> commands() {
        CommandLine top = Main.commandLine();
        return Stream.concat(
                        Stream.of(top), new LinkedHashSet<>(top.getSubcommands().values()).stream())
                .map(CommandLine::getCommandSpec);
    }

    /// The cells of the tables' rows below each heading of a page, without the tables' headings.
    private static Map<String, List<List<String>>> rows(String page, String level) throws IOException {
        Map<String, List<List<String>>> rows = new LinkedHashMap<>();
        String heading = "";
        boolean inTable = false;
        for (String line : Files.readAllLines(DOCS.resolve(page))) {
            if (line.startsWith("#")) {
                heading = line.startsWith(level + " ") ? line.substring(level.length() + 1) : "";
            } else if (line.startsWith("|---")) {
                inTable = true;
            } else if (!line.startsWith("|")) {
                inTable = false;
            } else if (inTable && !heading.isEmpty()) {
                rows.computeIfAbsent(heading, none -> new ArrayList<>())
                        .add(Stream.of(line.substring(1).split("(?<!\\\\)\\|"))
                                .map(String::strip)
                                .toList());
            }
        }
        return rows;
    }

    private static List<String> matches(Pattern pattern, String text) {
        return pattern.matcher(text).results().map(MatchResult::group).toList();
    }
}
