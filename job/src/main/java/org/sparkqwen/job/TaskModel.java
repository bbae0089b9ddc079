package org.sparkqwen.job;

import org.apache.spark.sql.SparkSession;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.model.ModelDistribution;
import org.sparkqwen.job.model.ModelReference;

/// A run's model: as the driver has it, and from the first interval on, as executors find it. A run that has nothing to
/// do does not distribute it.
final class TaskModel {
    private final ModelReference onDriver;
    private final ModelDistribution way;
    private @Nullable ModelReference distributed;

    TaskModel(ModelReference onDriver, ModelDistribution way) {
        this.onDriver = onDriver;
        this.way = way;
    }

    ModelReference get() {
        return distributed == null ? onDriver : distributed;
    }

    /// Distributes the model on the first call, and does nothing on later ones.
    void distribute(SparkSession spark) {
        if (distributed == null) {
            distributed = onDriver.distribute(way, spark);
        }
    }
}
