package org.sparkqwen.job.cli;

import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.failure.Version;
import org.sparkqwen.job.failure.Warnings;
import org.sparkqwen.job.run.Interruption;
import org.sparkqwen.job.storage.LocaleEncoding;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.RunLast;
import picocli.CommandLine.ScopeType;

/// The command line: one main class with a sub-command for each job, the same under spark-submit and in local runs.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage. An error is one line; `--verbose` adds the stack trace.
@Command(
        name = "spark-qwen",
        description = {"Runs batch inference with Qwen3 on Apache Spark, on CPUs or GPUs.", ""},
        subcommands = {
            ScoreCommand.class,
            GenerateCommand.class,
            ClassifyCommand.class,
            EmbedCommand.class,
            TokenizeCommand.class,
            InspectCommand.class,
            PackCommand.class,
            BenchCommand.class,
            ReportCommand.class
        },
        versionProvider = Main.VersionLine.class,
        synopsisSubcommandLabel = "COMMAND",
        commandListHeading = "%nCommands:%n",
        mixinStandardHelpOptions = true,
        scope = ScopeType.INHERIT,
        footer = {
            "",
            "Examples:",
            "  ./spark-qwen score --input data-samples/corpus.parquet --output /tmp/scores",
            "  ./spark-qwen generate --input data-samples/prompts.parquet --output /tmp/texts",
            "  ./spark-qwen inspect --model Qwen3-4B-Base",
            "",
            "./spark-qwen COMMAND --help explains the options of one command."
        })
public final class Main {
    /// The beginning of a message that names a setting.
    private static final Pattern SETTING = Pattern.compile("([a-z]+(?:-[a-z]+)*)(?:: | must be )");

    @ChangesNoRow
    @Option(
            names = "--verbose",
            scope = ScopeType.INHERIT,
            description = "The terminal shows Spark's logs, and the stack traces of errors.")
    private boolean verbose;

    private Main() {}

    /// The entry point for spark-submit.
    public static void main(String... args) {
        StandardStreams.useUtf8();
        Interruption.listen();
        int exitCode = run(args);
        if (exitCode != 0) {
            System.exit(exitCode);
        }
    }

    /// Runs a command line and returns its exit code.
    public static int run(String... args) {
        CommandLine commandLine = commandLine();
        if (args.length == 0) {
            commandLine.usage(commandLine.getErr());
            return 2;
        }
        try {
            checkLetters(args);
        } catch (Refusal e) {
            say(commandLine, String.valueOf(e.getMessage()));
            return e.exitCode();
        }
        return commandLine.execute(args);
    }

    /// Refuses arguments that this process did not get as they were given, and warns if they may have been changed
    /// before.
    private static void checkLetters(String... args) {
        LocaleEncoding locale = LocaleEncoding.ofProcess();
        Warnings warnings = new Warnings(System.err);
        for (String argument : args) {
            locale.refuseOthers("the argument", argument);
            locale.caution(argument).ifPresent(warnings::add);
        }
    }

    /// All commands, which have parsed nothing yet.
    static CommandLine commandLine() {
        Main main = new Main();
        CommandLine commandLine = new CommandLine(main)
                .setOut(writer(System.out))
                .setErr(writer(System.err))
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setAbbreviatedOptionsAllowed(false)
                .setUsageHelpWidth(100)
                .setExecutionStrategy(Main::execute)
                .setParameterExceptionHandler(Main::usageError)
                .setExecutionExceptionHandler((failure, command, parsed) -> failed(failure, command, main.verbose));
        GroupedHelp.install(commandLine);
        return commandLine;
    }

    private static int execute(ParseResult parsed) {
        for (ParseResult part = parsed; part != null; part = part.subcommand()) {
            Optional<String> empty = EmptyPath.in(part);
            if (empty.isPresent()) {
                throw new ParameterException(
                        part.commandSpec().commandLine(),
                        "%s is empty; is a variable of the shell not set?".formatted(empty.get()));
            }
        }
        return new RunLast().execute(parsed);
    }

    /// A writer in the encoding of the stream, which need not be that of the locale.
    private static PrintWriter writer(PrintStream stream) {
        return new PrintWriter(stream, true, stream.charset());
    }

    private static int usageError(ParameterException e, String[] args) {
        CommandLine command = e.getCommandLine();
        Optional<UnknownArgument> unknown = UnknownArgument.in(e, args);
        say(command, unknown.map(UnknownArgument::message).orElseGet(() -> message(e)));
        if (!unknown.map(UnknownArgument::suggests).orElse(false)) {
            command.getErr()
                    .printf(
                            "%s --help lists what there is%n",
                            command.getCommandSpec().qualifiedName());
        }
        return 2;
    }

    /// Returns one line that says what is wrong with an option.
    static String message(ParameterException e) {
        String message = e.getMessage() == null ? e.toString() : e.getMessage();
        // If KEY=VALUE lacks its sign, the message would show the whole value, which may be a password.
        message = message.replaceFirst("(should be in KEY=VALUE format) but was .*", "$1");
        // picocli's own words are those of Java, and some are doubled
        message = message.replace("option option", "option")
                .replace("KEY=VALUE[,KEY=VALUE]... format", "KEY=VALUE format")
                .replaceFirst("is not an int$", "is no whole number, or too large")
                .replaceFirst("is not a long$", "is no whole number, or too large")
                .replaceFirst("is not a double$", "is no number");
        return message.lines().findFirst().orElse(message);
    }

    private static int failed(Exception failure, CommandLine command, boolean verbose) {
        Interruption.awaitEndIfEnding();
        if (verbose) {
            printStackTrace(failure, command.getErr());
        }
        switch (failure) {
            case Refusal refusal -> {
                say(command, withDashes(command, String.valueOf(refusal.getMessage())));
                return refusal.exitCode();
            }
            case InvalidModelException model -> say(command, String.valueOf(model.getMessage()));
            default -> say(command, Failures.firstLine(failure) + (verbose ? "" : " (--verbose shows where)"));
        }
        return 1;
    }

    /// Writes the option's name with its dashes where a message begins with it, because settings records, which
    /// Java callers use, too, know no dashes.
    private static String withDashes(CommandLine command, String message) {
        Matcher setting = SETTING.matcher(message);
        return setting.lookingAt() && command.getCommandSpec().findOption("--" + setting.group(1)) != null
                ? "--" + message
                : message;
    }

    private static void printStackTrace(Exception failure, PrintWriter err) {
        StringWriter trace = new StringWriter();
        failure.printStackTrace(new PrintWriter(trace, true));
        trace.toString().lines().forEach(line -> {
            String text = line.stripLeading();
            boolean indented = line.startsWith("\t");
            err.println((indented ? "\t" : "") + Quote.line(indented ? text : line));
        });
    }

    private static void say(CommandLine command, String message) {
        PrintWriter err = command.getErr();
        err.println(command.getCommandSpec().qualifiedName() + ": " + Quote.line(message));
        err.flush();
    }

    static final class VersionLine implements IVersionProvider {
        @Override
        public String[] getVersion() {
            return List.of("spark-qwen " + Version.current()).toArray(String[]::new);
        }
    }
}
