/// The engines of an executor's JVM, and the course of a partition through one.
@NullMarked
package org.sparkqwen.job.executor;

import org.jspecify.annotations.NullMarked;
