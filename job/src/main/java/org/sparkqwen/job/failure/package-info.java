/// Failures as a person sees them, exit codes, and the version of the program.
@NullMarked
package org.sparkqwen.job.failure;

import org.jspecify.annotations.NullMarked;
