package org.sparkqwen.job.cli.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.spark.package$;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.failure.Version;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.run.JobRun;
import org.sparkqwen.job.run.SafeOptions;

/// The contents of `_run.json`: the lineage of an output, enough to make it again.
public final class RunManifest {
    private static final ObjectMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private RunManifest() {}

    /// @param options the options with their values, as far as they may be shown
    /// @param summary what the job reports of its output
    public static String of(
            String job,
            Map<String, Object> options,
            JobRun.Written run,
            @Nullable ModelReference model,
            Map<String, Object> summary) {
        Map<String, Object> manifest = new LinkedHashMap<>();
        manifest.put("job", job);
        manifest.put("started", run.started());
        manifest.put("seconds", run.seconds());
        manifest.put("intervals", run.intervals());
        manifest.put("restarts", run.restarts());
        manifest.put("time_of_last_5_percent", run.pace().timeOfLast(0.05));
        manifest.put("rates", run.rates());
        if (model != null) {
            manifest.put("model", model.label());
            manifest.put("weights", model.encoding().toString());
            manifest.put("model_sha256", model.sha256());
            manifest.put("model_directory", model.origin());
            model.adapterSha256().ifPresent(sha256 -> manifest.put("adapter_sha256", sha256));
            model.adapterOrigin().ifPresent(origin -> manifest.put("adapter_directory", origin));
        }
        manifest.put("warnings", run.warnings());
        manifest.put("summary", summary);
        manifest.put("options", options);
        Map<String, String> versions = new LinkedHashMap<>();
        versions.put("spark-qwen", Version.current());
        versions.put("spark", package$.MODULE$.SPARK_VERSION());
        versions.put("java", Runtime.version().toString());
        manifest.put("versions", versions);
        try {
            return escaped(JSON.writeValueAsString(safe(JSON.valueToTree(manifest)))) + "\n";
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    /// Removes passwords from texts, and cuts each text to the length that a message's line may have.
    private static JsonNode safe(JsonNode node) {
        switch (node) {
            case ObjectNode object -> object.properties().forEach(member -> member.setValue(safe(member.getValue())));
            case ArrayNode array -> {
                for (int i = 0; i < array.size(); i++) {
                    array.set(i, safe(array.get(i)));
                }
            }
            case TextNode text -> {
                return TextNode.valueOf(SafeOptions.shown(text.textValue()));
            }
            default -> {}
        }
        return node;
    }

    /// Escapes every character in JSON that could do something to a terminal. Such characters occur in texts only.
    private static String escaped(String json) {
        StringBuilder escaped = new StringBuilder(json.length());
        json.codePoints().forEach(codePoint -> {
            if (codePoint == '\n' || Quote.isPlain(codePoint)) {
                escaped.appendCodePoint(codePoint);
            } else {
                for (char c : Character.toChars(codePoint)) {
                    escaped.append("\\u%04x".formatted((int) c));
                }
            }
        });
        return escaped.toString();
    }
}
