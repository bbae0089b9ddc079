package org.sparkqwen.job.spark;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import scala.jdk.javaapi.CollectionConverters;

/// The columns that a result is made from.
public final class ReadColumns {
    private ReadColumns() {}

    /// Returns the columns of `input` that the optimized plan of `result` uses. Spark does not read the others.
    public static List<String> of(Dataset<Row> input, Dataset<Row> result) {
        Set<String> names = new HashSet<>();
        List<LogicalPlan> plans =
                new ArrayList<>(List.of(result.queryExecution().optimizedPlan()));
        while (!plans.isEmpty()) {
            LogicalPlan plan = plans.removeLast();
            CollectionConverters.asJava(plan.references().toSeq()).forEach(attribute -> names.add(attribute.name()));
            plans.addAll(CollectionConverters.asJava(plan.children()));
        }
        return Arrays.stream(input.columns()).filter(names::contains).toList();
    }
}
