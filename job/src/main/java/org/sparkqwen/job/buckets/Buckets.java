package org.sparkqwen.job.buckets;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.columns.GroupColumn;
import org.sparkqwen.job.columns.PassedColumns;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.input.InputScan;
import org.sparkqwen.job.input.Piece;
import org.sparkqwen.job.spark.RowNumber;

/// How scored rows are divided into head, middle and tail: by percentiles of a figure over the whole corpus, or over
/// each group of it.
///
/// The percentiles need all scores, so rows are scored first, with the key of their group in a column that is no
/// person's. When all of them are, [#thresholds] computes the percentiles, and [#dividing] adds the column `bucket`.
///
/// @param percentiles the percentiles between the buckets
/// @param figure what they are percentiles of
/// @param by the column by whose values rows are grouped; null if they are not
public record Buckets(
        Percentiles percentiles, Figure figure, @Nullable GroupColumn by) {
    /// The option that names the column of groups.
    public static final String BY = "--buckets-by";

    /// The most groups. The driver and each task have the thresholds of all of them.
    public static final int MOST_GROUPS = 5_000;

    /// The column that the rows get.
    public static final StructType SCHEMA = new StructType().add("bucket", DataTypes.StringType);

    /// The column that carries the key of a row's group from the input to the thresholds.
    static final String KEY = RowNumber.ADDED + "group";

    /// The most characters of a group's key, so that the thresholds of all groups fit into a driver's memory.
    private static final int LONGEST_KEY = 2_000;

    /// A figure of a scored row by which rows are divided.
    public enum Figure {
        BITS_PER_BYTE,
        PERPLEXITY,
        EXCESS_NLL;

        /// Returns the name of the column that has the figure.
        public String column() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /// Returns the columns that must pass through the scoring work of [#grouping].
    ///
    /// @param wanted the columns that the user wants; empty for all
    public List<String> passing(List<String> wanted) {
        if (wanted.isEmpty() || by == null) {
            return wanted;
        }
        List<String> passing = new ArrayList<>(wanted);
        passing.add(KEY);
        return passing;
    }

    /// Returns work that does the same, and gives it the key of each row's group as one more column to pass
    /// through.
    ///
    /// @param scoring work that passes the columns of [#passing]
    public Work grouping(Work scoring) {
        return by == null ? scoring : new GroupedWork(scoring, by);
    }

    /// Returns work that adds the column `bucket` to scored rows, and removes the groups' keys.
    public Work dividing(Thresholds thresholds) {
        return new BucketWork(this, thresholds);
    }

    /// Returns the columns of the output.
    ///
    /// @param scored the columns that scoring gives
    /// @throws RuntimeException with one line for a person, if one has the name `bucket`
    public StructType output(StructType scored) {
        StructType output = new StructType();
        for (StructField field : passed(scored).fields()) {
            output = output.add(field);
        }
        for (StructField field : SCHEMA.fields()) {
            output = output.add(field);
        }
        return output;
    }

    /// Returns the columns of scored rows that come out unchanged.
    static PassedColumns passed(StructType scored) {
        List<String> names = Arrays.stream(scored.fieldNames())
                .filter(name -> !name.equals(KEY))
                .toList();
        return PassedColumns.of(scored, names, SCHEMA);
    }

    /// Selects the key of a scored row's group.
    Column key() {
        return by == null ? functions.lit(null).cast(DataTypes.StringType) : functions.col(KEY);
    }

    /// Refuses an input with too many groups, or with groups that are texts, before any row is scored.
    ///
    /// @param input the input
    /// @param pieces the rows of it that will be scored
    /// @throws RuntimeException with one line for a person
    public void refuseUnsuitableGroups(InputScan input, List<Piece> pieces) {
        if (by == null) {
            return;
        }
        Column key = functions.substring(by.key(input.columns()), 1, LONGEST_KEY + 1);
        List<Row> keys = input.only(key.as(KEY))
                .read(pieces)
                .select(KEY)
                .distinct()
                .limit(MOST_GROUPS + 1)
                .collectAsList();
        if (keys.size() > MOST_GROUPS) {
            throw tooManyGroups(by);
        }
        for (Row row : keys) {
            if (!row.isNullAt(0) && row.getString(0).length() > LONGEST_KEY) {
                throw Refusal.usage("%s %s: it has values of more than %,d bytes; name a column of groups, such as a"
                                .formatted(BY, by.name(), LONGEST_KEY / 2)
                        + " language");
            }
        }
    }

    private static Refusal tooManyGroups(GroupColumn by) {
        return Refusal.usage("%s %s: it has more than %,d values, and each is a group; name a column with fewer"
                .formatted(BY, by.name(), MOST_GROUPS));
    }

    /// Computes the thresholds exactly, whatever the number of rows.
    ///
    /// @param scored all scored rows
    /// @throws RuntimeException with one line for a person, if there are too many groups
    public Thresholds thresholds(Dataset<Row> scored) {
        long start = System.nanoTime();
        Column value = functions.col(figure.column());
        Dataset<Row> values = scored.select(
                key().as(RankedValues.KEY),
                functions.when(functions.not(functions.isnan(value)), value).as(RankedValues.VALUE));
        List<RankedValues.Count> counts = RankedValues.counts(values, MOST_GROUPS + 1);
        if (by != null && counts.size() > MOST_GROUPS) {
            throw tooManyGroups(by);
        }
        List<Thresholds.Group> groups =
                new RankedValues(values, counts, RankedValues.VALUES_A_PARTITION).thresholds(percentiles);
        return new Thresholds(groups, (System.nanoTime() - start) / 1e9);
    }
}
