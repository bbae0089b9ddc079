package org.sparkqwen.job.run;

import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.input.Balance;
import org.sparkqwen.job.input.InputScan;

/// The rows that a stage of a run reads.
///
/// @param scan the scan of the columns that the work needs
/// @param origin what stands for a file in the rows' origins; null if they come from files
/// @param measure what the rows are spread over tasks by
record StageInput(InputScan scan, @Nullable String origin, Balance.Measure measure) {}
