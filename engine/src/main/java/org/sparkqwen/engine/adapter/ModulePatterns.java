package org.sparkqwen.engine.adapter;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import org.sparkqwen.engine.modelfile.ConfigJson;

/// Numbers for modules whose names fit patterns: `rank_pattern` and `alpha_pattern`. A pattern is a regular expression
/// for the end of a module's name, from a dot or the beginning on. The first pattern that fits counts.
///
/// @param <T> the type of the numbers
record ModulePatterns<T>(List<Entry<T>> entries) {
    private static final int MOST = 10_000;

    ModulePatterns {
        entries = List.copyOf(entries);
    }

    /// A pattern and its number.
    record Entry<T>(BoundedPattern pattern, T number) {}

    /// @param number reads the number of a pattern, given the object and the pattern
    static <T> ModulePatterns<T> of(ConfigJson config, String key, BiFunction<ConfigJson, String, T> number) {
        List<Entry<T>> entries = new ArrayList<>();
        if (config.has(key)) {
            ConfigJson object = config.object(key);
            if (object.node().size() > MOST) {
                throw config.invalid("%s has more than %,d patterns".formatted(key, MOST));
            }
            object.node().fieldNames().forEachRemaining(pattern -> {
                try {
                    entries.add(new Entry<>(
                            BoundedPattern.of("(.*\\.)?(%s)".formatted(pattern)), number.apply(object, pattern)));
                } catch (IllegalArgumentException e) {
                    throw config.invalid("%s has %s".formatted(key, e.getMessage()));
                }
            });
        }
        return new ModulePatterns<>(entries);
    }

    /// The number of a module.
    ///
    /// @param otherwise the number where no pattern fits
    T of(String module, T otherwise) {
        for (Entry<T> entry : entries) {
            if (entry.pattern().matches(module)) {
                return entry.number();
            }
        }
        return otherwise;
    }
}
