/// What a person reads at the end of a run: summaries, tables and `_run.json`.
@NullMarked
package org.sparkqwen.job.cli.report;

import org.jspecify.annotations.NullMarked;
