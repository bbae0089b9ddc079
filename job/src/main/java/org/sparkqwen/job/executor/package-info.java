/// The engines of an executor's JVM, and a partition's way through one.
@NullMarked
package org.sparkqwen.job.executor;

import org.jspecify.annotations.NullMarked;
