/// The report of a run as one static HTML page: distributions, charts and examples.
@NullMarked
package org.sparkqwen.job.page;

import org.jspecify.annotations.NullMarked;
