package org.sparkqwen.job.run;

import org.apache.spark.sql.SparkSession;
import org.sparkqwen.job.failure.Warnings;

/// What a start of a driver works with, in every stage of the run.
///
/// @param claim this driver's claim to the output
/// @param warnings receives what a person should know
/// @param interruption what a person is told when the process is ended
record DriverStart(SparkSession spark, DriverClaim claim, Warnings warnings, Interruption interruption) {}
