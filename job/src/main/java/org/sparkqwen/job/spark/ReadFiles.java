package org.sparkqwen.job.spark;

import java.net.URI;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.execution.FileRelation;
import org.apache.spark.sql.execution.datasources.LogicalRelation;
import scala.jdk.javaapi.CollectionConverters;

/// The files that a table or a query reads.
public final class ReadFiles {
    private ReadFiles() {}

    /// Returns the paths of the files, as far as Spark knows them. Spark's own list lacks those of scalar
    /// subqueries.
    public static Set<String> of(Dataset<Row> rows) {
        List<LogicalPlan> plans = new ArrayList<>(CollectionConverters.asJava(
                rows.queryExecution().optimizedPlan().subqueriesAll()));
        List<String> inSubqueries = new ArrayList<>();
        while (!plans.isEmpty()) {
            LogicalPlan plan = plans.removeLast();
            if (plan instanceof LogicalRelation relation && relation.relation() instanceof FileRelation files) {
                inSubqueries.addAll(List.of(files.inputFiles()));
            }
            plans.addAll(CollectionConverters.asJava(plan.children()));
        }
        return Stream.concat(Arrays.stream(rows.inputFiles()), inSubqueries.stream())
                .map(file -> new Path(URI.create(file)).toString())
                .collect(Collectors.toSet());
    }
}
