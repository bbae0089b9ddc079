package org.sparkqwen.job;

import java.lang.reflect.RecordComponent;
import java.util.Collection;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Describes a job so that two jobs that make the same rows have the same facts, in every JVM.
final class JobIdentity {
    private JobIdentity() {}

    /// @param model the model's name and sha256
    /// @param settings the job's settings, each of which is a fact
    static Map<String, String> of(String job, String model, Record settings) {
        Map<String, String> facts = new TreeMap<>();
        for (RecordComponent setting : settings.getClass().getRecordComponents()) {
            facts.put(setting.getName(), text(value(settings, setting)));
        }
        facts.put("job", job);
        facts.put("model", model);
        return facts;
    }

    /// Formats a value. The elements of sets and maps are sorted, because the order of immutable ones differs
    /// between JVMs.
    static String text(@Nullable Object value) {
        return switch (value) {
            case null -> "unset";
            case Record composed ->
                Stream.of(composed.getClass().getRecordComponents())
                        .map(part -> part.getName() + "=" + text(value(composed, part)))
                        .collect(Collectors.joining(", ", composed.getClass().getSimpleName() + "[", "]"));
            case Map<?, ?> map ->
                map.entrySet().stream()
                        .map(entry -> text(entry.getKey()) + "=" + text(entry.getValue()))
                        .sorted()
                        .collect(Collectors.joining(", ", "{", "}"));
            case Set<?> set -> set.stream().map(JobIdentity::text).sorted().collect(Collectors.joining(", ", "{", "}"));
            case Collection<?> list -> list.stream().map(JobIdentity::text).collect(Collectors.joining(", ", "[", "]"));
            case Enum<?> constant -> constant.name().toLowerCase(Locale.ROOT);
            default -> value.toString();
        };
    }

    private static @Nullable Object value(Record composed, RecordComponent part) {
        try {
            return part.getAccessor().invoke(composed);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e); // the records of settings are public
        }
    }
}
