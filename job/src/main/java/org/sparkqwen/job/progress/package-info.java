/// What tasks count and a person watches while a run works.
@NullMarked
package org.sparkqwen.job.progress;

import org.jspecify.annotations.NullMarked;
