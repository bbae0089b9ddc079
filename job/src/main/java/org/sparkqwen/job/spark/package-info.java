/// Everything that depends on Spark's internals: its own rows, plans, scans, parsers and heartbeats.
@NullMarked
package org.sparkqwen.job.spark;

import org.jspecify.annotations.NullMarked;
