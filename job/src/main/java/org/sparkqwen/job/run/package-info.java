/// A run over an input: settings, intervals, saved state, commits and output files.
@NullMarked
package org.sparkqwen.job.run;

import org.jspecify.annotations.NullMarked;
