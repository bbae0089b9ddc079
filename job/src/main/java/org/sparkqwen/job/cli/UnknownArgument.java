package org.sparkqwen.job.cli;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;
import org.sparkqwen.engine.message.Quote;
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
                    nearest(first, command.subcommands().keySet()));
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
                .filter(arg ->
                        nearest(name(arg), known).filter(missing::contains).isPresent());
        return Stream.concat(commandLine.getUnmatchedArguments().stream(), taken)
                .filter(UnknownArgument::isOption)
                .findFirst();
    }

    private static UnknownArgument option(CommandSpec command, String argument) {
        String name = name(argument);
        return new UnknownArgument(
                "unknown option " + Quote.of(name),
                nearest(name, command.optionsMap().keySet()));
    }

    private static boolean isOption(String argument) {
        return argument.startsWith("-") && argument.length() > 1;
    }

    /// Without the value, which may be a password.
    private static String name(String argument) {
        return argument.split("=", 2)[0];
    }

    /// The known name that differs in the fewest letters. Two thirds of them must be the same, or one of both names
    /// must begin with the other. A name that has the same words and more, as `--max-new-tokens` has those of
    /// `--max-tokens`, goes first.
    private static Optional<String> nearest(String name, Collection<String> known) {
        String plain = plain(name);
        List<String> words = List.of(plain.split("-"));
        return known.stream()
                .filter(candidate -> plain(candidate).length() > 1)
                .filter(candidate -> alike(plain, plain(candidate)))
                .min(Comparator.comparing((String candidate) ->
                                !List.of(plain(candidate).split("-")).containsAll(words))
                        .thenComparingInt(candidate -> distance(plain, plain(candidate)))
                        .thenComparing(Comparator.naturalOrder()));
    }

    private static String plain(String name) {
        return name.replaceFirst("^-+", "").toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static boolean alike(String name, String candidate) {
        boolean abbreviated = name.length() > 2 && (candidate.startsWith(name) || name.startsWith(candidate));
        return abbreviated || 3 * distance(name, candidate) <= Math.max(name.length(), candidate.length());
    }

    /// The edits between two names: letters inserted, deleted, replaced, or exchanged with their neighbours.
    private static int distance(String a, String b) {
        if (a.length() > Quote.LONGEST_VALUE) {
            return Integer.MAX_VALUE / 4;
        }
        int[][] distance = new int[a.length() + 1][b.length() + 1];
        for (int i = 0; i <= a.length(); i++) {
            for (int j = 0; j <= b.length(); j++) {
                if (i == 0 || j == 0) {
                    distance[i][j] = i + j;
                    continue;
                }
                int replaced = distance[i - 1][j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                int best = Math.min(replaced, 1 + Math.min(distance[i - 1][j], distance[i][j - 1]));
                if (i > 1 && j > 1 && a.charAt(i - 1) == b.charAt(j - 2) && a.charAt(i - 2) == b.charAt(j - 1)) {
                    best = Math.min(best, 1 + distance[i - 2][j - 2]);
                }
                distance[i][j] = best;
            }
        }
        return distance[a.length()][b.length()];
    }
}
