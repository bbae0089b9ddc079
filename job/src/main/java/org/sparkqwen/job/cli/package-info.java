/// The command line: commands, their options, and exit codes.
@NullMarked
package org.sparkqwen.job.cli;

import org.jspecify.annotations.NullMarked;
