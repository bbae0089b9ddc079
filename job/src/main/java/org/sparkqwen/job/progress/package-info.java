/// The counters of tasks, and the progress that a person watches while a run works.
@NullMarked
package org.sparkqwen.job.progress;

import org.jspecify.annotations.NullMarked;
