package org.sparkqwen.job.cli;

import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.Consumer;
import java.util.function.Function;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.run.RunIdentity;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/// The options of a job without those of a run, for a caller that has rows already, such as a function of SQL.
///
/// The command line parses them, so they have its names, defaults, checks and messages.
public final class JobOptions {
    /// The groups whose options concern files and runs, or need all rows at once.
    private static final Set<OptionGroup> OF_RUNS = EnumSet.of(
            OptionGroup.INPUT, OptionGroup.BUCKETS, OptionGroup.OUTPUT, OptionGroup.RUN, OptionGroup.EVERY_COMMAND);

    /// The groups whose options say which model is run, and how.
    private static final Set<OptionGroup> OF_MODELS = EnumSet.of(OptionGroup.MODEL, OptionGroup.SPEED_AND_MEMORY);

    /// The options of other groups that concern the summary of a run, and a run that goes on.
    private static final Set<String> OTHERS_OF_RUNS = Set.of("--summary-by", "--allow-other-device");

    /// The options of each job, because picocli takes long to find them and queries ask often.
    private static final ConcurrentMap<String, Map<String, ValueShape>> SHAPES = new ConcurrentHashMap<>();

    private final JobCommand command;
    private final CommandSpec spec;

    private JobOptions(JobCommand command, CommandSpec spec) {
        this.command = command;
        this.spec = spec;
    }

    /// Parses options. The model is not opened.
    ///
    /// @param job `score`, `generate`, `classify`, `embed` or `tokenize`
    /// @param given the values of options, by their names without dashes. A flag is `true` or `false`, in any case.
    ///     Several token ids of an option that takes them with commas are joined.
    /// @throws RuntimeException with one line for a person, if there is no such option or if a value is wrong
    public static JobOptions parse(String job, Map<String, List<String>> given) {
        JobCommand command = command(job);
        CommandSpec spec = spec(command);
        List<String> arguments = new ArrayList<>();
        given.forEach((name, values) -> {
            OptionSpec option = spec.findOption("--" + name);
            if (option == null) {
                throw Refusal.usage("%s has no option --%s".formatted(job, Quote.of(name)));
            }
            arguments.addAll(arguments(option, values));
        });
        try {
            ParseResult parsed = new CommandLine(spec)
                    .setCaseInsensitiveEnumValuesAllowed(true)
                    .setAbbreviatedOptionsAllowed(false)
                    .setExpandAtFiles(false)
                    .parseArgs(arguments.toArray(String[]::new));
            EmptyPath.in(parsed).ifPresent(option -> {
                throw Refusal.usage(option + " is empty; give a path, or leave it out");
            });
        } catch (ParameterException e) {
            throw Refusal.usage(Main.message(e));
        }
        return new JobOptions(command, spec);
    }

    private static List<String> arguments(OptionSpec option, List<String> values) {
        String name = option.longestName();
        return switch (ValueShape.of(option)) {
            case FLAG -> isTrue(name, values) ? List.of(name) : List.of();
            case IDS -> values.isEmpty() ? List.of() : List.of(name + "=" + String.join(",", values));
            default -> values.stream().map(value -> name + "=" + value).toList();
        };
    }

    private static boolean isTrue(String name, List<String> values) {
        String value = String.join(",", values);
        if (value.equalsIgnoreCase("true") || value.equalsIgnoreCase("false")) {
            return Boolean.parseBoolean(value);
        }
        throw Refusal.usage("%s is true or false, not %s".formatted(name, Quote.of(value)));
    }

    /// Returns the columns that the job adds to the passed ones. Options may add some.
    public StructType addedColumns() {
        return command.addedColumns();
    }

    /// Makes the job that the options describe.
    ///
    /// @param columns the columns that pass through; empty for all
    /// @param conf the Spark configuration that says how to reach a remote model
    /// @param models opens a model, or finds it where it is open
    /// @param warnings receives what a person should know of the job, a line each
    /// @throws RuntimeException with one line for a person, if the options and the model do not fit
    public Work work(
            List<String> columns,
            SparkConf conf,
            Function<ModelChoice, ModelReference> models,
            Consumer<String> warnings) {
        return command.work(columns, conf, models, warnings);
    }

    /// Returns the contents of the files that options name, as the identity of a run has them. Jobs with equal
    /// options and equal files are the same.
    public RunIdentity files() {
        return new OptionValues(spec).files();
    }

    /// Returns the names of a job's options, without dashes, in alphabetical order.
    ///
    /// @param job `score`, `generate`, `classify`, `embed` or `tokenize`
    public static Set<String> names(String job) {
        return shapes(job).keySet();
    }

    /// Returns the shapes of the values of a job's options, by their names without dashes, in alphabetical order.
    ///
    /// @param job `score`, `generate`, `classify`, `embed` or `tokenize`
    public static Map<String, ValueShape> shapes(String job) {
        return SHAPES.computeIfAbsent(job, JobOptions::newShapes);
    }

    private static Map<String, ValueShape> newShapes(String job) {
        Map<String, ValueShape> shapes = new TreeMap<>();
        for (OptionSpec option : spec(command(job)).options()) {
            shapes.put(name(option.longestName()), ValueShape.of(option));
        }
        return Collections.unmodifiableMap(shapes);
    }

    /// Returns the names of the options that say which model is run, and how, without dashes.
    public static Set<String> modelNames() {
        Set<String> names = new TreeSet<>();
        OF_MODELS.forEach(group -> group.options().stream()
                .filter(option -> !isOfRuns(option))
                .forEach(option -> names.add(name(option))));
        return names;
    }

    private static String name(String option) {
        return option.substring(2);
    }

    private static JobCommand command(String job) {
        return switch (job) {
            case "score" -> new ScoreCommand();
            case "generate" -> new GenerateCommand();
            case "classify" -> new ClassifyCommand();
            case "embed" -> new EmbedCommand();
            case "tokenize" -> new TokenizeCommand();
            default -> throw new IllegalArgumentException("no such job: " + job);
        };
    }

    /// Returns the options of a command, without those of runs.
    private static CommandSpec spec(JobCommand command) {
        CommandSpec spec = new CommandLine(command).getCommandSpec();
        for (OptionSpec option : List.copyOf(spec.options())) {
            if (isOfRuns(option.longestName())) {
                spec.remove(option);
            }
        }
        return spec;
    }

    private static boolean isOfRuns(String option) {
        return OTHERS_OF_RUNS.contains(option)
                || OF_RUNS.stream().anyMatch(group -> group.options().contains(option));
    }
}
