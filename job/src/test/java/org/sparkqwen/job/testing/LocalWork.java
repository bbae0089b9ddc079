package org.sparkqwen.job.testing;

import java.util.Map;
import java.util.function.BiFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.columns.TaskCounts;

/// A test's own transformation, which needs no model and adds the column `error`. All its rows cost the same.
public record LocalWork(BiFunction<Dataset<Row>, TaskCounts, Dataset<Row>> transformation) implements Work {
    @Override
    public String name() {
        return "test";
    }

    @Override
    public Map<String, String> identity() {
        return Map.of("job", name());
    }

    @Override
    public StructType addedColumns() {
        return new StructType().add("error", DataTypes.StringType);
    }

    @Override
    public Column estimatedTokens(StructType input) {
        return functions.lit(1);
    }

    @Override
    public Dataset<Row> apply(Dataset<Row> input, TaskCounts counts) {
        return transformation.apply(input, counts);
    }
}
