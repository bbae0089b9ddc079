/// Failures as a person is told of them, exit codes, and the version of the program.
@NullMarked
package org.sparkqwen.job.failure;

import org.jspecify.annotations.NullMarked;
