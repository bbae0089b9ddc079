package org.sparkqwen.job.cli;

import java.lang.annotation.Annotation;
import java.lang.reflect.AnnotatedElement;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.sparkqwen.job.run.RunIdentity;
import org.sparkqwen.job.run.SafeOptions;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/// The options of a command with their values, given or default, as a run stores and compares them.
final class OptionValues {
    private final CommandSpec command;

    OptionValues(CommandSpec command) {
        this.command = command;
    }

    /// Returns the values that may be shown, by the options' names without dashes.
    Map<String, Object> shown() {
        return safe().shown(values());
    }

    /// Returns the identity of a run of this command.
    ///
    /// @param model the model's name and sha256
    RunIdentity identity(String model) {
        Map<String, Object> values = values();
        values.keySet().removeAll(marked(ChangesNoRow.class));
        return RunIdentity.of(command.name(), model, values, marked(NamesFile.class), safe());
    }

    /// Returns the part of a run's identity that lies in files which options name. It changes with their contents.
    RunIdentity files() {
        Map<String, Object> values = values();
        Set<String> files = marked(NamesFile.class);
        values.keySet().retainAll(files);
        return RunIdentity.of(command.name(), "any model", values, files, safe());
    }

    private SafeOptions safe() {
        OptionSpec conf = command.findOption("--conf");
        return SafeOptions.of(
                conf != null && conf.getValue() instanceof Map<?, ?> settings
                        ? (String) settings.get(SafeOptions.REDACTED_SETTINGS)
                        : null);
    }

    private Map<String, Object> values() {
        Map<String, Object> values = new LinkedHashMap<>();
        for (OptionSpec option : command.options()) {
            if (!option.usageHelp() && !option.versionHelp()) {
                values.put(name(option), option.getValue());
            }
        }
        return values;
    }

    private Set<String> marked(Class<? extends Annotation> mark) {
        Set<String> names = new HashSet<>();
        for (OptionSpec option : command.options()) {
            if (option.userObject() instanceof AnnotatedElement field && field.isAnnotationPresent(mark)) {
                names.add(name(option));
            }
        }
        return names;
    }

    private static String name(OptionSpec option) {
        return option.longestName().substring(2);
    }
}
