package org.sparkqwen.job.cli;

import java.lang.reflect.AnnotatedElement;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import picocli.CommandLine;
import picocli.CommandLine.Help;
import picocli.CommandLine.Help.Layout;
import picocli.CommandLine.IHelpSectionRenderer;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.UsageMessageSpec;

/// The `--help` of every command: a synopsis of the usual options, and then all options by [OptionGroup].
final class GroupedHelp {
    private GroupedHelp() {}

    /// Makes the command and its sub-commands show their options in groups.
    static void install(CommandLine commandLine) {
        Map<String, IHelpSectionRenderer> sections = new HashMap<>(commandLine.getHelpSectionMap());
        sections.put(UsageMessageSpec.SECTION_KEY_SYNOPSIS, help -> synopsis(help.commandSpec()));
        sections.put(UsageMessageSpec.SECTION_KEY_OPTION_LIST, GroupedHelp::options);
        commandLine.setHelpSectionMap(sections);
    }

    private static String synopsis(CommandSpec command) {
        StringJoiner synopsis = new StringJoiner(" ", "", System.lineSeparator());
        synopsis.add(command.qualifiedName());
        for (OptionSpec option : command.options()) {
            if (option.required() || isExample(option)) {
                synopsis.add(option.longestName()).add(option.paramLabel());
            }
        }
        synopsis.add("[OPTIONS]");
        if (!command.subcommands().isEmpty()) {
            synopsis.add("COMMAND");
        }
        return synopsis.toString();
    }

    private static boolean isExample(OptionSpec option) {
        return option.userObject() instanceof AnnotatedElement field && field.isAnnotationPresent(InSynopsis.class);
    }

    private static String options(Help help) {
        StringBuilder shown = new StringBuilder();
        groups(help.commandSpec()).forEach((group, options) -> {
            Layout layout = help.createDefaultLayout(); // as wide for every group
            layout.addOptions(options, help.parameterLabelRenderer());
            shown.append(shown.isEmpty() ? "" : System.lineSeparator())
                    .append(group.heading())
                    .append(':')
                    .append(System.lineSeparator())
                    .append(layout);
        });
        return shown.toString();
    }

    /// The command's options by group, groups and options in the order in which they are shown.
    ///
    /// @throws IllegalStateException if an option is in no group of the command
    static Map<OptionGroup, List<OptionSpec>> groups(CommandSpec command) {
        List<OptionSpec> rest = new ArrayList<>(command.options());
        Map<OptionGroup, List<OptionSpec>> groups = new EnumMap<>(OptionGroup.class);
        for (OptionGroup group : OptionGroup.values()) {
            if (group.isOf(command.name())) {
                for (String name : group.options()) {
                    OptionSpec option = command.findOption(name);
                    if (option != null && rest.remove(option)) {
                        groups.computeIfAbsent(group, empty -> new ArrayList<>())
                                .add(option);
                    }
                }
            }
        }
        if (!rest.isEmpty()) {
            throw new IllegalStateException("%s has options in no group: %s".formatted(command.name(), rest));
        }
        return groups;
    }
}
