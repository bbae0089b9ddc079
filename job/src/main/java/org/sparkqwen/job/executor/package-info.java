/// The engines of an executor's JVM, and the course of a partition through an engine or a tokenizer.
@NullMarked
package org.sparkqwen.job.executor;

import org.jspecify.annotations.NullMarked;
