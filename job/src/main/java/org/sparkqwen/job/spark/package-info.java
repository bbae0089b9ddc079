/// Spark's internal rows, heartbeats and row numbers.
@NullMarked
package org.sparkqwen.job.spark;

import org.jspecify.annotations.NullMarked;
