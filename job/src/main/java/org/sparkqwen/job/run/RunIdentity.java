package org.sparkqwen.job.run;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.hostcache.Fingerprint;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.message.Quote;

/// The identity of a run: its job, its model, and every option that changes a row. A run can only be continued by one
/// with the same identity.
///
/// @param facts the parts of the identity as texts, by name
public record RunIdentity(Map<String, String> facts) {
    /// The fact that says which kind of device computes; there is none for the processor.
    private static final String DEVICE = "device";

    private static final int SHOWN_DIFFERENCES = 3;

    /// The pattern of what follows the name of a file.
    private static final String ANY_CONTENTS = " \\(sha256 [0-9a-f]{64}\\)$";

    /// @param job the job that is run
    /// @param model the model's name and sha256
    /// @param options the values of the options that change rows
    /// @param files the options that name a local file, whose contents count
    public static RunIdentity of(
            String job, String model, Map<String, Object> options, Set<String> files, SafeOptions safe) {
        Map<String, String> facts = new TreeMap<>();
        facts.put("job", job);
        facts.put("model", model);
        safe.identifying(options)
                .forEach((option, value) ->
                        facts.put(option, files.contains(option) ? withContents(options.get(option)) : text(value)));
        return new RunIdentity(facts);
    }

    /// @param facts what decides the rows of the output, by name
    static RunIdentity of(Map<String, Object> facts, SafeOptions safe) {
        Map<String, String> texts = new TreeMap<>();
        safe.identifying(facts).forEach((name, value) -> texts.put(name, text(value)));
        return new RunIdentity(texts);
    }

    /// Returns this identity with one more fact.
    public RunIdentity with(String name, String value) {
        Map<String, String> more = new TreeMap<>(facts);
        more.put(name, value);
        return new RunIdentity(more);
    }

    /// Returns this identity with the kind of device that computes.
    public RunIdentity on(Device device) {
        return device.isGpu() ? with(DEVICE, device.kind().toString()) : this;
    }

    /// Returns this identity with the device of another one.
    RunIdentity onDeviceOf(RunIdentity other) {
        Map<String, String> changed = new TreeMap<>(facts);
        changed.remove(DEVICE);
        if (other.facts.containsKey(DEVICE)) {
            changed.put(DEVICE, other.device());
        }
        return new RunIdentity(changed);
    }

    /// Returns the kind of device that computes.
    String device() {
        return facts.getOrDefault(DEVICE, "cpu");
    }

    private static String text(@Nullable Object value) {
        return value == null ? "unset" : value.toString();
    }

    /// Adds the sha256 of a local file that an option names, such as a JSON schema, because its contents count.
    /// Input files are checked elsewhere.
    private static String withContents(@Nullable Object value) {
        String text = text(value);
        String shown = SafeOptions.identifying(text);
        if (text.stripLeading().startsWith("{")) {
            return shown;
        }
        try {
            Path file = Path.of(text);
            return value != null && Files.isRegularFile(file)
                    ? "%s (sha256 %s)".formatted(shown, Fingerprint.of(file))
                    : shown;
        } catch (InvalidPathException e) {
            return shown; // not a path, which the option itself refuses
        }
    }

    /// Returns the first differences to another identity for a person, such as
    /// `temperature 0.8, not 1.0; seed 1, not 2`; empty if there are none.
    ///
    /// @param other the identity whose values come after `not`
    public String differences(RunIdentity other) {
        Set<String> names = new TreeSet<>(facts.keySet());
        names.addAll(other.facts.keySet());
        List<String> differences = new ArrayList<>();
        for (String name : names) {
            String here = facts.getOrDefault(name, "unset");
            String there = other.facts.getOrDefault(name, "unset");
            if (!here.equals(there)) {
                String file = here.replaceFirst(ANY_CONTENTS, "");
                differences.add(
                        file.equals(there.replaceFirst(ANY_CONTENTS, ""))
                                ? "%s %s had other contents".formatted(Quote.of(name), Quote.of(file))
                                : "%s %s, not %s".formatted(Quote.of(name), Quote.of(here), Quote.of(there)));
            }
        }
        int shown = Math.min(SHOWN_DIFFERENCES, differences.size());
        String text = String.join("; ", differences.subList(0, shown));
        return differences.size() > shown ? text + "; and %d more".formatted(differences.size() - shown) : text;
    }
}
