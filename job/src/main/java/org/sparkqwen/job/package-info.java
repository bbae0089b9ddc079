/// The Spark application: a command line over jobs that turn a Dataset into a Dataset.
@NullMarked
package org.sparkqwen.job;

import org.jspecify.annotations.NullMarked;
