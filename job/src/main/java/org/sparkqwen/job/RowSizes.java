package org.sparkqwen.job;

import java.util.List;
import org.apache.spark.sql.types.DataTypes;
import org.sparkqwen.engine.run.RequestSize;

/// The columns of [Work#sizes], for jobs that run a model.
final class RowSizes {
    private RowSizes() {}

    static JobSkeleton<RequestSize> skeleton() {
        return new JobSkeleton<>(
                List.of(
                        OutputColumn.ofResult("given", DataTypes.LongType, RequestSize::given),
                        OutputColumn.ofResult("most_generated", DataTypes.LongType, RequestSize::mostGenerated),
                        OutputColumn.error()),
                List.of());
    }
}
