package org.sparkqwen.job.cli;

import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.failure.NearestName;
import picocli.CommandLine;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/// What is wrong with an argument that is no option, no option's value and no command, and the name that was meant.
///
/// A misspelt required option is also a missing one. Its misspelling is the better explanation, so it goes first.
///
/// @param message one line
/// @param suggests whether the message names what was meant
record UnknownArgument(String message, boolean suggests) {
    private UnknownArgument(String problem, Optional<String> meant) {
        this(problem + meant.map("; did you mean %s?"::formatted).orElse(""), meant.isPresent());
    }

    /// The argument that explains why a command line was refused.
    ///
    /// @param args the whole command line
    /// @return empty if the command line was refused for another reason
    static Optional<UnknownArgument> in(ParameterException refused, String... args) {
        CommandSpec command = refused.getCommandLine().getCommandSpec();
        return switch (refused) {
            case UnmatchedArgumentException unmatched -> Optional.of(of(command, unmatched.getUnmatched()));
            case MissingParameterException missing -> misspelt(missing, args).map(name -> option(command, name));
            default -> Optional.empty();
        };
    }

    private static UnknownArgument of(CommandSpec command, List<String> unmatched) {
        String first = unmatched.getFirst();
        if (!command.subcommands().isEmpty() && !isOption(first)) {
            return new UnknownArgument(
                    "unknown command " + Quote.of(first),
                    NearestName.of(first, command.subcommands().keySet()));
        }
        return unmatched.stream()
                .filter(UnknownArgument::isOption)
                .findFirst()
                .map(name -> option(command, name))
                .orElseGet(() -> new UnknownArgument("unexpected argument " + Quote.of(first), false));
    }

    /// The unknown option of a command line that lacks a required one.
    private static Optional<String> misspelt(MissingParameterException refused, String... args) {
        CommandLine commandLine = refused.getCommandLine();
        Collection<String> known = commandLine.getCommandSpec().optionsMap().keySet();
        List<String> missing = refused.getMissing().stream()
                .filter(ArgSpec::isOption)
                .map(option -> ((OptionSpec) option).longestName())
                .toList();
        // An option before it may have taken the misspelt one as its value.
        Stream<String> taken = Stream.of(args)
                .filter(arg -> !known.contains(name(arg)))
                .filter(arg -> NearestName.of(name(arg), known)
                        .filter(missing::contains)
                        .isPresent());
        return Stream.concat(commandLine.getUnmatchedArguments().stream(), taken)
                .filter(UnknownArgument::isOption)
                .findFirst();
    }

    private static UnknownArgument option(CommandSpec command, String argument) {
        String name = name(argument);
        return new UnknownArgument(
                "unknown option " + Quote.of(name),
                NearestName.of(name, command.optionsMap().keySet()));
    }

    private static boolean isOption(String argument) {
        return argument.startsWith("-") && argument.length() > 1;
    }

    /// Returns the argument without its value, which may be a password.
    private static String name(String argument) {
        return argument.split("=", 2)[0];
    }
}
