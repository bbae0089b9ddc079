/// A run over an input: settings, intervals, saved state, commits, output files and tables.
@NullMarked
package org.sparkqwen.job.run;

import org.jspecify.annotations.NullMarked;
