package org.sparkqwen.job.cli;

import java.util.Arrays;
import java.util.List;
import org.apache.spark.deploy.SparkSubmit;
import picocli.CommandLine;

/// The main class that the launcher starts in the place of Spark's. It answers `--help` and wrong options before any of
/// Spark is loaded, and hands everything else to `spark-submit` in the same JVM.
public final class Start {
    /// What `spark-submit` does once the command line is known to be right.
    static final int SUBMIT = -1;

    private Start() {}

    /// @param args the arguments of `spark-submit`, which end in the jar and the arguments of [Main]
    public static void main(String... args) {
        StandardStreams.useUtf8();
        int exitCode = answer(ownArguments(args));
        if (exitCode == SUBMIT) {
            SparkSubmit.main(args);
        } else {
            System.exit(exitCode);
        }
    }

    /// Returns what follows `--class`, the main class and the jar.
    static String[] ownArguments(String... args) {
        int jar = List.of(args).indexOf(Main.class.getName()) + 1;
        return Arrays.copyOfRange(args, jar + 1, args.length);
    }

    /// Prints the help, the version, or what is wrong with the arguments.
    ///
    /// @return the exit code, or [#SUBMIT] where there is a command to run
    static int answer(String... args) {
        if (args.length == 0) {
            return Main.run();
        }
        CommandLine commandLine = Main.commandLine().setExecutionStrategy(parsed -> {
            Integer helped = CommandLine.executeHelpRequest(parsed);
            return helped != null
                    ? helped
                    : parsed.hasSubcommand() ? SUBMIT : new CommandLine.RunLast().execute(parsed);
        });
        return commandLine.execute(args);
    }
}
