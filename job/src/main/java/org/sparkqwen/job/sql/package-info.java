/// The functions of Spark SQL: a session extension that runs the jobs within queries.
@NullMarked
package org.sparkqwen.job.sql;

import org.jspecify.annotations.NullMarked;
