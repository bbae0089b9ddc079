/// The activity of executors, as Spark's metrics.
@NullMarked
package org.sparkqwen.job.metrics;

import org.jspecify.annotations.NullMarked;
