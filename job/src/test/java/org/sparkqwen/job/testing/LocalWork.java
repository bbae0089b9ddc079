package org.sparkqwen.job.testing;

import java.util.function.BiFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.columns.TaskCounts;

/// A test's own transformation, which needs no model. All its rows cost the same.
public record LocalWork(BiFunction<Dataset<Row>, TaskCounts, Dataset<Row>> transformation) implements Work {
    @Override
    public String name() {
        return "test";
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
