package org.sparkqwen.job.run;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.errors.ErrorKind;

/// An interval that is done: its rows are in the output once, in these files. Kept as JSON; an interval counts when
/// its file is there, and only then.
///
/// @param interval number, from 0
/// @param from first row, in the order of `PlannedRows`
/// @param to first row after it
/// @param files names of the data files
/// @param errorFiles the same, in the [Quarantine]
/// @param bytes of the data files
/// @param tokens as tasks counted, those that were tried again more than once; the other counts likewise
/// @param errorKinds what was wrong with rows, by kind
/// @param seconds that the interval took
/// @param attempt number of the driver's start that did it
/// @param version of spark-qwen that did it
/// @param stored what each of both kinds of files was when it was written; of earlier versions there is nothing
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

    /// What a file was when it was written; null if nobody took note.
    @Nullable
    StoredFile stored(String file) {
        return stored == null ? null : stored.get(file);
    }
}
