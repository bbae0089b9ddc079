package org.sparkqwen.job.integration;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/// A query of a client of Spark Connect. It uses Spark's public API alone.
final class ConnectQuery {
    private ConnectQuery() {}

    /// @param arguments the server's address, the query, and the file for its rows, each as JSON
    public static void main(String[] arguments) throws IOException {
        try (SparkSession session = SparkSession.builder().remote(arguments[0]).getOrCreate()) {
            Files.write(
                    Path.of(arguments[2]),
                    session.sql(arguments[1]).collectAsList().stream()
                            .map(Row::json)
                            .toList());
        }
    }
}
