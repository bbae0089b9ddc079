package org.sparkqwen.engine.adapter;

import java.util.List;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.ConfigJson;

/// The modules that an adapter changes, as `target_modules` says.
sealed interface TargetModules {
    String KEY = "target_modules";

    /// Whether the adapter changes a module.
    ///
    /// @param module the module's name in the base model, `model.layers.0.self_attn.q_proj`
    /// @throws IllegalArgumentException if that takes too long to tell
    boolean contains(String module);

    /// All matrices of the layers: the word `all-linear`.
    record AllLinear() implements TargetModules {
        @Override
        public boolean contains(String module) {
            return true;
        }

        @Override
        public String toString() {
            return "all-linear";
        }
    }

    /// Modules with one of these names, or whose names end with one of them.
    record Listed(List<String> names) implements TargetModules {
        public Listed {
            names = List.copyOf(names);
        }

        @Override
        public boolean contains(String module) {
            return names.stream().anyMatch(name -> module.equals(name) || module.endsWith("." + name));
        }

        @Override
        public String toString() {
            return String.join(", ", names.stream().sorted().map(Quote::of).toList());
        }
    }

    /// Modules whose whole names match a regular expression.
    record Matching(String regex, BoundedPattern pattern) implements TargetModules {
        @Override
        public boolean contains(String module) {
            return pattern.matches(module);
        }

        @Override
        public String toString() {
            return Quote.of(regex);
        }
    }

    /// @throws org.sparkqwen.engine.modelfile.InvalidModelException if there are none
    static TargetModules of(ConfigJson config) {
        if (!config.has(KEY)
                || (!config.node().path(KEY).isTextual() && config.texts(KEY).isEmpty())) {
            throw config.invalid("target_modules names no modules");
        }
        if (!config.node().path(KEY).isTextual()) {
            return new Listed(config.texts(KEY));
        }
        String text = config.text(KEY);
        if (text.equals("all-linear")) {
            return new AllLinear();
        }
        try {
            return new Matching(text, BoundedPattern.of(text));
        } catch (IllegalArgumentException e) {
            throw config.invalid("target_modules is " + e.getMessage());
        }
    }
}
