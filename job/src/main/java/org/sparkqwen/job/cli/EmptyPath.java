package org.sparkqwen.job.cli;

import java.util.Optional;
import java.util.Set;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/// An option with an empty path, such as that of a variable of the shell that is not set. The empty path of a file
/// system is the directory in which the process runs, which nobody means.
final class EmptyPath {
    /// What the help calls the values that are paths.
    private static final Set<String> LABELS = Set.of("DIR", "FILE", "PATH");

    private EmptyPath() {}

    /// Returns the name of an option that was given an empty path, with its dashes.
    static Optional<String> in(ParseResult parsed) {
        return parsed.matchedOptions().stream()
                .filter(option -> LABELS.contains(option.paramLabel()))
                .filter(option -> option.originalStringValues().stream().anyMatch(String::isBlank))
                .map(OptionSpec::longestName)
                .findFirst();
    }
}
