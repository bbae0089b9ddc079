/// Buckets of scored rows: exact percentiles within groups, and the column that says on which side of them a row is.
@NullMarked
package org.sparkqwen.job.buckets;

import org.jspecify.annotations.NullMarked;
