package org.sparkqwen.engine.quantized;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.ConfigJson;

/// Settings that several schemes read alike.
final class Settings {
    static final int MAX_WIDTH = 1 << 24;

    /// The warning of a scheme that quantizes activations.
    static final String ACTIVATIONS =
            "config.json: quantization_config asks for quantized activations; they stay in float32 here";

    private Settings() {}

    /// Warns of keys that are not known.
    ///
    /// @param known the keys that are obeyed, or change nothing
    static void warnOfUnknown(ConfigJson config, Set<String> known, List<String> warnings) {
        List<String> unknown = new ArrayList<>(config.keys());
        unknown.removeAll(known);
        if (!unknown.isEmpty()) {
            warnings.add("config.json: unknown keys of quantization_config are ignored: " + Quote.list(unknown));
        }
    }

    /// The number of inputs in a group; -1 for all inputs of a layer.
    static int groupSize(ConfigJson config) {
        if (config.node().path("group_size").asInt(-1) == 0) {
            throw config.wrong("group_size", "-1, or a whole number from 1 on");
        }
        return config.wholeNumber("group_size", -1, MAX_WIDTH);
    }

    /// Groups of inputs in words, for a scheme's title.
    static String title(int groupSize) {
        return groupSize == -1 ? "one group of all inputs" : "groups of " + groupSize + " inputs";
    }

    /// Whether a key has a value other than null, false, and an empty list, object or string.
    static boolean isSet(ConfigJson config, String key) {
        JsonNode value = config.node().path(key);
        boolean empty = (value.isContainerNode() && value.isEmpty())
                || (value.isTextual() && value.textValue().isEmpty())
                || (value.isBoolean() && !value.booleanValue());
        return config.has(key) && !empty;
    }
}
