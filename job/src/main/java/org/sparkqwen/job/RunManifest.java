package org.sparkqwen.job;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.apache.spark.SparkConf;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/// What `_run.json` says: the lineage of an output, enough to make it again.
final class RunManifest {
    static final String FILE = "_run.json";

    /// Settings of such a key or value never reach a file, nor those that Spark redacts in its UI.
    private static final String SECRET = "(?i)secret|password|token|access[.]?key|credential";

    private static final String SPARKS_SECRETS = "spark.redaction.regex";

    private static final ObjectMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private RunManifest() {}

    /// @param summary what the job reports of its output
    static String of(
            CommandSpec command, JobRun.Written run, @Nullable ModelReference model, Map<String, Object> summary) {
        Map<String, Object> manifest = new LinkedHashMap<>();
        manifest.put("job", command.name());
        manifest.put("started", run.started());
        manifest.put("seconds", run.seconds());
        manifest.put("intervals", run.intervals());
        manifest.put("restarts", run.restarts());
        manifest.put("time_of_last_5_percent", run.pace().timeOfLast(0.05));
        if (model != null) {
            manifest.put("model", model.label());
            manifest.put("model_sha256", model.sha256());
            manifest.put("model_directory", model.origin());
        }
        manifest.put("warnings", run.warnings());
        manifest.put("summary", summary);
        manifest.put("options", options(command));
        Map<String, String> versions = new LinkedHashMap<>();
        versions.put("spark-qwen", Main.version());
        versions.put("spark", run.output().sparkSession().version());
        versions.put("java", Runtime.version().toString());
        manifest.put("versions", versions);
        try {
            return JSON.writeValueAsString(manifest) + "\n";
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    /// Every option with the value it had, given or default.
    static Map<String, Object> options(CommandSpec command) {
        Predicate<String> secret = secret(command);
        Map<String, Object> options = new LinkedHashMap<>();
        for (OptionSpec option : command.options()) {
            if (!option.usageHelp() && !option.versionHelp()) {
                options.put(option.longestName().substring(2), value(option.getValue(), secret));
            }
        }
        return options;
    }

    private static Predicate<String> secret(CommandSpec command) {
        String sparks = new SparkConf().get(SPARKS_SECRETS, SECRET);
        OptionSpec conf = command.findOption("--conf");
        if (conf != null && conf.getValue() instanceof Map<?, ?> given && given.containsKey(SPARKS_SECRETS)) {
            sparks = String.valueOf(given.get(SPARKS_SECRETS));
        }
        return Pattern.compile(SECRET).asPredicate().or(Pattern.compile(sparks).asPredicate());
    }

    private static @Nullable Object value(@Nullable Object value, Predicate<String> secret) {
        return switch (value) {
            case null -> null;
            case Number number -> number;
            case Boolean flag -> flag;
            case List<?> list -> {
                List<String> texts = new ArrayList<>();
                list.forEach(item -> texts.add(String.valueOf(item)));
                yield texts;
            }
            case Map<?, ?> map -> {
                Map<String, String> texts = new LinkedHashMap<>();
                map.forEach((key, item) -> {
                    boolean hidden = secret.test(String.valueOf(key)) || secret.test(String.valueOf(item));
                    texts.put(String.valueOf(key), hidden ? "*** redacted ***" : String.valueOf(item));
                });
                yield texts;
            }
            case Enum<?> constant -> constant.name().toLowerCase(Locale.ROOT);
            default -> value.toString();
        };
    }
}
