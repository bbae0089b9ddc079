package org.sparkqwen.job;

import java.util.List;

/// An interval that is done: its rows are in the output once, in these files. Kept as JSON; an interval counts when
/// its file is there, and only then.
///
/// @param interval number, from 0
/// @param from first row, in the order of [PlannedRows]
/// @param to first row after it
/// @param files names of the data files
/// @param errorFiles the same, in the [Quarantine]
/// @param bytes of the data files
/// @param tokens as tasks counted, those that were tried again more than once; the other counts likewise
/// @param errorKinds what was wrong with rows, by kind
/// @param seconds that the interval took
/// @param attempt number of the driver's start that did it
/// @param version of spark-qwen that did it
record Commit(
        int interval,
        long from,
        long to,
        List<String> files,
        List<String> errorFiles,
        long bytes,
        long tokens,
        long errors,
        List<ErrorKind> errorKinds,
        long promptTokens,
        long sharedTokens,
        double seconds,
        int attempt,
        String version) {

    long rows() {
        return to - from;
    }
}
