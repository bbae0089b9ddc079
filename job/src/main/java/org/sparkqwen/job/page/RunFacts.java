package org.sparkqwen.job.page;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.run.OutputFormat;
import org.sparkqwen.job.run.WorkRate;

/// What `_run.json` says of a run.
///
/// @param json the whole file
record RunFacts(JsonNode json) {
    String job() {
        return json.at("/job").asText();
    }

    String model() {
        return json.at("/model").asText("no model");
    }

    JsonNode summary() {
        return json.at("/summary");
    }

    /// Returns an option's value; null if it has none.
    @Nullable
    String option(String name) {
        JsonNode value = json.at("/options").path(name);
        return value.isNull() || value.isMissingNode() ? null : value.asText();
    }

    /// Returns what the run read: its files, its table or its query.
    String input() {
        List<String> paths = new ArrayList<>();
        json.at("/options/input").forEach(path -> paths.add(path.asText()));
        for (String source : List.of("input-table", "input-sql")) {
            String value = option(source);
            if (value != null) {
                paths.add(value);
            }
        }
        return String.join(", ", paths);
    }

    String format() {
        String format = option("output-format");
        return format == null ? "parquet" : format;
    }

    /// Returns the options of the output's reader.
    Map<String, String> readerOptions() {
        Map<String, String> given = new LinkedHashMap<>();
        json.at("/options/output-option")
                .properties()
                .forEach(option -> given.put(option.getKey(), option.getValue().asText()));
        return OutputFormat.readerOptions(given);
    }

    /// Returns the column of documents or prompts; null if the texts come from elsewhere.
    @Nullable
    String textColumn() {
        if (job().equals("generate")) {
            return "generated_text";
        }
        String column = option("text-column");
        return column == null && option("tokens-column") == null ? "text" : column;
    }

    List<WorkRate> rates() {
        List<WorkRate> rates = new ArrayList<>();
        json.at("/rates")
                .forEach(rate -> rates.add(new WorkRate(
                        rate.at("/rows").asLong(),
                        rate.at("/tokens").asLong(),
                        rate.at("/seconds").asDouble())));
        return rates;
    }

    double number(String field) {
        return summary().path(field).asDouble(Double.NaN);
    }

    long count(String field) {
        return summary().path(field).asLong();
    }

    /// Returns what was run, for the top of a page.
    List<List<String>> lines() {
        List<List<String>> lines = new ArrayList<>();
        lines.add(List.of("input", input()));
        lines.add(List.of("model", model()));
        String sum = json.at("/model_sha256").asText();
        if (!sum.isEmpty()) {
            lines.add(List.of("model's SHA-256", sum));
        }
        lines.add(List.of("started", json.at("/started").asText().replaceFirst("T([^.Z]*).*", " $1 UTC")));
        lines.add(List.of("took", duration(json.at("/seconds").asDouble())));
        long restarts = json.at("/restarts").asLong();
        if (restarts > 0) {
            lines.add(List.of("restarts", Numbers.count(restarts)));
        }
        lines.add(List.of("rows", Numbers.count(count("rows"))));
        lines.add(List.of("rows with errors", Numbers.count(count("errors"))));
        List<String> versions = new ArrayList<>();
        json.at("/versions")
                .properties()
                .forEach(version ->
                        versions.add(version.getKey() + " " + version.getValue().asText()));
        lines.add(List.of("versions", String.join(", ", versions)));
        return lines;
    }

    /// Writes what both jobs have: warnings, kinds of errors, and the rate over time.
    void writeCommon(Html page) {
        List<WorkRate> rates = rates();
        if (rates.stream().anyMatch(rate -> rate.seconds() > 0)) {
            page.heading("Tokens per second over time");
            page.note("Each bar is an interval of the run, or several; its width is the time that it took.");
            page.picture(RateChart.of(rates));
        }
        JsonNode errors = summary().path("commonest_errors");
        if (!errors.isEmpty()) {
            page.heading("Errors");
            List<List<String>> rows = new ArrayList<>();
            errors.forEach(error -> rows.add(List.of(
                    error.at("/error").asText(), Numbers.count(error.at("/rows").asLong()))));
            page.numbers(List.of("reason", "rows"), rows);
        }
        JsonNode warnings = json.at("/warnings");
        if (!warnings.isEmpty()) {
            page.heading("Warnings");
            warnings.forEach(warning -> page.paragraph(warning.asText()));
        }
    }

    private static String duration(double seconds) {
        long whole = Math.round(seconds);
        return whole >= 3600
                ? "%d h %02d min".formatted(whole / 3600, whole / 60 % 60)
                : whole >= 60 ? "%d min %02d s".formatted(whole / 60, whole % 60) : "%.1f s".formatted(seconds);
    }
}
