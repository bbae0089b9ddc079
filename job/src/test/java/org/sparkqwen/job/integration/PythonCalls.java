package org.sparkqwen.job.integration;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.StreamSupport;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;

/// The calls that the Python package makes, in a session of any kind. It uses Spark's public API alone, so a client of
/// Spark Connect can run it.
final class PythonCalls {
    private PythonCalls() {}

    /// Makes the calls as a client of Spark Connect.
    ///
    /// @param arguments the server's address, the file with the calls, a Parquet file with texts, the directory of
    ///     a model that scores them, and the file for the results
    public static void main(String[] arguments) throws IOException {
        try (SparkSession session = SparkSession.builder().remote(arguments[0]).getOrCreate()) {
            List<String> results = new ArrayList<>(results(session, Path.of(arguments[1])));
            results.addAll(scores(session, arguments[2], arguments[3]));
            Files.write(Path.of(arguments[4]), results);
        }
    }

    /// Returns the rows of all calls, each as JSON, with the call before them. Calls on a column with a backtick in
    /// its name are left out, because the server of Spark 4.2 refuses such a column, whatever is done with it.
    static List<String> results(SparkSession session, Path calls) throws IOException {
        JsonNode file = new ObjectMapper().readTree(calls.toFile());
        Dataset<Row> input = session.sql(file.get("input").asText());
        input.createOrReplaceTempView("python_input");
        List<String> results = new ArrayList<>();
        for (JsonNode call : file.get("calls")) {
            if (call.get("python").asText().contains("``")) {
                continue;
            }
            results.add(call.get("python").asText());
            made(session, input, call).collectAsList().stream()
                    .map(Row::json)
                    .sorted()
                    .forEach(results::add);
        }
        return results;
    }

    /// Returns the scores of a corpus, each row as JSON, in the order of their ids.
    static List<String> scores(SparkSession session, String corpus, String model) {
        Column options = functions.map(
                functions.lit("model"), functions.lit(model), functions.lit("kernels"), functions.lit("scalar"));
        return session
                .read()
                .parquet(corpus)
                .select(
                        functions.col("id"),
                        functions
                                .call_function("qwen_score", functions.col("text"), options)
                                .as("s"))
                .select("id", "s.*")
                .collectAsList()
                .stream()
                .map(Row::json)
                .sorted()
                .toList();
    }

    private static Dataset<Row> made(SparkSession session, Dataset<Row> input, JsonNode call) {
        if (call.has("sql")) {
            Map<String, Object> arguments = new HashMap<>();
            call.get("args").properties().forEach(each -> arguments.put(each.getKey(), argument(each.getValue())));
            return session.sql(call.get("sql").asText().replace("{rows}", "python_input"), arguments);
        }
        if (call.has("column")) {
            return input.select(column(call.get("column")));
        }
        Dataset<Row> rows = input;
        for (JsonNode step : call.get("steps")) {
            rows = rows.withColumn(step.get("withColumn").asText(), column(step.get("column")));
        }
        return rows;
    }

    private static Object argument(JsonNode value) {
        return value.isArray()
                ? StreamSupport.stream(value.spliterator(), false)
                        .map(JsonNode::asText)
                        .toArray(String[]::new)
                : value.asText();
    }

    private static Column column(JsonNode node) {
        if (node.has("col")) {
            return functions.col(node.get("col").asText());
        }
        if (node.has("lit")) {
            return functions.lit(node.get("lit").asText());
        }
        Column[] arguments = StreamSupport.stream(node.get("arguments").spliterator(), false)
                .map(PythonCalls::column)
                .toArray(Column[]::new);
        String name = node.get("call").asText();
        return switch (name) {
            case "map" -> functions.map(arguments);
            case "array" -> functions.array(arguments);
            default -> functions.call_function(name, arguments);
        };
    }
}
