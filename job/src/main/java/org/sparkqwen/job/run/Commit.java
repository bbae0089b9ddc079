package org.sparkqwen.job.run;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.errors.ErrorKind;

/// A finished interval, whose rows are in the output once, in these files. It is kept as JSON. An interval counts if,
/// and only if, its file exists.
///
/// @param interval the interval's number, from 0
/// @param from the first row, in the order of `PlannedRows`
/// @param to the first row after the interval
/// @param files the names of the data files
/// @param errorFiles the names of the data files in the [Quarantine]
/// @param bytes the size of the data files
/// @param tokens the tokens as tasks counted them, those of retried tasks more than once; so it is with the other
///     counts
/// @param errorKinds the kinds of errors of rejected rows
/// @param seconds the time that the interval took
/// @param attempt the number of the driver's start that did it
/// @param version the version of spark-qwen that did it
/// @param stored the state of each file of both kinds when it was written; commits of earlier versions have none
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
        String version,
        @JsonProperty(required = false) @Nullable Map<String, StoredFile> stored) {
    public Commit {
        if (from < 0 || to < from) {
            throw new IllegalArgumentException("it says that rows %,d to %,d are done".formatted(from, to));
        }
        if (interval < 0
                || attempt < 0
                || Math.min(Math.min(bytes, tokens), errors) < 0
                || Math.min(promptTokens, sharedTokens) < 0
                || !(seconds >= 0 && Double.isFinite(seconds))) {
            throw new IllegalArgumentException("it holds a count below zero");
        }
        if (files == null || errorFiles == null || errorKinds == null || version == null) {
            throw new IllegalArgumentException("it lacks its lists");
        }
        files = List.copyOf(files);
        errorFiles = List.copyOf(errorFiles);
        errorKinds = List.copyOf(errorKinds);
        stored = stored == null ? Map.of() : Map.copyOf(stored);
    }

    public long rows() {
        return to - from;
    }

    /// Returns the state of a file when it was written; null if it was not recorded.
    @Nullable
    StoredFile stored(String file) {
        return stored == null ? null : stored.get(file);
    }
}
