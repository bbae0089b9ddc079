package org.sparkqwen.job.input;

import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.spark.sql.AnalysisException;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.NearestName;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.spark.SqlSyntax;

/// A table, a view or a query as the input of a run.
final class InputTable {
    /// A place in the query that is run, which is not the place in the query that was given.
    private static final Pattern PLACE = Pattern.compile("; line \\d+ pos \\d+;?$");

    private final SparkSession spark;
    private final InputFormat input;

    /// @param input an input that [InputFormat#isTable]
    InputTable(SparkSession spark, InputFormat input) {
        this.spark = spark;
        this.input = input;
    }

    /// Opens the input, and reads no row.
    ///
    /// @throws Refusal if Spark cannot find or understand it, or if two of its columns have one name
    Dataset<Row> open() {
        Dataset<Row> rows = input.sql() != null ? query(input.sql()) : table(String.valueOf(input.table()));
        refuseTwins(rows);
        return rows;
    }

    private Dataset<Row> table(String name) {
        try {
            return spark.table(name);
        } catch (Exception | LinkageError e) { // Spark throws checked exceptions that it does not declare
            throw refusal(e);
        }
    }

    /// Reads a query as a part of another one, because Spark would run any other statement at once, such as `DROP`.
    private Dataset<Row> query(String sql) {
        SqlSyntax.error(spark, sql).ifPresent(error -> {
            throw refusal(error);
        });
        try {
            return spark.sql("SELECT * FROM (\n%s\n)".formatted(sql.strip().replaceFirst("[;\\s]+$", "")));
        } catch (Exception | LinkageError e) { // Spark throws checked exceptions that it does not declare
            throw SqlSyntax.isError(e)
                    ? Refusal.usage("--input-sql is not a query that can stand in SELECT * FROM (QUERY); other"
                            + " statements are not run")
                    : refusal(e);
        }
    }

    private Refusal refusal(Throwable e) {
        Optional<String> missing = missing(e);
        if (missing.isEmpty()) {
            String line = Failures.firstLine(e);
            return Refusal.usage("%s cannot be read: %s"
                    .formatted(
                            input.source(),
                            SqlSyntax.isError(e) ? line : PLACE.matcher(line).replaceFirst("")));
        }
        String name = input.table() == null ? missing.get() : input.table();
        String meant = NearestName.of(last(name), tables(name))
                .map(table -> "did you mean %s?".formatted(Quote.of(before(name) + table)))
                .orElse("SHOW TABLES IN a database lists its tables");
        return Refusal.usage("%s: there is no table or view %s; %s"
                .formatted(input.table() == null ? "--input-sql" : "--input-table", Quote.of(name), meant));
    }

    /// Returns the name of a table that does not exist, if that is what is wrong.
    private static Optional<String> missing(Throwable e) {
        return e instanceof AnalysisException analysis
                        && "TABLE_OR_VIEW_NOT_FOUND".equals(String.valueOf(analysis.getCondition()))
                ? Optional.ofNullable(analysis.getMessageParameters().get("relationName"))
                        .map(name -> name.replace("`", ""))
                : Optional.empty();
    }

    /// Returns the names of the tables beside one that was asked for; none if they cannot be listed.
    private List<String> tables(String name) {
        try {
            String database = before(name);
            return spark
                    .sql("SHOW TABLES" + (database.isEmpty() ? "" : " IN " + database.replaceFirst("[.]$", "")))
                    .collectAsList()
                    .stream()
                    .map(table -> table.<String>getAs("tableName"))
                    .toList();
        } catch (Exception e) { // a database that does not exist, or a catalog that does not list its tables
            return List.of();
        }
    }

    private static String last(String name) {
        return name.substring(name.lastIndexOf('.') + 1);
    }

    private static String before(String name) {
        return name.substring(0, name.lastIndexOf('.') + 1);
    }

    private void refuseTwins(Dataset<Row> rows) {
        boolean caseSensitive = spark.sessionState().conf().caseSensitiveAnalysis();
        Set<String> names = new HashSet<>();
        for (String name : rows.columns()) {
            if (!names.add(caseSensitive ? name : name.toLowerCase(Locale.ROOT))) {
                throw Refusal.usage("%s has two columns '%s'; give one of them another name, or leave it out, with"
                                .formatted(input.source(), Quote.of(name))
                        + " --input-sql");
            }
        }
    }
}
