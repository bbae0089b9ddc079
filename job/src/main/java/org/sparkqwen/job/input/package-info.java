/// The input as splits, pieces and a plan of rows, read from files of any of Spark's formats or from tables.
@NullMarked
package org.sparkqwen.job.input;

import org.jspecify.annotations.NullMarked;
